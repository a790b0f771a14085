"""Leafing through a long list that is all known."""

from typing import Final

from fastapi import Request

from tocsin.interface import number_in

PAGE: Final = 50
"""So many entries stand on one page."""


def start_of(request: Request) -> int:
    """The place of the first entry that is asked for, from 0."""
    return number_in(request.query_params.get("from", "")) or 0


def ends(start: int, number: int) -> dict[str, int]:
    """Where the pages before and behind begin; -1 where there is none."""
    return {"before": max(start - PAGE, 0) if start else -1, "behind": start + PAGE if start + PAGE < number else -1}

"""Leafing through a long list that is all known."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request

from tocsin.interface import number_in

PAGE: Final = 50
"""So many entries stand on one page."""


def page_of(request: Request, entries: Sequence[object]) -> dict[str, Any]:
    """The entries from the place that is asked for on (``found``), and how many there are in all (``number``).

    ``before`` and ``behind`` say where the pages beside it begin; -1 where there is none.
    """
    start, number = number_in(request.query_params.get("from", "")) or 0, len(entries)
    before, behind = max(start - PAGE, 0) if start else -1, start + PAGE if start + PAGE < number else -1
    return {"found": entries[start : start + PAGE], "number": number, "before": before, "behind": behind}

"""A long list that is all known, a page at a time, and what it is narrowed by."""

from collections.abc import Sequence
from typing import Any, Final

from tocsin.interface import number_in
from tocsin.server.pages.days import TextFilter

PAGE: Final = 50
"""So many entries stand on one page."""


def page_of(path: str, filters: TextFilter, entries: Sequence[object]) -> dict[str, Any]:
    """The entries of one page (``found``), the ``number`` of all, and the addresses of the pages beside it."""
    start, number = number_in(filters.after) or 0, len(entries)
    earlier = f"{path}?{filters.query(after=max(start - PAGE, 0))}" if start else ""
    later = f"{path}?{filters.query(after=start + PAGE)}" if start + PAGE < number else ""
    found = entries[start : start + PAGE]
    return {"found": found, "number": number, "earlier": earlier, "later": later, "filters": filters}

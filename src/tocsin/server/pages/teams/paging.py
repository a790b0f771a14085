"""A long list that is all known, a page at a time, and what it is narrowed by."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from tocsin.interface import number_in
from tocsin.server.pages.days import ListFilter

PAGE: Final = 50
"""So many entries stand on one page."""


class TextFilter(ListFilter):
    """What a list is narrowed by: a text ``q``. ``after``: how many entries stand on the pages before."""

    q: Annotated[str, Field(max_length=200)] = ""
    after: str = ""

    def fits(self, *texts: str) -> bool:
        """Whether one of these texts has it, in any case of letters."""
        wanted = self.q.strip().casefold().removeprefix("as" if self.q.strip()[2:].isdecimal() else "")
        return any(wanted in text.casefold() for text in texts)


def page_of(path: str, filters: TextFilter, entries: Sequence[object]) -> dict[str, Any]:
    """The entries of one page (``found``), the ``number`` of all, and the addresses of the pages beside it."""
    start, number = number_in(filters.after) or 0, len(entries)
    earlier = f"{path}?{filters.query(after=max(start - PAGE, 0))}" if start else ""
    later = f"{path}?{filters.query(after=start + PAGE)}" if start + PAGE < number else ""
    found = entries[start : start + PAGE]
    return {"found": found, "number": number, "earlier": earlier, "later": later, "filters": filters}

"""What an address of the list of problems asks for: conditions, order, how many rows, and from which on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from tocsin.interface import number_in
from tocsin.problems import CONDITIONS, ProblemSearch, ProblemSort, ProblemStatus
from tocsin.server.pages.problems.texts import TOO_LONG, WRONGS

ANY: Final = "any"
"""In place of a state: all of them. Without a state the list has what is open."""

ROWS: Final = (50, 200)
"""Rows of a page."""

_PLAIN: Final = ("sort", "rows", "first")
_PASSING: Final = ("done", "undo", "format", "language", "theme")
_MOST: Final = 10**8


@dataclass(frozen=True)
class ProblemsQuery:
    """``typed``: the conditions as they were written; ``wrongs``: what is wrong with some, which then do not count.

    ``unknown``: names of the address that are no conditions of this list.
    """

    search: ProblemSearch = field(default_factory=lambda: ProblemSearch(state=ProblemStatus.OPEN))
    sort: ProblemSort = ProblemSort.SEEN
    rows: int = ROWS[0]
    first: int = 0
    typed: Mapping[str, str] = field(default_factory=dict)
    wrongs: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """What an address asks for; what it gets wrong is said and left out."""
        given = {name: query[name].strip() for name in CONDITIONS if query.get(name, "").strip()}
        typed = {"state": ProblemStatus.OPEN.value, **given}
        asked = {name: text for name, text in typed.items() if (name, text) != ("state", ANY)}
        search, wrong = ProblemSearch.read_valid(asked)
        sort, rows = query.get("sort", ""), number_in(query.get("rows", ""))
        return cls(
            search,
            ProblemSort(sort) if sort in list(ProblemSort) else ProblemSort.SEEN,
            rows if rows in ROWS else ROWS[0],
            min(number_in(query.get("first", "")) or 0, _MOST),
            typed,
            {name: WRONGS.get(name, TOO_LONG) for name in wrong},
            tuple(sorted(set(query) - {*CONDITIONS, *_PLAIN, *_PASSING})),
        )

    def pairs(self, search: ProblemSearch | None = None) -> dict[str, str]:
        """Names and values of an address that asks for the same, or for other conditions, from the first row on."""
        wanted = self.search if search is None else search
        given = wanted.query()
        if wanted.state is ProblemStatus.OPEN:
            del given["state"]
        elif wanted.state is None:
            given["state"] = ANY
        if self.sort is not ProblemSort.SEEN:
            given["sort"] = self.sort.value
        return given if self.rows == ROWS[0] else {**given, "rows": str(self.rows)}

    def path(self, search: ProblemSearch | None = None, **more: object) -> str:
        """The address of the list with these conditions, or with others."""
        query = urlencode({**self.pairs(search), **{name: value for name, value in more.items() if value}})
        return f"/problems?{query}" if query else "/problems"

    def without(self, name: str) -> str:
        """The address of the list without a condition."""
        return self.path(self.search.without(name))

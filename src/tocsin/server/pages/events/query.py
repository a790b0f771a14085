"""What an address of the events pages asks for: conditions, columns, where the table goes on, which row is open."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from tocsin.events import EventFilter, EventOrder
from tocsin.server.pages.words import N_

COLUMNS: Final[Mapping[str, str]] = {
    "time.source": N_("Time"),
    "time.observation": N_("Received"),
    "source.ip": N_("Address"),
    "source.port": N_("Port"),
    "source.asn": N_("AS"),
    "source.as_name": N_("Name of the AS"),
    "network.prefix": N_("Prefix"),
    "source.geolocation.cc": N_("Country"),
    "source.reverse_dns": N_("Reverse name"),
    "source.fqdn": N_("Domain name"),
    "source.url": N_("URL"),
    "classification.type": N_("Type"),
    "classification.identifier": N_("Identifier"),
    "classification.taxonomy": N_("Taxonomy"),
    "severity": N_("Severity"),
    "malware.name": N_("Malware"),
    "product.name": N_("Product"),
    "protocol.application": N_("Protocol"),
    "destination.ip": N_("Other side"),
    "feed.code": N_("Feed"),
    "tlp": N_("Marking"),
}
"""The columns that the table can have, with what they are called."""

ROWS: Final = (50, 200)
"""Rows of a page of the table."""

_LONGEST_TRAIL: Final = 200  # pages
_OTHERS: Final = (
    *("column", "after", "open", "trail", "back", "order", "rows", "all", "done", "undo", "format"),
    *("language", "theme"),
)

USUAL: Final = (
    "time.source", "source.ip", "source.port", "source.asn", "source.geolocation.cc", "classification.type",
    "classification.identifier", "severity", "feed.code",
)  # fmt: skip

NAMES: Final[Mapping[str, str]] = {
    "since": N_("From"),
    "until": N_("Before"),
    "last": N_("Time"),
    "address": N_("Address or prefix"),
    "asn": N_("AS number"),
    "country": N_("Country"),
    "taxonomy": N_("Taxonomy"),
    "type": N_("Type"),
    "identifier": N_("Identifier"),
    "severity": N_("Severity"),
    "feed": N_("Feed"),
    "tlp": N_("Marking"),
    "port": N_("Port"),
    "team": N_("Team"),
    "problem": N_("Problem"),
    "text": N_("Text"),
}
"""The conditions, with what they are called."""

WRONGS: Final[Mapping[str, str]] = {
    "since": N_("Write a time like 2026-11-24 08:00."),
    "until": N_("The end must be a time after the beginning."),
    "last": N_("Take one of the times in the list."),
    "address": N_("Write an address or a prefix like 192.0.2.0/24."),
    "asn": N_("Write an AS number like 64500."),
    "country": N_("Write a country code like MU."),
    "severity": N_("Take one of the severities in the list."),
    "tlp": N_("Take one of the markings in the list."),
    "port": N_("Write a port from 1 to 65535."),
    "problem": N_("A problem has 16 hexadecimal digits."),
}
"""What to do where a condition cannot be read."""

TOO_LONG: Final = N_("Write at most 200 characters, in one line.")


@dataclass(frozen=True)
class EventsQuery:
    """``typed``: the conditions as they were written; ``wrongs``: what is wrong with some, which then do not count.

    ``unknown``: names in the address that are no conditions. ``after``: the cursor at which this page of the table
    begins; ``trail``: those of the pages between. ``whole``: the condition of which all values are counted.
    """

    filter: EventFilter = field(default_factory=EventFilter)
    columns: tuple[str, ...] = USUAL
    after: str = ""
    open: str = ""
    trail: tuple[str, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)
    wrongs: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    order: EventOrder = EventOrder.RECEIVED
    rows: int = ROWS[0]
    whole: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """What an address asks for; what it gets wrong is said and left out."""
        typed = {name: query[name].strip() for name in NAMES if query.get(name, "").strip()}
        found, wrong = EventFilter.read_valid(typed)
        back = query.get("back", "")
        if found.text and back.isascii() and back.isdecimal() and len(back) < 6:
            found = replace(found, back=int(back))
        columns = tuple(dict.fromkeys(name for name in query.getlist("column") if name in COLUMNS))
        trail = tuple(filter(None, query.get("trail", "").split(",")[-_LONGEST_TRAIL:]))
        order, rows = query.get("order", ""), query.get("rows", "")
        return cls(
            found,
            columns or USUAL,
            query.get("after", ""),
            query.get("open", ""),
            trail,
            typed,
            {name: WRONGS.get(name, TOO_LONG) for name in wrong},
            tuple(sorted(set(query) - {*NAMES, *_OTHERS})),
            EventOrder(order) if order in list(EventOrder) else EventOrder.RECEIVED,
            int(rows) if rows in map(str, ROWS) else ROWS[0],
            query.get("all", ""),
        )

    def pairs(self, wanted: EventFilter | None = None) -> list[tuple[str, str]]:
        """Names and values of an address that asks for the same, or for other conditions, which begin at the newest."""
        given = list((self.filter if wanted is None else wanted).query().items())
        if wanted is None and self.filter.back:
            given.append(("back", str(self.filter.back)))
        if self.order is not EventOrder.RECEIVED:
            given.append(("order", self.order.value))
        if self.rows != ROWS[0]:
            given.append(("rows", str(self.rows)))
        return given if self.columns == USUAL else [*given, *(("column", name) for name in self.columns)]

    def path(self, wanted: EventFilter | None = None, at: str = "/events", **more: str) -> str:
        """The address of a page with these conditions, or with others."""
        query = urlencode([*self.pairs(wanted), *more.items()])
        return f"{at}?{query}" if query else at

    def further_back(self) -> str:
        """The address of the same where text is looked for among older events."""
        return self.path(self.filter, back=str(self.filter.back + 1))

    def here(self, **more: str) -> str:
        """The address of this very part of the table."""
        trail = {"trail": ",".join(self.trail)} if self.trail else {}
        return self.path(None, "/events", **({"after": self.after} if self.after else {}), **trail, **more)

    @property
    def number(self) -> int:
        """The number of this page of the table, from 1."""
        return len(self.trail) + 1 + bool(self.after)

    def next_page(self, cursor: str) -> str:
        """The address of the next page, which begins at ``cursor``."""
        trail = (*self.trail, *([self.after] if self.after else []))
        return replace(self, after=cursor, trail=trail).here()

    def page_before(self) -> str:
        """The address of the page before."""
        return replace(self, after=self.trail[-1] if self.trail else "", trail=self.trail[:-1]).here()

    def between(self, since: datetime, until: datetime) -> EventFilter:
        """The same conditions in another time."""
        return replace(self.filter, since=since, until=until, last="")

    def narrowed(self, **conditions: str) -> EventFilter:
        """The same conditions with some more."""
        return EventFilter.read({**self.filter.query(), **conditions})

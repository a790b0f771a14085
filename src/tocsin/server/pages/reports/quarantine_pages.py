"""Quarantine: the unreadable rows, by reason and feed, and reprocessing all of one reason."""

from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.groups import Counts
from tocsin.pipeline.replay import ACTS, RowFilter, reasons_waiting, rows_waiting
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import ListFilter
from tocsin.server.pages.reports.list_pages import all_feeds
from tocsin.server.security import Form, text_of
from tocsin.sharing.visibility import aside_that_leaves

_ROWS: Final = 50
_REASONS: Final = 30

REPLAY, MEND, _ = ACTS
"""What these pages do with rows."""


class Filters(ListFilter):
    """What a person asked for, as typed. ``after``: ingest and place of the last row of the page before."""

    feed: str = ""
    reason: str = ""
    ingest: str = ""
    after: str = ""

    def wanted(self) -> RowFilter:
        """The same as the quarantine is asked."""
        return RowFilter(self.feed, self.reason, number_in(self.ingest))

    def cursor(self) -> tuple[int, int] | None:
        """The row after which the page begins."""
        number, place = map(number_in, self.after.partition(".")[::2])
        return None if number is None or place is None else (number, place)


def quarantine_pages(desk: PageContext) -> APIRouter:
    """The list and the act on all of one reason."""
    router = PageRouter()

    @router.get("/reports/quarantine")
    def quarantine(
        request: Request,
        _visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)],
        filters: Annotated[Filters, Query()],
        stored: str = "",
        still: str = "",
    ) -> Response:
        """Unreadable rows, the newest report first."""
        node, wanted = desk.node, filters.wanted()
        reasons = reasons_waiting(node, RowFilter(wanted.feed, ingest=wanted.ingest), desk.now)
        waiting = list(islice(rows_waiting(node, wanted, desk.now, after=filters.cursor()), _ROWS + 1))
        shown = aside_that_leaves(node, [row for _, row in waiting])
        rows = [(one, row) for (one, _), row in zip(waiting, shown, strict=True)]
        with node.database.reading() as session:
            feeds = dict(all_feeds(session))
        last = rows[_ROWS - 1][1] if len(rows) > _ROWS else None
        return desk.page(
            request,
            "reports/quarantine.html",
            rows=rows[:_ROWS],
            reasons=reasons.most_common(_REASONS),
            total=sum(reasons.values()),
            matching=sum(count for (_, why, _), count in reasons.items() if wanted.reason in {"", why}),
            everything=sum(reasons_waiting(node, RowFilter(), desk.now).values())
            if filters.asked
            else sum(reasons.values()),
            feeds=feeds,
            filters=filters,
            further=f"/reports/quarantine?{filters.query(after=f'{last.ingest}.{last.place}')}" if last else "",
            done=done_of(stored, still),
        )

    @router.post("/reports/quarantine/replay")
    def again(visitor: Annotated[Principal, needs(Permission.QUARANTINE_MEND)], form: Form) -> Response:
        """Reprocess all rows of one reason and feed, after the cause was fixed here."""
        wanted = RowFilter(text_of(form, "feed"), text_of(form, "reason"))
        total = Counts()
        for number in sorted({row.ingest for _, row in rows_waiting(desk.node, wanted, desk.now) if row.raw}):
            total += perform(desk, visitor, REPLAY, form, number=number, reason=wanted.reason)
        return desk.go(f"/reports/quarantine?stored={total.stored + total.duplicates}&still={total.quarantined}")

    return router


def done_of(stored: str, still: str) -> tuple[int, int] | None:
    """How many rows were read and how many could still not be, as an address says; None where it says nothing."""
    fine = all(text.isdecimal() and len(text) < 12 for text in (stored, still))
    return (int(stored), int(still)) if fine else None

"""Reports that were received, with their sums, and each with its result."""

from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem
from tocsin.directory import team_names
from tocsin.events import (
    FeedRecord,
    Ingest,
    IngestFilter,
    LeftAside,
    Reread,
    count_ingests,
    find_ingests,
    open_rows_of,
    set_aside,
)
from tocsin.interface import NotHereError, Number, PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError
from tocsin.node.records import count_up_to, purged_counts
from tocsin.pipeline.replay import ACTS
from tocsin.pipeline.reread import ACTS as REREAD_ACTS
from tocsin.pipeline.reread import reread
from tocsin.server.list_files import ListForm, ingests_file
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import Days
from tocsin.server.security import Form, sent
from tocsin.sharing.visibility import aside_that_leaves

_LEAVE: Final = next(act for act in ACTS if act.name == "leave")
_REREAD: Final = next(act for act in REREAD_ACTS if act.name == "reread")
_ROWS: Final = 50
_SHOWN: Final = 20  # unreadable rows and teams on the page of a report

_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]
_Mender = Annotated[Principal, needs(Permission.QUARANTINE_MEND)]


class Filters(Days):
    """What a person asked for, as typed."""

    feed: str = ""
    text: str = ""
    aside: str = ""
    before: str = ""
    format: str = ""

    def wanted(self) -> IngestFilter:
        """The same as the records are asked; a day that is none narrows nothing."""
        return IngestFilter(
            feed=self.feed,
            text=self.text,
            since=self.start,
            until=self.end,
            set_aside=bool(self.aside),
        )

    def whole(self) -> str:
        """The address of all reports that match as a file, but for its form."""
        return "&".join(filter(None, (self.query(format=""), "format=")))


def list_pages(desk: PageContext) -> APIRouter:
    """The list and the page of each."""
    router = PageRouter()

    @router.get("/reports")
    def reports(request: Request, _visitor: _Reader, filters: Annotated[Filters, Query()]) -> Response:
        """Reports, newest first, a page at a time; or a file of all."""
        if filters.format in list(ListForm) and not filters.wrongs:
            return sent(ingests_file(desk.node.database, filters.wanted(), ListForm(filters.format), now=desk.now))
        before = number_in(filters.before)
        with desk.node.database.reading() as session:
            found = find_ingests(session, filters.wanted(), before=before, limit=_ROWS + 1)
            feeds = all_feeds(session)
            count = count_up_to(session, select(Ingest.number))
            matching = count_ingests(session, filters.wanted()) if filters.asked else count
        further = f"/reports?{filters.query(before=found[_ROWS - 1][0].number)}" if len(found) > _ROWS else ""
        return desk.page(
            request,
            "reports/list.html",
            status=422 if filters.wrongs else 200,
            found=found[:_ROWS],
            count=count,
            matching=matching,
            feeds=feeds,
            filters=filters,
            further=further,
            all_of_them=f"/reports?{filters.whole()}",
        )

    @router.get("/reports/{number}")
    def report(request: Request, number: Number, visitor: _Reader) -> Response:
        """One report: its sums, the teams notified of its events, its unreadable rows."""
        with desk.node.database.reading() as session:
            ingest = _require(session, number)
            rows = _told(session, number)
            context: dict[str, Any] = {
                "one": ingest,
                "feed": session.get_one(FeedRecord, ingest.feed_id),
                "told": rows[:_SHOWN],
                "all_told": len(rows),
                "names": team_names(session, {item.team_id for item, _ in rows[:_SHOWN]}),
                "replays": session.scalars(select(Ingest.number).where(Ingest.replay_of == number)).all(),
                "open": open_rows_of(session, ingest),
                "left": session.get(LeftAside, number),
                "read_again_as": session.scalar(select(Reread.number).where(Reread.of == number)),
                "took_place_of": session.scalar(select(Reread.of).where(Reread.number == number)),
                "purged": purged_counts(session, number) if visitor.may(Permission.CONTENT_PURGE) else None,
            }
        aside = aside_that_leaves(desk.node, islice(set_aside(desk.node.quarantine, number), _SHOWN))
        return desk.page(request, "reports/one.html", aside=aside, **context)

    @router.get("/reports/{number}/reread")
    def preview(request: Request, number: Number, visitor: _Mender) -> Response:
        """What goes and what comes if the report is read again, before anything is changed."""
        try:
            seen = reread(desk.node, number, preview=True, actor=visitor.actor, now=desk.now, waits=False)
        except (ConflictError, InputError, NotFoundError) as error:
            return refused(request, number, error)
        return desk.page(request, "reports/reread.html", seen=seen, number=number)

    @router.post("/reports/{number}/reread")
    def read_again(request: Request, number: Number, visitor: _Mender, form: Form) -> Response:
        """Read it again."""
        try:
            done = perform(desk, visitor, _REREAD, form, number=number)
        except (ConflictError, InputError, NotFoundError) as error:
            return refused(request, number, error)
        return desk.go(f"/reports/{done.number}")

    def refused(request: Request, number: int, error: TocsinError) -> Response:
        words = desk.words(request).translate_error(error)
        return desk.page(request, "reports/reread.html", seen=None, number=number, wrong=words, status=409)

    @router.post("/reports/{number}/leave")
    def leave(number: Number, visitor: _Mender, form: Form) -> Response:
        """Dismiss the unreadable rows of a report, with a reason."""
        perform(desk, visitor, _LEAVE, form, number=number)
        return desk.go(f"/reports/{number}")

    return router


def all_feeds(session: Session) -> list[tuple[str, str]]:
    """The feeds that ever came: their names as ``source/code``, and as people know them."""
    rows = session.execute(select(FeedRecord.source, FeedRecord.code, FeedRecord.name).order_by(FeedRecord.name))
    return [(f"{source}/{code}", name) for source, code, name in rows]


def _require(session: Session, number: int) -> Ingest:
    found = session.get(Ingest, number)
    if found is None:
        raise NotHereError
    return found


def _told(session: Session, number: int) -> list[tuple[DeliveryItem, Delivery | None]]:
    """What each team is owed of an ingest, with the digest that has it, the most events first."""
    wanted = (
        select(DeliveryItem, Delivery)
        .outerjoin(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(DeliveryItem.ingest == number)
        .order_by(DeliveryItem.events.desc(), DeliveryItem.team_id)
    )
    return [(item, digest) for item, digest in session.execute(wanted)]

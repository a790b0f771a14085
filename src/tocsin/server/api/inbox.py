"""``/inbox``: reports from the public, what happened to them, and what a person does with them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from tocsin.incidents.arrivals import (
    EntryKind,
    ReportKind,
    ReportState,
    acts,
    find_report,
    help_text_acts,
    list_reports,
    read_report,
)
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.pipeline import inbox_event
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import Cursor, Limit, ListPage, cursor_for, link_next, place_of

TAG = "inbox"
_NOUN = "inbox"

Reference = Annotated[str, Path(max_length=40, description="The reference of a report.", examples=["0000-0000"])]


class InboxLine(BaseModel):
    """A report. ``start``: its first words; ``owner``: the number of a person, or null."""

    reference: str
    kind: ReportKind
    start: str
    place: str
    state: ReportState
    owner: int | None
    received_at: datetime
    changed_at: datetime


class InboxEntry(BaseModel):
    """What happened to a report; ``person``: the number of who did it, null: the reporter."""

    at: datetime
    kind: EntryKind
    person: int | None
    text: str


class WholeInboxReport(BaseModel):
    """A report with all that happened to it. Its files are handed out by its page only."""

    reference: str
    kind: ReportKind
    what: str
    place: str
    happened: str
    mailbox: str = Field(description="Empty: the reporter wants to stay unknown.")
    language: str
    state: ReportState
    owner: int | None
    received_at: datetime
    changed_at: datetime
    files: list[str] = []
    entries: list[InboxEntry] = []


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/inbox", operation_id="listInbox", summary="Reports from the public")
    def list_inbox(
        *,
        request: Request,
        response: Response,
        _visitor: Annotated[Principal, needs(Permission.INBOX_READ)],
        state: ReportState | None = None,
        text: Annotated[str, Query(max_length=100, description="Words that are in it.")] = "",
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ListPage[InboxLine]:
        """The newest first."""
        place = place_of(counter.tokens, _NOUN, cursor)
        with database.reading() as session:
            before = place[0] if place else 0
            found = list_reports(session, states=[state] if state else (), words=text, before=before, limit=limit)
        following = cursor_for(counter.tokens, _NOUN, [found.further]) if found.further else None
        link_next(request, response, following)
        names = InboxLine.model_fields
        return ListPage(
            items=[InboxLine(**{name: getattr(one, name) for name in names}) for one in found.lines], next=following
        )

    @router.get("/inbox/{reference}", operation_id="readInboxReport", summary="One report from the public")
    def read_one(reference: Reference, visitor: Annotated[Principal, needs(Permission.INBOX_READ)]) -> WholeInboxReport:
        """With its history; that a reporter's mailbox was read is on record."""
        with database.reading() as session:
            report = find_report(session, reference)
            read = read_report(session, report, all_entries=True)
        if report.mailbox:
            note_read(database, visitor, f"inbox:{report.reference}", now=counter.now)
        plain = {name: getattr(report, name) for name in WholeInboxReport.model_fields if hasattr(report, name)}
        entries = [
            InboxEntry(**{name: getattr(entry, name) for name in InboxEntry.model_fields}) for entry in read.entries
        ]
        return WholeInboxReport(**plain, files=[file.name for file in read.files], entries=entries)

    add_acts(router, counter, (*acts.ACTS, *inbox_event.ACTS, *help_text_acts.ACTS))

"""``/inbox``: all that came in, what happened to them, and what a person does with them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tocsin.incidents import IncidentReader, ObservableKind
from tocsin.incidents.arrivals import (
    EntryKind,
    ReleaseGround,
    ReleaseScope,
    ReportBasis,
    ReportDoor,
    ReportFilter,
    ReportKind,
    ReportState,
    acts,
    basis_acts,
    find_report,
    help_text_acts,
    hints_of,
    incidents_with,
    list_reports,
    read_report,
    releases_of,
    triage_acts,
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
    door: ReportDoor
    kind: ReportKind
    who: str
    start: str
    place: str
    state: ReportState
    owner: int | None
    received_at: datetime
    changed_at: datetime
    ring_back_at: datetime | None


class InboxEntry(BaseModel):
    """What happened to a report; ``person``: the number of who did it, null: the reporter."""

    at: datetime
    kind: EntryKind
    person: int | None
    text: str


class InboxObservable(BaseModel):
    """What a report names; ``known``: from an incident or another report."""

    kind: ObservableKind
    value: str
    known: bool


class InboxCandidate(BaseModel):
    """An incident to which a report may belong, and why."""

    reference: str
    title: str
    reasons: list[str]


class InboxReleaseOut(BaseModel):
    """A consent or an order, by which what came voluntarily may go to these; until it is withdrawn."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(validation_alias=AliasChoices("number", "id"))
    ground: ReleaseGround
    scope: ReleaseScope
    given_by: str
    means: str
    given_at: datetime
    withdrawn_at: datetime | None


class WholeInboxReport(BaseModel):
    """A report with all that happened to it. Its files are handed out by its page only."""

    reference: str
    door: ReportDoor
    kind: ReportKind
    subject: str
    sender: str
    phone: str
    ring_back_at: datetime | None
    what: str
    place: str
    happened: str
    mailbox: str = Field(description="Empty: the reporter wants to stay unknown.")
    language: str
    state: ReportState
    owner: int | None
    basis: ReportBasis
    basis_act: str = Field(description="The act that demands it, or the instrument of a request.")
    received_at: datetime
    changed_at: datetime
    files: list[str] = []
    entries: list[InboxEntry] = []
    observables: list[InboxObservable] = []
    releases: list[InboxReleaseOut] = []
    incidents: list[str] = Field([], description="References of the incidents that it is in.")
    candidates: list[InboxCandidate] = []


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/inbox", operation_id="listInbox", summary="The inbox")
    def list_inbox(
        *,
        request: Request,
        response: Response,
        visitor: Annotated[Principal, needs(Permission.INBOX_READ)],
        state: ReportState | None = None,
        text: Annotated[str, Query(max_length=100, description="Words that are in it.")] = "",
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ListPage[InboxLine]:
        """The newest first."""
        place = place_of(counter.tokens, _NOUN, cursor)
        with database.reading() as session:
            before = place[0] if place else 0
            reader = IncidentReader(visitor.person, counter.now)
            wanted = ReportFilter(states=(state,) if state else (), words=text)
            found = list_reports(session, reader, wanted, before=before, limit=limit)
        following = cursor_for(counter.tokens, _NOUN, [found.further]) if found.further else None
        link_next(request, response, following)
        names = InboxLine.model_fields
        return ListPage(
            items=[InboxLine(**{name: getattr(one, name) for name in names}) for one in found.lines], next=following
        )

    @router.get("/inbox/{reference}", operation_id="readInboxReport", summary="One report of the inbox")
    def read_one(reference: Reference, visitor: Annotated[Principal, needs(Permission.INBOX_READ)]) -> WholeInboxReport:
        """With its history, and incidents for a token that may read those; that a mailbox was read is on record."""
        with database.reading() as session:
            reader = IncidentReader(visitor.person, counter.now)
            report = find_report(session, reader, reference)
            read = read_report(session, report, reader)
            releases = [InboxReleaseOut.model_validate(one) for one in releases_of(session, [report])]
            hints = hints_of(session, reader, [report.id])[report.id]
            sees = visitor.may(Permission.INCIDENTS_READ)
            incidents = [one.reference for one in incidents_with(session, reader, report)] if sees else []
        if report.mailbox:
            note_read(database, visitor, f"inbox:{report.reference}", now=counter.now)
        plain = {name: getattr(report, name) for name in WholeInboxReport.model_fields if hasattr(report, name)}
        entries = [
            InboxEntry(**{name: getattr(entry, name) for name in InboxEntry.model_fields})
            for entry in read.entries
            if sees or entry.kind not in {EntryKind.INCIDENT, EntryKind.TAKEN_OUT}
        ]
        observables = [
            InboxObservable(kind=ObservableKind(one.kind), value=one.value, known=one.value in hints.known)
            for one in hints.observables
        ]
        candidates = [
            InboxCandidate(reference=one.reference, title=one.title, reasons=list(one.reasons))
            for one in (hints.candidates if sees else ())
        ]
        return WholeInboxReport(
            **plain, files=[file.name for file in read.files], entries=entries, observables=observables,
            incidents=incidents, candidates=candidates, releases=releases,
        )  # fmt: skip

    add_acts(
        router, counter, (*acts.ACTS, *triage_acts.ACTS, *inbox_event.ACTS, *help_text_acts.ACTS, *basis_acts.ACTS)
    )

"""The evidence of an incident: its items with their chain of custody, legal holds, and how it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from tocsin.incidents import IncidentNamed, IncidentReader, acts, parties_of
from tocsin.incidents.arrivals import form_word, reports_in, ticket_of
from tocsin.incidents.evidence import (
    ADD_FILES,
    EVIDENCE_KINDS,
    PASSWORD,
    EvidenceNamed,
    EvidenceSource,
    NewFile,
    add_files,
    copied,
    custody_of,
    evidence_of,
    export_packed,
    holds_of,
    is_here,
    is_in_force,
    items_in,
    packed_file,
)
from tocsin.incidents.threads import mails_of, threads_of
from tocsin.interface import (
    ActContext,
    Number,
    PageRouter,
    RefusedForm,
    RequestError,
    context_for,
    needs,
    read_request,
    typed_in,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.attachment import attachment
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.fields import fields_of
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.timeline import steps_of
from tocsin.server.pages.incidents.words import EVIDENCE_STATES
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

if TYPE_CHECKING:
    from tocsin.incidents import Incident, Party

_AT: Final = PLACE + "/{reference}/evidence"
_ADD: Final = next(act for act in acts.ACTS if act.operation == "addEvidenceOfIncident")
MOST_BYTES: Final = 1 << 25
"""Of a form with files: all of it stays in memory until it is known that it may be kept (`tocsin.interface.forms`)."""

_EXPIRED: Final = N_("This form is too old. Send it again.")
_NO_FILE: Final = N_("Choose at least one file.")
_OF_FILES: Final = tuple(name for name in EvidenceSource.model_fields if name not in {"reference", "once"})

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]
_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def evidence_pages(desk: PageContext) -> APIRouter:
    """The tab, files that are added, and files that are taken away."""
    router = PageRouter()

    @router.get(_AT)
    def show(request: Request, visitor: _Reader, reference: str) -> Response:
        """The items, with their chain of custody and the legal holds."""
        return _page(desk, request, visitor, reference)

    @router.post(_AT + "/files", max_body_size=MOST_BYTES)
    def add(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Add files, whole and unopened."""
        return _add(desk, request, visitor, reference, form)

    @router.post(_AT + "/{evidence}/file")
    def download(visitor: _Worker, reference: str, evidence: Number, _form: Form) -> Response:
        """A file, in an archive with the usual password; that it was taken is an entry."""
        item = copied(_context(desk, visitor), EvidenceNamed(reference=reference, evidence=evidence))
        return attachment(packed_file(desk.node.incident_evidence, item.sha256), f"evidence-{item.id}.zip")

    @router.post(_AT + "/export")
    def export(visitor: _Worker, reference: str, _form: Form) -> Response:
        """All of it as one archive; what is in it can be verified without Tocsin."""
        done, blocks = export_packed(_context(desk, visitor), IncidentNamed(reference=reference))
        return attachment(blocks, f"{done.reference}-evidence.zip")

    return router


def mails_from(
    session: Session, reader: IncidentReader, incidents: Sequence["Incident"]
) -> dict["Party", list[tuple[str, str]]]:
    """Number and name of each mail that can become evidence, the newest first, by the party that wrote it."""
    parties = parties_of(session, reader, incidents)
    threads = threads_of(session, reader, parties)
    came: dict[int, list[tuple[str, str]]] = {}
    for one in reversed(mails_of(session, reader, threads.values())):
        if one.sha256 is not None:
            came.setdefault(one.thread_id, []).append((str(one.id), f"{one.at:%Y-%m-%d %H:%M} {one.subject}"))
    return {one: came[threads[one.id].id] for one in parties if one.id in threads and threads[one.id].id in came}


def _context(desk: PageContext, visitor: Principal) -> ActContext:
    """What cannot be undone: a copy that left."""
    return replace(context_for(desk.node, visitor, _ADD, desk.now, desk.say), act=None)


def _add(desk: PageContext, request: Request, visitor: Principal, reference: str, form: FormData) -> Response:
    ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
    sent = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    if ticket is None or not sent:
        error = UsageError(_EXPIRED if ticket is None else _NO_FILE)
        return _page(desk, request, visitor, reference, form=form, error=error)
    typed = {name: text for name in _OF_FILES if (text := text_of(form, name).strip())}
    context = replace(context_for(desk.node, visitor, _ADD, desk.now, desk.say), waits=False, holds=True)
    try:
        wanted = read_request(ADD_FILES, {**typed, "reference": reference, "once": ticket.act})
        add_files(context, wanted, [NewFile(one.filename or "", one.file) for one in sent])
    except RequestError as error:
        return _page(desk, request, visitor, reference, form=form, wrongs=dict(error.wrongs))
    except (ConflictError, InputError, UsageError) as error:
        return _page(desk, request, visitor, reference, form=form, error=error)
    return desk.go(f"{PLACE}/{reference}/evidence", undo=next(iter(context.undos), None))


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    form: FormData | None = None,
    wrongs: Mapping[str, str] = MappingProxyType({}),
    error: TocsinError | None = None,
) -> Response:
    words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
    files = desk.node.incident_evidence
    with desk.node.database.reading() as session:
        frame = part_frame(words, session, reader, reference, "evidence")
        items = evidence_of(session, reader, frame.family)
        entries = custody_of(session, reader, frame.family)
        steps = steps_of(
            entries[::-1], words, people={}, parties={}, path=frame.shown["path"], corrected={},
            actors=names_of_actors(session, {one.by for one in entries}),
            merged={one.id: one.reference for one in frame.family[1:]},
        )  # fmt: skip
        about = {one.id: items_in(one) for one in entries}
        refused = RefusedForm(typed_in(_ADD, form) if form else {}, wrongs)
        fields = fields_of(desk, request, _ADD, session, refused)
        shown: dict[str, Any] = {
            "items": items,
            "steps": {one.id: [step for step in steps if one.id in about[step.number]] for one in items},
            "others": [step for step in steps if not about[step.number]],
            "missing": {one.id for one in items if not is_here(files, one)},
            "holds": [one for one in holds_of(session, reader, frame.family) if is_in_force(one, desk.now)],
            "reports": reports_in(session, reader, frame.family),
            "writers": list(mails_from(session, reader, frame.family)),
            "fields": [one for one in fields if one.name in _OF_FILES],
        }
    status = 409 if error else 422 if wrongs else 200
    return desk.page(
        request, "incidents/evidence.html", status=status, error=error, made=form_word(desk.tokens, desk.now),
        kinds=EVIDENCE_KINDS, item_states=EVIDENCE_STATES, password=PASSWORD, most=MOST_BYTES >> 20, **frame.shown,
        **shown,
    )  # fmt: skip

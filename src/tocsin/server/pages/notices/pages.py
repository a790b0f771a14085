"""The notices of entities: the list, one with its answer, and the form of one that came by mail, paper or phone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.incidents import Incident, IncidentReader
from tocsin.incidents.arrivals import (
    BASES,
    form_word,
    hints_of,
    incidents_with,
    read_report,
    ticket_of,
)
from tocsin.incidents.arrivals import DOORS as DOOR_NAMES
from tocsin.incidents.notices import (
    DOORS,
    KINDS,
    FiledNotice,
    NoticeFilter,
    NoticeKind,
    NoticeState,
    acts,
    answer_due,
    chain_of,
    count_notices,
    find_law,
    find_notice,
    list_notices,
    next_of,
    notice_laws,
    open_notices,
)
from tocsin.interface import PageRouter, RequestError, context_for, needs, number_in, read_request
from tocsin.node.accounts import Permission, Principal, names_of, note_read
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.notices.forms import STALE, form_of, law_and_kind, offered, read_form
from tocsin.server.pages.notices.words import SHAPES, STATES, filed_fields, law_name, notice_name
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

PLACE: Final = "/notices"
_ROWS: Final = 50
_ACTS: Final = {act.name: act for act in acts.ACTS}
_OTHERS: Final = ("team", "door", "received_at", "after", "corrects")
_DONE: Final = {"answer": N_("Answer sent."), "add": N_("Notice added. The entity gets a receipt.")}

_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]
_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


class NoticesFilter(BaseModel):
    """What narrows the list, as typed."""

    state: str = ""
    law: str = ""
    kind: str = ""
    before: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), "before": "", **other}.items() if text}
        return f"{PLACE}?{urlencode(asked)}" if asked else PLACE

    def wanted(self) -> NoticeFilter:
        """What the list is asked for; what cannot be read does not count."""
        return NoticeFilter(
            NoticeState(self.state) if self.state in set(NoticeState) else None,
            self.law if self.law in notice_laws() else "",
            self.kind if self.kind in set(NoticeKind) else "",
            number_in(self.before) or 0,
        )


class _NewQuery(BaseModel):
    """Which notice is typed in. ``after``, ``corrects``: of which it is a later one, or a correction."""

    law: str = ""
    kind: str = ""
    team: str = ""
    after: str = ""
    corrects: str = ""


def notice_pages(desk: PageContext) -> APIRouter:
    """The routes."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(request: Request, visitor: _Reader, asked: Annotated[NoticesFilter, Query()]) -> Response:
        """The notices that match, the newest first."""
        return _list(desk, request, visitor, asked)

    @router.get(f"{PLACE}/new")
    def new(request: Request, visitor: _Worker, asked: Annotated[_NewQuery, Query()]) -> Response:
        """The form of a notice; without an act and a kind, which there are."""
        if not (asked.law and asked.kind):
            return desk.page(request, "notices/new.html", offered=offered(desk.words(request)), path=f"{PLACE}/new?")
        given = {name: getattr(asked, name, "") for name in _OTHERS}
        typed = _fields_of(desk, visitor, asked.corrects) if asked.corrects else {}
        return _form(desk, request, asked.law, asked.kind, given=given, typed=typed)

    @router.post(f"{PLACE}/new")
    def add(request: Request, visitor: _Worker, form: Form) -> Response:
        """A new notice; its entity gets a receipt."""
        return _add(desk, request, visitor, form)

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: _Reader, reference: str, done: str = "") -> Response:
        """One notice with all of the same incident."""
        return _page(desk, request, visitor, reference, done=_DONE.get(done, ""))

    _add_answers(router, desk)
    return router


def _add_answers(router: APIRouter, desk: PageContext) -> None:
    @router.post(PLACE + "/{reference}/no-answer")
    def waive(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """It needs no answer."""
        try:
            return perform_and_go(desk, visitor, _ACTS["waive"], form, f"{PLACE}/{reference}", reference=reference)
        except (ConflictError, RequestError) as error:
            wrong = desk.words(request).translate_error(error)
            return _page(desk, request, visitor, reference, unneeded=wrong)

    @router.post(PLACE + "/{reference}/answer")
    def answer(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Answer the entity."""
        ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
        if ticket is None:
            return _page(desk, request, visitor, reference, typed=text_of(form, "text"), wrong=STALE)
        given = {"reference": reference, "once": ticket.act}
        try:
            return perform_and_go(desk, visitor, _ACTS["answer"], form, f"{PLACE}/{reference}?done=answer", **given)
        except (ConflictError, RequestError) as error:
            wrong = desk.words(request).translate_error(error)
            return _page(desk, request, visitor, reference, typed=text_of(form, "text"), wrong=wrong)


def _list(desk: PageContext, request: Request, visitor: Principal, asked: NoticesFilter) -> Response:
    reader, wanted, words = IncidentReader(visitor.person, desk.now), asked.wanted(), desk.words(request)
    with desk.node.database.reading() as session:
        found = list_notices(session, reader, wanted, limit=_ROWS + 1)
        rows = found[:_ROWS]
        owed = {one.filed.notice.id: one for one in open_notices(session, reader)}
        context: dict[str, Any] = {
            "rows": [
                (
                    one,
                    _incidents(session, reader, visitor, one),
                    next_of(session, chain_of(session, reader, one.notice)),
                )
                for one in rows
            ],
            "owed": owed,
            "found": count_notices(session, reader, wanted),
            "unanswered": count_notices(session, reader, NoticeFilter(NoticeState.RECEIVED)),
        }
    return desk.page(
        request, "notices/list.html", asked=asked, teams=desk.teams(), states=STATES, shapes=SHAPES, kinds=KINDS,
        laws={one.id: law_name(one, words) for one in notice_laws().values()},
        further=asked.path(before=str(rows[-1].notice.id)) if len(found) > _ROWS else "", **context,
    )  # fmt: skip


def _incidents(session: Session, reader: IncidentReader, visitor: Principal, one: FiledNotice) -> "list[Incident]":
    return list(incidents_with(session, reader, one.report)) if visitor.may(Permission.INCIDENTS_READ) else []


def _fields_of(desk: PageContext, visitor: Principal, reference: str) -> Mapping[str, Any]:
    with desk.node.database.reading() as session:
        return find_notice(session, IncidentReader(visitor.person, desk.now), reference).notice.fields


def _add(desk: PageContext, request: Request, visitor: Principal, form: FormData) -> Response:
    sent = read_form(desk, form, "notice")
    given = {name: text_of(form, name).strip() for name in _OTHERS}
    again = sent.again
    error: TocsinError | None = None
    try:
        said = {"law": sent.law.id, "kind": sent.kind, "fields": sent.values}
        once = sent.ticket.act if sent.ticket else ""
        named = {name: text for name, text in given.items() if text}
        asked = read_request(_ACTS["add"], named | said | {"once": once})
        if not sent.wrongs:
            context = context_for(desk.node, visitor, _ACTS["add"], desk.now, desk.say)
            done = acts.add_with_files(replace(context, waits=False, holds=True), asked, sent.files)
            return desk.go(f"{PLACE}/{done.reference}?done=add", undo=next(iter(context.undos), None))
    except RequestError as refused:
        again["wrongs"] = {**sent.wrongs, **dict(refused.wrongs)}
    except (ConflictError, NotFoundError, UsageError) as refused:
        error = refused
    return _form(desk, request, sent.law.id, sent.kind, given=given, error=error, **again)


def _form(
    desk: PageContext,
    request: Request,
    law: str,
    kind: str,
    *,
    given: Mapping[str, str],
    typed: Mapping[str, Any],
    wrongs: Mapping[str, str] | None = None,
    made: str = "",
    error: TocsinError | None = None,
) -> Response:
    form = form_of(desk, request, *law_and_kind(law, kind), typed=typed, wrongs=wrongs or {}, made=made)
    return desk.page(
        request, "notices/form.html", status=409 if error else 422 if wrongs else 200, given=given, error=error,
        doors={door: DOOR_NAMES[door] for door in DOORS}, **form,
    )  # fmt: skip


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    done: str = "",
    typed: str = "",
    wrong: str = "",
    unneeded: str = "",
) -> Response:
    words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
    with desk.node.database.reading() as session:
        found = find_notice(session, reader, reference)
        chain = chain_of(session, reader, found.notice)
        read = read_report(session, found.report, reader)
        context: dict[str, Any] = {
            "chain": chain, "following": next_of(session, chain), "read": read,
            "incidents": _incidents(session, reader, visitor, found),
            "candidates": hints_of(session, reader, [found.report.id])[found.report.id].candidates
            if visitor.may(Permission.INCIDENTS_READ) else (),
            "names": names_of(session, {found.report.owner, *(one.person for one in read.entries)} - {None}),
            "open": answer_due(session, reader, found),
        }  # fmt: skip
    law = find_law(found.notice.law)
    note_read(desk.node.database, visitor, f"inbox:{found.report.reference}", now=desk.now)
    return desk.page(
        request, "notices/one.html", status=422 if wrong or unneeded else 200, unneeded=unneeded, found=found,
        notice=found.notice, law=law,
        report=found.report, team=desk.teams()[found.notice.team_id], name=notice_name(law, found.notice.kind, words),
        fields=filed_fields(law, found.notice, words), path=f"{PLACE}/{found.report.reference}", states=STATES,
        shapes=SHAPES, kinds=KINDS, bases=BASES, doors=DOOR_NAMES, done=done, typed=typed, wrong=wrong,
        made=form_word(desk.tokens, desk.now), **context,
    )  # fmt: skip

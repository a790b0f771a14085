"""What is done with an incident: a form for each act, made from its request; what was typed stays if it is refused."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    PartyRole,
    acts,
    changed_since,
    defang,
    find_entry,
    find_incident,
    last_entry,
    merged_family,
    observables_of,
    open_incidents,
    parties_of,
    tasks_of,
)
from tocsin.incidents.arrivals import find_report, form_word, ticket_of
from tocsin.incidents.clocks import clocks_of
from tocsin.incidents.evidence import evidence_of, holds_of
from tocsin.incidents.populations import texts_of as texts_said
from tocsin.incidents.takedowns import acts as takedown_acts
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, names_in, needs, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RemoteError,
    TocsinError,
    UsageError,
    WithheldError,
)
from tocsin.pipeline import notify_affected
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED
from tocsin.server.pages.incidents.affected_form import filter_fields, filter_of
from tocsin.server.pages.incidents.clock_words import clock_choices
from tocsin.server.pages.incidents.closing_notes import ClosingNotes, closing_notes
from tocsin.server.pages.incidents.ending_form import ending_answers, ending_questions
from tocsin.server.pages.incidents.evidence_pages import mails_from
from tocsin.server.pages.incidents.fields import NOTHING, cause_options, fields_of
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import tab_after
from tocsin.server.pages.incidents.takedown_pages import indicators_text, values_of
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of, texts_of

if TYPE_CHECKING:
    from tocsin.incidents import Incident
    from tocsin.incidents.arrivals import PublicReport

(_NOTIFY,) = notify_affected.ACTS
_ALL: Final = (*acts.ACTS, *takedown_acts.ACTS, _NOTIFY)
_ACTS: Final = {act.operation: act for act in _ALL}
_OPEN, _ENTER = _ACTS["openIncident"], _ACTS["letMeInIncident"]
_MERGE, _UNMERGE = _ACTS["mergeIncident"], _ACTS["unmergeIncident"]
_BELOW: Final = {act.page.removeprefix(f"{PLACE}/{{reference}}/"): act for act in _ALL if "{reference}" in act.page}
"""The acts on an incident, by the end of their address."""

_EXPIRED: Final = N_("This form is too old. Send it again.")
_COLUMNS: Final = ("title", "rsit_type", "severity", "tlp", "lead", "root_cause")  # that a form shows at first
_SAME: Final[Mapping[str, IncidentEntryKind]] = {
    **dict.fromkeys(("rename", "classify", "rate", "mark"), IncidentEntryKind.CHANGE),
    **dict.fromkeys(("take", "leave", "assign"), IncidentEntryKind.LEAD),
    **dict.fromkeys(("wait", "close", "reject", "reopen"), IncidentEntryKind.STATE),
    **dict.fromkeys(("merge", "unmerge"), IncidentEntryKind.MERGE),
    **dict.fromkeys(("restrict", "unrestrict", "let-in", "take-out"), IncidentEntryKind.ACCESS),
}
"""What others may have changed since the page of a form was made, by the command that changes the same."""

_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_Entrant = Annotated[Principal, needs(Permission.INCIDENTS_ENTER)]


class _ActQuery(BaseModel):
    """Which form. ``entry``: to be corrected; ``report``: of the inbox, to fill it in; ``lesson``: of a new task.

    ``party``, ``mail``: the mail that becomes evidence; ``rule``: of a clock to be started; ``team``: a party.
    """

    act: str = ""
    entry: str = ""
    report: str = ""
    rule: str = ""
    party: str = ""
    mail: str = ""
    lesson: str = ""
    team: str = ""


def act_pages(desk: PageContext) -> APIRouter:
    """The forms, and what they do."""
    router = PageRouter()

    @router.get(f"{PLACE}/new")
    def new(request: Request, visitor: _Worker) -> Response:
        """The form of a new incident."""
        return _form(desk, request, visitor, _OPEN, given={"lead": "true"})

    @router.post(f"{PLACE}/new")
    def open_new(request: Request, _visitor: _Worker, form: Form) -> Response:
        """Open it."""
        return _do(desk, request, _OPEN, form, {})

    @router.get(f"{PLACE}/access")
    def enter(request: Request, visitor: _Entrant) -> Response:
        """The form by which somebody gains access to a restricted incident."""
        return _form(desk, request, visitor, _ENTER)

    @router.post(f"{PLACE}/access")
    def entered(request: Request, _visitor: _Entrant, form: Form) -> Response:
        """Gain access; the lead and the managers are written to."""
        return _do(desk, request, _ENTER, form, {})

    @router.get(PLACE + "/{reference}/act")
    def ask(request: Request, visitor: _Worker, reference: str, asked: Annotated[_ActQuery, Query()]) -> Response:
        """The form of an act on an incident."""
        found, named = _act_at(asked.act)
        if found is _NOTIFY:
            return _do(desk, request, found, FormData({"preview": "true"}), {"reference": reference})
        return _form(
            desk,
            request,
            visitor,
            found,
            {"reference": reference, **named},
            given=_now(desk, visitor, reference, asked),
        )

    for end, act in _BELOW.items():
        router.post(f"{PLACE}/{{reference}}/{end}")(_doing(desk, act))
    return router


def _act_at(end: str) -> tuple[Act, dict[str, str]]:
    """The act of an end of an address, such as ``rename`` or ``tasks/7/done``, and which part of the incident.

    Raises:
        NotHereError: there is none.

    """
    if (found := _BELOW.get(end)) is not None and names_in(found.page) == ["reference"]:
        return found, {}
    kind, number, word = f"{end}//".split("/")[:3]
    for shape, act in _BELOW.items():
        if number_in(number) and shape.startswith(f"{kind}/{{") and shape.endswith(f"}}/{word}"):
            return act, {names_in(act.page)[1]: number}
    raise NotHereError


def _doing(desk: PageContext, act: Act) -> Callable[..., Response]:
    """What a form does; the parts that its address names come with it."""

    def do(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        parts = {name: request.path_params[name] for name in names_in(act.page)[1:]}
        return _do(desk, request, act, form, {"reference": reference, **parts})

    return do


def _do(desk: PageContext, request: Request, act: Act, form: FormData, named: Mapping[str, str]) -> Response:
    """Do an act; where it is refused, its form again, with what was typed. ``named``: what the address names."""
    visitor, given = visitor_of(request), dict[str, Any](named)
    again = partial(_form, desk, request, visitor, act, named, typed=form)
    if "once" in act.request.model_fields and not text_of(form, "preview"):
        ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
        if ticket is None:
            return again(error=UsageError(_EXPIRED))
        given["once"] = ticket.act
    if named and _is_stale(desk, visitor, act, named["reference"], text_of(form, "seen")):
        return again(error=ConflictError(CHANGED))
    try:
        if "matching" in act.request.model_fields:
            given["matching"] = filter_of(form)
        given |= ending_answers(act, form)
        done, undo = perform_with_undo(desk, visitor, act, form, **given)
    except RequestError as error:
        return again(wrongs=dict(error.wrongs))
    except (ConflictError, InputError, NotFoundError, RemoteError, UsageError, WithheldError) as error:
        return again(error=error)
    if text_of(form, "preview"):
        return again(preview=done)
    tab = _tab_of(act)
    said = f"?done=merged&of={done.reference}" if act is _MERGE else "?done=unmerged" if act is _UNMERGE else ""
    return desk.go(f"{PLACE}/{done.reference}{tab}{said}", undo=undo)


def _tab_of(act: Act) -> str:
    return tab_after(str(act.page).removeprefix(f"{PLACE}/{{reference}}/"))


def _is_stale(desk: PageContext, visitor: Principal, act: Act, reference: str, seen: str) -> bool:
    """Whether somebody else changed the same meanwhile; a form that does not say when it was made is not stale.

    Raises:
        NotFoundError: there is no such incident for this visitor.

    """
    reader = IncidentReader(visitor.person, desk.now)
    with desk.node.database.reading() as session:
        incident = find_incident(session, reader, reference)
        kind, known = _SAME.get(str(act.command).removeprefix("incidents ")), number_in(seen)
        if kind is None or known is None:
            return False
        family = merged_family(session, reader, incident)
        return changed_since(session, reader, family, seen=known, kind=kind, but=visitor.actor)


def _now(desk: PageContext, visitor: Principal, reference: str, asked: _ActQuery) -> dict[str, Any]:
    """What the fields of a form say at first: how the incident is, or what an entry or report says."""
    reader, number = IncidentReader(visitor.person, desk.now), number_in(asked.entry)
    with desk.node.database.reading() as session:
        incident = find_incident(session, reader, reference)
        said: dict[str, Any] = {name: getattr(incident, name) or "" for name in _COLUMNS}
        said |= {name: text for name in ("rule", "party", "mail") if (text := getattr(asked, name))}
        said |= {"lesson": asked.lesson == "true", "withhold": incident.in_figures}
        if asked.act == "takedowns":
            said |= {"text": indicators_text(session, reader, incident), "basis": desk.node.settings.takedowns.basis}
        if asked.team:
            said |= {"role": PartyRole.VICTIM, "team": asked.team}
        if asked.report:
            said |= _of_report(find_report(session, reader, asked.report), asked.act)
        return said | ({"text": find_entry(session, reader, incident, number).text} if number else {})


def _of_report(report: "PublicReport", act: str) -> dict[str, Any]:
    """Its reporter as a party, or its text with the observables."""
    if act == "observables":
        return {"text": report.what}
    if act == "evidence/report":
        return {"report": report.reference}
    names = ("mailbox", "phone", "language")
    return {"role": PartyRole.REPORTER, "name": report.sender, **{name: getattr(report, name) for name in names}}


def _form(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    act: Act,
    named: Mapping[str, str] = MappingProxyType({}),
    *,
    given: Mapping[str, Any] = MappingProxyType({}),
    typed: FormData | None = None,
    wrongs: Mapping[str, str] = MappingProxyType({}),
    error: TocsinError | None = None,
    preview: Any = None,
) -> Response:
    """The form of an act, with what was typed and why it was not done; ``given``: what its fields say at first.

    ``preview``: what the act would do.
    """
    words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
    texts = {name: typed.getlist(name) if name in _SEVERAL else text_of(typed, name) for name in typed} if typed else {}
    chosen = texts_of(typed, "takedowns") if typed else request.query_params.getlist("takedowns")
    with desk.node.database.reading() as session:
        incident = find_incident(session, reader, named["reference"]) if named else None
        family = merged_family(session, reader, incident) if incident else []
        causes = cause_options(desk.node.home, incident.rsit_type if incident else "", words)
        clocks = clock_choices(session, reader, family) if "rule" in act.request.model_fields else {}
        choices = {**clocks, "causes": causes}
        hidden = [("takedowns", str(one)) for one in chosen]
        if "mail" in act.request.model_fields:
            party = str(texts.get("party") or given.get("party", ""))
            hidden.append(("party", party))
            choices["mails"] = [
                mail
                for of, mails in mails_from(session, reader, family).items()
                if str(of.id) == party
                for mail in mails
            ]
        fields = fields_of(act, words, session, given=given, typed=texts, wrongs=wrongs, choices=choices)
        if "matching" in act.request.model_fields:
            conditions = filter_fields(desk, visitor, words, texts, wrongs)
            fields = [*conditions, *fields]
        notes = closing_notes(desk, session, reader, family, act) if incident else ClosingNotes()
        about = values_of(session, reader, family, chosen) if chosen else _about(session, reader, family, named)
        seen = last_entry(session, reader, family)
        questions = ending_questions(session, reader, act, incident, texts)
        incident_texts = texts_said(session, reader, family) if act is _NOTIFY else ()
        offers = "into" in act.request.model_fields
        others = [one for one in open_incidents(session, reader) if one is not incident] if offers else []
    shown = {
        "act": act, "incident": incident, "fields": fields, "seen": seen, "title": act.title,
        "button": act.button or act.title, "about": about, "error": error, "others": others,
        "made": form_word(desk.tokens, desk.now), "notes": notes, "preview": preview,
        "previews": "preview" in act.request.model_fields, "now": desk.now,
        "path": f"{PLACE}/{incident.reference}" if incident else PLACE, "texts": incident_texts,
        "address": act.page.format(**{**named, **({"reference": incident.reference} if incident else {})}),
        "reference": texts.get("reference", ""),
        "entry": texts.get("entry") or request.query_params.get("entry", ""),
        "hidden": hidden, "questions": questions,
        "back": f"{PLACE}/{incident.reference}{_tab_of(act)}" if incident else PLACE,
    }  # fmt: skip
    status = 409 if error else 422 if wrongs else 200
    return desk.page(request, "incidents/act.html", status=status, **{**NOTHING, **shown})


def _about(session: Session, reader: IncidentReader, family: Sequence["Incident"], named: Mapping[str, str]) -> str:
    """What part of an incident a form is about, in a few words; empty where it is about the incident."""
    part = next((name for name in named if name == "person" or name in _PARTS), "")
    if not part:
        return ""
    if (number := number_in(named[part])) is None:
        raise NotHereError
    if part == "person":
        return names_of(session, [number]).get(number, "")
    find, column = _PARTS[part]
    found = [getattr(one, column) for one in find(session, reader, family) if one.id == number]
    if not found:
        raise NotHereError
    return defang(found[0]) if part == "observable" else str(found[0])


_PARTS: Final[Mapping[str, tuple[Callable[..., Any], str]]] = {
    "task": (tasks_of, "text"),
    "party": (parties_of, "name"),
    "observable": (observables_of, "value"),
    "clock": (clocks_of, "title"),
    "evidence": (evidence_of, "name"),
    "hold": (holds_of, "ordered_by"),
}
_SEVERAL: Final = {"persons", "only", "takedowns"}

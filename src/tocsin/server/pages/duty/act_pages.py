"""The forms of duty: one for each act, at its address; what was typed stays if it is refused."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.incidents import IncidentReader, open_incidents
from tocsin.incidents.duty import acts as duty_acts
from tocsin.incidents.duty import (
    find_call_out,
    find_change,
    find_note,
    find_roster,
    find_rule,
    newest_version,
    rules_of,
)
from tocsin.incidents.text_files import MOST_BYTES
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, names_in, needs, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.pipeline import call_outs as rule_acts
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.duty.fields import fields_of
from tocsin.server.pages.duty.words import BUTTONS, EXPLANATIONS, TITLES
from tocsin.server.pages.incidents import SEVERITIES
from tocsin.server.pages.incidents import STATES as INCIDENT_STATES
from tocsin.server.pages.words import PageTexts
from tocsin.server.security import Form, text_of

_ACTS: Final = (*duty_acts.ACTS, *rule_acts.ACTS)
_SEVERAL: Final = {"people", "kinds", "channels"}
_MOST_PROPOSED: Final = 50  # incidents in the text of a hand-over note
_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def act_pages(desk: PageContext) -> APIRouter:
    """The form of each act, and what it does."""
    router = PageRouter()
    for act in _ACTS:
        router.get(str(act.page))(_asking(desk, act))
        router.post(str(act.page))(_doing(desk, act))
    return router


def _asking(desk: PageContext, act: Act) -> Callable[..., Response]:
    def ask(request: Request, _visitor: _Worker) -> Response:
        """The form."""
        named = _named(request, act)
        return _form(desk, request, act, named, given=_given(desk, request, act, named))

    return ask


def _doing(desk: PageContext, act: Act) -> Callable[..., Response]:
    def do(request: Request, _visitor: _Worker, form: Form) -> Response:
        """Do it, or say what is wrong, with what was typed."""
        visitor, named = visitor_of(request), _named(request, act)
        wrongs: Mapping[str, str] = {}
        error: TocsinError | None = None
        try:
            _, undo = perform_with_undo(desk, visitor, act, _with_file(form), **named)
            return desk.go("/duty/call-outs" if act.noun == "call-out" else "/duty", undo=undo)
        except RequestError as refused:
            wrongs = dict(refused.wrongs)
            error = refused if "" in wrongs else None
        except (ConflictError, InputError, UsageError) as refused:
            error = refused
        return _form(desk, request, act, named, typed=form, wrongs=wrongs, error=error)

    return do


def _named(request: Request, act: Act) -> dict[str, str]:
    """What the address names, which are numbers.

    Raises:
        NotHereError: one is none.

    """
    named = {name: str(request.path_params[name]) for name in names_in(act.page)}
    if any(number_in(one) is None for one in named.values()):
        raise NotHereError
    return named


def _with_file(form: FormData) -> FormData:
    """The form, with a file that was chosen in the place of the text."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return form
    text = file.file.read(MOST_BYTES).decode("utf-8-sig", "replace")
    others = [(name, value) for name, value in form.multi_items() if name not in {"file", "text"}]
    return FormData([*others, ("text", text)])


def _given(desk: PageContext, request: Request, act: Act, named: Mapping[str, str]) -> dict[str, Any]:
    """What the fields say at first: as it is, or as the address asks."""
    asked: dict[str, Any] = {name: text for name, text in request.query_params.items() if name not in _SEVERAL}
    with desk.node.database.reading() as session:
        if "roster" in named:
            row = find_roster(session, named["roster"])
            if act.name == "edit-roster":
                keeper = "" if row.keeper is None else str(row.keeper)
                return {"text": newest_version(session, row).text, "keeper": keeper, "always": row.always}
        if act.name == "rule" and (found := [one for one in rules_of(session) if str(one.id) == asked.get("rule")]):
            names = ("name", "kinds", "severity", "minutes", "channels", "quiet_from", "quiet_to", "quiet_below")
            rule = {name: getattr(found[0], name) for name in names}
            second = "" if found[0].second_id is None else str(found[0].second_id)
            people = [str(one) for one in found[0].people]
            return {**rule, "roster": str(found[0].roster_id), "second": second, "people": people}
    if act.name == "hand-over":
        asked["text"] = _proposed(desk, desk.words(request))
    return asked


def _proposed(desk: PageContext, words: PageTexts) -> str:
    """What a hand-over note begins with: the open incidents that the whole team may read."""
    with desk.node.database.reading() as session:
        found = open_incidents(session, IncidentReader(None, desk.now), limit=_MOST_PROPOSED)
        lines = []
        for one in found:
            until = f" {one.waiting_until:%Y-%m-%d %H:%M} UTC" if one.waiting_until else ""
            waits = f" · {one.waiting_for}{until}" if one.waiting_for else ""
            state, severity = words.say(INCIDENT_STATES[one.state]), words.say(SEVERITIES[one.severity])
            lines.append(f"{one.reference} {one.title} · {severity} · {state}{waits}")
    return "\n".join(lines)


def _form(
    desk: PageContext,
    request: Request,
    act: Act,
    named: Mapping[str, str],
    *,
    given: Mapping[str, Any] = MappingProxyType({}),
    typed: FormData | None = None,
    wrongs: Mapping[str, str] = MappingProxyType({}),
    error: TocsinError | None = None,
) -> Response:
    words = desk.words(request)
    texts: dict[str, Any] = {}
    if typed is not None:
        texts = {name: typed.getlist(name) if name in _SEVERAL else text_of(typed, name) for name in typed}
        texts |= {name: [] for name in _SEVERAL if name not in typed}
        texts |= {name: text_of(typed, name) for name in ("always", "only", "accept") if name not in typed}
    with desk.node.database.reading() as session:
        fields = fields_of(desk, act, words, session, given=given, typed=texts, wrongs=wrongs)
        about = _about(session, IncidentReader(visitor_of(request).person, desk.now), named)
    return desk.page(
        request, "duty/act.html", status=409 if error else 422 if wrongs else 200, act=act, fields=fields, about=about,
        title=TITLES[act.operation], button=BUTTONS.get(act.operation, TITLES[act.operation]),
        explanation=EXPLANATIONS.get(act.operation, ""), error=error, address=act.page.format(**named),
        back="/duty/call-outs" if act.noun == "call-out" else "/duty", takes_file="text" in act.request.model_fields
        and act.name != "hand-over",
    )  # fmt: skip


def _about(session: Session, reader: IncidentReader, named: Mapping[str, str]) -> str:
    """What a form is about, in a few words.

    Raises:
        NotFoundError: there is no such thing for this reader.

    """
    match named:
        case {"roster": number}:
            return find_roster(session, number).name
        case {"rule": number}:
            return find_rule(session, number).name
        case {"call_out": number}:
            found = find_call_out(session, reader, int(number))
            return f"{found.reference}: {found.subject}"
        case {"change": number}:
            find_change(session, int(number))
        case {"note": number}:
            find_note(session, int(number))
    return ""

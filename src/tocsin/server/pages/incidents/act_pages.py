"""What is done with an incident: the form of each act, and what the page of an incident adds to it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
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
from tocsin.interface import (
    Act,
    ActForm,
    FormHooks,
    FormVisit,
    NotHereError,
    OwnSurface,
    PageRouter,
    RefusedForm,
    form_fields,
    names_in,
    needs,
    number_in,
)
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.errors import ConflictError, UsageError
from tocsin.pipeline import notify_affected
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED
from tocsin.server.pages.incidents.affected_form import filter_fields, filter_of
from tocsin.server.pages.incidents.clock_words import clock_rules
from tocsin.server.pages.incidents.closing_notes import ClosingNotes, closing_notes
from tocsin.server.pages.incidents.ending_form import ending_answers, ending_questions
from tocsin.server.pages.incidents.evidence_pages import mails_from
from tocsin.server.pages.incidents.fields import choices_of, incident_at, reader_at
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import tab_after
from tocsin.server.pages.incidents.takedown_pages import indicators_text, values_of
from tocsin.server.pages.words import N_
from tocsin.server.security import text_of, texts_of

if TYPE_CHECKING:
    from tocsin.incidents import Incident
    from tocsin.incidents.arrivals import PublicReport

(_NOTIFY,) = notify_affected.ACTS
_ALL: Final = tuple(act for act in (*acts.ACTS, *takedown_acts.ACTS, _NOTIFY) if not isinstance(act.page, OwnSurface))
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

_SAID: Final = {"merge": "?done=merged&of={reference}", "unmerge": "?done=unmerged"}  # by the page that is back
_LINKED: Final = ("entry", "report", "rule", "party", "lesson", "team", "takedowns")  # by tabs of an incident
_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def act_pages(desk: PageContext) -> APIRouter:
    """The forms, and what they do.

    The tabs of an incident have the addresses of some acts, so the forms of all are at one, by the end of theirs.
    """
    router, hooks = PageRouter(), _hooks(desk)
    forms = {act: ActForm(desk, act, hooks, perform_with_undo) for act in _ALL}

    @router.get(PLACE + "/{reference}/act")
    def ask(request: Request, _visitor: _Worker, reference: str, act: str = "") -> Response:
        """The form of an act on an incident."""
        found, named = _act_at(act)
        named["reference"] = reference
        if found is _NOTIFY:
            return forms[found].do(request, named, FormData({"preview": "true"}))
        return forms[found].show(request, named)

    for act, form in forms.items():
        form.add_to(router, page="{reference}" not in act.page)
    return router


def _hooks(desk: PageContext) -> FormHooks:
    choices = {**choices_of(desk), "rules": _rules, "parties": _parties, "mails": _mails, "incidents": _others}
    return FormHooks(
        back=_back, after=_after, given=partial(_given, desk), linked=_LINKED, about=_about, choices=choices,
        named=_named, takes=partial(_takes, desk), shown=partial(_shown, desk), template="incidents/act.html",
    )  # fmt: skip


def _act_at(end: str) -> tuple[Act, dict[str, str]]:
    """The act of an end of an address, such as ``rename`` or ``tasks/7/done``, and which part of the incident.

    Raises:
        NotHereError: there is none.

    """
    if (found := _BELOW.get(end)) is not None and names_in(found.page) == ["reference"]:
        return found, {}
    kind, number, word = f"{end}//".split("/")[:3]
    for shape, act in _BELOW.items():
        if shape.startswith(f"{kind}/{{") and shape.endswith(f"}}/{word}"):
            return act, {names_in(act.page)[1]: number}
    raise NotHereError


def _named(named: Mapping[str, str]) -> Mapping[str, str]:
    """What an address names: an incident, and the number of a part of it.

    Raises:
        NotHereError: it is no number.

    """
    if any(number_in(one) is None for name, one in named.items() if name != "reference"):
        raise NotHereError
    return named


def _back(visit: FormVisit) -> tuple[str, str]:
    if incident := incident_at(visit):
        return f"{PLACE}/{incident.reference}{_tab_of(visit.act)}", incident.title
    return PLACE, visit.words.say(N_("Incidents"))


def _after(visit: FormVisit, done: Any) -> str:
    said = _SAID.get(visit.act.name, "").format(reference=done.reference)
    return f"{PLACE}/{done.reference}{_tab_of(visit.act)}{said}"


def _tab_of(act: Act) -> str:
    return tab_after(act.page.removeprefix(f"{PLACE}/{{reference}}/"))


def _takes(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    """What a form says besides its fields.

    Raises:
        UsageError: the form is too old.
        ConflictError: somebody else changed the same since its page was made.
        NotFoundError: there is no such incident for this visitor.
        RequestError: a condition of its filter cannot be read.

    """
    form, asks = visit.form, visit.act.request.model_fields
    made: dict[str, Any] = {**ending_answers(visit.act, form)}
    if "once" in asks and not text_of(form, "preview"):
        if (ticket := ticket_of(text_of(form, "made"), desk.tokens, desk.now)) is None:
            raise UsageError(_EXPIRED)
        made["once"] = ticket.act
    kind, seen = _SAME.get(visit.act.command.removeprefix("incidents ")), number_in(text_of(form, "seen"))
    changed = partial(changed_since, visit.session, reader_at(visit), _family(visit), but=visit.visitor.actor)
    if kind is not None and seen is not None and changed(seen=seen, kind=kind):
        raise ConflictError(CHANGED)
    if "matching" in asks:
        made["matching"] = filter_of(form)
    return made


def _given(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    """What the fields of a form say at first: how the incident is, or what an entry or report says."""
    session, reader, asked = visit.session, reader_at(visit), visit.asked
    if (incident := incident_at(visit)) is None:
        return {"lead": True}
    said: dict[str, Any] = {name: getattr(incident, name) or "" for name in _COLUMNS}
    said["withhold"] = incident.in_figures
    if visit.act.operation == "proposeTakedowns":
        said |= {"text": indicators_text(session, reader, incident), "basis": desk.node.settings.takedowns.basis}
    if asked.get("team"):
        said["role"] = PartyRole.VICTIM
    if report := asked.get("report"):
        said |= _of_report(find_report(session, reader, report))
    if number := number_in(asked.get("entry", "")):
        said["text"] = find_entry(session, reader, incident, number).text
    return said


def _of_report(report: "PublicReport") -> dict[str, Any]:
    """Its reporter as a party, and its text with the observables."""
    said = {name: getattr(report, name) for name in ("mailbox", "phone", "language")}
    return {**said, "role": PartyRole.REPORTER, "name": report.sender, "text": report.what}


def _family(visit: FormVisit) -> list["Incident"]:
    incident = incident_at(visit)
    return merged_family(visit.session, reader_at(visit), incident) if incident else []


def _rules(visit: FormVisit) -> list[tuple[str, str]]:
    return clock_rules(visit.session, visit.maker.now)


def _others(visit: FormVisit) -> list[tuple[str, str]]:
    """The other open incidents."""
    found = open_incidents(visit.session, reader_at(visit))
    return [(one.reference, one.title) for one in found if one is not incident_at(visit)]


def _parties(visit: FormVisit) -> list[tuple[str, str]]:
    found = parties_of(visit.session, reader_at(visit), _family(visit))
    return [(str(one.id), one.name) for one in found if one.left_at is None]


def _mails(visit: FormVisit) -> list[tuple[str, str]]:
    """The mails of the party that the form is of."""
    party = text_of(visit.form, "party") or visit.asked.get("party", "")
    found = mails_from(visit.session, reader_at(visit), _family(visit))
    return [mail for of, mails in found.items() if str(of.id) == party for mail in mails]


def _shown(desk: PageContext, visit: FormVisit, refused: RefusedForm) -> Mapping[str, Any]:
    """What the template takes besides."""
    act, session, reader, asks = visit.act, visit.session, reader_at(visit), visit.act.request.model_fields
    incident, family, words = incident_at(visit), _family(visit), desk.words(visit.request)
    texts = {name: text_of(visit.form, name) for name in visit.form}
    shown: dict[str, Any] = {
        "incident": incident, "seen": last_entry(session, reader, family), "made": form_word(desk.tokens, desk.now),
        "now": desk.now,
        "notes": closing_notes(desk, session, reader, family, act) if incident else ClosingNotes(),
        "questions": ending_questions(session, reader, act, incident, texts), "previews": "preview" in asks,
        "texts": texts_said(session, reader, family) if act is _NOTIFY else (),
    }  # fmt: skip
    if "matching" in asks:
        conditions = filter_fields(desk, visit.visitor, words, texts, refused.wrongs)
        shown["fields"] = [*conditions, *form_fields(visit, _hooks(desk), refused)]
    return shown


def _about(visit: FormVisit) -> str:
    """What part of an incident a form is about, in a few words; empty where it is about the incident.

    Raises:
        NotHereError: the incident has no such part.

    """
    if chosen := texts_of(visit.form, "takedowns") or visit.request.query_params.getlist("takedowns"):
        return values_of(visit.session, reader_at(visit), _family(visit), chosen)
    part = next((name for name in visit.named if name == "person" or name in _PARTS), "")
    if not part:
        return ""
    number = int(visit.named[part])
    if part == "person":
        return names_of(visit.session, [number]).get(number, "")
    find, column = _PARTS[part]
    found = [getattr(one, column) for one in find(visit.session, reader_at(visit), _family(visit)) if one.id == number]
    if not found:
        raise NotHereError
    return defang(found[0]) if part == "observable" else str(found[0])


_PARTS: Final[Mapping[str, tuple[Callable[[Session, IncidentReader, Sequence["Incident"]], Any], str]]] = {
    "task": (tasks_of, "text"),
    "party": (parties_of, "name"),
    "observable": (observables_of, "value"),
    "clock": (clocks_of, "title"),
    "evidence": (evidence_of, "name"),
    "hold": (holds_of, "ordered_by"),
}

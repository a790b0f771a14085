"""The forms of duty: what their pages add to the requests of the acts."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter

from tocsin.incidents import IncidentReader, open_incidents, people_for
from tocsin.incidents.duty import acts as duty_acts
from tocsin.incidents.duty import (
    find_call_out,
    find_change,
    find_note,
    find_roster,
    find_rule,
    live_rosters,
    newest_version,
    rules_of,
)
from tocsin.interface import FormHooks, FormVisit
from tocsin.node.accounts import Permission
from tocsin.pipeline import call_outs as rule_acts
from tocsin.pipeline.call_outs import CALLABLE
from tocsin.pipeline.to_do import KINDS
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import SEVERITIES
from tocsin.server.pages.incidents import STATES as INCIDENT_STATES
from tocsin.server.pages.words import N_

_ACTS: Final = (*duty_acts.ACTS, *rule_acts.ACTS)
_RULE: Final = ("name", "kinds", "severity", "minutes", "channels", "quiet_from", "quiet_to", "quiet_below")
_MOST_PROPOSED: Final = 50  # incidents in the text of a hand-over note


def act_pages(desk: PageContext) -> APIRouter:
    """The form of each act, and what it does."""
    return form_pages(desk, _ACTS, _HOOKS)


def _back(visit: FormVisit) -> tuple[str, str]:
    if visit.act.noun == "call-out":
        return "/duty/call-outs", visit.words.say(N_("Call-outs"))
    return "/duty", visit.words.say(N_("Duty"))


def _given(visit: FormVisit) -> Mapping[str, Any]:
    """What the fields say at first: as it is, or what a note begins with."""
    match visit.act.operation:
        case "editRosterDuty":
            row = find_roster(visit.session, visit.named["roster"])
            keeper = "" if row.keeper is None else str(row.keeper)
            return {"text": newest_version(visit.session, row).text, "keeper": keeper, "always": row.always}
        case "ruleCallOut" if asked := visit.asked.get("rule"):
            for one in rules_of(visit.session):
                if str(one.id) == asked:
                    rule = {name: getattr(one, name) for name in _RULE}
                    return {**rule, "roster": one.roster_id, "second": one.second_id, "people": one.people}
        case "handOverDuty":
            return {"text": _proposed(visit)}
    return {}


def _proposed(visit: FormVisit) -> str:
    """What a hand-over note begins with: the open incidents that the whole team may read."""
    lines, words = [], visit.words
    for one in open_incidents(visit.session, IncidentReader(None, visit.maker.now), limit=_MOST_PROPOSED):
        until = f" {one.waiting_until:%Y-%m-%d %H:%M} UTC" if one.waiting_until else ""
        waits = f" · {one.waiting_for}{until}" if one.waiting_for else ""
        state, severity = words.say(INCIDENT_STATES[one.state]), words.say(SEVERITIES[one.severity])
        lines.append(f"{one.reference} {one.title} · {severity} · {state}{waits}")
    return "\n".join(lines)


def _about(visit: FormVisit) -> str:
    """What a form is about.

    Raises:
        NotFoundError: there is no such thing for this reader.

    """
    session = visit.session
    match visit.named:
        case {"roster": number}:
            return find_roster(session, number).name
        case {"rule": number}:
            return find_rule(session, number).name
        case {"call_out": number}:
            found = find_call_out(session, IncidentReader(visit.visitor.person, visit.maker.now), int(number))
            return f"{found.reference}: {found.subject}"
        case {"change": number}:
            find_change(session, int(number))
        case {"note": number}:
            find_note(session, int(number))
    return ""


def _people(visit: FormVisit) -> list[tuple[str, str]]:
    return [(str(one.id), one.name) for one in people_for(visit.session, Permission.INCIDENTS_WRITE)]


def _rosters(visit: FormVisit) -> list[tuple[str, str]]:
    return [(str(one.row.id), one.row.name) for one in live_rosters(visit.session, visit.maker.now)]


def _severities(visit: FormVisit) -> list[tuple[str, str]]:
    levels = [(value, visit.words.say(said)) for value, said in SEVERITIES.items() if value != "unknown"]
    return [("", visit.words.say(N_("None"))), *levels]


def _kinds(visit: FormVisit) -> list[tuple[str, str]]:
    return [(one.value, visit.words.translate(KINDS[one].name)) for one in CALLABLE]


_HOOKS: Final = FormHooks(
    back=_back, given=_given, about=_about, linked={"start", "end", "phone", "rule"},
    choices={"people": _people, "rosters": _rosters, "severities": _severities, "kinds": _kinds},
)  # fmt: skip

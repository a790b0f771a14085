"""The forms of what is done with cases, messages, items and dispatches: whose they are, and what their fields offer."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from tocsin.exchange.ledger import (
    ExchangeCase,
    ExchangeMessage,
    OutgoingRow,
    acts,
    case_acts,
    earlier_incident,
    find_item,
    newest_recall,
    readable_row,
    recall_sum,
)
from tocsin.exchange.partners import list_partners, partner_names
from tocsin.exchange.ways import acts as way_acts
from tocsin.incidents import IncidentReader, known_references, open_incidents, references_by_number
from tocsin.interface import FormHooks, FormVisit, NotHereError, embedded_forms
from tocsin.node.errors import NotFoundError
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import Tlp

_PLACE: Final = "/exchange"
_ACTS: Final = {act.name: act for act in (*acts.ACTS, *case_acts.ACTS, *way_acts.ACTS)}
_ACCEPTED: Final = {
    True: N_("Each side keeps its own case. The partner gets the reference of yours."),
    False: N_("The case is yours from then on, with its history. The partner closes its own."),
}
"""What accepting a case ends in, by whether it is worked on together."""
_READ: Final = {
    "request": N_("Say to the partner that a person here has read it. The answer may come later."),
    "notice": N_("Note that a person here has read it. The partner gets no answer."),
}
_REPORTED: Final = N_(
    "Passed on to %(n)s partners: %(done)s done, %(kept)s kept, %(silent)s without an answer. The source learns the "
    "figures, not the names."
)


def exchange_act_pages(desk: PageContext) -> APIRouter:
    """The forms of the acts that have no page by hand."""
    return form_pages(desk, [*_ACTS.values()], _hooks(desk))


def exchange_forms(
    desk: PageContext, request: Request, session: Session, names: Mapping[str, bool], **of: int
) -> dict[str, Mapping[str, Any]]:
    """The forms of acts as parts of the page of what they change. ``names``: whether each can be done now."""
    open_acts = [_ACTS[name] for name, can in names.items() if can]
    return embedded_forms(desk, request, session, open_acts, _hooks(desk), **of)


def _hooks(desk: PageContext) -> FormHooks:
    return FormHooks(
        back=lambda visit: _back(desk, visit), after=lambda visit, done: _after(desk, visit, done),
        given=lambda visit: _given(desk, visit), linked={"partner"},
        choices={
            "incidents": lambda visit: _incidents(desk, visit), "partners": lambda visit: _partners(desk, visit),
            "labels": lambda visit: _labels(desk, visit),
        },
        shown=lambda visit, _: _shown(desk, visit),
    )  # fmt: skip


def _about(desk: PageContext, visit: FormVisit) -> Any:
    """The row that a form is about.

    Raises:
        NotHereError: it is not here, or not for this reader.

    """
    ((name, number),) = visit.named.items()
    try:
        match name:
            case "item":
                return find_item(visit.session, int(number))
            case "dispatch":
                if (row := visit.session.get(OutgoingRow, int(number))) is None:
                    raise NotHereError
                return row
            case "case":
                return readable_row(visit.session, _reader(desk, visit), ExchangeCase, int(number))
            case _:
                return readable_row(visit.session, _reader(desk, visit), ExchangeMessage, int(number))
    except NotFoundError:
        raise NotHereError from None


def _reader(desk: PageContext, visit: FormVisit) -> IncidentReader:
    return IncidentReader(visit.visitor.person, desk.now)


def _back(desk: PageContext, visit: FormVisit) -> tuple[str, str]:
    """The page of what a form is about, by its title, or that of its partner."""
    row = _about(desk, visit)
    ((name, number),) = visit.named.items()
    title = getattr(row, "title", "") or partner_names(visit.session, [row.partner_id])[row.partner_id]
    return f"{_PLACE}/{name}{'es' if name == 'dispatch' else 's'}/{number}", title


def _after(desk: PageContext, visit: FormVisit, done: Any) -> str:
    """To what an act made, else back."""
    match visit.act.name:
        case "ask-source":
            return f"{_PLACE}/messages/{done.message}"
        case "pass-on":
            return f"{_PLACE}/dispatches/{done.dispatch}"
    return _back(desk, visit)[0]


def _given(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    row = _about(desk, visit)
    match visit.act.name:
        case "accept":
            known = references_by_number(visit.session, _reader(desk, visit), [row.incident_id])
            return {"incident": known.get(row.incident_id or 0, "")}
        case "refuse":
            return {"code": "withdrawn" if row.withdrawn else ""}
        case "adopt":
            before = earlier_incident(visit.session, row)
            return {
                "incident": before if before in known_references(visit.session, _reader(desk, visit), {before}) else ""
            }
        case "consent" if row.question:
            return {"up_to": row.question.up_to, "until": row.question.until}
        case "ask-source":
            return {"up_to": row.tlp}
    return {}


def _incidents(desk: PageContext, visit: FormVisit) -> list[tuple[str, str]]:
    found = open_incidents(visit.session, _reader(desk, visit))
    return [(one.reference, one.title) for one in found]


def _partners(desk: PageContext, visit: FormVisit) -> list[tuple[str, str]]:
    """The partners to whom an item can go on, or of whom its source can be asked."""
    item, asks = _about(desk, visit), visit.act.name == "ask-source"
    others = [one.partner for one in list_partners(visit.session, desk.now) if one.partner.id != item.partner_id]
    can = [one for one in others if (one.node is None or one.node != item.node if asks else one.node is not None)]
    return [(str(one.id), one.name) for one in can]


def _labels(desk: PageContext, visit: FormVisit) -> list[tuple[str, str]]:
    """The labels up to that of an item, or up to that which was asked for."""
    row, labels = _about(desk, visit), [*Tlp]
    most = row.tlp if visit.act.name == "ask-source" else row.question.up_to if row.question else labels[-1]
    return [(str(one), f"TLP:{one}") for one in labels[: labels.index(Tlp(most)) + 1]]


def _shown(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    """What an act ends in, and what its button says, where that depends on what it is about."""
    row, words = _about(desk, visit), desk.words(visit.request)
    match visit.act.name:
        case "accept":
            return {"notice": _ACCEPTED[row.joint]}
        case "acknowledge":
            return {"notice": _READ[row.kind]}
        case "consent" if row.question:
            return {"button": words.say(N_("Consent to passing it on to %(name)s"), name=row.question.name)}
        case "report" if (recall := newest_recall(visit.session, row)) and recall.answered_at:
            sum_ = recall_sum(visit.session, recall)
            figures = {"n": sum_.passed_on, "done": sum_.done, "kept": sum_.kept, "silent": sum_.silent}
            said = {name: words.number(figure) for name, figure in figures.items()}
            return {"notice": words.say(_REPORTED, **said)}
    return {}

"""What the forms of incidents offer to choose from, and their fields where another page shows them."""

from collections.abc import Callable, Mapping
from functools import partial

from fastapi import Request
from sqlalchemy.orm import Session

from tocsin.events import RSIT_TYPES
from tocsin.incidents import Incident, IncidentReader, find_incident, people_for
from tocsin.incidents.closing import UNKNOWN, causes_for, read_causes
from tocsin.incidents.playbooks import listed_playbooks
from tocsin.interface import Act, FormField, FormHooks, FormVisit, RefusedForm, form_fields
from tocsin.node.accounts import Permission
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_, OURS, PageTexts, languages

_Options = list[tuple[str, str]]


def fields_of(
    desk: PageContext, request: Request, act: Act, session: Session, refused: RefusedForm | None = None
) -> list[FormField]:
    """The fields of an act where a page shows them that is not its form, or is of several incidents."""
    hooks = FormHooks(back=lambda _: ("", ""), choices=choices_of(desk))
    return form_fields(FormVisit(desk, request, act, {"reference": ""}, session), hooks, refused or RefusedForm())


def reader_at(visit: FormVisit) -> IncidentReader:
    """As whom a form reads."""
    return IncidentReader(visit.visitor.person, visit.maker.now)


def incident_at(visit: FormVisit) -> Incident | None:
    """The incident that a form is of; None: it is of none yet, or of several."""
    reference = visit.named.get("reference")
    return find_incident(visit.session, reader_at(visit), reference) if reference else None


def choices_of(desk: PageContext) -> Mapping[str, Callable[[FormVisit], _Options]]:
    """What fields offer, by the name that their `Wording` has."""
    return {
        "people": partial(_people, Permission.INCIDENTS_WRITE),
        "readers": partial(_people, Permission.INCIDENTS_READ),
        "types": _types,
        "languages": lambda _: [(one, PageTexts.name_of(one)) for one in languages(OURS)],
        "playbooks": partial(_playbooks, desk),
        "causes": partial(_causes, desk),
    }


def _people(permission: Permission, visit: FormVisit) -> _Options:
    return [(str(one.id), one.name) for one in people_for(visit.session, permission)]


def _types(_visit: FormVisit) -> _Options:
    return [(one, f"{of}/{one}") for one, of in sorted(RSIT_TYPES.items(), key=lambda pair: (pair[1], pair[0]))]


def _playbooks(desk: PageContext, visit: FormVisit) -> _Options:
    shown = desk.words(visit.request).catalogue.gettext
    return [(one.key, shown(one.playbook.name)) for one in listed_playbooks(visit.session)]


def _causes(desk: PageContext, visit: FormVisit) -> _Options:
    """The root causes of the node, those first that are usual for the type of the incident."""
    incident, words = incident_at(visit), desk.words(visit.request)
    found = causes_for(read_causes(desk.node.home), incident.rsit_type if incident else "")
    return [(UNKNOWN, words.say(N_("Unknown"))), *((one.id, words.catalogue.gettext(one.title)) for one in found)]

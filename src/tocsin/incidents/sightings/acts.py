"""What a person does with observables and where they were seen; they are added in `tocsin.incidents.part_acts`."""

from typing import Annotated, Final

from pydantic import Field

from tocsin.incidents.act_parts import (
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    Validity,
    changing,
    incident_act,
    reader_of,
)
from tocsin.incidents.models import IncidentObservable
from tocsin.incidents.read import find_incident, find_observable, merged_family, observables_of
from tocsin.incidents.sightings.look_back import lock_ingests
from tocsin.incidents.sightings.write import PastSightings
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, ActContext
from tocsin.node.sentences import say

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class ObservableChosen(IncidentNamed):
    """Which observable."""

    observable: Number = Field(title=N_("Observable"), description="The number of the observable.")


class ObservableValidity(ObservableChosen):
    """Until when it is looked for."""

    valid_until: Validity = Field(
        None, description="Until when it is looked for in what comes in; without it, with no end."
    )


class SightingsResult(IncidentResult):
    """Besides: how many observables were looked up, and how many of them were seen within 90 days."""

    observables: int = 0
    sighted: int = 0


def set_validity(context: ActContext, request: ObservableValidity) -> IncidentResult:
    """After that it no longer matches; what was seen stays. One that had expired is looked up again."""
    wanted = [one for one in observables_now(context, request) if one[0] == request.observable]
    past = PastSightings.of(context, [(kind, value) for _, kind, value in wanted])
    with changing(context, request, first=lock_ingests) as opened:
        found = find_observable(opened.session, opened.reader, opened.incident, request.observable)
        if found.valid_until == request.valid_until:
            return opened.done()
        found.valid_until = request.valid_until
        past.note(opened.session, [(0, found)])
        until = request.valid_until.isoformat() if request.valid_until else None
        data = {"act": "validity", "values": [found.value], "until": until}
        return opened.done(opened.enter(IncidentEntryKind.OBSERVABLE, data=data, of=found))


def look_up(context: ActContext, request: IncidentNamed) -> SightingsResult:
    """Events of the last 90 days are searched again for all observables of the incident."""
    wanted = observables_now(context, request)
    past = PastSightings.of(context, [(kind, value) for _, kind, value in wanted])
    places = {number: place for place, (number, *_) in enumerate(wanted)}
    with changing(context, request, first=lock_ingests) as opened:
        rows = [(places[one.id], one) for one in _of_family(opened) if one.id in places]
        sighted = past.note(opened.session, rows)
        data = {"act": "looked-up", "values": [], "count": len(rows), "sighted": sighted}
        made = opened.enter(IncidentEntryKind.OBSERVABLE, data=data)
        return SightingsResult(**opened.done(made).model_dump(), observables=len(rows), sighted=sighted)


def review(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """The new sightings of its observables are no to-do item any more, until the next."""
    with changing(context, request) as opened:
        new = [one for one in _of_family(opened) if one.unreviewed_since is not None]
        if not new:
            return opened.done()
        made = None
        for number in sorted({one.incident_id for one in new}):  # each in its own incident, which others may not read
            mine = [one for one in new if one.incident_id == number]
            data = {"act": "reviewed", "values": sorted(one.value for one in mine)[:20], "count": len(mine)}
            made = opened.enter(IncidentEntryKind.OBSERVABLE, data=data, of=mine[0])
        for one in new:
            one.unreviewed_since = None
        return opened.done(made)


def observables_now(context: ActContext, request: IncidentNamed) -> list[tuple[int, str, str]]:
    """Number, kind and value of the observables of an incident, before the transaction that changes it."""
    reader = reader_of(context)
    with context.database.reading() as session:
        incident = find_incident(session, reader, request.reference)
        found = observables_of(session, reader, merged_family(session, reader, incident))
        return [(one.id, one.kind, one.value) for one in found]


def _of_family(opened: OpenIncident) -> list[IncidentObservable]:
    family = merged_family(opened.session, opened.reader, opened.incident)
    return list(observables_of(opened.session, opened.reader, family))


ACTS: Final = (
    incident_act(
        "set-validity", "Set until when an observable is looked for", set_validity, title=N_("Set validity"),
        path="observables/{observable}/validity", name="set-validity", noun="observable of incident",
        command="observables set-validity", arguments=("reference", "observable"),
        undo=lambda _: say("Validity set"),
    ),
    incident_act(
        "look-up", "Look up the observables of an incident in past events", look_up, title=N_("Look up again"),
        path="observables/look-up", name="look-up", noun="observables of incident", command="observables look-up",
        told="{reference} {title}: {sighted} of {observables} observables seen.", undo=lambda _: say("Looked up"),
    ),
    incident_act(
        "review", "Mark new sightings as reviewed", review, title=N_("Mark sightings as reviewed"),
        path="observables/review", name="review", noun="sightings of incident", command="observables review",
        undo=lambda _: say("Sightings reviewed"),
    ),
)  # fmt: skip
"""What can be done with observables and their sightings."""

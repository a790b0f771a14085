"""What a person does with the affected systems of an incident, and what notifications say of it."""

from collections.abc import Collection
from typing import Annotated, Final, Protocol, cast
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import ReleasedNote, note_block
from tocsin.delivery.texts import check_filled, open_text_folders, texts_for
from tocsin.directory import read_directory
from tocsin.events import EventStore
from tocsin.incidents.act_parts import (
    IncidentAddition,
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    OwnMarking,
    Text,
    author_of,
    changing,
    done_before,
    incident_act,
    kept,
    marking_for,
    once_of,
    reader_of,
)
from tocsin.incidents.models import Incident, IncidentPopulation, IncidentText
from tocsin.incidents.populations.keys import pack, unpack
from tocsin.incidents.populations.read import affected_of, held_from, keys_of, populations_of, texts_of
from tocsin.incidents.read import (
    find_incident,
    is_restricted,
    known_entry,
    merged_family,
    observables_of,
    references_by_number,
)
from tocsin.incidents.sightings import Number, ObservableChosen, PastSightings, observables_now
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, NotFoundError, SimultaneousError, UsageError
from tocsin.node.sentences import say
from tocsin.problems import FoundProblems, ProblemList, ProblemSearch, read_problem
from tocsin.sharing.gate import ReleasePurpose, decide, read_marking, recipient_of

MOST: Final = 10_000
"""So many problems are named one by one at once; more by a filter."""

_Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
_PASSING: Final = ("state", "due")  # conditions that end when a problem is fixed: it stays in its incident


class _Stores(Protocol):
    """The node with what these acts ask."""

    store: EventStore
    problems: ProblemList


class AffectedSystems(IncidentAddition):
    """Problems of an incident: named one by one, or by a filter."""

    problems: Annotated[tuple[_Key, ...], Wording(option="--problem", hidden=True)] = Field(
        (), max_length=MOST, title=N_("Problems"), description="Keys of problems, 16 hexadecimal digits each."
    )
    matching: Annotated[str, Wording(hidden=True)] = Field(
        "", max_length=2_000, title=N_("Filter of problems"),
        description="A filter as in the address of the list of problems.",
        examples=["kind=open-rdp&address=192.0.2.0/24"],
    )  # fmt: skip
    freeze: bool = Field(
        default=False,
        title=N_("Only those that match now"),
        description="Keep those that match now; without it, also those that come.",
    )


class PopulationChosen(IncidentNamed):
    """Which of the affected systems."""

    population: Number = Field(title=N_("Affected systems"), description="The number of the filter or the list.")


class NotificationText(OwnMarking, IncidentNamed):
    """What the notifications of affected teams say, in one language."""

    language: Annotated[str, Wording(choices="languages")] = Field(
        "en", pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", title=N_("Language"), description="Its language (BCP 47)."
    )
    text: Text = Field(min_length=1, max_length=3_000, description="What their notifications say of the incident.")
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class AffectedNotification(IncidentAddition):
    """Notify the teams of the affected systems that are open, also of what they were notified of before."""

    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class AffectedResult(IncidentResult):
    """Besides: how many problems the incident has now, all parts of it together."""

    problems: int = 0


class TextResult(IncidentResult):
    """Besides: the text as a mail shows it, how many teams of affected systems get it, and how many may not."""

    block: str = ""
    teams: int = 0
    withheld: int = 0


def attach(context: ActContext, request: AffectedSystems) -> AffectedResult:
    """Their state is counted from problems and answers. With a filter, those that match later belong to it too.

    Raises:
        UsageError: neither problems nor a filter are named, or both; or none is found.

    """
    if (done := done_before(context, request)) is not None:
        return AffectedResult(**done.model_dump())
    if bool(request.problems) is bool(request.matching):
        raise UsageError(say("Name problems, or a filter."))
    problems = cast("_Stores", context.node).problems
    if request.problems:
        found = problems.among({read_problem(one) for one in request.problems}, now=context.now)
        return _add_list(context, request, found.keys)
    search = ProblemSearch.read(dict(parse_qsl(request.matching)))
    search = search if request.freeze else search.without(*_PASSING)
    if not (query := search.query()):
        raise UsageError(say("This filter has no condition."), hint=say("Name a kind, an address, a team …"))
    keys = problems.find(search, now=context.now).keys if request.freeze else None
    with changing(context, request) as opened:
        made = _added(opened, query, keys)
        data: dict[str, object] = {
            "act": "attached",
            "query": query,
            "count": None if keys is None else len(keys),
            "number": made.id,
        }
        return _done(opened, data, once=once_of(context, request))


def attach_sighted(context: ActContext, request: ObservableChosen) -> AffectedResult:
    """The problems of the events of the last 90 days in which the observable was seen."""
    wanted = [one for one in observables_now(context, request) if one[0] == request.observable]
    past = PastSightings.of(context, [(kind, value) for _, kind, value in wanted])
    keys = past.matches["problem"].drop_nulls().unique().to_numpy().view(np.uint64)
    reader = reader_of(context)
    with context.database.reading() as session:  # its own incident may be restricted where the one asked for is not
        family = merged_family(session, reader, find_incident(session, reader, request.reference))
        numbers = [one.incident_id for one in observables_of(session, reader, family) if one.id == request.observable]
        owner = next(iter(references_by_number(session, reader, numbers).values()), request.reference)
    named = IncidentAddition(reference=owner, once="")
    return _add_list(context, named, keys, values=[value for *_, value in wanted])


def _add_list(
    context: ActContext, request: IncidentAddition, keys: npt.NDArray[np.uint64], values: Collection[str] = ()
) -> AffectedResult:
    """Add problems to those that were selected before: one list of an incident holds them all."""
    if not len(keys):
        raise UsageError(say("No problem is found."))
    with changing(context, request) as opened:
        row = IncidentPopulation
        mine = row.incident_id == opened.incident.id, row.frozen_at.is_not(None)
        rows = opened.session.scalars(select(row).where(*mine).order_by(row.id))
        known = next((one for one in rows if not one.query), None)
        if known is None:
            known = _added(opened, {}, keys)
        else:
            known.keys = pack(np.concatenate([unpack(known.keys), keys]))
        data = {"act": "attached", "query": {}, "count": len(keys), "values": list(values), "number": known.id}
        return _done(opened, data, once=once_of(context, request))


def detach(context: ActContext, request: PopulationChosen) -> AffectedResult:
    """The problems stay as they are; they count no more for the incident."""
    with changing(context, request) as opened:
        found = _found(opened, request.population)
        opened.session.delete(found)
        data: dict[str, object] = {"act": "detached", "query": found.query, "number": found.id}
        return _result(opened, opened.enter(IncidentEntryKind.POPULATION, data=data, of=found).id)


def freeze(context: ActContext, request: PopulationChosen) -> AffectedResult:
    """The problems that match now are kept as a list; what comes later is not added to it."""
    problems = cast("_Stores", context.node).problems
    with changing(context, request) as opened:
        found = _found(opened, request.population)
        if found.frozen_at is not None:
            return _result(opened)
        keys = keys_of(found, problems, context.now)
        found.keys, found.frozen_at = pack(keys), context.now
        data = {"act": "frozen", "query": found.query, "count": len(keys), "number": found.id}
        return _result(opened, opened.enter(IncidentEntryKind.POPULATION, data=data, of=found).id)


def set_text(context: ActContext, request: NotificationText) -> TextResult:
    """From now on, each notification of a team with affected systems carries it, until it is withdrawn.

    Raises:
        ConflictError: the incident is restricted: who reads notifications would read of it.

    """
    check_filled(context.node.home, text=request.text)
    text = kept(context, request.text).strip()
    reach = _reach(context, request, text)
    if request.preview:
        return reach
    with changing(context, request) as opened:
        incident = opened.incident
        known = opened.session.scalar(
            select(IncidentText).where(
                IncidentText.incident_id == incident.id, IncidentText.language == request.language
            )
        )
        if known is None:
            known = IncidentText(
                incident_id=incident.id, compartment_id=incident.compartment_id, language=request.language
            )
            opened.session.add(known)
        tlp = marking_for(context, incident, request)
        known.text, known.tlp, known.set_at, known.withdrawn_at = text, tlp, context.now, None
        data = {"act": "text", "language": request.language, "teams": reach.teams, "withheld": reach.withheld}
        data |= {"tlp_reason": kept(context, request.tlp_reason)} if request.tlp_reason else {}
        made = opened.enter(IncidentEntryKind.POPULATION, text, data=data, tlp=tlp)
        return reach.model_copy(update={"entry": made.id})


def withdraw_text(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """Notifications that leave from now on are without it, in all languages; those that left stay."""
    with changing(context, request) as opened:
        texts = texts_of(opened.session, opened.reader, [opened.incident])
        if not texts:
            return opened.done()
        for one in texts:
            one.withdrawn_at = context.now
        data = {"act": "text-withdrawn", "languages": [one.language for one in texts]}
        return opened.done(opened.enter(IncidentEntryKind.POPULATION, data=data))


def affected_keys(context: ActContext, request: IncidentNamed) -> npt.NDArray[np.uint64]:
    """The problems of an incident, of which teams are to be notified.

    Raises:
        ConflictError: the incident is restricted.
        UsageError: it has no affected systems.

    """
    with context.database.reading() as session:
        _, affected = _affected(context, session, request)
    if not affected.total:
        raise UsageError(say("No problem is found."), hint=say("Attach affected systems first."))
    return affected.keys


def note_notified(session: Session, context: ActContext, request: AffectedNotification, **data: object) -> None:
    """Note in a transaction that teams are notified of the affected systems: the entry of the incident.

    Raises:
        SimultaneousError: the same form did it meanwhile.

    """
    reader, once = reader_of(context), once_of(context, request)
    incident = find_incident(session, reader, request.reference, lock=True)
    if once and known_entry(session, reader, once) is not None:
        raise SimultaneousError(say("The same was done at this moment."))
    opened = OpenIncident(context, session, reader, incident, author_of(session, context))
    opened.enter(IncidentEntryKind.POPULATION, data={"act": "notified", **data}, once=once)


def _affected(context: ActContext, session: Session, request: IncidentNamed) -> tuple[Incident, FoundProblems]:
    """An incident that everybody here reads, and its problems.

    Raises:
        ConflictError: it is restricted.

    """
    reader = reader_of(context)
    incident = find_incident(session, reader, request.reference)
    if is_restricted(incident):
        raise ConflictError(
            say("The incident is restricted: whoever reads notifications would read of it."),
            hint=say("Open it to the whole team first, or write to its parties."),
        )
    populations = populations_of(session, reader, merged_family(session, reader, incident))
    return incident, affected_of(populations, cast("_Stores", context.node).problems, context.now)


def _reach(context: ActContext, request: NotificationText, text: str) -> TextResult:
    """Who would get a text."""
    with context.database.reading() as session:
        incident, affected = _affected(context, session, request)
        reader = reader_of(context)
        state = OpenIncident(context, session, reader, incident, "").done()
        held = held_from(session, reader, incident)
    settings = context.node.settings.node
    teams, own = read_directory(context.database).by_id, frozenset(settings.own_teams)
    marking = read_marking(marking_for(context, incident, request), None)
    recipients = [recipient_of(teams[team], own=own) for team in affected.teams() if team in teams]
    may = [
        decide(marking, one, ReleasePurpose.REMEDIATION, voluntary=one.official in held).allowed for one in recipients
    ]
    texts = texts_for(request.language, open_text_folders(context.node.home, settings.language))
    block = note_block(ReleasedNote(incident.reference, text, marking), texts)
    return TextResult(**state.model_dump(), block=block, teams=may.count(True), withheld=may.count(False))


def _added(opened: OpenIncident, query: dict[str, str], keys: npt.NDArray[np.uint64] | None) -> IncidentPopulation:
    incident, now = opened.incident, opened.context.now
    made = IncidentPopulation(
        incident_id=incident.id, compartment_id=incident.compartment_id, query=query,
        keys="" if keys is None else pack(keys), added_at=now, frozen_at=None if keys is None else now,
    )  # fmt: skip
    opened.session.add(made)
    opened.session.flush()
    return made


def _found(opened: OpenIncident, number: int) -> IncidentPopulation:
    family = merged_family(opened.session, opened.reader, opened.incident)
    found = populations_of(opened.session, opened.reader, family)
    chosen = next((one for one in found if one.id == number), None)
    if chosen is None:
        raise NotFoundError(say("There is no such thing in incident %(name)s.", name=opened.incident.reference))
    return chosen


def _done(opened: OpenIncident, data: dict[str, object], *, once: str | None = None) -> AffectedResult:
    return _result(opened, opened.enter(IncidentEntryKind.POPULATION, data=data, once=once).id)


def _result(opened: OpenIncident, entry: int | None = None) -> AffectedResult:
    family = merged_family(opened.session, opened.reader, opened.incident)
    populations = populations_of(opened.session, opened.reader, family)
    problems = cast("_Stores", opened.context.node).problems
    total = affected_of(populations, problems, opened.context.now).total
    return AffectedResult(**{**opened.done().model_dump(), "entry": entry}, problems=total)


_PLACE: Final = "affected/{population}"
_TOLD: Final = "{reference} {title}: {problems} affected systems."

ACTS: Final = (
    incident_act(
        "attach", "Attach affected systems to an incident", attach, title=N_("Attach affected systems"),
        path="affected", name="attach", makes=True, noun="affected systems", command="affected attach", told=_TOLD,
        undo=lambda _: say("Affected systems attached"),
    ),
    incident_act(
        "attach-sighted", "Attach the systems in whose events an observable was seen", attach_sighted,
        title=N_("Attach affected systems"), path="observables/{observable}/affected", name="attach-sighted",
        noun="affected systems", command="affected attach-sighted", arguments=("reference", "observable"), told=_TOLD,
        undo=lambda _: say("Affected systems attached"),
    ),
    incident_act(
        "detach", "Detach affected systems from an incident", detach, title=N_("Detach affected systems"),
        path=f"{_PLACE}/detach", name="detach", noun="affected systems", command="affected detach",
        arguments=("reference", "population"), told=_TOLD, undo=lambda _: say("Affected systems detached"),
    ),
    incident_act(
        "freeze", "Keep the affected systems that match now", freeze, title=N_("Keep as a list"),
        path=f"{_PLACE}/freeze", name="freeze", noun="affected systems", command="affected freeze",
        arguments=("reference", "population"), told=_TOLD, undo=lambda _: say("List kept"),
    ),
    incident_act(
        "set-text", "Set what notifications say of an incident", set_text, title=N_("Text in notifications"),
        button=N_("Save"), path="affected/text", name="set-text", noun="notification text", command="affected set-text",
        undo=lambda _: say("Text set"), told="{reference} {title}: {teams} teams get it, {withheld} may not.",
    ),
    incident_act(
        "withdraw-text", "Withdraw what notifications say of an incident", withdraw_text,
        title=N_("Withdraw the text of notifications"), path="affected/text/withdraw", name="withdraw-text",
        noun="notification text", command="affected withdraw-text", undo=lambda _: say("Text withdrawn"),
    ),
)  # fmt: skip
"""What can be done with the affected systems of an incident."""

"""What is written of take-downs, in the transaction of an act: one that is proposed, sightings and what follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import OpenIncident
from tocsin.incidents.models import IncidentObservable, Party
from tocsin.incidents.states import ObservableRole
from tocsin.incidents.takedowns.models import Takedown, TakedownRecipient, TakedownSighting
from tocsin.incidents.takedowns.proposal import ProposedRecipient, TakedownTarget
from tocsin.incidents.takedowns.states import ContentState, TakedownRole, TakedownState, state_after
from tocsin.incidents.write import add_observable
from tocsin.interface import ActContext


@dataclass(frozen=True, slots=True)
class TakedownTerms:
    """What mails say of a take-down, and what may be done with it: see `Takedown`."""

    ground: str
    basis: str
    necessity: str
    pap: str


@dataclass(frozen=True, slots=True)
class SightingFacts:
    """What was seen, how, from where, and when."""

    seen: ContentState
    how: str
    place: str
    at: datetime


def add_takedown(
    opened: OpenIncident,
    target: TakedownTarget,
    recipients: Sequence[ProposedRecipient],
    terms: TakedownTerms,
    sighting: SightingFacts,
) -> Takedown | None:
    """A new take-down, or one that was withdrawn and is asked for anew; None where there is one already."""
    session, incident = opened.session, opened.incident
    observable = _observable(opened, target)
    row = session.scalar(select(Takedown).where(Takedown.observable_id == observable.id))
    if row is not None and row.state != TakedownState.WITHDRAWN:
        return None
    if row is None:
        row = Takedown(
            incident_id=incident.id, compartment_id=incident.compartment_id, observable_id=observable.id, host="",
            address=""
        )  # fmt: skip
    else:
        for one in session.scalars(select(TakedownRecipient).where(TakedownRecipient.takedown_id == row.id)):
            session.delete(one)
        row.host = ""
    row.ground, row.basis, row.necessity, row.pap = terms.ground, terms.basis, terms.necessity, terms.pap
    row.state, row.proposed_at = TakedownState.PROPOSED.value, opened.context.now
    row.asked_at = row.gone_at = row.due_at = row.objected_at = row.answered_at = None
    session.add(row)
    session.flush()
    add_recipients(opened, row, target.address, recipients)
    add_sighting(opened, row, sighting)
    return row


def add_recipients(
    opened: OpenIncident, takedown: Takedown, address: str, recipients: Sequence[ProposedRecipient]
) -> None:
    """Note where it is hosted, and who can take it down; ``host`` is the first that is one."""
    takedown.address = address
    takedown.host = takedown.host or next((one.name for one in recipients if one.role is TakedownRole.HOST), "")
    opened.session.add_all(
        TakedownRecipient(
            incident_id=takedown.incident_id, compartment_id=takedown.compartment_id, takedown_id=takedown.id,
            role=one.role.value, team_id=one.team, name=one.name, mailbox=one.mailbox, language=one.language,
            reason=one.reason, party_id=None, asked_at=None,
        )
        for one in recipients
    )  # fmt: skip
    opened.session.flush()


def add_sighting(opened: OpenIncident, takedown: Takedown, facts: SightingFacts) -> None:
    """Note what was seen, and nothing else."""
    opened.session.add(
        TakedownSighting(
            incident_id=takedown.incident_id, compartment_id=takedown.compartment_id, takedown_id=takedown.id,
            at=facts.at, seen=facts.seen.value, how=facts.how, place=facts.place, by=opened.author,
        )
    )  # fmt: skip


def record_sighting(opened: OpenIncident, takedown: Takedown, facts: SightingFacts) -> None:
    """Note what was seen, and what follows from it; from one that is older than another, nothing."""
    newer = TakedownSighting.takedown_id == takedown.id, TakedownSighting.at > facts.at
    is_newest = opened.session.scalar(select(TakedownSighting.id).where(*newer).limit(1)) is None
    add_sighting(opened, takedown, facts)
    if is_newest:
        state = state_after(TakedownState(takedown.state), facts.seen, asked=takedown.asked_at is not None)
        takedown.state = state.value
        takedown.gone_at = (takedown.gone_at or facts.at) if state is TakedownState.GONE else None
        waits = state in {TakedownState.ASKED, TakedownState.REFUSED}
        takedown.due_at = next_look(opened.context) if waits else None


def delete_takedown(session: Session, observable: IncidentObservable) -> None:
    """Delete the take-down of an observable that is erased, with all that was seen and proposed of it."""
    row = session.scalar(select(Takedown).where(Takedown.observable_id == observable.id))
    if row is None:
        return
    for part in (TakedownRecipient, TakedownSighting):
        for one in session.scalars(select(part).where(part.takedown_id == row.id)):
            session.delete(one)
    session.flush()
    session.delete(row)
    session.flush()


def forget_recipient(session: Session, party: Party) -> None:
    """Empty what take-downs have of a party that is erased; where it was only proposed to ask it, nothing is left."""
    row = TakedownRecipient
    same = and_(row.incident_id == party.incident_id, row.mailbox == party.mailbox, row.mailbox != "")
    for one in session.scalars(select(row).where(or_(row.party_id == party.id, same))):
        takedown = session.get_one(Takedown, one.takedown_id)
        takedown.host = "" if takedown.host == one.name else takedown.host
        one.name = one.mailbox = ""
        if one.asked_at is None:
            session.delete(one)


def next_look(context: ActContext) -> datetime:
    """When it is to be looked at again."""
    return context.now + timedelta(days=context.node.settings.takedowns.remind_days)


def _observable(opened: OpenIncident, target: TakedownTarget) -> IncidentObservable:
    """The observable of a target, which is added where it is not there."""
    incident, row = opened.incident, IncidentObservable
    role, now = ObservableRole.INDICATOR.value, opened.context.now
    add_observable(opened.session, incident, target.kind, target.value, role=role, tlp=incident.tlp, now=now)
    same = row.incident_id == incident.id, row.kind == target.kind.value, row.value == target.value
    return opened.session.scalars(select(row).where(*same)).one()

"""Evidence and legal holds read: by people, inside their compartments; and by what deletes, whoever may read them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReceivedMail
from tocsin.incidents.arrivals import ReportMail
from tocsin.incidents.evidence.models import IncidentEvidence, LegalHold
from tocsin.incidents.models import Incident, IncidentEntry, IncidentReport
from tocsin.incidents.read import TEAM, IncidentReader, merged_family, readable
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.threads import IncidentMail
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.sentences import say

_Row = TypeVar("_Row", IncidentEvidence, LegalHold)


def evidence_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[IncidentEvidence]:
    """The items of incidents, in the order that they were added."""
    row = IncidentEvidence
    of = row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row)
    return session.scalars(select(row).where(*of).order_by(row.id)).all()


def holds_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[LegalHold]:
    """The legal holds on incidents, also those that are over, in the order that they began."""
    row = LegalHold
    of = row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row)
    return session.scalars(select(row).where(*of).order_by(row.id)).all()


def find_evidence(session: Session, reader: IncidentReader, incident: Incident, number: int) -> IncidentEvidence:
    """An item of an incident or of what was merged into it, by its number.

    Raises:
        NotFoundError: the reader knows none of this number there.

    """
    family = merged_family(session, reader, incident)
    return _one(evidence_of(session, reader, family), incident, number)


def find_hold(session: Session, reader: IncidentReader, incident: Incident, number: int) -> LegalHold:
    """A legal hold on an incident, by its number; as `find_evidence`."""
    return _one(holds_of(session, reader, merged_family(session, reader, incident)), incident, number)


def custody_of(
    session: Session, reader: IncidentReader, incidents: Sequence[Incident], items: Collection[int] = ()
) -> list[IncidentEntry]:
    """The entries of the chain of custody, the first first. ``items``: only of these."""
    row = IncidentEntry
    of = row.incident_id.in_([one.id for one in incidents]), row.kind == IncidentEntryKind.EVIDENCE.value
    found = session.scalars(select(row).where(*of, readable(session, reader, row)).order_by(row.id))
    return [one for one in found if not items or not items_in(one).isdisjoint(items)]


def items_in(entry: IncidentEntry) -> set[int]:
    """The numbers of the items that an entry of custody is about."""
    return {one for one in (entry.data.get("evidence"), *entry.data.get("items", ())) if isinstance(one, int)}


def is_in_force(hold: LegalHold, now: datetime) -> bool:
    """Whether nothing may be deleted because of a hold."""
    return hold.lifted_at is None and (hold.until is None or hold.until > now)


# What deletes asks for the holds of all, whatever their compartment: nothing of it is shown to whoever may not read it.


def held_reports(session: Session, now: datetime) -> set[int]:
    """The numbers of the reports of the inbox that are in an incident under a legal hold."""
    of = IncidentReport.incident_id.in_(_held(session, now))
    return set(session.scalars(select(IncidentReport.report_id).where(of)))


def held_incidents(session: Session, now: datetime) -> list[tuple[str, UUID]]:
    """The references and UUIDs of the incidents under a legal hold, with all that were merged into them."""
    of = Incident.id.in_(_held(session, now))
    return [
        (reference, name) for reference, name in session.execute(select(Incident.reference, Incident.uuid).where(of))
    ]


def check_hold(session: Session, incidents: Collection[int], now: datetime) -> None:
    """Whether something of incidents may be deleted.

    Raises:
        ConflictError: one of them is under a legal hold. It says which, and who ordered it, where the team reads that.

    """
    wanted = set(incidents) & set(_held(session, now))
    if not wanted:
        return
    row = LegalHold
    above = _above(session, wanted)
    found = session.execute(
        select(row, Incident)
        .join(Incident, Incident.id == row.incident_id)
        .where(row.incident_id.in_(above), *_now(now))
    ).all()
    hint = say("Nothing of it is deleted until the hold ends or is lifted.")
    hold, incident = next(((one, of) for one, of in found if of.compartment_id == TEAM), (None, None))
    if hold is None or incident is None:
        raise ConflictError(say("It is under a legal hold."), hint=hint)
    named = {"reference": incident.reference, "who": hold.ordered_by}
    raise ConflictError(say("%(reference)s is under a legal hold, ordered by %(who)s.", **named), hint=hint)


def holds_above(session: Session, incident: Incident, now: datetime) -> Sequence[LegalHold]:
    """The holds in force that cover an incident: its own, and those on what it is merged into, whoever reads them."""
    of = LegalHold.incident_id.in_(_above(session, [incident.id])), *_now(now)
    return session.scalars(select(LegalHold).where(*of).order_by(LegalHold.id)).all()


def incidents_of_reports(session: Session, reports: Collection[int]) -> set[int]:
    """The numbers of the incidents that reports of the inbox are in."""
    return set(session.scalars(select(IncidentReport.incident_id).where(IncidentReport.report_id.in_(reports))))


def incidents_of_mails(session: Session, digests: Collection[str]) -> set[int]:
    """The numbers of the incidents that mails with these bytes are in: by a thread, or by a report of the inbox."""
    of_threads = set(session.scalars(select(IncidentMail.incident_id).where(IncidentMail.sha256.in_(digests))))
    mails = select(ReceivedMail.id).where(ReceivedMail.sha256.in_(digests))
    reports = session.scalars(select(ReportMail.report_id).where(ReportMail.mail_id.in_(mails))).all()
    return of_threads | incidents_of_reports(session, reports)


def items_with_files(session: Session, reader: IncidentReader, digests: Collection[str]) -> list[str]:
    """What a purge calls the items with these bytes, of incidents that the reader may read."""
    row = IncidentEvidence
    query = select(Incident.reference, row.id).join(Incident, Incident.id == row.incident_id)
    query = query.where(row.kept.is_(True), row.sha256.in_(digests), readable(session, reader, row))
    return [f"incident:{reference}:evidence-{number}" for reference, number in session.execute(query.order_by(row.id))]


def kept_digests(session: Session) -> set[str]:
    """The SHA-256 of all files that are kept."""
    return set(session.scalars(select(IncidentEvidence.sha256).where(IncidentEvidence.kept.is_(True)).distinct()))


def _now(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return LegalHold.lifted_at.is_(None), or_(LegalHold.until.is_(None), LegalHold.until > now)


def _held(session: Session, now: datetime) -> list[int]:
    """The numbers of the incidents under a hold, with all that were merged into them."""
    found = set(session.scalars(select(LegalHold.incident_id).where(*_now(now))))
    newest = found
    while newest:
        merged = set(session.scalars(select(Incident.id).where(Incident.merged_into.in_(newest))))
        newest = merged - found
        found |= newest
    return sorted(found)


def _above(session: Session, incidents: Collection[int]) -> set[int]:
    """The incidents, and those that they were merged into."""
    found, newest = set(incidents), set(incidents)
    while newest:
        into = session.scalars(select(Incident.merged_into).where(Incident.id.in_(newest)))
        newest = {one for one in into if one is not None} - found
        found |= newest
    return found


def _one(rows: Sequence[_Row], incident: Incident, number: int) -> _Row:
    found = next((one for one in rows if one.id == number), None)
    if found is None:
        raise NotFoundError(say("There is no such thing in incident %(name)s.", name=incident.reference))
    return found

"""What is written of incidents: a new one, and entries; each with its line in the audit log, in one transaction."""

import hashlib
import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.models import (
    Compartment,
    CompartmentMember,
    Incident,
    IncidentAlias,
    IncidentEntry,
    IncidentLook,
    IncidentObservable,
    IncidentReport,
    IncidentTask,
    Party,
)
from tocsin.incidents.read import TEAM
from tocsin.incidents.reference import new_reference
from tocsin.incidents.states import IncidentEntryKind, IncidentState, ObservableKind, SeverityLevel, TaskState
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, audit, insert_for


def add_incident(
    session: Session,
    *,
    title: str,
    actor: str,
    now: datetime,
    rsit_type: str = "",
    tlp: str = "AMBER",
    lead: int | None = None,
    members: Collection[int] = (),
    once: str | None = None,
    author: str = "",
    opened_at: datetime | None = None,
) -> Incident:
    """A new incident with its first entry. ``members``: only these persons may read it.

    ``once``, ``author``: as of an entry. ``opened_at``: when it began to be worked on, if not now.
    """
    if once is not None:
        known = select(Incident).join(IncidentEntry, IncidentEntry.incident_id == Incident.id)
        if (before := session.scalar(known.where(IncidentEntry.once == once))) is not None:
            return before
    incident = Incident(
        uuid=uuid4(), reference=new_reference(), title=title, rsit_type=rsit_type,
        severity=SeverityLevel.UNKNOWN.value, tlp=tlp,
        state=(IncidentState.NEW if lead is None else IncidentState.OPEN).value, waiting_for="", waiting_until=None,
        lead=lead, merged_into=None, opened_at=opened_at or now, changed_at=now, closed_at=None, compartment_id=TEAM,
    )  # fmt: skip
    if members:
        incident.compartment_id = add_compartment(session, members, actor=actor, now=now)
    session.add(incident)
    session.flush()
    add_entry(
        session, incident, IncidentEntryKind.OPENED, actor=actor, now=now, text=title, once=once, author=author,
        happened_at=opened_at,
    )  # fmt: skip
    return incident


def note_look(session: Session, incident: Incident, person: int, entry: int) -> None:
    """Note up to which entry a person has seen an incident."""
    row = insert_for(session, IncidentLook).values(incident_id=incident.id, person=person, entry=entry)
    session.execute(row.on_conflict_do_update(index_elements=["person", "incident_id"], set_={"entry": entry}))


def add_compartment(session: Session, members: Collection[int], *, actor: str, now: datetime) -> int:
    """The number of a new restricted compartment that names these persons."""
    made = Compartment(made_at=now)
    session.add(made)
    session.flush()
    for person in sorted(set(members)):
        add_member(session, made.id, person, actor=actor, now=now)
    return made.id


def add_member(
    session: Session,
    compartment: int,
    person: int,
    *,
    actor: str,
    now: datetime,
    until: datetime | None = None,
    reason: str = "",
) -> None:
    """Let a person read a restricted compartment, where he may not yet. ``until``, ``reason``: see the model."""
    member = CompartmentMember(compartment_id=compartment, person=person, added_at=now, added_by=actor)
    member.until, member.reason, member.reviewed_by = until, reason, None
    session.add(member)


def add_entry(
    session: Session,
    incident: Incident,
    kind: IncidentEntryKind,
    *,
    actor: str,
    now: datetime,
    text: str = "",
    data: dict[str, Any] | None = None,
    happened_at: datetime | None = None,
    tlp: str = "",
    party: Party | None = None,
    supersedes: IncidentEntry | None = None,
    once: str | None = None,
    author: str = "",
) -> IncidentEntry:
    """An entry, and its hash in the audit log. ``once``: where one of this name is here, it is given back as it is.

    ``tlp``: its marking, of the incident if empty. ``happened_at``: when, if not now. ``author``: whose word it is,
    where that is another than who typed it, whom the audit log names.
    """
    if once is not None and (known := session.scalar(select(IncidentEntry).where(IncidentEntry.once == once))):
        return known
    entry = IncidentEntry(
        incident_id=incident.id, compartment_id=incident.compartment_id, kind=kind.value,
        happened_at=happened_at or now, recorded_at=now, by=author or actor, text=text, data=data or {},
        tlp=tlp or incident.tlp,
        party_id=None if party is None else party.id, supersedes=None if supersedes is None else supersedes.id,
        sha256="", once=once,
    )  # fmt: skip
    entry.sha256 = entry_hash(entry)
    session.add(entry)
    session.flush()
    incident.changed_at = now
    detail: dict[str, object] = {"entry": entry.id, "kind": kind.value, "sha256": entry.sha256}
    subject = f"incident:{incident.reference}"
    audit(session, AuditAction.INCIDENT_ENTRY, at=now, actor=actor, subject=subject, detail=detail)
    return entry


def entry_hash(entry: IncidentEntry) -> str:
    """SHA-256 of what an entry says, as JSON with sorted keys, so that anybody can reckon it again."""
    said = {
        "kind": entry.kind, "happened_at": entry.happened_at.astimezone(UTC).isoformat(),
        "recorded_at": entry.recorded_at.astimezone(UTC).isoformat(),
        "by": entry.by, "text": entry.text, "data": entry.data, "tlp": entry.tlp, "party": entry.party_id,
        "supersedes": entry.supersedes,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# Parts of an incident, and who reads it.


_CONTENT: Final[tuple[Any, ...]] = (
    IncidentEntry,
    IncidentAlias,
    Party,
    IncidentTask,
    IncidentObservable,
)
"""The tables of what is in an incident, each with its compartment; its reports of the inbox may be in others, too."""


def add_party(
    session: Session,
    incident: Incident,
    *,
    role: str,
    team: int | None,
    name: str,
    mailbox: str,
    phone: str,
    language: str,
    ceiling: str,
    now: datetime,
) -> Party:
    """Somebody who takes part; the entry is the caller's. ``team``: its number in the directory."""
    made = Party(
        incident_id=incident.id, compartment_id=incident.compartment_id, role=role, team_id=team, name=name,
        mailbox=mailbox, phone=phone, language=language, ceiling=ceiling, added_at=now, left_at=None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def add_task(
    session: Session, incident: Incident, text: str, *, owner: int | None, due_at: datetime | None, now: datetime
) -> IncidentTask:
    """Something to do; the entry is the caller's."""
    made = IncidentTask(
        incident_id=incident.id, compartment_id=incident.compartment_id, text=text, state=TaskState.OPEN.value,
        owner=owner, due_at=due_at, result="", made_at=now, ended_at=None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def add_observable(
    session: Session, incident: Incident, kind: ObservableKind, value: str, *, role: str, tlp: str, now: datetime
) -> bool:
    """Whether it was not there before, or had been withdrawn; the entry is the caller's."""
    row = IncidentObservable
    same = row.incident_id == incident.id, row.kind == kind.value, row.value == value
    known = session.scalar(select(row).where(*same))
    if known is not None:
        new, known.withdrawn_at = known.withdrawn_at is not None, None
        return new
    session.add(
        row(
            incident_id=incident.id, compartment_id=incident.compartment_id, kind=kind.value, value=value, role=role,
            tlp=tlp, added_at=now, valid_until=None, withdrawn_at=None,
        )
    )  # fmt: skip
    session.flush()
    return True


def move_to_compartment(session: Session, incident: Incident, compartment: int) -> None:
    """Let those of another compartment read an incident, and all that is in it, its reports of the inbox too.

    Its correspondence is moved by `threads.move_correspondence`.
    """
    incident.compartment_id = compartment
    for content in _CONTENT:
        for row in session.scalars(select(content).where(content.incident_id == incident.id)):
            row.compartment_id = compartment
    held = select(IncidentReport.report_id).where(IncidentReport.incident_id == incident.id)
    for report in session.scalars(select(PublicReport).where(PublicReport.id.in_(held))):
        settle_report(session, report)


def settle_report(session: Session, report: PublicReport) -> None:
    """Give a report of the inbox the compartment of its incidents: a restricted one, where one of them is.

    Letters to its reporter are shown with it alone then.
    """
    session.flush()
    links = session.scalars(
        select(IncidentReport).where(IncidentReport.report_id == report.id).order_by(IncidentReport.id)
    ).all()
    of = Incident.id.in_([one.incident_id for one in links])
    restricted = session.scalars(
        select(Incident.compartment_id).where(of, Incident.compartment_id != TEAM).order_by(Incident.id)
    ).all()
    if report.compartment_id not in restricted:
        report.compartment_id = restricted[0] if restricted else TEAM
    for link in links:
        link.compartment_id = report.compartment_id
    written = Letter.key.startswith(f"inbox:{report.reference}:"), Letter.state != LetterState.HELD.value
    for letter in session.scalars(select(Letter).where(*written)):  # one that is held is shown to who lets it go
        letter.about = f"inbox:{report.reference}" if report.compartment_id != TEAM else ""


def remove_member(session: Session, compartment: int, person: int, *, now: datetime) -> bool:
    """Whether a person could read a restricted compartment, and now cannot any more.

    That somebody let himself in stays to be reviewed.
    """
    member = CompartmentMember
    rows = session.scalars(select(member).where(member.compartment_id == compartment, member.person == person)).all()
    could = any(row.until is None or row.until > now for row in rows)
    for row in rows:
        if row.reason and row.reviewed_by is None:
            row.until = now if row.until is None else min(row.until, now)
        else:
            session.delete(row)
    session.flush()
    return could


def keep_reviews(session: Session, former: int, compartment: int, *, now: datetime) -> None:
    """Take along to another compartment what is to be reviewed: who let himself in, who reads no more by that."""
    member = CompartmentMember
    waits = member.compartment_id == former, member.reason != "", member.reviewed_by.is_(None)
    for row in session.scalars(select(member).where(*waits)).all():
        until = now if row.until is None else min(row.until, now)
        kept = {name: getattr(row, name) for name in ("person", "added_at", "added_by", "reason")}
        session.add(member(compartment_id=compartment, until=until, reviewed_by=None, **kept))


# What comes from another tool.


def add_alias(session: Session, incident: Incident, name: str) -> None:
    """Let an incident be found by its name in another tool, too."""
    session.add(IncidentAlias(incident_id=incident.id, compartment_id=incident.compartment_id, name=name))
    session.flush()


def incident_of_alias(session: Session, name: str) -> Incident | None:
    """The incident of an alias, whoever may read it: what comes for it goes there and nowhere else."""
    of = select(IncidentAlias.incident_id).where(IncidentAlias.name == name)
    return session.scalar(select(Incident).where(Incident.id.in_(of)).with_for_update())


def incident_of_number(session: Session, number: int) -> Incident:
    """The incident with this number of the records, to be changed."""
    return session.get_one(Incident, number, with_for_update=True)


def names_kept(session: Session, incident: Incident) -> set[str]:
    """The names (``once``) of what the entries of an incident came by."""
    row = IncidentEntry
    return set(session.scalars(select(row.once).where(row.incident_id == incident.id, row.once.is_not(None))))


def parties_by_mailbox(session: Session, incident: Incident) -> dict[str, Party]:
    """Who takes part in an incident, or did, by address."""
    rows = session.scalars(select(Party).where(Party.incident_id == incident.id).order_by(Party.id.desc()))
    return {one.mailbox: one for one in rows if one.mailbox}

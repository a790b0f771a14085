"""What a person wrote in an incident is erased; and whether all entries are still what the audit log says they were.

An erased entry keeps its hash, time, kind and author: the log and its seals still verify.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tocsin.incidents.evidence import EvidenceState, IncidentEvidence
from tocsin.incidents.models import (
    Incident,
    IncidentEntry,
    IncidentObservable,
    IncidentTask,
    IncidentText,
    ObservableSighting,
    Party,
)
from tocsin.incidents.read import TEAM, IncidentReader, readable
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.takedowns import delete_takedown, forget_recipient
from tocsin.incidents.threads import IncidentMail, forget_mail, forget_party
from tocsin.incidents.write import entry_hash
from tocsin.node.errors import NotFoundError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, AuditEntry, find_tombstone
from tocsin.node.sentences import say

PART_NAME: Final = r"(?i:inc)-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}:(entry|party|mail|task|observable|evidence)-[0-9]{1,9}"
"""What a part of an incident is called: ``INC-4KX7-9M2P:entry-12``."""

_CHUNK: Final = 5_000
_TYPED: Final[Mapping[str, tuple[str, ...]]] = {
    IncidentEntryKind.PARTY.value: ("name",),
    IncidentEntryKind.TASK.value: ("what",),
    IncidentEntryKind.MILESTONE.value: ("known_from",),
    IncidentEntryKind.OBSERVABLE.value: ("values", "known", "unread"),
    IncidentEntryKind.EVIDENCE.value: (
        "name",
        "sha256",
        "size",
        "seal",
        "place",
        "person",
        "how",
        "who",
        "order",
        "tlp_reason",
    ),
    IncidentEntryKind.POPULATION.value: ("query", "values", "tlp_reason"),
    IncidentEntryKind.NOTICE.value: ("cited",),
    IncidentEntryKind.EXCHANGE.value: ("name",),
}  # fmt: skip
"""What of the data of an entry people typed, by its kind; of a changed title both are."""


class IncidentPartKind(StrEnum):
    """What of an incident can be erased."""

    ENTRY = "entry"
    PARTY = "party"
    MAIL = "mail"
    TASK = "task"
    OBSERVABLE = "observable"
    EVIDENCE = "evidence"


IncidentPart: TypeAlias = IncidentEntry | Party | IncidentMail | IncidentTask | IncidentObservable | IncidentEvidence
_TABLES: Final[Mapping[IncidentPartKind, Any]] = {
    IncidentPartKind.ENTRY: IncidentEntry,
    IncidentPartKind.PARTY: Party,
    IncidentPartKind.MAIL: IncidentMail,
    IncidentPartKind.TASK: IncidentTask,
    IncidentPartKind.OBSERVABLE: IncidentObservable,
    IncidentPartKind.EVIDENCE: IncidentEvidence,
}


@dataclass(frozen=True)
class ErasablePart:
    """A part of an incident. ``name``: as `PART_NAME`. ``related``: entries that name it too, and stay."""

    incident: Incident
    row: IncidentPart
    name: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangedEntry:
    """An entry that is not what the audit log says. ``incident``: empty where that is restricted, or gone."""

    entry: int
    incident: str
    reason: str


@dataclass
class EntryCheck:
    """What was found. ``erased``: entries without what they said; ``undone``: that an undo took back."""

    entries: int = 0
    erased: int = 0
    undone: int = 0
    changed: list[ChangedEntry] = field(default_factory=list)


def find_part(session: Session, reader: IncidentReader | None, name: str) -> ErasablePart:
    """A part of an incident by its name. ``reader``: None finds all, as after a backup was restored.

    Raises:
        NotFoundError: the reader knows none.

    """
    reference, _, part = name.partition(":")
    kind, _, number = part.partition("-")
    table = _TABLES[IncidentPartKind(kind)]
    query = select(table, Incident).join(Incident, Incident.id == table.incident_id)
    query = query.where(Incident.reference == reference, table.id == int(number))
    if reader is not None:
        query = query.where(readable(session, reader, Incident), readable(session, reader, table))
    found = session.execute(query).one_or_none()
    if found is None:
        raise NotFoundError(say("There is nothing here that is called '%(reference)s'.", reference=name[:60]))
    row, incident = found
    return ErasablePart(incident, row, name, tuple(_related(session, incident, row)))


def letters_of_part(session: Session, part: ErasablePart) -> list[Letter]:
    """The letters that say the same: by which a mail left, or that announced access to a restricted incident."""
    match part.row:
        case IncidentEntry() as entry:
            said = Letter.key.startswith(f"incident-access:{entry.id}:")
        case IncidentMail(letter=key) if key:
            said = Letter.key == key
        case _:
            return []
    return list(session.scalars(select(Letter).where(said)))


def erase_part(session: Session, name: str) -> None:
    """Erase what people wrote in a part of an incident, in the caller's transaction."""
    match row := find_part(session, None, name).row:
        case IncidentEntry():
            if row.kind == IncidentEntryKind.POPULATION and row.data.get("act") == "text":
                same = IncidentText.incident_id == row.incident_id, IncidentText.text == row.text
                session.execute(delete(IncidentText).where(*same))
            row.text, row.data = "", _erased(row)
        case IncidentMail():
            forget_mail(row)
        case Party():
            forget_party(session, row)
            forget_recipient(session, row)
            row.name = row.mailbox = row.phone = ""
        case IncidentTask():
            row.text = row.result = ""
        case IncidentObservable():
            delete_takedown(session, row)
            session.execute(delete(ObservableSighting).where(ObservableSighting.observable_id == row.id))
            session.delete(row)
        case IncidentEvidence():
            row.name = row.sha256 = row.seal = row.place = ""
            row.size, row.kept, row.state = None, False, EvidenceState.DESTROYED.value
    session.flush()


def check_entries(session: Session) -> EntryCheck:
    """Compare every entry of every incident with the audit log, by its hash. The seals are checked elsewhere."""
    found, top = EntryCheck(), session.scalar(select(func.max(IncidentEntry.id))) or 0
    seen = bytearray(top + 1)
    for chunk in _noted(session):
        rows = _rows(session, [entry for entry, _, _ in chunk])
        for entry, subject, sha256 in chunk:
            if entry <= top and seen[entry]:
                continue  # its number was given anew after an undo
            if entry in rows:
                seen[entry] = 1
                _compare(session, found, rows[entry], subject, sha256)
            elif _is_undone(session, subject):
                found.undone += 1
            else:
                found.changed.append(ChangedEntry(entry, _openly(session, subject), "deleted"))
    for number in session.scalars(
        select(IncidentEntry.id).order_by(IncidentEntry.id).execution_options(yield_per=_CHUNK)
    ):
        if not seen[number]:
            found.changed.append(ChangedEntry(number, "", "not in the audit log"))
    return found


def _noted(session: Session) -> Iterator[list[tuple[int, str, str]]]:
    """Entry, subject and hash of what the audit log has of entries, the newest first."""
    entry = AuditEntry
    query = select(entry.detail, entry.subject).where(entry.word == AuditAction.INCIDENT_ENTRY.value)
    for rows in session.execute(query.order_by(entry.id.desc()).execution_options(yield_per=_CHUNK)).partitions():
        yield [(int(str(detail["entry"])), subject, str(detail["sha256"])) for detail, subject in rows]


def _rows(session: Session, numbers: list[int]) -> dict[int, tuple[IncidentEntry, Incident]]:
    rows = select(IncidentEntry, Incident).join(Incident, Incident.id == IncidentEntry.incident_id)
    found = {one.id: (one, of) for one, of in session.execute(rows.where(IncidentEntry.id.in_(numbers)))}
    session.expunge_all()
    return found


def _compare(
    session: Session, found: EntryCheck, row: tuple[IncidentEntry, Incident], subject: str, sha256: str
) -> None:
    entry, incident = row
    found.entries += 1
    name = incident.reference if incident.compartment_id == TEAM else ""
    if subject != f"incident:{incident.reference}":
        found.changed.append(ChangedEntry(entry.id, name, "moved to another incident"))
    elif entry.sha256 == sha256 == entry_hash(entry):
        return
    elif entry.sha256 == sha256 and find_tombstone(session, f"{subject}:{IncidentPartKind.ENTRY}-{entry.id}"):
        found.erased += 1
    else:
        found.changed.append(ChangedEntry(entry.id, name, "changed"))


def _is_undone(session: Session, subject: str) -> bool:
    undone = AuditEntry.word == AuditAction.ACT_UNDONE.value, AuditEntry.subject == subject
    return session.scalar(select(AuditEntry.id).where(*undone).limit(1)) is not None


def _openly(session: Session, subject: str) -> str:
    reference = subject.partition(":")[2]
    named = Incident.reference == reference, Incident.compartment_id == TEAM
    return session.scalar(select(Incident.reference).where(*named)) or ""


def _erased(entry: IncidentEntry) -> dict[str, Any]:
    typed = _TYPED.get(entry.kind, ())
    if entry.kind == IncidentEntryKind.CHANGE and entry.data.get("what") == "title":
        typed = ("before", "after")
    return {name: type(value)() if name in typed else value for name, value in entry.data.items()}


def _related(session: Session, incident: Incident, row: IncidentPart) -> Iterator[str]:
    """The entries that name a party, a task or an observable too; the mail of an entry."""
    if isinstance(row, IncidentEntry) and row.kind in {IncidentEntryKind.MAIL_IN, IncidentEntryKind.MAIL_OUT}:
        yield f"incident:{incident.reference}:{IncidentPartKind.MAIL}-{row.data['mail']}"
    kinds = {Party: "party", IncidentTask: "task", IncidentObservable: "observable", IncidentEvidence: "evidence"}
    kind = kinds.get(type(row))
    if kind is None:
        return
    entry = IncidentEntry
    about = entry.kind == kind if kind != "party" else entry.party_id == row.id
    for one in session.scalars(select(entry).where(entry.incident_id == incident.id, about).order_by(entry.id)):
        named = one.party_id, one.data.get("task"), one.data.get("evidence"), *one.data.get("values", ())
        named = *named, *one.data.get("items", ())
        if (row.value if isinstance(row, IncidentObservable) else row.id) in named:
            yield f"incident:{incident.reference}:{IncidentPartKind.ENTRY}-{one.id}"


def plain_part(name: str) -> str:
    """A name of a part as it is written here."""
    reference, _, part = name.partition(":")
    kind, _, number = part.partition("-")
    return f"{reference.upper()}:{kind}-{int(number)}"

"""Seals over the audit log: signed batches, each bound to the one before, so that no entry changes or goes unnoticed.

Entries are added in the transactions of what they tell of, and are not touched any more. One sealer takes those that no
seal holds yet, writes down the hash of each, and signs all of it with the hash of the seal before. Ids may become
visible late, when a transaction that drew a lower one ends after a seal was made; so a seal names the ids that it
holds, and a later one takes what came late. docs/design/audit-seals.md says why it is sound.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.node.files import disk_failures, write_whole
from tocsin.node.paths import HomeFile
from tocsin.node.records.audit import AuditEntry, AuditSeal
from tocsin.node.records.engine import Database
from tocsin.node.records.identity import node_uuid
from tocsin.node.records.kill_points import cut
from tocsin.node.records.seal_keys import public_hex

BATCH: Final = 10_000
"""At most so many entries are in one seal."""

LATE: Final = timedelta(days=1)
"""An entry may become visible so long after one with a higher id was sealed; no transaction of ours takes so long."""

START: Final = "0" * 64
"""What the first seal names as the hash of the one before."""

Runs = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Head:
    """The newest seal: its number and hash. Whoever has it elsewhere can tell a log that was cut or made anew."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def seal(database: Database, key: Ed25519PrivateKey, *, now: datetime, home: Path | None = None) -> int:
    """Seal all entries that no seal holds yet; how many they were. Others may add entries, or seal, at the same time.

    ``home``: where the file with the newest seal is kept.

    Raises:
        StorageError: the records or the file cannot be written.

    """
    node, sealed = node_uuid(database), 0
    while made := _seal_batch(database, key, node, now):
        sealed += made.count
        cut("seals.written")
        if home is not None:
            _keep_head(home, Head(made.number, seal_hash(made, node)))
    return sealed


def _seal_batch(database: Database, key: Ed25519PrivateKey, node: UUID, now: datetime) -> AuditSeal | None:
    """One more seal; None where there is nothing to seal, or another sealer was quicker."""
    with database.reading() as session:
        before = newest_seal(session)
        entries = unsealed(session, before, now)
    if not entries:
        return None
    made = make_seal(entries, before, key, node, now)
    try:
        with database.begin() as session:
            # Entries never change, so nothing but the seal before can have become another one meanwhile.
            if _number(newest_seal(session)) != _number(before):
                return None
            session.add(made)
            session.flush()
            cut("seals.writing")
    except IntegrityError:
        return None
    return made


def make_seal(
    entries: Sequence[AuditEntry], before: AuditSeal | None, key: Ed25519PrivateKey, node: UUID, now: datetime
) -> AuditSeal:
    """The seal over these entries, in order of their ids."""
    leaves = b"".join(map(leaf, entries))
    made = AuditSeal(
        number=_number(before) + 1,
        at=now,
        count=len(entries),
        ids=runs_of(entry.id for entry in entries),
        top=max(entries[-1].id, before.top if before else 0),
        leaves=leaves,
        previous=seal_hash(before, node) if before else START,
        digest=hashlib.sha256(leaves).hexdigest(),
        key=public_hex(key.public_key()),
    )
    made.signature = key.sign(statement(made, node)).hex()
    return made


def statement(made: AuditSeal, node: UUID) -> bytes:
    """What is signed."""
    names = ("number", "count", "ids", "top", "previous", "digest", "key")
    said = {name: getattr(made, name) for name in names}
    return _canonical({**said, "node": str(node), "at": _instant(made.at)})


def seal_hash(made: AuditSeal, node: UUID) -> str:
    """SHA-256 of what is signed, in hexadecimal."""
    return hashlib.sha256(statement(made, node)).hexdigest()


def leaf(entry: AuditEntry | Row[Any]) -> bytes:
    """SHA-256 of all that one entry says, the same on every database."""
    said = {"id": entry.id, "at": _instant(entry.at), "actor": entry.actor, "word": entry.word}
    return hashlib.sha256(_canonical({**said, "subject": entry.subject, "detail": entry.detail})).digest()


def newest_seal(session: Session) -> AuditSeal | None:
    """The seal with the highest number."""
    return session.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))


def unsealed(session: Session, before: AuditSeal | None, now: datetime) -> list[AuditEntry]:
    """The entries that the next seal takes, in order of their ids: late ones first, at most `BATCH`."""
    top = before.top if before else 0
    late = _late(session, top, now)
    query = select(AuditEntry).where((AuditEntry.id > top) | AuditEntry.id.in_(late))
    return list(session.scalars(query.order_by(AuditEntry.id).limit(BATCH)))


def late_floor(session: Session, now: datetime) -> int:
    """Up to this id nothing may come late any more."""
    old = select(AuditSeal.top).where(AuditSeal.at <= now - LATE).order_by(AuditSeal.number.desc()).limit(1)
    return session.scalar(old) or 0


def _late(session: Session, top: int, now: datetime) -> list[int]:
    """Ids up to ``top`` that no seal holds and that still may come late, at most a thousand."""
    floor = late_floor(session, now)
    within = (AuditEntry.id > floor) & (AuditEntry.id <= top)
    recent = select(AuditSeal.ids).where(AuditSeal.at > now - LATE)
    runs = [(max(first, floor + 1), last) for ids in session.scalars(recent) for first, last in ids]
    held = sum(max(0, last - first + 1) for first, last in runs)
    if session.scalar(select(func.count()).select_from(AuditEntry).where(within)) == held:
        return []  # the usual case
    sealed = set(numbers_of(runs))
    found = session.scalars(select(AuditEntry.id).where(within).order_by(AuditEntry.id))
    return [number for number in found if number not in sealed][:1000]


def read_head(home: Path) -> Head | None:
    """The newest seal as the home folder remembers it; None where it does not."""
    try:
        said = json.loads((home / HomeFile.AUDIT_HEAD).read_text(encoding="ascii"))
        return Head(int(said["number"]), str(said["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep_head(home: Path, head: Head) -> None:
    with disk_failures("The newest seal could not be noted"):
        write_whole(home / HomeFile.AUDIT_HEAD, json.dumps({"number": head.number, "hash": head.hash}).encode("ascii"))


def runs_of(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as runs, first and last of each."""
    found = list(numbers)
    if not found:
        return []
    breaks = [place for place, (one, other) in enumerate(pairwise(found), 1) if other != one + 1]
    return [[found[first], found[last - 1]] for first, last in pairwise([0, *breaks, len(found)])]


def numbers_of(runs: Runs) -> Iterable[int]:
    """The numbers in runs."""
    return (number for first, last in runs for number in range(first, last + 1))


def _number(made: AuditSeal | None) -> int:
    return made.number if made else 0


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _canonical(said: dict[str, Any]) -> bytes:
    text = json.dumps(_plain(said), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def _plain(value: Any) -> Any:
    """A value of JSON as every database gives it back: PostgreSQL keeps ``1e3`` and ``-0.0`` as ``1000`` and ``0``."""
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value

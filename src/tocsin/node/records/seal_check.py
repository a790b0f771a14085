"""Whether the audit log is as it was sealed, and if not, exactly what is wrong with it."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from tocsin.node.records.audit import AuditEntry, AuditSeal
from tocsin.node.records.engine import Database
from tocsin.node.records.identity import NodeIdentity
from tocsin.node.records.seal_keys import public_hex
from tocsin.node.records.seals import START, Head, late_floor, leaf, numbers_of, seal_hash, statement

Kind = Literal["changed", "missing", "inserted", "seal changed", "seal missing", "seal unbound", "seal key"]

_SEALS_AT_ONCE: Final = 200
_LEAF = 32  # bytes of a SHA-256
_BELOW_ALL = -(2**31)


@dataclass(frozen=True)
class SealFinding:
    """One thing that is wrong. ``entry``: its id; ``seal``: its number; None where it is about the other."""

    kind: Kind
    entry: int | None = None
    seal: int | None = None

    def __str__(self) -> str:
        return _WORDS[self.kind].format(entry=self.entry, seal=self.seal)


_WORDS: Final[dict[Kind, str]] = {
    "changed": "Entry {entry} was changed after seal {seal}.",
    "missing": "Entry {entry} of seal {seal} is missing.",
    "inserted": "Entry {entry} was inserted among sealed entries.",
    "seal changed": "Seal {seal} was changed after it was signed.",
    "seal missing": "Seal {seal} is missing.",
    "seal unbound": "Seal {seal} does not follow the one before it.",
    "seal key": "Seal {seal} was signed with a key that is not this node's.",
}


@dataclass
class SealCheckResult:
    """What a check found. ``waiting``: entries that the next seal will take; ``head``: the newest seal."""

    entries: int = 0
    seals: int = 0
    waiting: int = 0
    sealed_at: datetime | None = None
    head: Head | None = None
    findings: list[SealFinding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def check_seals(
    database: Database, keys: Collection[Ed25519PublicKey], *, now: datetime, heads: Sequence[Head] = ()
) -> SealCheckResult:
    """All entries held against all seals, and the seals against the node's public keys and each other.

    ``heads``: seals that must be there as they were noted elsewhere.

    Raises:
        StorageError: the records cannot be read.

    """
    trusted = {public_hex(key): key for key in keys}
    with database.reading() as session:
        node = session.scalar(select(NodeIdentity.uuid)) or UUID(int=0)
        found = _SealCheck(session, node, trusted, {head.number: head.hash for head in heads})
        for block in _blocks(session):
            found.seals(block)
            found.entries(block)
        found.rest(now)
        return found.verdict


def _blocks(session: Session) -> Iterator[list[AuditSeal]]:
    """All seals by their numbers, some at once."""
    number = _BELOW_ALL
    while block := list(
        session.scalars(
            select(AuditSeal).where(AuditSeal.number > number).order_by(AuditSeal.number).limit(_SEALS_AT_ONCE)
        )
    ):
        number = block[-1].number
        yield block
        session.expunge_all()


class _SealCheck:
    """What is known halfway through. ``_strays``: entries that no seal held so far, with lower ids than sealed ones."""

    def __init__(
        self, session: Session, node: UUID, trusted: dict[str, Ed25519PublicKey], heads: dict[int, str]
    ) -> None:
        self.session, self.node, self.trusted, self.heads = session, node, trusted, heads
        self.verdict = SealCheckResult()
        self._previous, self._number, self._up_to = START, 0, _BELOW_ALL
        self._strays: set[int] = set()

    def seals(self, block: Sequence[AuditSeal]) -> None:
        for one in block:
            self.verdict.findings += self._wrong_with(one)
            self._number, self._previous = one.number, seal_hash(one, self.node)
            self.verdict.seals += 1
            self.verdict.sealed_at = one.at
            self.verdict.head = Head(one.number, self._previous)

    def _wrong_with(self, one: AuditSeal) -> Iterator[SealFinding]:
        gap = range(self._number + 1, one.number)
        yield from (SealFinding("seal missing", seal=number) for number in gap)
        if not gap and one.previous != self._previous:
            yield SealFinding("seal unbound", seal=one.number)
        key = self.trusted.get(one.key)
        if key is None:
            yield SealFinding("seal key", seal=one.number)
        noted = self.heads.pop(one.number, None)
        known = noted is None or noted == seal_hash(one, self.node)
        whole = one.digest == hashlib.sha256(one.leaves).hexdigest() and _fits(one)
        if not (known and whole and (key is None or _signed(one, key, self.node))):
            yield SealFinding("seal changed", seal=one.number)

    def entries(self, block: Sequence[AuditSeal]) -> None:
        """Hold the entries of some seals against them; what lies between and is in none may yet be in a later one."""
        held = {
            number: (one.number, one.leaves[place * _LEAF : (place + 1) * _LEAF])
            for one in block
            if _fits(one)
            for place, number in enumerate(numbers_of(one.ids))
        }
        if not held:
            return
        first, last = min(*held, self._up_to + 1), max(held)
        gone = dict.fromkeys(held)
        for entry in self._entries(first, last):
            if entry.id not in held:
                if entry.id > self._up_to:
                    self._strays.add(entry.id)
                continue
            del gone[entry.id]
            self._strays.discard(entry.id)
            seal, expected = held[entry.id]
            if leaf(entry) != expected:
                self.verdict.findings.append(SealFinding("changed", entry.id, seal))
        self.verdict.findings += [SealFinding("missing", number, held[number][0]) for number in sorted(gone)]
        self._strays.difference_update(gone)
        self._up_to = max(self._up_to, last)

    def _entries(self, first: int, last: int) -> Iterator[Row[Any]]:
        query = select(*AuditEntry.__table__.columns).where(AuditEntry.id.between(first, last)).order_by(AuditEntry.id)
        return iter(self.session.execute(query.execution_options(yield_per=1000)))

    def rest(self, now: datetime) -> None:
        """What no seal holds, and the seals that should be there and are not."""
        after = self.session.scalar(select(func.count()).where(AuditEntry.id > self._up_to)) or 0
        floor = late_floor(self.session, now)
        never = sorted(number for number in self._strays if number <= floor)
        verdict = self.verdict
        verdict.findings += [SealFinding("inserted", number) for number in never]
        verdict.findings += [
            SealFinding("seal missing", seal=number) for number in sorted(self.heads) if number > self._number
        ]
        verdict.waiting = after + len(self._strays) - len(never)
        verdict.entries = self.session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def _fits(one: AuditSeal) -> bool:
    """Whether a seal has a leaf for each id that it names."""
    try:
        counted = sum(last - first + 1 for first, last in one.ids)
    except (TypeError, ValueError):
        return False
    return counted == one.count and len(one.leaves) == one.count * _LEAF


def _signed(one: AuditSeal, key: Ed25519PublicKey, node: UUID) -> bool:
    try:
        key.verify(bytes.fromhex(one.signature), statement(one, node))
    except (InvalidSignature, ValueError):
        return False
    return True

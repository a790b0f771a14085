"""Keys of teams in the records: brought in, read, withdrawn; what was once said stays."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.effective import merged_teams
from tocsin.directory.keys.files import KeyFile, key_facts, read_key_file
from tocsin.directory.keys.model import KeyFormat, KeyState, KeyVerdict, TeamKey
from tocsin.directory.keys.openpgp import merge_openpgp
from tocsin.directory.keys.tables import TeamKeyRow
from tocsin.directory.keys.x509 import revokes
from tocsin.directory.model import Team
from tocsin.directory.queries import read_team
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditAction, Database, audit, from_row
from tocsin.node.sentences import say

_CHUNK = 10_000  # numbers in one statement; SQLite takes 32,766
_LEAST_NAMED = 8  # hexadecimal digits of a fingerprint that name a key
_REVOKED = KeyVerdict(KeyState.REVOKED, say("The authority that issued it revoked it."))
_REPLACED = "replaced by a newer form of it"
_SAID = ("content", "revoked", "any_mailbox", "preferred")


class KeyChange(StrEnum):
    """What became of a key that was brought in."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"


@dataclass(frozen=True)
class KeyResult:
    """A key as it now stands, and what changed."""

    key: TeamKey
    change: KeyChange


@dataclass(frozen=True)
class KeySubmission:
    """Who brings keys of a team and who says that they are its own, and how they are to be used; see `TeamKey`."""

    actor: str
    source: str
    said_by: str = ""
    any_mailbox: bool = False
    preferred: bool = False


def import_keys(
    database: Database, team: str, content: bytes, saying: KeySubmission, now: datetime
) -> tuple[Team, list[KeyResult]]:
    """The team, and its keys that a file (see `read_key_file`) brought or changed; all of it or nothing.

    A key that the team has already is merged with what the file knows of it. Whether a key is good is for `judge_for`:
    one that is not is kept as well, so that its newer form finds it.

    Raises:
        NotFoundError: there is no such team, or a revocation is of no key that it has.
        InputError: the file holds nothing that can be used; see `read_key_file`.

    """
    file = read_key_file(content)
    found, _ = read_team(database, team)
    with database.begin() as session:
        rows = {row.fingerprint: row for _, row in _rows(session, [found.id])}
        wanted = _wanted(file, rows)
        taking = _Taking(session, found, saying, now)
        taken = [taking.take(one, rows.get(one.fingerprint)) for one in wanted]
    return found, taken


def team_keys(database: Database, teams: Collection[int] | None = None, *, withdrawn: bool = False) -> list[TeamKey]:
    """The keys of these teams, or of all, in the order in which they came; with ``withdrawn`` also former ones."""
    with database.reading() as session:
        return [_key(row, team) for team, row in _rows(session, teams, withdrawn=withdrawn)]


def keys_by_team(database: Database, teams: Collection[int]) -> Callable[[int], list[TeamKey]]:
    """The keys of each of these teams; read from the records now, and worked out when a team is asked for."""
    found: dict[int, list[TeamKeyRow]] = {}
    with database.reading() as session:
        for team, row in _rows(session, teams):
            found.setdefault(team, []).append(row)
    return lambda team: [_key(row, team) for row in found.get(team, ())]


def remove_key(
    database: Database, team: str, fingerprint: str, *, reason: str, actor: str, now: datetime
) -> tuple[Team, TeamKey]:
    """Withdraw a key, named by the beginning or end of its fingerprint; digests are no longer encrypted for it.

    Raises:
        NotFoundError: there is no such team, or it has no such key.
        ConflictError: it has several.

    """
    found, _ = read_team(database, team)
    named = "".join(fingerprint.lower().split()).removeprefix("0x").replace(":", "")
    with database.begin() as session:
        rows = [row for _, row in _rows(session, [found.id]) if _names(named, row.fingerprint)]
        if not rows:
            hint = (
                f"'tocsin keys list --team {found.key}' shows those that it has; name at least {_LEAST_NAMED} digits."
            )
            raise NotFoundError(f"{found.key} has no key '{fingerprint}'.", hint=hint)
        if len(rows) > 1:
            raise ConflictError(
                say(
                    "%(key)s has %(rows)s keys that '%(fingerprint)s' names.",
                    key=found.key,
                    rows=len(rows),
                    fingerprint=fingerprint,
                ),
                hint=say("Name all digits."),
            )
        _withdraw(rows[0], reason, now)
        detail: dict[str, object] = {"team": str(found.uuid), "fingerprint": rows[0].fingerprint, "reason": reason}
        audit(session, AuditAction.KEY_WITHDRAWN, at=now, actor=actor, subject=f"key:{rows[0].uuid}", detail=detail)
        return found, _key(rows[0], found.id)


@dataclass(frozen=True)
class _TargetKey:
    """A key as it is to stand."""

    format: KeyFormat
    fingerprint: str
    content: bytes
    revoked: bool


def _wanted(file: KeyFile, rows: dict[str, TeamKeyRow]) -> list[_TargetKey]:
    if file.revoked is not None:
        known = [row for row in rows.values() if row.format == KeyFormat.SMIME]
        lost = [row for row in known if revokes(file.revoked, row.content, file.issuers)]
        if not lost:
            hint = "The list must be signed by who issued the certificate: put that certificate into the same PEM file."
            raise NotFoundError("The list revokes no certificate that the team has.", hint=hint)
        return [_TargetKey(KeyFormat.SMIME, row.fingerprint, row.content, revoked=True) for row in lost]
    if any(named not in rows for named, _ in file.revocations):
        raise NotFoundError("It revokes a key that the team does not have.", hint="Import the key itself first.")
    found = [
        _TargetKey(KeyFormat.OPENPGP, named, merge_openpgp(rows[named].content, packet), revoked=False)
        for named, packet in file.revocations
    ]
    found += [_merged(kind, content, rows) for kind, content in file.keys]
    if not found:
        raise InputError(say("The file holds no key."))
    return found


def _merged(kind: KeyFormat, content: bytes, rows: dict[str, TeamKeyRow]) -> _TargetKey:
    named = key_facts(kind, content).fingerprint
    row = rows.get(named)
    if row is not None and kind is KeyFormat.OPENPGP:
        content = merge_openpgp(row.content, content)
    return _TargetKey(kind, named, content, revoked=row is not None and row.revoked)


@dataclass(frozen=True)
class _Taking:
    """One import's surroundings; records keys in its transaction."""

    session: Session
    team: Team
    saying: KeySubmission
    now: datetime

    def take(self, wanted: _TargetKey, row: TeamKeyRow | None) -> KeyResult:
        """The key, recorded where it differs from ``row``, the team's own of that fingerprint."""
        fresh = self._row(wanted, row)
        if row is not None:
            if all(getattr(row, name) == getattr(fresh, name) for name in _SAID):
                return KeyResult(_key(row, self.team.id), KeyChange.SAME)
            _withdraw(row, _REPLACED, self.now)
        self.session.add(fresh)
        detail: dict[str, object] = {
            "team": str(self.team.uuid),
            "format": fresh.format,
            "fingerprint": fresh.fingerprint,
        }
        subject = f"key:{fresh.uuid}"
        audit(
            self.session, AuditAction.KEY_IMPORTED, at=self.now, actor=self.saying.actor, subject=subject, detail=detail
        )
        return KeyResult(_key(fresh, self.team.id), KeyChange.UPDATED if row is not None else KeyChange.NEW)

    def _row(self, wanted: _TargetKey, before: TeamKeyRow | None) -> TeamKeyRow:
        return TeamKeyRow(
            uuid=uuid4(),
            team_id=self.team.id,
            format=wanted.format.value,
            fingerprint=wanted.fingerprint,
            content=wanted.content,
            any_mailbox=self.saying.any_mailbox or (before is not None and before.any_mailbox),
            preferred=self.saying.preferred or (before is not None and before.preferred),
            revoked=wanted.revoked,
            source=self.saying.source,
            said_by=self.saying.said_by,
            recorded=self.now,
            withdrawn=None,
            reason="",
        )


def _withdraw(row: TeamKeyRow, reason: str, now: datetime) -> None:
    row.withdrawn, row.reason = now, reason


def _rows(session: Session, teams: Collection[int] | None, *, withdrawn: bool = False) -> list[tuple[int, TeamKeyRow]]:
    """Keys, each with the team whose it is now: those of a team that was merged into another are the other's."""
    merged = merged_teams(session)
    query = select(TeamKeyRow).order_by(TeamKeyRow.id)
    if not withdrawn:
        query = query.where(TeamKeyRow.withdrawn.is_(None))
    if teams is None:
        rows = list(session.scalars(query))
    else:
        numbers = sorted({*teams, *(former for former, now in merged.items() if now in teams)})
        chunks = [numbers[at : at + _CHUNK] for at in range(0, len(numbers), _CHUNK)]
        rows = [row for chunk in chunks for row in session.scalars(query.where(TeamKeyRow.team_id.in_(chunk)))]
    return [(merged.get(row.team_id, row.team_id), row) for row in rows]


def _key(row: TeamKeyRow, team: int) -> TeamKey:
    facts = key_facts(KeyFormat(row.format), row.content)
    return from_row(TeamKey, row, team_id=team, facts=replace(facts, flaw=_REVOKED) if row.revoked else facts)


def _names(named: str, fingerprint: str) -> bool:
    """Whether what a person typed names a key: its beginning, or as OpenPGP key ids do its end."""
    return len(named) >= _LEAST_NAMED and (fingerprint.startswith(named) or fingerprint.endswith(named))

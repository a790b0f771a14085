"""Bring a file into the directory: read, compare, and write the difference in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.orm import Session

from tocsin.directory.difference import DirectoryDifference, StoredDirectory, compare
from tocsin.directory.difference_text import ChangeLine, difference_lines, shrinkage
from tocsin.directory.effective import merged_teams, words_at
from tocsin.directory.entries import (
    TEAM_FIELDS,
    Basis,
    FactEntry,
    MailboxEntry,
    MuteEntry,
    RefusedEntry,
    RuleEntry,
    Value,
    fact_key,
)
from tocsin.directory.facts import ContactPurpose, FactKind
from tocsin.directory.files import ImportFile, read_import_file
from tocsin.directory.model import Mute, MuteKind, ResponsibilityRole, RuleKind, Team
from tocsin.directory.precedence import DECISION, PERSON
from tocsin.directory.tables import ConstituencyRow, FactRow, MailboxRow, MuteRow, TeamRow
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import AuditAction, Base, Database, audit

T = TypeVar("T")

MOST_GONE = 20  # percent of what a source said
_CHUNK = 10_000  # row numbers in one statement; SQLite takes 32,766
_DEFAULTS = {f.name: f.default for f in fields(Team) if f.name in TEAM_FIELDS and f.default is not MISSING}


@dataclass(frozen=True)
class ImportResult:
    """What an import changed, or with ``dry_run`` would change; ``version`` is the directory's afterwards.

    ``*_same`` counts what the file says that stood already; ``kept`` what it no longer says but was not withdrawn,
    since something else of that team was not taken. ``changes`` has every change, and is filled by a dry run only.
    ``shrinks`` says what of the source would go by more than is usual; empty when nothing does.
    """

    file: str
    source: str
    dry_run: bool
    version: str
    teams_new: int
    teams_changed: int
    teams_same: int
    rules_new: int
    rules_withdrawn: int
    rules_same: int
    mailboxes_new: int
    mailboxes_withdrawn: int
    mailboxes_same: int
    mutes_new: int
    mutes_withdrawn: int
    mutes_same: int
    facts_new: int
    facts_withdrawn: int
    facts_same: int
    kept: int
    not_taken: tuple[RefusedEntry, ...]
    changes: tuple[ChangeLine, ...] = ()
    shrinks: str = ""

    @property
    def failed(self) -> bool:
        """Whether there was something to take and none of it could be."""
        taken = self.teams_new + self.teams_changed + self.teams_same + self.rules_new + self.rules_same
        return bool(self.not_taken) and not taken


def import_directory(
    database: Database,
    path: Path,
    *,
    actor: str,
    now: datetime,
    source: str = "",
    dry_run: bool = False,
    most_gone: int | None = MOST_GONE,
) -> ImportResult:
    """What changed by bringing ``path`` (TOML or CSV, docs/directory.md) into the directory.

    All of it is one transaction. The same file again changes nothing, and then leaves no audit entry.
    ``most_gone``: how many percent of what a source said may go at once; None: all of it.

    Raises:
        InputError: the file as a whole cannot be read, see ``read_import_file``; or its source is kept for persons.
        ConflictError: more of the source would go than ``most_gone``.

    """
    file = read_import_file(path, source)
    return import_entries(database, file, actor=actor, now=now, dry_run=dry_run, most_gone=most_gone)


def import_entries(
    database: Database,
    file: ImportFile,
    *,
    actor: str,
    now: datetime,
    dry_run: bool = False,
    most_gone: int | None = MOST_GONE,
) -> ImportResult:
    """The same for entries that were read by some other reader than that of TOML and CSV."""
    _check_source(file)
    with database.begin() as session:
        state = session.scalars(select(DirectoryStateRow).with_for_update()).one()
        stored = _stored(session, file.entries.source)
        difference = compare(file.entries, stored)
        shrinks = "" if most_gone is None else shrinkage(difference, stored, most_gone)
        result = replace(_result(file, difference, state.version, dry_run=dry_run), shrinks=shrinks)
        if dry_run:
            return replace(result, changes=tuple(_lines(session, difference, stored)))
        if difference.empty:
            return result
        if shrinks:
            raise ConflictError(
                f"{file.name} was not taken: of what the source '{file.entries.source}' said, {shrinks} would go.",
                hint="'--dry-run' shows what; '--yes' takes it as it is.",
            )
        state.version = uuid4().hex
        _write(session, difference, file.entries.source, now)
        result = _result(file, difference, state.version, dry_run=False)
        counts = {name: count for name, count in vars(result).items() if isinstance(count, int)}
        detail: dict[str, object] = {"file": file.name, "sha256": file.digest, "not_taken": len(result.not_taken)}
        subject = f"directory:{file.entries.source}"
        audit(session, AuditAction.DIRECTORY_IMPORTED, at=now, actor=actor, subject=subject, detail=detail | counts)
    return result


def _check_source(file: ImportFile) -> None:
    source = file.entries.source
    if source.startswith((PERSON, DECISION)):
        raise InputError(
            f"{file.name}: the source '{source}' is kept for what persons say by command.",
            hint="Give the file another source with --source.",
        )


def _lines(session: Session, difference: DirectoryDifference, stored: StoredDirectory) -> list[ChangeLine]:
    merged = merged_teams(session)
    ids = {key: merged.get(number, number) for key, number in session.execute(select(TeamRow.key, TeamRow.id))}
    return difference_lines(difference, stored, words_at(session, merged), ids)


def _result(file: ImportFile, difference: DirectoryDifference, version: str, *, dry_run: bool) -> ImportResult:
    parts = {name: getattr(difference, name) for name in ("rules", "mailboxes", "mutes", "facts")}
    counts: dict[str, Any] = {}
    for name, part in parts.items():
        counts |= {f"{name}_new": len(part.new), f"{name}_withdrawn": len(part.gone), f"{name}_same": part.same}
    return ImportResult(
        file=file.name,
        source=file.entries.source,
        dry_run=dry_run,
        version=version,
        teams_new=len(difference.teams_new),
        teams_changed=len(difference.teams_changed),
        teams_same=difference.teams_same,
        **counts,
        kept=sum(part.kept for part in parts.values()),
        not_taken=difference.refused,
    )


def _stored(session: Session, source: str) -> StoredDirectory:
    query = select(TeamRow.key, *(getattr(TeamRow, name) for name in TEAM_FIELDS))
    teams: dict[str, dict[str, Value]] = {
        key: {name: tuple(of) if isinstance(of, list) else of for name, of in zip(TEAM_FIELDS, values, strict=True)}
        for key, *values in session.execute(query)
    }
    return StoredDirectory(
        teams=teams,
        mailboxes=_stored_mailboxes(session, source),
        rules=_stored_rules(session, source),
        mutes=_stored_mutes(session, source),
        facts=_stored_facts(session, source),
        worded=_worded(session),
    )


def _standing(row: type[ConstituencyRow | MailboxRow | FactRow], source: str, *columns: Any) -> Select[Any]:
    """The number, the team's key and these columns of what a source says now."""
    query = select(row.id, TeamRow.key, *columns).join(TeamRow, TeamRow.id == row.team_id)
    return query.where(row.source == source, row.withdrawn.is_(None))


def _stored_rules(session: Session, source: str) -> dict[tuple[str, RuleKind, str], tuple[int, RuleEntry]]:
    row = ConstituencyRow
    kinds, roles = {kind.value: kind for kind in RuleKind}, {role.value: role for role in ResponsibilityRole}
    query = _standing(row, source, row.kind, row.value, row.role, row.as_of, row.confidence, row.said_by)
    return {
        (team, kinds[kind], value): (number, RuleEntry(team, kinds[kind], value, roles[role], Basis(as_of, sure, said)))
        for number, team, kind, value, role, as_of, sure, said in session.execute(query)
    }


def _stored_facts(session: Session, source: str) -> dict[tuple[str, FactKind, str, str], tuple[int, FactEntry]]:
    row = FactRow
    query = _standing(row, source, row.kind, row.value, row.detail, row.as_of, row.confidence, row.said_by)
    facts = {
        number: FactEntry(team, FactKind(kind), value, tuple(sorted(detail.items())), Basis(as_of, sure, said))
        for number, team, kind, value, detail, as_of, sure, said in session.execute(query)
    }
    return {fact_key(entry): (number, entry) for number, entry in facts.items()}


def _worded(session: Session) -> frozenset[tuple[str, str]]:
    """The fields of teams, as (key, field), of which a person's word stands."""
    query = (
        select(TeamRow.key, FactRow.detail)
        .join(TeamRow, TeamRow.id == FactRow.team_id)
        .where(FactRow.kind == FactKind.FIELD, FactRow.withdrawn.is_(None))
    )
    return frozenset((team, detail["field"]) for team, detail in session.execute(query))


def _stored_mailboxes(session: Session, source: str) -> dict[tuple[str, str, str], tuple[int, MailboxEntry]]:
    row = MailboxRow
    query = _standing(row, source, row.address, row.purpose, row.as_of, row.confidence, row.said_by)
    purposes: dict[str | None, ContactPurpose | None] = {None: None} | {word.value: word for word in ContactPurpose}
    return {
        (team, address, purpose or ""): (
            number,
            MailboxEntry(team, address, Basis(as_of, sure, said), purposes[purpose]),
        )
        for number, team, address, purpose, as_of, sure, said in session.execute(query)
    }


def _stored_mutes(session: Session, source: str) -> dict[tuple[str, MuteKind, str], tuple[int, MuteEntry]]:
    row = MuteRow
    query = (
        select(row.id, TeamRow.key, row.kind, row.value, row.until, row.reason)
        .join(TeamRow, TeamRow.id == row.team_id)
        .where(row.source == source)
    )
    return {
        (team, MuteKind(kind), value): (number, MuteEntry(team, Mute(MuteKind(kind), value, until, reason)))
        for number, team, kind, value, until, reason in session.execute(query)
    }


def _write(session: Session, difference: DirectoryDifference, source: str, now: datetime) -> None:
    ids = _write_teams(session, difference, now)
    gone: dict[type[ConstituencyRow | MailboxRow | FactRow], Sequence[int]] = {
        ConstituencyRow: difference.rules.gone,
        MailboxRow: difference.mailboxes.gone,
        FactRow: difference.facts.gone,
    }
    for row, numbers in gone.items():
        for chunk in _chunks(numbers):
            session.execute(update(row).where(row.id.in_(chunk)).values(withdrawn=now))
    for chunk in _chunks(difference.mutes.gone):
        session.execute(delete(MuteRow).where(MuteRow.id.in_(chunk)))
    rules = [
        {"team_id": ids[rule.team], "kind": rule.kind.value, "value": rule.value, "role": rule.role.value}
        | _assertion(rule.basis, source, now)
        for rule in difference.rules.new
    ]
    mailboxes = [
        {"team_id": ids[box.team], "address": box.address, "purpose": box.purpose and box.purpose.value}
        | _assertion(box.basis, source, now)
        for box in difference.mailboxes.new
    ]
    facts = [
        {"team_id": ids[fact.team], "kind": fact.kind.value, "value": fact.value, "detail": dict(fact.detail)}
        | _assertion(fact.basis, source, now)
        for fact in difference.facts.new
    ]
    mutes = [
        {**asdict(entry.mute), "team_id": ids[entry.team], "kind": entry.mute.kind.value, "source": source}
        for entry in difference.mutes.new
    ]
    for table, rows in ((ConstituencyRow, rules), (MailboxRow, mailboxes), (MuteRow, mutes), (FactRow, facts)):
        if rows:
            _insert(session, table, rows)


def _write_teams(session: Session, difference: DirectoryDifference, now: datetime) -> dict[str, int]:
    """Write new and changed teams; the number of every team by key."""
    for key, given in difference.teams_changed.items():
        changed = {name: _column(value) for name, value in given.items()}
        session.execute(update(TeamRow).where(TeamRow.key == key).values(**changed))
    default = {name: _column(value) for name, value in _DEFAULTS.items()} | {"recorded": now}
    rows = [
        default | {"key": key, "uuid": uuid4()} | {name: _column(value) for name, value in given.items()}
        for key, given in difference.teams_new.items()
    ]
    if rows:
        _insert(session, TeamRow, rows)
    return {row.key: row.id for row in session.execute(select(TeamRow.key, TeamRow.id))}


def _insert(session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows without making objects of them: a large file has hundreds of thousands."""
    for chunk in _chunks(rows):
        session.execute(insert(Base.metadata.tables[table.__tablename__]), chunk)


def _column(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return [_column(inner) for inner in value] if isinstance(value, tuple) else value


def _assertion(basis: Basis, source: str, now: datetime) -> dict[str, object]:
    said = {"as_of": basis.as_of, "confidence": basis.confidence, "said_by": basis.said_by}
    return {**said, "source": source, "recorded": now, "withdrawn": None}


def _chunks(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[at : at + _CHUNK] for at in range(0, len(whole), _CHUNK))

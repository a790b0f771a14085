"""Write what a registry says into the records: in bulk, in one transaction, and only what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from sqlalchemy import Executable, Select, Table, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Session

from tocsin.directory.entries import TEAM_FIELDS, RefusedEntry
from tocsin.directory.facts import FactKind
from tocsin.directory.importing import MOST_GONE
from tocsin.directory.model import ResponsibilityRole, Team, TeamKind
from tocsin.directory.registry.refusals import Refusals
from tocsin.directory.registry.snapshot import (
    MAILBOXES,
    RULES,
    TEAMS,
    RegistryDifference,
    RegistrySnapshot,
    StoredAssertions,
    compare,
    schema,
)
from tocsin.directory.tables import ConstituencyRow, FactRow, MailboxRow, TeamRow
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, Database, audit, from_row

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 20_000
_FEW = 1_000


@dataclass(frozen=True)
class RegistryImported:
    """What an import of a registry's dump changed, or with ``dry_run`` would change.

    ``objects`` counts the objects of each class, ``silent`` those that name no contact, ``elsewhere`` those of other
    countries than were asked for. ``*_same`` counts what stood
    already, ``kept`` what is no longer said but stays, since something of that number is wrong now or the files have
    no place for it. ``new`` and ``withdrawn`` are the first 1,000 rules of each sort. ``reasons`` counts what was not
    taken, ``not_taken`` has the first 1,000 of it, ``refusals`` is the file that has all. ``shrinks`` says what of the
    source would go by more than is usual.
    """

    files: tuple[str, ...]
    source: str
    as_of: date | None
    dry_run: bool
    objects: dict[str, int]
    silent: dict[str, int]
    elsewhere: dict[str, int]
    teams_new: int
    teams_changed: int
    teams_same: int
    rules_new: int
    rules_withdrawn: int
    rules_same: int
    mailboxes_new: int
    mailboxes_withdrawn: int
    mailboxes_same: int
    kept: int
    new: tuple[str, ...]
    withdrawn: tuple[str, ...]
    reasons: dict[str, int]
    not_taken: tuple[RefusedEntry, ...]
    refusals: str
    shrinks: str = ""

    @property
    def failed(self) -> bool:
        """Whether there was something to take and none of it could be."""
        return bool(self.reasons) and not self.rules_new + self.rules_same


def record(
    database: Database,
    said: RegistrySnapshot,
    refusals: Refusals,
    *,
    files: Mapping[str, str],
    actor: str,
    now: datetime,
    as_of: date | None = None,
    dry_run: bool = False,
    most_gone: int | None = MOST_GONE,
) -> RegistryImported:
    """What changed by taking down what a registry says; ``files`` are names with their SHA-256.

    A statement that stands keeps the day since which it is recorded: a newer dump that says the same changes nothing.
    ``most_gone``: how many percent of what the source said may go at once; None: all of it.

    Raises:
        ConflictError: more of the source would go than ``most_gone``.

    """
    with database.begin() as session:
        state = session.scalars(select(DirectoryStateRow).with_for_update()).one()
        difference = compare(said, _stored(session, said.source))
        result = _result(said, difference, refusals, files=files, as_of=as_of, dry_run=dry_run)
        shrinks = "" if most_gone is None else difference.shrinkage(most_gone)
        if dry_run or difference.empty:
            return replace(result, shrinks=shrinks)
        if shrinks:
            raise ConflictError(
                f"Nothing was taken: of what the source '{said.source}' said, {shrinks} would go.",
                hint="'--dry-run' shows what; '--yes' takes it as it is.",
            )
        state.version = uuid4().hex
        _write(session, difference, said.source, as_of, now)
        counts = {name: count for name, count in vars(result).items() if isinstance(count, int)}
        detail: dict[str, object] = {"files": dict(files), "not_taken": len(refusals)} | counts
        subject = f"directory:{said.source}"
        audit(session, AuditAction.DIRECTORY_IMPORTED, at=now, actor=actor, subject=subject, detail=detail)
    return result


def _result(
    said: RegistrySnapshot,
    difference: RegistryDifference,
    refusals: Refusals,
    *,
    files: Mapping[str, str],
    as_of: date | None,
    dry_run: bool,
) -> RegistryImported:
    rules, boxes = difference.rules, difference.mailboxes
    counts: dict[str, int] = {}
    for name, part in (("rules", rules), ("mailboxes", boxes)):
        counts |= {f"{name}_new": len(part.new), f"{name}_withdrawn": len(part.gone), f"{name}_same": part.same}
    return from_row(
        RegistryImported,
        said,
        files=tuple(files),
        as_of=as_of,
        dry_run=dry_run,
        teams_new=len(difference.teams_new),
        teams_changed=len(difference.teams_changed),
        teams_same=difference.teams_same - len(difference.teams_changed),
        **counts,
        kept=rules.kept + boxes.kept,
        new=_few(rules.new),
        withdrawn=_few(rules.gone),
        reasons=dict(refusals.reasons.most_common()),
        not_taken=tuple(refusals.first),
        refusals=str(refusals.path) if refusals.reasons else "",
        shrinks="",
    )


def _few(rules: "pl.DataFrame") -> tuple[str, ...]:
    shown = rules.head(_FEW).select("team", "kind", "value", "said_by")
    return tuple(
        f"{'AS' if kind == 'asn' else ''}{value}: {team} ({via})" for team, kind, value, via in shown.iter_rows()
    )


def _stored(session: Session, source: str) -> StoredAssertions:
    team, box, rule, fact = TeamRow, MailboxRow, ConstituencyRow, FactRow
    teams = select(team.key, team.id, team.name, team.organisation, team.country)
    boxes = _standing(box, source).with_only_columns(box.id, team.key, box.address, box.purpose)
    rules = _standing(rule, source).with_only_columns(rule.id, team.key, rule.kind, rule.value, rule.said_by)
    words = (
        select(team.key, fact.detail)
        .join(team, team.id == fact.team_id)
        .where(fact.kind == FactKind.FIELD, fact.withdrawn.is_(None))
    )
    worded = [(key, detail["field"]) for key, detail in session.execute(words)]
    return StoredAssertions(
        teams=_frame(session, teams, ("team", "id", *TEAMS[1:])),
        mailboxes=_frame(session, boxes, ("id", *MAILBOXES)),
        rules=_frame(session, rules, ("id", *RULES)),
        worded=_rows(worded, ("team", "field")),
    )


def _standing(row: type[MailboxRow] | type[ConstituencyRow], source: str) -> "Select[Any]":
    return select(row.id).join(TeamRow, TeamRow.id == row.team_id).where(row.source == source, row.withdrawn.is_(None))


def _frame(session: Session, query: Executable, columns: Sequence[str]) -> "pl.DataFrame":
    """The rows of a query as a frame, a part at a time: as Python's own they would take ten times the room."""
    import polars as pl

    result = session.execute(query, execution_options={"stream_results": True, "yield_per": _CHUNK})
    parts = [_rows([tuple(row) for row in part], columns) for part in result.partitions()]
    return pl.concat([_rows([], columns), *parts], rechunk=False)


def _rows(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(rows, schema=schema(columns), orient="row")


def _write(session: Session, difference: RegistryDifference, source: str, as_of: date | None, now: datetime) -> None:
    _write_teams(session, difference, now)
    for table, changes in ((ConstituencyRow, difference.rules), (MailboxRow, difference.mailboxes)):
        numbers = changes.gone["id"].to_list()
        for chunk in (numbers[at : at + _CHUNK] for at in range(0, len(numbers), _CHUNK)):
            session.execute(update(table).where(table.id.in_(chunk)).values(withdrawn=now))
    query = select(TeamRow.key, TeamRow.id)
    ids = _frame(session, query, ("team", "id")).rename({"id": "team_id"})
    about: dict[str, object] = {"source": source, "as_of": as_of, "recorded": now}
    about |= {"confidence": None, "withdrawn": None}
    rules = difference.rules.new.join(ids, on="team").drop("team")
    _insert(session, ConstituencyRow, rules, about | {"role": ResponsibilityRole.RESPONSIBLE.value})
    boxes = difference.mailboxes.new.join(ids, on="team").drop("team")
    _insert(session, MailboxRow, boxes, about | {"said_by": ""})


def _write_teams(session: Session, difference: RegistryDifference, now: datetime) -> None:
    defaults = {
        field.name: [*value] if isinstance(value := field.default, tuple) else value
        for field in fields(Team)
        if field.name in TEAM_FIELDS and field.default is not MISSING
    }
    defaults |= {"kind": TeamKind.ABUSE.value, "recorded": now}
    new = difference.teams_new.rename({"team": "key"})
    for name in set(new.columns) & defaults.keys():
        del defaults[name]
    for part in new.iter_slices(_CHUNK):
        rows = [row | defaults | {"uuid": uuid4()} for row in part.iter_rows(named=True)]
        _insert_rows(session, TeamRow, rows)
    for row in difference.teams_changed.drop("team").iter_rows(named=True):
        session.execute(update(TeamRow).where(TeamRow.id == row.pop("id")).values(**row))


def _insert(session: Session, table: type[DeclarativeBase], frame: "pl.DataFrame", same: dict[str, object]) -> None:
    for part in frame.iter_slices(_CHUNK):
        _insert_rows(session, table, [row | same for row in part.iter_rows(named=True)])


def _insert_rows(session: Session, table: type[DeclarativeBase], rows: list[dict[str, object]]) -> None:
    """Rows into a table, past the ORM: it would look at each one by one."""
    session.execute(insert(cast("Table", table.__table__)), rows)

"""What was said of a value or a team, and when: every assertion, denial, decision and merge with its span of time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.effective import on_values
from tocsin.directory.model import RuleKind
from tocsin.directory.precedence import DECISION, MAILBOX, PERSON
from tocsin.directory.queries import find_team, keys_asked
from tocsin.directory.tables import ConstituencyRow, DecisionRow, DenialRow, MailboxRow, MergeRow
from tocsin.networks import network_bounds, parse_network, parse_networks
from tocsin.node.records import Database, from_row

_Valued = TypeVar("_Valued", ConstituencyRow, DenialRow, DecisionRow)
_Owned = TypeVar("_Owned", ConstituencyRow, MailboxRow, DenialRow)


class AssertionChange(StrEnum):
    """What sort of word it is."""

    CLAIM = "claim"
    DENIAL = "denial"
    DECISION = "decision"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One word and how long it stood.

    ``teams`` are keys as they were said, without merges; of a decision those that hold the value, of a merge the team
    and what it became. ``recorded`` is when this node came to know it, ``withdrawn`` when it no longer stood,
    None while it does; ``as_of`` the day for which it was said.
    """

    act: AssertionChange
    teams: tuple[str, ...]
    kind: str
    value: str
    role: str
    source: str
    as_of: date | None
    confidence: int | None
    said_by: str
    reason: str
    recorded: datetime
    withdrawn: datetime | None

    def stood(self, at: datetime) -> bool:
        """Whether it was known and not withdrawn at a time."""
        return self.recorded <= at and (self.withdrawn is None or self.withdrawn > at)


def read_history(database: Database, values: Mapping[str, Collection[str]]) -> tuple[HistoryEntry, ...]:
    """All that was ever said of these values (by kind), in the order in which it was recorded."""
    with database.reading() as session:
        keys = keys_asked(session)
        found = [
            *(_claim(row, keys) for row in _on_values(session, ConstituencyRow, values)),
            *(_denial(row, keys) for row in _on_values(session, DenialRow, values)),
            *(_decision(row, keys) for row in _on_values(session, DecisionRow, values)),
        ]
        boxes = select(MailboxRow).where(MailboxRow.address.in_(values.get(MAILBOX, ())))
        found += [_claim(row, keys) for row in session.scalars(boxes)]
        names = {name for entry in found for name in entry.teams}
        found += [merge for merge in _merges(session, keys) if not names.isdisjoint(merge.teams)]
    return _ordered(found)


def read_team_history(database: Database, key: str) -> tuple[HistoryEntry, ...]:
    """All that was ever said of a team, and of those that were ever merged into it, in the order of recording.

    Raises:
        NotFoundError: there is no such team.

    """
    with database.reading() as session:
        keys = keys_asked(session)
        teams = _ever_merged(session, find_team(session, key))
        merges = [
            merge for merge in _merges(session, keys) if not {keys[team] for team in teams}.isdisjoint(merge.teams)
        ]
        found = [
            *(_claim(row, keys) for row in _of_teams(session, ConstituencyRow, teams)),
            *(_claim(row, keys) for row in _of_teams(session, MailboxRow, teams)),
            *(_denial(row, keys) for row in _of_teams(session, DenialRow, teams)),
            *merges,
        ]
        decisions = session.scalars(select(DecisionRow))
        found += [_decision(row, keys) for row in decisions if not teams.isdisjoint((*row.teams, *row.against))]
    return _ordered(found)


def networks_inside(database: Database, network: str) -> list[str]:
    """The networks in ``network``, itself with them, of which anything was ever said."""
    import polars as pl

    wanted = parse_network(network)
    if wanted is None:
        return []
    with database.reading() as session:
        names = set[str]()
        for row in (ConstituencyRow, DenialRow, DecisionRow):
            names |= set(session.scalars(select(row.value).where(row.kind == RuleKind.PREFIX).distinct()))
    ordered = sorted(names)
    hi, lo, length, _ = parse_networks(pl.Series(ordered, dtype=pl.String))
    (first_hi,), (first_lo,), (last_hi,), (last_lo,) = network_bounds(
        *(np.array([part]) for part in (np.uint64(wanted.hi), np.uint64(wanted.lo), np.uint8(wanted.length)))
    )
    behind = (hi > first_hi) | ((hi == first_hi) & (lo >= first_lo))
    before = (hi < last_hi) | ((hi == last_hi) & (lo <= last_lo))
    return [ordered[place] for place in np.flatnonzero(behind & before & (length >= wanted.length)).tolist()]


def said_later(entries: Iterable[HistoryEntry], at: datetime) -> tuple[HistoryEntry, ...]:
    """The claims that this node learned of after a time, though they are said for that day or an earlier one."""
    return tuple(entry for entry in entries if entry.recorded > at and entry.as_of and entry.as_of <= at.date())


def _on_values(session: Session, table: type[_Valued], values: Mapping[str, Collection[str]]) -> Sequence[_Valued]:
    wanted = {kind: set(of) for kind, of in values.items()}
    rows = session.scalars(select(table).where(on_values(table, values)))
    return [row for row in rows if row.value in wanted[row.kind]]


def _of_teams(session: Session, table: type[_Owned], teams: Collection[int]) -> Sequence[_Owned]:
    return session.scalars(select(table).where(table.team_id.in_(teams))).all()


def _ever_merged(session: Session, team: int) -> set[int]:
    """A team and all that were merged into it at any time, also by way of others."""
    into: dict[int, set[int]] = defaultdict(set)
    for row in session.scalars(select(MergeRow)):
        into[row.into_id].add(row.team_id)
    found, waiting = {team}, [team]
    while waiting:
        fresh = into[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def _claim(row: ConstituencyRow | MailboxRow, keys: Mapping[int, str]) -> HistoryEntry:
    kind, value, role = (
        (row.kind, row.value, row.role) if isinstance(row, ConstituencyRow) else (MAILBOX, row.address, "")
    )
    return from_row(
        HistoryEntry,
        row,
        act=AssertionChange.CLAIM,
        teams=(keys[row.team_id],),
        kind=kind,
        value=value,
        role=role,
        reason=row.reason or "",
    )


def _denial(row: DenialRow, keys: Mapping[int, str]) -> HistoryEntry:
    return _word(AssertionChange.DENIAL, (keys[row.team_id],), row.kind, row.value, row)


def _decision(row: DecisionRow, keys: Mapping[int, str]) -> HistoryEntry:
    return _word(AssertionChange.DECISION, tuple(keys[team] for team in row.teams), row.kind, row.value, row)


def _merges(session: Session, keys: Mapping[int, str]) -> list[HistoryEntry]:
    rows = session.scalars(select(MergeRow))
    return [_word(AssertionChange.MERGE, (keys[row.team_id], keys[row.into_id]), "", "", row) for row in rows]


def _word(
    act: AssertionChange, teams: tuple[str, ...], kind: str, value: str, row: DenialRow | DecisionRow | MergeRow
) -> HistoryEntry:
    return from_row(
        HistoryEntry,
        row,
        act=act,
        teams=teams,
        kind=kind,
        value=value,
        role="",
        source=f"{DECISION}{row.id}" if act is AssertionChange.DECISION else f"{PERSON}{row.said_by}",
        as_of=row.recorded.date(),
        confidence=None,
    )


def _ordered(entries: Iterable[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    order = list(AssertionChange)
    return tuple(sorted(entries, key=lambda entry: (entry.recorded, order.index(entry.act), entry.kind, entry.value)))

"""Rules and teams in the form that routing works on: sorted arrays.

A *node* is one thing that rules name: a prefix, an AS number, a domain or a country. Nodes are numbered from 1, kind by
kind in that order, each behind all that hold it; 0 is none. What a node's rules and those of the nodes above it come to
is worked out once here, as the number of a set of teams.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate, chain, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.directory import DirectoryRule, MuteKind, ResponsibilityRole, RuleKind, Team, strength
from tocsin.networks import IntervalTable, Network, flatten_cover, parse_networks

Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
UInt64s: TypeAlias = npt.NDArray[np.uint64]
UInt8s: TypeAlias = npt.NDArray[np.uint8]
# Source, as-of date, confidence, who said it, and the word that overrules it or an empty text.
Basis: TypeAlias = tuple[str, date | None, int | None, str, str]

KINDS = tuple(RuleKind)
ROLES = tuple(ResponsibilityRole)
_ROLES = {role: place for place, role in enumerate(ROLES)}


@dataclass(frozen=True)
class RoutingTable:
    """All that routing needs.

    ``prefixes`` gives for an address its node less one, -1 for none; ``prefix_hi``, ``prefix_lo``, ``prefix_length``,
    ``asns``, ``domains`` and ``countries`` name the nodes of each kind in their order. By node: ``parent`` is the node
    that holds it; ``responsible`` and ``informed`` are the sets of teams that answer, or want to know, when this is the
    most specific node that matches; ``rule_start`` cuts ``rule_team``, ``rule_role`` and ``rule_basis`` into each
    node's own rules, the overruled among them. By set: ``set_start`` cuts ``set_team``; set 0 is empty.
    ``muting`` are the numbers of the teams that mute something.
    """

    prefixes: IntervalTable
    prefix_hi: UInt64s
    prefix_lo: UInt64s
    prefix_length: UInt8s
    asns: Int64s
    domains: tuple[str, ...]
    countries: tuple[str, ...]
    parent: Int32s
    responsible: Int32s
    informed: Int32s
    rule_start: Int32s
    rule_team: Int32s
    rule_role: UInt8s
    rule_basis: Int32s
    set_start: Int32s
    set_team: Int32s
    bases: tuple[Basis, ...]
    teams: Mapping[int, Team]
    muting: Int64s

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """How many nodes there are of each kind, in the order of the kinds."""
        return len(self.prefix_hi), len(self.asns), len(self.domains), len(self.countries)

    @property
    def starts(self) -> tuple[int, int, int, int]:
        """The node before the first of each kind."""
        prefixes, asns, domains, _ = self.sizes
        return 0, prefixes, prefixes + asns, prefixes + asns + domains

    def set_of(self, number: int) -> tuple[int, ...]:
        """The teams of a set, ascending."""
        return tuple(self.set_team[self.set_start[number] : self.set_start[number + 1]].tolist())

    def network(self, node: int) -> Network:
        """The network that a prefix node names."""
        place = node - 1
        return Network(int(self.prefix_hi[place]), int(self.prefix_lo[place]), int(self.prefix_length[place]))

    def name(self, kind: RuleKind, node: int) -> str:
        """What a node names, as text."""
        if kind is RuleKind.PREFIX:
            return str(self.network(node))
        place = node - 1 - self.starts[KINDS.index(kind)]
        if kind is RuleKind.ASN:
            return str(self.asns[place])
        return (self.domains if kind is RuleKind.DOMAIN else self.countries)[place]


def compile_rules(rules: Iterable[DirectoryRule], teams: Iterable[Team]) -> RoutingTable:
    """The compiled form of rules and teams whose values are canonical; the order of neither matters.

    Overruled rules are kept, so that explanations name them, and decide nothing.

    Raises:
        ValueError: the value of a prefix rule or mute is not a network.

    """
    rules, team_of = list(rules), {team.id: team for team in teams}
    names = _names(rules, team_of.values())
    prefixes, hi, lo, length = _sorted_networks(names[RuleKind.PREFIX])
    asns = sorted(names[RuleKind.ASN], key=int)
    # Fewer labels first: a domain comes after those that hold it, so that sets are inherited in one pass.
    domains = sorted(names[RuleKind.DOMAIN], key=lambda name: (name.count("."), name))
    countries = sorted(names[RuleKind.COUNTRY])
    # Nodes are numbered through: 0 is none, then all prefixes, AS numbers, domains, countries. The arrays by node below
    # have a place for 0 too, so that a lookup that found nothing is no case of its own.
    numbers = _number((prefixes, asns, domains, countries))
    cover = flatten_cover(hi, lo, length)
    parent = np.zeros(1 + sum(len(table) for table in numbers.values()), dtype=np.int32)
    # The cover counts prefixes from 0 and says -1 for none: with 1 added, these are nodes.
    parent[1 : len(hi) + 1] = cover.parent + 1
    for name, node in numbers[RuleKind.DOMAIN].items():
        parent[node] = _above(name, numbers[RuleKind.DOMAIN])
    placed = _place(rules, numbers)
    sets, responsible, informed = _sets(placed, parent.tolist())
    return RoutingTable(
        prefixes=cover.table,
        prefix_hi=hi,
        prefix_lo=lo,
        prefix_length=length,
        asns=np.array([int(number) for number in asns], dtype=np.int64),
        domains=tuple(domains),
        countries=tuple(countries),
        parent=parent,
        responsible=responsible,
        informed=informed,
        rule_start=np.searchsorted(placed.node, np.arange(len(parent) + 1)).astype(np.int32),
        rule_team=placed.team,
        rule_role=placed.role,
        rule_basis=placed.basis,
        set_start=np.array([0, *accumulate(map(len, sets))], dtype=np.int32),
        set_team=np.array([*chain.from_iterable(sets)], dtype=np.int32),
        bases=placed.bases,
        teams=team_of,
        muting=np.array([team.id for team in team_of.values() if team.mutes], dtype=np.int64),
    )


@dataclass(frozen=True)
class _RuleColumns:
    """Rules as columns: node, role (its place in ROLES), team, and the place of its basis in ``bases``.

    Ordered by these four; of one team's equal rules what stands above the others comes first.
    """

    node: Int32s
    role: UInt8s
    team: Int32s
    basis: Int32s
    bases: tuple[Basis, ...]


def name_of(rule: DirectoryRule) -> str:
    """The name of the node of a rule: its value, but ``.org`` and ``org`` are one domain."""
    return rule.value.removeprefix(".") if rule.kind is RuleKind.DOMAIN else rule.value


def _names(rules: Iterable[DirectoryRule], teams: Iterable[Team]) -> dict[RuleKind, set[str]]:
    names: dict[RuleKind, set[str]] = {kind: set() for kind in RuleKind}
    for rule in rules:
        names[rule.kind].add(name_of(rule))
    # A muted network is a node of its own, so that a lookup tells whether an address lies in it.
    names[RuleKind.PREFIX] |= {mute.value for team in teams for mute in team.mutes if mute.kind is MuteKind.PREFIX}
    return names


def _sorted_networks(texts: Iterable[str]) -> tuple[list[str], UInt64s, UInt64s, UInt8s]:
    import polars as pl

    column = pl.Series("network", sorted(texts), dtype=pl.String)
    hi, lo, length, ok = parse_networks(column)
    if not ok.all():
        raise ValueError(f"'{column[int(np.flatnonzero(~ok)[0])]}' is not a network")
    order = np.lexsort((length, lo, hi))
    return column.gather(order).to_list(), hi[order], lo[order], length[order]


def _number(names: Sequence[Sequence[str]]) -> dict[RuleKind, dict[str, int]]:
    starts = accumulate((len(part) for part in names), initial=1)
    return {
        kind: {name: node for node, name in enumerate(part, start)}
        for kind, part, start in zip(RuleKind, names, starts, strict=False)
    }


def _above(name: str, nodes: dict[str, int]) -> int:
    """The node of the longest domain that holds ``name`` and is not itself."""
    while name:
        name = name.partition(".")[2]
        if name in nodes:
            return nodes[name]
    return 0


def _place(rules: Sequence[DirectoryRule], numbers: dict[RuleKind, dict[str, int]]) -> _RuleColumns:
    given = [(rule.source, rule.as_of, rule.confidence, rule.said_by, rule.overruled) for rule in rules]
    bases = sorted(set(given), key=_rank)
    places = {basis: place for place, basis in enumerate(bases)}
    node = np.array([numbers[rule.kind][name_of(rule)] for rule in rules], dtype=np.int32)
    role = np.array([_ROLES[rule.role] for rule in rules], dtype=np.uint8)
    team = np.array([rule.team_id for rule in rules], dtype=np.int32)
    basis = np.array([places[of] for of in given], dtype=np.int32)
    # lexsort reads from its end: by node, then role, team, basis.
    order = np.lexsort((basis, team, role, node))
    return _RuleColumns(node[order], role[order], team[order], basis[order], tuple(bases))


def _rank(basis: Basis) -> tuple[int, int, int, str, str, str]:
    """A person's word before imports, then the surest, then the freshest."""
    source, as_of, confidence, said_by, overruled = basis
    sure = -1 if confidence is None else confidence
    return strength(source), -sure, -as_of.toordinal() if as_of else 0, source, said_by, overruled


def _sets(placed: _RuleColumns, parent: Sequence[int]) -> tuple[list[tuple[int, ...]], Int32s, Int32s]:
    """All sets of teams, ascending each, and by node the number of the responsible and of the informed one."""
    answers, wants = _own(placed, ResponsibilityRole.RESPONSIBLE), _own(placed, ResponsibilityRole.INFORMED)
    numbers: dict[tuple[int, ...], int] = {(): 0}
    responsible, informed = [0] * len(parent), [0] * len(parent)
    sets: list[tuple[int, ...]] = [()]

    def number(teams: tuple[int, ...]) -> int:
        found = numbers.setdefault(teams, len(sets))
        if found == len(sets):
            sets.append(teams)
        return found

    for node in range(1, len(parent)):  # parents come first
        above = parent[node]
        responsible[node] = number(answers[node]) if node in answers else responsible[above]
        more = wants.get(node)
        informed[node] = number(tuple(sorted({*sets[informed[above]], *more}))) if more else informed[above]
    return sets, np.array(responsible, dtype=np.int32), np.array(informed, dtype=np.int32)


def _own(placed: _RuleColumns, role: ResponsibilityRole) -> dict[int, tuple[int, ...]]:
    """By node, the teams that have a rule of this role for it, ascending; overruled ones do not count."""
    holds = np.array([not overruled for *_, overruled in placed.bases], dtype=np.bool_)
    rows = np.flatnonzero(placed.role == _ROLES[role])
    rows = rows[holds[placed.basis[rows]]]
    node, team = placed.node[rows], placed.team[rows]
    other = np.flatnonzero((np.diff(node, prepend=-1) != 0) | (np.diff(team, prepend=-1) != 0))  # one team, one rule
    node, teams = node[other], team[other].tolist()
    starts = np.flatnonzero(np.diff(node, prepend=-1))
    cuts = np.append(starts, len(node)).tolist()
    return {of: tuple(teams[start:end]) for of, (start, end) in zip(node[starts].tolist(), pairwise(cuts), strict=True)}

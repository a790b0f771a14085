"""Mutes: what teams do not want to be told, as routing looks at it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np

from tocsin.directory import Mute, MuteKind, Team
from tocsin.networks import parse_network
from tocsin.node.sentences import say
from tocsin.sharing.routing.table import Int32s, RoutingTable

# What a mute names: the node of a prefix, or a word.
_Thing: TypeAlias = tuple[MuteKind, int | str]


@dataclass(frozen=True)
class Mutes:
    """The mutes that hold at one time.

    ``quiet`` gives for each prefix node the nearest one, itself or above, that somebody mutes; 0 for none.
    ``identifiers`` and ``types`` number from 1 the words that somebody mutes, and ``fussy`` are the teams that do.
    """

    by_team: dict[int, dict[_Thing, Mute]]
    quiet: Int32s
    identifiers: dict[str, int]
    types: dict[str, int]
    fussy: frozenset[int]

    def why(self, team: int, node: int, identifier: str, type_: str, parent: Int32s) -> str:
        """Why a team is not told of something in this prefix node (0: none) and of this class, or an empty text."""
        things = self.by_team.get(team)
        if not things:
            return ""
        mute = things.get((MuteKind.IDENTIFIER, identifier)) or things.get((MuteKind.TYPE, type_))
        while mute is None and node:
            mute = things.get((MuteKind.PREFIX, node))
            node = int(parent[node])
        return say("mutes %(words)s", words=mute.words) if mute else ""


def mutes_at(now: datetime, compiled: RoutingTable) -> Mutes:
    """The mutes of all teams that have not run out at ``now``."""
    by_team = {team: _things(compiled.teams[team], now, compiled) for team in compiled.muting.tolist()}
    named = {thing for things in by_team.values() for thing in things}
    quiet = np.zeros(len(compiled.prefix_hi) + 1, dtype=np.int32)
    if any(kind is MuteKind.PREFIX for kind, _ in named):
        for node in range(1, len(quiet)):  # parents come first
            quiet[node] = node if (MuteKind.PREFIX, node) in named else quiet[compiled.parent[node]]
    fussy = (team for team, things in by_team.items() if any(kind is not MuteKind.PREFIX for kind, _ in things))
    return Mutes(by_team, quiet, _places(named, MuteKind.IDENTIFIER), _places(named, MuteKind.TYPE), frozenset(fussy))


def _things(team: Team, now: datetime, compiled: RoutingTable) -> dict[_Thing, Mute]:
    return {_thing(mute, compiled): mute for mute in team.mutes if mute.holds(now)}


def _thing(mute: Mute, compiled: RoutingTable) -> _Thing:
    if mute.kind is not MuteKind.PREFIX:
        return mute.kind, mute.value
    network = parse_network(mute.value)
    if network is None:
        raise ValueError(f"'{mute.value}' is not a network")
    node = compiled.prefixes.get(network.hi, network.lo) + 1
    while compiled.network(node) != network:  # every muted network is a node
        node = int(compiled.parent[node])
    return mute.kind, node


def _places(named: Iterable[_Thing], wanted: MuteKind) -> dict[str, int]:
    words = sorted(str(word) for kind, word in named if kind is wanted)
    return {word: place for place, word in enumerate(words, 1)}

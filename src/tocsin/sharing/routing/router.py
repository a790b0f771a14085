"""Who must know: one rule of decision, for a batch of events and for a single question alike.

The rule, in docs/design/routing.md at length: the most specific prefix, else the AS, else the domain suffix, else the
country; the first of these levels that has a responsible team decides. Teams that only want to know are added at
whatever level they match. Several teams that claim the same most specific thing are all told.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from tocsin.directory import DirectoryRule, Team
from tocsin.sharing.routing.decide import decide, unite
from tocsin.sharing.routing.decision import RoutedTeams, RoutingDecision
from tocsin.sharing.routing.files import open_compiled, save_compiled
from tocsin.sharing.routing.lookup import MOST_SPANS, Bools, Lookup, Texts, match_texts
from tocsin.sharing.routing.mutes import mutes_at
from tocsin.sharing.routing.numbering import Combinations
from tocsin.sharing.routing.table import Int32s, Int64s, RoutingTable, UInt64s, compile_rules


class EventTexts(TypedDict, total=False):
    """Texts of rows, a column each.

    ``country``: upper-case codes. ``domain``: host names. ``network``: CIDR texts, read where there is no address; of a
    network must know whoever must know of any address in it. ``identifier``, ``type_``: the classification, for mutes.
    """

    country: Texts
    domain: Texts
    network: Texts
    identifier: Texts
    type_: Texts


class Router:
    """Decides by the rules and teams that it was compiled from; mutes are judged at ``now``.

    It remembers what it decided, so let one object serve all batches of an ingest. It is not for several threads at
    once. Numbers of decisions and audiences mean something to this object only.
    """

    def __init__(self, compiled: RoutingTable, *, now: datetime) -> None:
        self.now = now
        self._compiled = compiled
        self._lookup = Lookup(compiled)
        self._mutes = mutes_at(now, compiled)
        self._type_count = len(self._mutes.types) + 1
        prefixes, asns, domains, countries = compiled.sizes
        classes = (len(self._mutes.identifiers) + 1) * self._type_count
        sets = len(compiled.set_start) - 1
        # A case is what a row matches; an outcome is as much of it as the teams depend on.
        self._cases = Combinations((countries + 1, classes, domains + 1, asns + 1, prefixes + 1 + MOST_SPANS))
        self._outcomes = Combinations((prefixes + 1, classes, *[sets] * 5))
        self._cases.number([np.zeros(1, dtype=np.int32)] * 5)  # number 0: nobody
        self._decisions: dict[int, RoutingDecision] = {}
        self._audience_numbers: dict[RoutedTeams, int] = {RoutedTeams(): 0}
        self._audiences: list[RoutedTeams] = [RoutedTeams()]
        # By outcome and by case: whether anybody must know, and the audience.
        self._by_outcome = np.empty((0, 2), dtype=np.int32)
        self._by_case = np.empty((0, 2), dtype=np.int32)

    @classmethod
    def compile(cls, rules: Iterable[DirectoryRule], teams: Iterable[Team], *, now: datetime | None = None) -> "Router":
        """The router of these rules and teams, whose values are canonical; their order does not matter."""
        return cls(compile_rules(rules, teams), now=now or datetime.now(UTC))

    @classmethod
    def open(cls, folder: Path, *, now: datetime | None = None) -> "Router":
        """The router that ``save`` wrote, mapped into memory.

        Raises:
            StorageError: the folder is not there or not whole.

        """
        return cls(open_compiled(folder), now=now or datetime.now(UTC))

    def save(self, folder: Path) -> None:
        """Write the compiled form, without what was decided, as a folder that is there whole or not at all."""
        save_compiled(self._compiled, folder)

    @property
    def teams(self) -> Mapping[int, Team]:
        """The teams by number."""
        return self._compiled.teams

    def route(self, hi: UInt64s, lo: UInt64s, has_address: Bools, asn: Int64s, **texts: Unpack[EventTexts]) -> Int32s:
        """The number of the decision on each row; 0 where nobody is found. See ``cases``."""
        cases = self.cases(hi, lo, has_address, asn, **texts)
        found: Int32s = cases * self._by_case[cases, 0]
        return found

    def cases(self, hi: UInt64s, lo: UInt64s, has_address: Bools, asn: Int64s, **texts: Unpack[EventTexts]) -> Int32s:
        """The number of the decision on each row, also where it names nobody; 0 where no rule matches.

        ``hi``, ``lo``: halves of addresses, read where ``has_address``. ``asn``: -1 for none. ``texts``: see
        ``EventTexts``.
        """
        cases = self._cases.number(self._matches(hi, lo, has_address, asn, **texts))
        self._settle()
        return cases

    def ask(
        self, hi: UInt64s, lo: UInt64s, has_address: Bools, asn: Int64s, **texts: Unpack[EventTexts]
    ) -> RoutingDecision:
        """The decision on one row, which is not remembered: for single questions, in a fraction of the time."""
        country, class_, domain, asn_place, prefix = (
            int(column[0]) for column in self._matches(hi, lo, has_address, asn, **texts)
        )
        return self._decide(prefix, (asn_place, domain, country), class_)

    def _matches(
        self, hi: UInt64s, lo: UInt64s, has_address: Bools, asn: Int64s, **texts: Unpack[EventTexts]
    ) -> list[Int32s]:
        """What each row matches, as columns: country, classification, domain, AS, prefix."""
        count = len(hi)
        places = (
            self._lookup.prefixes(hi, lo, has_address, texts.get("network")),
            self._lookup.asns(asn),
            self._lookup.domains(texts.get("domain"), count),
            self._lookup.countries(texts.get("country"), count),
        )
        prefixes, asns, domains, countries = places
        classes = self._classes(texts.get("identifier"), texts.get("type_"), places)
        return [countries, classes, domains, asns, prefixes]

    def responsible(self, hi: UInt64s, lo: UInt64s, asn: Int64s) -> Int32s:
        """The number of the set of teams that answers for each address: for its prefix, else for its AS; 0 for nobody.

        It says what ``route`` says of rows that have nothing but an address and an AS (-1 for none), without the teams
        that only want to know, without mutes, and at several times the speed. ``team_set`` gives the teams.
        """
        sets, start = self._compiled.responsible, self._compiled.starts[1]
        places = self._lookup.asns(asn)
        by_prefix = sets[self._compiled.prefixes.lookup(hi, lo) + np.int32(1)]
        return np.where(by_prefix, by_prefix, sets[np.where(places, places + np.int32(start), np.int32(0))])

    def team_set(self, number: int) -> tuple[int, ...]:
        """The numbers of the teams of a set that ``responsible`` gave, ascending."""
        return self._compiled.set_of(number)

    def decision(self, number: int) -> RoutingDecision:
        """Who must know and why, by a number that ``route`` gave."""
        if number not in self._decisions:
            columns = self._cases.rows(np.array([number], dtype=np.int64))
            country, class_, domain, asn, prefix = (int(column[0]) for column in columns)
            self._decisions[number] = self._decide(prefix, (asn, domain, country), class_)
        return self._decisions[number]

    def audiences(self, decisions: Int32s) -> Int32s:
        """The number of the audience of each decision, 0 for nobody; many decisions share an audience."""
        numbers: Int32s = self._by_case[decisions, 1]
        return numbers

    def audience(self, number: int) -> RoutedTeams:
        """The teams of an audience."""
        return self._audiences[number]

    def _classes(self, identifier: Texts, type_: Texts, places: Sequence[Int32s]) -> Int32s:
        """The number of each row's classification where a team of that row may mute it, else 0."""
        mutes, count = self._mutes, len(places[0])
        if not (mutes.identifiers or mutes.types):
            return np.zeros(count, dtype=np.int32)
        touchy = places[0] > len(self._compiled.prefix_hi)
        for start, place in zip(self._compiled.starts, places, strict=True):
            touchy = touchy | self._touchy[np.where(touchy | (place == 0), 0, place + np.int32(start))]
        identifiers = match_texts(identifier, count, mutes.identifiers)
        types = match_texts(type_, count, mutes.types)
        return np.where(touchy, identifiers * np.int32(self._type_count) + types, np.int32(0))

    @cached_property
    def _touchy(self) -> Bools:
        """By node: whether a team that may come of it mutes some class of event."""
        hits = np.isin(self._compiled.set_team, list(self._mutes.fussy))
        # Sets lie one behind the other in ``set_team``: hits up to the begin of each, and by difference those in it.
        until = np.concatenate([[0], np.cumsum(hits)])[self._compiled.set_start]
        by_set = np.diff(until) > 0
        return by_set[self._compiled.responsible] | by_set[self._compiled.informed]

    def _decide(self, prefix: int, others: Sequence[int], class_: int) -> RoutingDecision:
        rest = [place and place + start for place, start in zip(others, self._compiled.starts[1:], strict=True)]
        identifier, type_ = self._words(class_)
        parts = [
            decide(self._compiled, (node, *rest), partial(self._why_muted, node, identifier, type_))
            for node in self._lookup.inside(prefix)
        ]
        return parts[0] if len(parts) == 1 else unite(parts)

    def _why_muted(self, node: int, identifier: str, type_: str, team: int) -> str:
        return self._mutes.why(team, node, identifier, type_, self._compiled.parent)

    def _words(self, class_: int) -> tuple[str, str]:
        identifier, type_ = divmod(class_, self._type_count)
        return ("", *self._mutes.identifiers)[identifier], ("", *self._mutes.types)[type_]

    def _settle(self) -> None:
        """Work out for each new case whether anybody must know, and its audience."""
        start, end = len(self._by_case), len(self._cases)
        if start == end:
            return
        rows = np.arange(start, end)
        country, class_, domain, asn, prefix = self._cases.rows(rows)
        # A higher number stands for a network with several prefixes in it, which are decided one by one and united.
        simple = prefix <= len(self._compiled.prefix_hi)
        settled = np.empty((end - start, 2), dtype=np.int32)
        settled[simple] = self._outcome((prefix[simple], asn[simple], domain[simple], country[simple]), class_[simple])
        for row in np.flatnonzero(~simple).tolist():
            decision = self.decision(start + row)
            settled[row] = bool(decision.matches), self._audience_number(decision.teams)
        self._by_case = np.concatenate([self._by_case, settled])

    def _outcome(self, places: Sequence[Int64s], class_: Int64s) -> Int32s:
        """By the sets of teams alone: whether anybody must know, and the audience, of many cases."""
        # Most specific first, and the first level with a responsible team decides; informed is who is so by any level.
        nodes = [np.where(place, place + start, 0) for place, start in zip(places, self._compiled.starts, strict=True)]
        responsible = np.zeros(len(class_), dtype=np.int32)
        for node in nodes:
            responsible = np.where(responsible, responsible, self._compiled.responsible[node])
        informed = [self._compiled.informed[node] for node in nodes]
        numbers = self._outcomes.number([self._mutes.quiet[places[0]], class_.astype(np.int32), responsible, *informed])
        start, end = len(self._by_outcome), len(self._outcomes)
        columns = [column.tolist() for column in self._outcomes.rows(np.arange(start, end))]
        fresh = [self._audience_of(*row) for row in zip(*columns, strict=True)]
        self._by_outcome = np.concatenate([self._by_outcome, np.array(fresh, dtype=np.int32).reshape(-1, 2)])
        return self._by_outcome[numbers]

    def _audience_of(self, quiet: int, class_: int, responsible: int, *informed: int) -> tuple[bool, int]:
        answering = set(self._compiled.set_of(responsible))
        teams = answering.union(*(self._compiled.set_of(number) for number in set(informed)))
        identifier, type_ = self._words(class_)
        told = {team for team in teams if not self._why_muted(quiet, identifier, type_, team)}
        parts = (told, told - answering, answering - told)
        return bool(teams), self._audience_number(RoutedTeams(*(tuple(sorted(part)) for part in parts)))

    def _audience_number(self, teams: RoutedTeams) -> int:
        if teams not in self._audience_numbers:
            self._audience_numbers[teams] = len(self._audiences)
            self._audiences.append(teams)
        return self._audience_numbers[teams]

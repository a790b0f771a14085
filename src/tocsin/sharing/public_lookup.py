"""Find a team: the CSIRTs to turn to, for a person outside who has an address, a domain or a country.

It asks the same router as all telling does, and says only what is public: no team that is not, no assertion with its
source, no state of a contact, nothing of events. What it shows of a team goes through the gate as TLP:CLEAR.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tocsin.directory import (
    HelpLine,
    PublicTeam,
    ResponsibilityRole,
    RuleKind,
    TeamKind,
    lines_for,
    public_profile,
    public_version,
    read_help_lines,
    read_public_teams,
)
from tocsin.directory.contacts import last_fact
from tocsin.directory.profile import TeamProfile
from tocsin.networks import (
    SPECIAL_USE,
    NetworkLookup,
    Networks,
    country_names,
    format_address,
    parse_network,
    special_use,
)
from tocsin.node.cache import Cache
from tocsin.node.errors import NotFoundError, WithheldError
from tocsin.node.node import Node
from tocsin.sharing.gate import Audience, Recipient, ReleasePurpose, decide, read_marking
from tocsin.sharing.lookup import ResponsibilityLookup, Subject
from tocsin.sharing.routing import RoutingDecision

FRESH: Final = timedelta(minutes=5)
"""A profile is read anew after this, so that what is not of the directory, such as keys, is seen."""

_MOST = 5  # teams that one answer names
_LEVELS = (RuleKind.PREFIX, RuleKind.ASN, RuleKind.DOMAIN, RuleKind.COUNTRY)
_OF_DOMAINS = {"UK": "GB"}  # a country whose domain has other letters than its code


class Why(StrEnum):
    """Why one turns to a team."""

    NETWORK = "prefix"  # it answers for the network of the address
    AS = "asn"  # it answers for the networks of this operator
    DOMAIN = "domain"  # it answers for the domain
    COUNTRY = "country"  # it answers for the country
    NATIONAL = "national"  # it is the national team of the country
    HERE = "here"  # it is the national team of the country that this node serves


@dataclass(frozen=True)
class Helper:
    """A team to turn to, and why."""

    team: PublicTeam
    why: Why


@dataclass(frozen=True)
class Help:
    """The teams to turn to, best first, and those to turn to where these do not answer.

    ``facts``: the network and its operator as the public registers have them. ``special``: what the address is set
    aside for, where it says nothing of a place (a word of `tocsin.networks.SPECIAL_USE`), or empty. ``country``: the
    ISO 3166-1 code of where it is, or empty.
    """

    helpers: tuple[Helper, ...]
    otherwise: tuple[Helper, ...]
    facts: NetworkLookup
    special: str
    country: str


@dataclass(frozen=True)
class _PublicTeams:
    """The public teams, and those of their profiles that were asked for, with when they were read."""

    teams: list[PublicTeam]
    profiles: dict[str, tuple[datetime, TeamProfile]] = field(default_factory=dict)


class PublicLookup:
    """Answers for one node, from all threads; keeps the public teams of the directory as it stands in memory."""

    def __init__(self, node: Node, guide: ResponsibilityLookup, clock: Callable[[], datetime]) -> None:
        self._node, self._clock = node, clock
        self._guide = guide
        self._cache: Cache[_PublicTeams] = Cache(1)
        self._lines: Cache[list[HelpLine]] = Cache(1)

    def help(self, subject: Subject) -> Help:
        """Whom to turn to."""
        facts, special = self._facts(subject)
        country = subject.country or facts.country or _country_of(subject.domain or "")
        decision = self._guide.ask(replace(subject, country=country or None)).decision
        here = self._node.settings.node.country
        helpers, otherwise = choose(decision, self.teams(), country=country, here=here)
        return Help(helpers, otherwise, facts, "" if helpers else special, country)

    def teams(self) -> Sequence[PublicTeam]:
        """Every public team, in the order of `read_public_teams`."""
        return self._current().teams

    def team(self, key: str) -> PublicTeam:
        """The public team with this key.

        Raises:
            NotFoundError: there is none: not in the directory, or not public, which of the two nobody learns.

        """
        found = next((team for team in self.teams() if team.key == key), None)
        if found is None:
            raise NotFoundError(f"No team '{key}' is in the public directory.")
        return found

    def own_team(self) -> PublicTeam | None:
        """The public team that this node is: the first of its own teams, else the national one of its country."""
        node, teams = self._node.settings.node, self.teams()
        own = (team for key in node.own_teams for team in teams if team.key == key)
        return next(own, next((team for team, _ in _national(teams, node.country, Why.HERE)), None))

    def profile(self, team: PublicTeam) -> TeamProfile:
        """What everybody may see of a public team.

        Raises:
            WithheldError: the gate says no.

        """
        _check_public()
        kept, now = self._current(), self._clock()
        at, profile = kept.profiles.get(team.key, (None, None))
        if at is None or profile is None or not at <= now < at + FRESH:
            profile = public_profile(self._node.database, team.key, now=now)
            kept.profiles[team.key] = now, profile
        return profile

    def country_at(self, address: str) -> str:
        """The country in which the public registers place an address, or empty."""
        return Networks.open(self._node.home).answer(address).country or ""

    def help_lines(self, country: str) -> Sequence[HelpLine]:
        """The confirmed help lines for a visitor in a country, best first.

        Raises:
            WithheldError: the gate says no.

        """
        _check_public()
        settings, now = self._node.settings, self._clock()
        with self._node.database.reading() as session:
            known = public_version(session), last_fact(session), f"{now:%Y-%m-%d %H}"
        lines = self._lines.get(known, lambda: read_help_lines(self._node.database, settings, now))
        return lines_for(lines, here=settings.node.country, country=country)

    def _current(self) -> _PublicTeams:
        with self._node.database.reading() as session:
            hidden = self._node.settings.node.hidden_teams
            return self._cache.get(
                public_version(session), lambda: _PublicTeams(read_public_teams(session, hidden=hidden))
            )

    def _facts(self, subject: Subject) -> tuple[NetworkLookup, str]:
        networks = Networks.open(self._node.home)
        address = subject.address or _first(subject.network)
        if address is None:
            name = networks.register.name(subject.asn) if subject.asn else ""
            return NetworkLookup("", asn=subject.asn, as_name=name), ""
        return networks.answer(format_address(*address)), _special(address)


def choose(
    decision: RoutingDecision, teams: Iterable[PublicTeam], *, country: str, here: str
) -> tuple[tuple[Helper, ...], tuple[Helper, ...]]:
    """The teams to turn to and those to turn to otherwise: of what routing says only what is public.

    First the public teams that answer for the most specific thing, else the national team of ``country``; otherwise
    those of wider things, then the national teams of the country and of ``here``. Teams that only want to be informed
    are no help.
    """
    public = {team.id: team for team in teams}
    found = [*_answering(decision, public), *_national(public.values(), country, Why.NATIONAL)]
    first = {why for _, why in found[:1]}
    found += _national(public.values(), here, Why.HERE)
    unique: dict[int, Helper] = {}
    for team, why in found:
        unique.setdefault(team.id, Helper(team, why))
    helpers = tuple(one for one in unique.values() if one.why in first)[:_MOST]
    return helpers, tuple(one for one in unique.values() if one.why not in first)[:_MOST]


def _check_public() -> None:
    """Raise what the gate says where it lets nothing of TLP:CLEAR out to everybody."""
    verdict = decide(read_marking("CLEAR", "CLEAR"), Recipient(Audience.PUBLIC), ReleasePurpose.COORDINATION)
    if not verdict.allowed:
        raise WithheldError(verdict.words)


def _answering(decision: RoutingDecision, public: Mapping[int, PublicTeam]) -> list[tuple[PublicTeam, Why]]:
    matches = (*decision.matches, *decision.passed_over)
    known = [match for match in matches if match.role is ResponsibilityRole.RESPONSIBLE and match.team_id in public]
    return [(public[match.team_id], Why(match.level)) for match in sorted(known, key=lambda m: _LEVELS.index(m.level))]


def _national(teams: Iterable[PublicTeam], country: str, why: Why) -> list[tuple[PublicTeam, Why]]:
    return [(team, why) for team in teams if country and team.country == country and team.kind is TeamKind.NATIONAL]


def _first(network: str | None) -> tuple[int, int] | None:
    found = parse_network(network) if network else None
    return None if found is None else (found.hi, found.lo)


def _special(address: tuple[int, int]) -> str:
    import numpy as np

    hi, lo = (np.array([half], dtype=np.uint64) for half in address)
    return SPECIAL_USE[int(special_use(hi, lo)[0])]


def _country_of(domain: str) -> str:
    """The country that the end of a domain names, or empty."""
    end = domain.rpartition(".")[2].upper()
    end = _OF_DOMAINS.get(end, end)
    return end if end in country_names() else ""

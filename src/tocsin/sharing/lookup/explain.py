"""The answer to who must know of one subject: what an ingest decides, asked of one row, with its reasons."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin.sharing.lookup.subject import Subject

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from tocsin.directory import Team
    from tocsin.networks import NetworkLookup, Networks
    from tocsin.sharing.gate import GateVerdict, LocalRule, Marking
    from tocsin.sharing.routing import Router, RoutingDecision, RuleMatch
    from tocsin.sharing.rules import Rules


class Nobody(StrEnum):
    """Why nobody is told."""

    EMPTY = "empty"
    OVERRULED = "overruled"
    NO_RULE = "no-rule"
    NOT_TOLD = "not-told"


_WHY_NOBODY = {
    Nobody.EMPTY: "The directory is empty: 'tocsin directory import FILE' brings in teams.",
    Nobody.OVERRULED: "A person said that the teams which claim it do not answer for it.",
    Nobody.NO_RULE: "No prefix, AS, domain or country rule in the directory holds it.",
    Nobody.NOT_TOLD: "Each team to notify is muted, has no email address, or may not have it by the gate.",
}


@dataclass(frozen=True)
class Explanation:
    """The answer: what is known of the subject, who must know of it, and what the gate says of each team.

    ``more``: teams that only a rule of the node names, with the rule's id; ``quiet``: why those of them that mute it
    are not told, in words. ``undecided``: ids of rules of the node that
    may hold too, but depend on what was not said of the subject.
    """

    subject: Subject
    facts: "NetworkLookup"
    marking: "Marking"
    decision: "RoutingDecision"
    teams: Mapping[int, "Team"]
    gate: Mapping[int, "GateVerdict"]
    more: Mapping[int, str] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()
    quiet: Mapping[int, str] = field(default_factory=dict)

    @property
    def why_nobody(self) -> "Nobody | None":
        """Why nobody is told, or None."""
        if not self.teams:
            return Nobody.EMPTY
        if not self.decision.matches and not self.more:
            return Nobody.OVERRULED if self.decision.overruled else Nobody.NO_RULE
        told = any(self.is_told(match) for match in self.decision.matches) or any(map(self.is_told_more, self.more))
        return None if told else Nobody.NOT_TOLD

    @property
    def nobody(self) -> str | None:
        """Why nobody is told, in words, or None."""
        why = self.why_nobody
        return why and _WHY_NOBODY[why]

    def within(self, teams: Collection[int]) -> "Explanation | None":
        """Only what names these teams (numbers); None where it names none of them."""
        parts = (self.decision.matches, self.decision.passed_over, self.decision.overruled)
        matches, passed, overruled = (tuple(match for match in part if match.team_id in teams) for part in parts)
        more = {team: rule for team, rule in self.more.items() if team in teams}
        quiet = {team: why for team, why in self.quiet.items() if team in teams}
        if not matches and not passed and not more:
            return None
        decision = replace(self.decision, matches=matches, passed_over=passed, overruled=overruled)
        return replace(self, decision=decision, more=more, undecided=(), quiet=quiet)

    def is_told(self, match: "RuleMatch") -> bool:
        """Whether this team is told."""
        team = self.teams[match.team_id]
        return not match.muted and self.gate[match.team_id].allowed and bool(team.mailboxes)

    def is_told_more(self, team: int) -> bool:
        """Whether a team that only a rule of the node names is told."""
        return team not in self.quiet and self.gate[team].allowed and bool(self.teams[team].mailboxes)

    def document(self) -> dict[str, object]:
        """The answer as JSON has it."""
        return {
            "query": self.subject.query,
            "address": self.facts.address or None,
            "network": self.subject.network,
            "domain": self.subject.domain,
            "prefix": self.facts.prefix,
            "asn": self.facts.asn,
            "as_name": self.facts.as_name,
            "country": self.facts.country,
            "marking": {"tlp": self.marking.tlp, "pap": self.marking.pap},
            "teams": [self._team(match) for match in self.decision.matches],
            "overlaps": [self._rule(match) for match in self.decision.overlaps],
            "passed_over": [self._rule(match) for match in self.decision.passed_over],
            "overruled": [self._rule(match) | {"by": match.overruled} for match in self.decision.overruled],
            "told_more": [self._more(team, rule) for team, rule in self.more.items()],
            "undecided_rules": list(self.undecided),
            "nobody": self.nobody,
        }

    def _more(self, team: int, rule: str) -> dict[str, object]:
        verdict = self.gate[team]
        return {
            "team": self.teams[team].key,
            "name": self.teams[team].name,
            "rule": rule,
            "told": self.is_told_more(team),
            "muted": self.quiet.get(team),
            "gate": {"allowed": verdict.allowed, "rule": verdict.rule, "words": verdict.words},
        }

    def _team(self, match: "RuleMatch") -> dict[str, object]:
        team, verdict = self.teams[match.team_id], self.gate[match.team_id]
        return self._rule(match) | {
            "told": self.is_told(match),
            "muted": match.muted or None,
            "told_as": {"interval": team.interval, "formats": team.formats, "mailboxes": team.mailboxes},
            "gate": {"allowed": verdict.allowed, "rule": verdict.rule, "words": verdict.words},
        }

    def _rule(self, match: "RuleMatch") -> dict[str, object]:
        team = self.teams[match.team_id]
        return {
            "team": team.key,
            "name": team.name,
            "role": match.role,
            "level": match.level,
            "value": match.value,
            "rule": match.rule,
        }


def explain_subject(
    subject: Subject,
    networks: "Networks",
    router: "Router",
    marking: "Marking",
    *,
    own: frozenset[str] = frozenset(),
    rules: "Rules | None" = None,
) -> Explanation:
    """Who would be told of one subject: the batch functions on one row. It takes well under 5 ms.

    ``own``: the keys of our own teams. ``rules``: those of the node, None for none.
    """
    import numpy as np

    from tocsin.sharing.gate import ReleasePurpose, decide, recipient_of

    facts = known_of(subject, networks)
    hi, lo = subject.address or (0, 0)
    decision = router.ask(
        np.array([hi], dtype=np.uint64),
        np.array([lo], dtype=np.uint64),
        np.array([subject.address is not None]),
        np.array([facts.asn or -1], dtype=np.int64),
        country=[subject.country or facts.country],
        domain=[subject.domain],
        network=[subject.network],
        identifier=[subject.identifier],
        type_=[subject.type_],
    )
    held = _by_rules(rules, subject, facts, marking) if rules is not None and rules.any else _RuleFindings()
    named = {match.team_id for match in decision.matches}
    more = {team.id: held.informs[team.key] for team in _teams_with(held.informs, router) if team.id not in named}
    quiet = {team: words for team in more if (words := held.why_quiet(router.teams[team], router.now))}
    gate = {
        team: decide(marking, recipient_of(router.teams[team], own=own), ReleasePurpose.REMEDIATION, held.local)
        for team in (*named, *more)
    }
    return Explanation(subject, facts, marking, decision, router.teams, gate, more, held.undecided, quiet)


@dataclass(frozen=True)
class _RuleFindings:
    """What the rules of the node say of one subject; ``informs``: by key of a team the rule that names it."""

    local: "tuple[LocalRule, ...]" = ()
    informs: Mapping[str, str] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()
    event: "pl.DataFrame | None" = None

    def why_quiet(self, team: "Team", now: "datetime") -> str:
        """Which mute keeps a team that a rule informs from being told, or an empty text."""
        from tocsin.sharing.rules import muted

        if self.event is None:
            return ""
        quiet = (mute for mute in team.mutes if mute.holds(now) and muted(self.event, [mute])[0])
        return next((f"mutes {mute.words}" for mute in quiet), "")


def _by_rules(rules: "Rules", subject: Subject, facts: "NetworkLookup", marking: "Marking") -> _RuleFindings:
    import polars as pl

    from tocsin.events import COLUMNS

    hi, lo = subject.address or (None, None)
    known = {
        "source.ip.hi": _signed(hi),
        "source.ip.lo": _signed(lo),
        "source.network": subject.network,
        "source.asn": facts.asn,
        "source.geolocation.cc": subject.country or facts.country,
        "classification.identifier": subject.identifier or None,
        "classification.type": subject.type_ or None,
        "feed.code": subject.feed or None,
        "tlp": marking.tlp.value,
    }
    event = pl.DataFrame({name: [known.get(name)] for name in COLUMNS}, schema=COLUMNS)
    mark = rules.marks(event)[0]
    informs = {team: rule.id for rule in rules.holding(mark) for team in rule.inform}
    return _RuleFindings(rules.local(mark), informs, tuple(rule.id for rule in rules.undecided(event)), event)


def _teams_with(keys: Mapping[str, str], router: "Router") -> "list[Team]":
    return [team for team in router.teams.values() if team.key in keys] if keys else []


def _signed(half: int | None) -> int | None:
    """The half of an address as the event table has it."""
    return half - (1 << 64) if half is not None and half >> 63 else half


def known_of(subject: Subject, networks: "Networks") -> "NetworkLookup":
    """What the tables know of a subject; of a domain nothing."""
    from tocsin.networks import NetworkLookup, format_address

    if subject.address:
        return networks.answer(format_address(*subject.address))
    if subject.asn:
        return replace(NetworkLookup("", asn=subject.asn), as_name=networks.register.name(subject.asn))
    return NetworkLookup("", country=subject.country)

"""The answer to who must know of one subject: what an ingest decides, asked of one row, with its reasons."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tocsin.asking.subject import Subject

if TYPE_CHECKING:
    from tocsin.directory import Team
    from tocsin.networks import Answer, Networks
    from tocsin.release import Marking, Verdict
    from tocsin.routing import Decision, Match, Router


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
    Nobody.NOT_TOLD: "Each team that must know is muted, has no mailbox, or may not have it by the gate.",
}


@dataclass(frozen=True)
class Explanation:
    """The answer: what is known of the subject, who must know of it, and what the gate says of each team."""

    subject: Subject
    facts: "Answer"
    marking: "Marking"
    decision: "Decision"
    teams: Mapping[int, "Team"]
    gate: Mapping[int, "Verdict"]

    @property
    def why_nobody(self) -> "Nobody | None":
        """Why nobody is told, or None."""
        if not self.teams:
            return Nobody.EMPTY
        if not self.decision.matches:
            return Nobody.OVERRULED if self.decision.overruled else Nobody.NO_RULE
        return None if any(self.is_told(match) for match in self.decision.matches) else Nobody.NOT_TOLD

    @property
    def nobody(self) -> str | None:
        """Why nobody is told, in words, or None."""
        why = self.why_nobody
        return why and _WHY_NOBODY[why]

    def within(self, teams: Collection[int]) -> "Explanation | None":
        """Only what names these teams (numbers); None where it names none of them."""
        parts = (self.decision.matches, self.decision.passed_over, self.decision.overruled)
        matches, passed, overruled = (tuple(match for match in part if match.team_id in teams) for part in parts)
        if not matches and not passed:
            return None
        return replace(self, decision=replace(self.decision, matches=matches, passed_over=passed, overruled=overruled))

    def is_told(self, match: "Match") -> bool:
        """Whether this team is told."""
        team = self.teams[match.team_id]
        return not match.muted and self.gate[match.team_id].allowed and bool(team.mailboxes)

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
            "nobody": self.nobody,
        }

    def _team(self, match: "Match") -> dict[str, object]:
        team, verdict = self.teams[match.team_id], self.gate[match.team_id]
        return self._rule(match) | {
            "told": self.is_told(match),
            "muted": match.muted or None,
            "told_as": {"interval": team.interval, "formats": team.formats, "mailboxes": team.mailboxes},
            "gate": {"allowed": verdict.allowed, "rule": verdict.rule, "words": verdict.words},
        }

    def _rule(self, match: "Match") -> dict[str, object]:
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
) -> Explanation:
    """Who would be told of one subject: the batch functions on one row. It takes well under 5 ms.

    ``own``: the keys of our own teams.
    """
    import numpy as np

    from tocsin.release import Purpose, decide, recipient_of

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
    gate = {
        match.team_id: decide(marking, recipient_of(router.teams[match.team_id], own=own), Purpose.REMEDIATION)
        for match in decision.matches
    }
    return Explanation(subject, facts, marking, decision, router.teams, gate)


def known_of(subject: Subject, networks: "Networks") -> "Answer":
    """What the tables know of a subject; of a domain nothing."""
    from tocsin.networks import Answer, format_address

    if subject.address:
        return networks.answer(format_address(*subject.address))
    if subject.asn:
        return replace(Answer("", asn=subject.asn), as_name=networks.register.name(subject.asn))
    return Answer("", country=subject.country)

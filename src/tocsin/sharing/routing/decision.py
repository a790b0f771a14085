"""What routing answers: which teams must know, through which rules, and what was passed over."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from tocsin.directory import ResponsibilityRole, RuleKind


class RoutedTeams(NamedTuple):
    """Who must know of something; numbers of teams, each ascending.

    ``told``: all but the muted. ``informed``: those of them that answer for nothing of it and only want to know.
    ``muted``: the responsible teams that mute it.
    """

    told: tuple[int, ...] = ()
    informed: tuple[int, ...] = ()
    muted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule that names a team.

    ``muted`` is empty, or says which of the team's mutes keeps it from being told; ``overruled`` is empty, or says
    which person's word beats the rule.
    """

    team_id: int
    role: ResponsibilityRole
    level: RuleKind
    value: str
    source: str = ""
    as_of: date | None = None
    confidence: int | None = None
    said_by: str = ""
    overruled: str = ""
    muted: str = ""

    @property
    def rule(self) -> str:
        """The rule in words: ``prefix 192.0.2.0/24 (source register, as of 2026-11-01)``."""
        basis = [
            f"source {self.source}" if self.source else "",
            f"as of {self.as_of}" if self.as_of else "",
            f"said by {self.said_by}" if self.said_by else "",
            "" if self.confidence is None else f"confidence {self.confidence}",
        ]
        words = ", ".join(part for part in basis if part)
        named = f"AS{self.value}" if self.level is RuleKind.ASN else f"{self.level} {self.value}"
        return named + (f" ({words})" if words else "")


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """The teams that must know of something: each once, the responsible first, then by number.

    ``passed_over`` are the rules that also hold but do not decide: less specific ones, and further ones of a team
    that is named already. ``overruled`` are rules that would hold had a person not said otherwise.
    """

    matches: tuple[RuleMatch, ...] = ()
    passed_over: tuple[RuleMatch, ...] = ()
    overruled: tuple[RuleMatch, ...] = ()

    @property
    def told(self) -> tuple[int, ...]:
        """The numbers of the teams that are told: all but the muted, ascending."""
        return self.teams.told

    @property
    def teams(self) -> RoutedTeams:
        """The same with their roles."""
        heard = [match for match in self.matches if not match.muted]
        informed = (match.team_id for match in heard if match.role is ResponsibilityRole.INFORMED)
        muted = {m.team_id for m in self.matches if m.muted and m.role is ResponsibilityRole.RESPONSIBLE}
        return RoutedTeams(tuple(sorted(m.team_id for m in heard)), tuple(sorted(informed)), tuple(sorted(muted)))

    @property
    def overlaps(self) -> tuple[RuleMatch, ...]:
        """The matches in which several teams answer for the very same thing; empty where nothing is contested."""
        claims = [match for match in self.matches if match.role is ResponsibilityRole.RESPONSIBLE]
        count = Counter((match.level, match.value) for match in claims)
        return tuple(match for match in claims if count[match.level, match.value] > 1)

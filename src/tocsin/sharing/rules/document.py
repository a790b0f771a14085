"""What a document of rules holds, as data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tocsin.sharing.gate import LocalRule, ReleasePurpose, Tlp, TransferRule

Given: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Conditions: each a name and the values of which one must fit; all conditions must hold."""


class SharingRuleKind(StrEnum):
    """What a rule is about."""

    SHARE = "share"  # whom something may go to, beyond the table of the gate
    ROUTE = "route"  # who else is told, or that nobody is


@dataclass(frozen=True, slots=True)
class SharingRule:
    """One rule. ``line``: where it begins in its text.

    ``when``: which events it holds for. ``to`` and ``excepted``: which recipients it concerns, by ``team`` (keys),
    ``kind`` and ``country``, and which it does not. It does one of these: ``refuse``, ``up_to``, ``hide`` (names of
    fields), ``inform`` (keys of teams), ``tell_nobody``.
    """

    id: str
    kind: SharingRuleKind
    line: int
    why: str = ""
    when: Given = ()
    to: Given = ()
    excepted: Given = ()
    purposes: tuple[ReleasePurpose, ...] = ()
    refuse: bool = False
    up_to: Tlp | None = None
    hide: tuple[str, ...] = ()
    inform: tuple[str, ...] = ()
    tell_nobody: bool = False

    @property
    def local(self) -> LocalRule | None:
        """What the gate asks, once ``when`` holds; None of a rule that only tells more teams."""
        if self.inform:
            return None
        to, excepted = dict(self.to), dict(self.excepted)
        return LocalRule(
            id=self.id,
            words=self.why or _WORDS[self.kind],
            teams=frozenset(to.get("team", ())),
            kinds=frozenset(to.get("kind", ())),
            countries=frozenset(to.get("country", ())),
            except_teams=frozenset(excepted.get("team", ())),
            except_kinds=frozenset(excepted.get("kind", ())),
            except_countries=frozenset(excepted.get("country", ())),
            purposes=frozenset((ReleasePurpose.REMEDIATION,) if self.tell_nobody else self.purposes),
            ours=self.tell_nobody,
            refuse=self.refuse or self.tell_nobody,
            up_to=self.up_to,
            hide=frozenset(self.hide),
        )


_WORDS = {
    SharingRuleKind.SHARE: "A sharing rule of this node keeps it back.",
    SharingRuleKind.ROUTE: "A routing rule of this node says that nobody is notified of it automatically.",
}


@dataclass(frozen=True, slots=True)
class RulesDocument:
    """All rules of a node, and what the document itself is: its type, whom it binds, its edition.

    ``transfers``: its transfer policy, which is asked of parts that go to partners, never of events.
    """

    title: str = ""
    type: str = "policy"
    parties: tuple[str, ...] = ()
    edition: str = ""
    rules: tuple[SharingRule, ...] = ()
    transfers: tuple[TransferRule, ...] = ()

    @property
    def every(self) -> tuple[SharingRule | TransferRule, ...]:
        """All rules, as people read them."""
        return (*self.rules, *self.transfers)

    @property
    def named(self) -> frozenset[str]:
        """The keys of all teams that it names."""
        given = [(*rule.to, *rule.excepted) for rule in self.rules]
        asked = {team for of in given for name, keys in of if name == "team" for team in keys}
        return self.teams.union(asked, *((*rule.teams, *rule.except_teams) for rule in self.transfers))

    @property
    def teams(self) -> frozenset[str]:
        """The keys of all teams that are told more."""
        return frozenset(team for rule in self.rules for team in rule.inform)

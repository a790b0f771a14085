"""Rules over whole batches: for each event one number that says which rules hold for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import polars as pl

from tocsin.sharing.gate import LocalRule, TransferRule
from tocsin.sharing.rules.conditions import fits
from tocsin.sharing.rules.document import RulesDocument, SharingRule, SharingRuleKind


@dataclass(frozen=True)
class Rules:
    """The rules in force, ready for batches. ``version``: the number of the document, 0 where none was ever set.

    A *mark* is a number whose bit *i* says that the conditions of rule *i* hold for an event; 0 where none does.
    """

    version: int = 0
    document: RulesDocument = field(default_factory=RulesDocument)

    @property
    def transfers(self) -> tuple[TransferRule, ...]:
        """The transfer policy, which `gate.decide_transfer` is given."""
        return self.document.transfers

    @property
    def any(self) -> bool:
        """Whether there is any rule."""
        return bool(self.document.rules)

    @cached_property
    def sharing(self) -> "Rules":
        """The sharing rules alone: what a team asks for itself is not told automatically."""
        kept = tuple(rule for rule in self.document.rules if rule.kind is SharingRuleKind.SHARE)
        return Rules(self.version, replace(self.document, rules=kept))

    def marks(self, events: pl.DataFrame) -> pl.Series:
        """The mark of each event, UInt64; its columns are those of `schema.COLUMNS`."""
        if not self.any:
            return pl.repeat(0, events.height, dtype=pl.UInt64, eager=True).alias("mark")
        bits = [_holds(rule).cast(pl.UInt64) * pl.lit(1 << place, pl.UInt64) for place, rule in self._numbered]
        return events.select(pl.sum_horizontal(bits).alias("mark")).to_series()

    def undecided(self, events: pl.DataFrame) -> list[SharingRule]:
        """The rules that may hold for the first event, but ask for what it does not say."""
        if not self.any or events.is_empty():
            return []
        held = events.head(1).select(_may_hold(rule).alias(str(place)) for place, rule in self._numbered).row(0)
        return [rule for (_, rule), holds in zip(self._numbered, held, strict=True) if holds is None]

    def local(self, mark: int) -> tuple[LocalRule, ...]:
        """What the gate asks of events with this mark, in the order of the document."""
        if mark not in self._local:
            held = (rule.local for place, rule in self._numbered if mark >> place & 1)
            self._local[mark] = tuple(rule for rule in held if rule is not None)
        return self._local[mark]

    def informs(self, mark: int) -> frozenset[str]:
        """The keys of the teams that are told of events with this mark beside those whose networks they are about."""
        return frozenset(team for place, rule in self._numbered if mark >> place & 1 for team in rule.inform)

    def holding(self, mark: int) -> list[SharingRule]:
        """The rules that hold for events with this mark."""
        return [rule for place, rule in self._numbered if mark >> place & 1]

    @cached_property
    def _numbered(self) -> list[tuple[int, SharingRule]]:
        return list(enumerate(self.document.rules))

    @cached_property
    def _local(self) -> dict[int, tuple[LocalRule, ...]]:
        return {}


NO_RULES: Final = Rules()
"""Nothing beyond the table of the gate."""


def numbers_of(keys: frozenset[str], by_key: Mapping[str, int]) -> set[int]:
    """The numbers of the teams with these keys that are still in the directory."""
    return {by_key[key] for key in keys if key in by_key}


def _holds(rule: SharingRule) -> pl.Expr:
    """Whether all conditions of a rule hold; what an event does not say does not fit."""
    return _may_hold(rule).fill_null(value=False)


def _may_hold(rule: SharingRule) -> pl.Expr:
    """The same; null where it depends on what an event does not say."""
    if not rule.when:
        return pl.repeat(True, pl.len(), dtype=pl.Boolean)
    return pl.all_horizontal(fits(name, values) for name, values in rule.when)

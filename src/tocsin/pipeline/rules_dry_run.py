"""A dry run of rules: what they would have changed of the events of the last days, by the functions of an ingest.

Nothing is stored and nobody is told. That a problem is told once, answers and reminders are left out, as they are the
same with and without.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from tocsin.events import EventQuery
from tocsin.pipeline.recipients import RecipientResolver, RoutedBatch
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.gate import ReleasePurpose, recipient_of
from tocsin.sharing.rules import Rules, RulesDocument

DAYS: Final = 7
MOST_EVENTS: Final = 300_000
"""At most so many events are tried, the newest: the answer comes in seconds."""

_BATCH: Final = 100_000
_NEEDED: Final = (
    "source.ip.hi", "source.ip.lo", "source.network", "source.fqdn", "source.url", "source.asn", "network.asn",
    "network.country", "source.geolocation.cc", "classification.identifier", "classification.type",
    "classification.taxonomy", "rsit.type", "rsit.taxonomy", "malware.name", "severity", "feed.code", "feed.provider",
    "tlp", "pap", "extra",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TeamChange:
    """One team, and of how many events it would be told before and after."""

    team: str
    key: str
    before: int
    after: int

    @property
    def lost(self) -> int:
        """How many events fewer; 0 where it is more."""
        return max(self.before - self.after, 0)

    @property
    def gained(self) -> int:
        """How many events more; 0 where it is fewer."""
        return max(self.after - self.before, 0)


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule does: for how many events it holds, and how many (event, team) pairs it stops, hides or adds."""

    rule: str
    events: int
    stopped: int
    hidden: int
    added: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What would change. ``more``: there were more events than were tried."""

    days: int
    events: int
    more: bool
    teams_before: int
    teams_after: int
    changes: list[TeamChange]
    rules: list[RuleEffect]

    @property
    def withheld(self) -> int:
        """How many (event, team) pairs the rules stop that leave now; negative where more leave."""
        return sum(change.before - change.after for change in self.changes)


def try_rules(node: NodeWithStores, document: RulesDocument, *, now: datetime, days: int = DAYS) -> Trial:
    """Try a document against the events of the last days, beside the rules in force."""
    before = RecipientResolver.open(node)
    always = (one for one in before.rules.document.rules if not one.line)  # of no document: voluntary reports
    rules = Rules(0, replace(document, rules=(*document.rules, *always)))
    after = replace(before, terms=replace(before.terms, rules=rules), _verdicts={})
    frames, more = _events(node, now - timedelta(days=days))
    tally = _TrialTally()
    for frame in frames:
        tally.add(before, before.allowed(frame), after, after.allowed(frame))
    changes = [
        TeamChange(after.teams[team].name, after.teams[team].key, tally.before[team], tally.after[team])
        for team in tally.before.keys() | tally.after.keys()
        if tally.before[team] != tally.after[team]
    ]
    changes.sort(key=lambda change: (-abs(change.after - change.before), change.key))
    return Trial(
        days,
        sum(frame.height for frame in frames),
        more,
        len(+tally.before),
        len(+tally.after),
        changes,
        [tally.effect(place, rule.id) for place, rule in enumerate(document.rules)],
    )


def _events(node: NodeWithStores, since: datetime) -> tuple[list[pl.DataFrame], bool]:
    """The newest events since a time, in batches, with the columns that decisions need."""
    found = node.store.scan(EventQuery(since=since)).select(*_NEEDED, "ingest")
    rows = node.store.collect(found.sort("ingest", descending=True).head(MOST_EVENTS + 1))
    more = rows.height > MOST_EVENTS
    return list(rows.head(MOST_EVENTS).iter_slices(_BATCH)), more


class _TrialTally:
    """What was counted so far; grows with teams and rules, not with events."""

    def __init__(self) -> None:
        self.before: Counter[int] = Counter()
        self.after: Counter[int] = Counter()
        self.events: Counter[int] = Counter()
        self.stopped: Counter[str] = Counter()
        self.hidden: Counter[int] = Counter()
        self.added: Counter[int] = Counter()

    def add(self, before: RecipientResolver, was: RoutedBatch, after: RecipientResolver, now: RoutedBatch) -> None:
        """Count one batch."""
        self.before += before.sets.owed(was.allowed)
        self.after += after.sets.owed(now.allowed)
        for one, events in now.withheld().items():
            self.stopped[one.rule] += events
        if now.marks is None:
            return
        pairs = np.stack([now.marks.to_numpy(), now.allowed.astype(np.uint64)], axis=1)
        distinct, counts = np.unique(pairs, axis=0, return_counts=True)
        for (mark, allowed), count in zip(distinct.tolist(), counts.tolist(), strict=True):
            self._by_rule(after, mark, allowed, count)

    def _by_rule(self, tellers: RecipientResolver, mark: int, allowed: int, events: int) -> None:
        told = [tellers.teams[team] for team in tellers.sets.plain(allowed)]
        for place, rule in enumerate(tellers.rules.document.rules):
            if not mark >> place & 1:
                continue
            self.events[place] += events
            self.added[place] += events * sum(team.key in rule.inform for team in told)
            if rule.local is not None and rule.hide:
                concerned = (rule.local.concerns(recipient_of(team), ReleasePurpose.REMEDIATION) for team in told)
                self.hidden[place] += events * sum(concerned)

    def effect(self, place: int, rule: str) -> RuleEffect:
        """What was counted of one rule."""
        stopped = self.stopped[f"local:{rule}"]
        return RuleEffect(rule, self.events[place], stopped, self.hidden[place], self.added[place])

"""Why a team was told by a digest: the rules that name it and what the gate said, counted over the digest's events.

It asks the batch functions again, by the directory and the rules as they are now: what changed since is counted apart.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tocsin.delivery import Delivery
from tocsin.directory import ResponsibilityRole
from tocsin.events import fold
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems.answers import told_events
from tocsin.sharing.gate import ReleasePurpose, decide, read_marking, recipient_of

SHOWN: Final = 50
"""At most so many reasons are given, those of most events first."""


@dataclass(frozen=True, slots=True)
class WhyTold:
    """Why the team must know of some events. ``role`` None: nothing names it for them any more, or nobody answered."""

    rule: str
    role: ResponsibilityRole | None
    events: int


@dataclass(frozen=True, slots=True)
class GateFinding:
    """What the gate says of events with this marking to this team."""

    tlp: str
    pap: str | None
    allowed: bool
    rule: str
    words: str
    events: int


@dataclass(frozen=True, slots=True)
class Reasons:
    """All reasons of one digest; ``events`` is 0 where retention deleted them."""

    events: int
    named: list[WhyTold]
    gate: list[GateFinding]


def why_told(node: NodeWithStores, delivery: Delivery) -> Reasons:
    """Why the team of a digest was told of its events."""
    with node.database.reading() as session:
        told = told_events(session, node.store, delivery)
    events = fold(node.store.collect(told))
    if events.is_empty():
        return Reasons(0, [], [])
    tellers = RecipientResolver.open(node)
    return Reasons(events.height, _named(tellers, events, delivery.team_id), _gate(tellers, events, delivery.team_id))


def _named(tellers: RecipientResolver, events: pl.DataFrame, team: int) -> list[WhyTold]:
    marks, decisions = tellers.rules.marks(events).to_numpy(), tellers.route(events).astype(np.uint64)
    pairs, counts = np.unique(np.stack([decisions, marks], axis=1), axis=0, return_counts=True)
    key = tellers.teams[team].key if team in tellers.teams else ""
    found: Counter[tuple[str, ResponsibilityRole | None]] = Counter()
    for (number, mark), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        matches = [match for match in tellers.router.decision(number).matches if match.team_id == team]
        by_rule = [rule.id for rule in tellers.rules.holding(mark) if key in rule.inform]
        if matches:
            found[matches[0].rule, matches[0].role] += count
        else:
            found[(f"local:{by_rule[0]}", ResponsibilityRole.INFORMED) if by_rule else ("", None)] += count
    return [WhyTold(rule, role, count) for (rule, role), count in found.most_common(SHOWN)]


def _gate(tellers: RecipientResolver, events: pl.DataFrame, team: int) -> list[GateFinding]:
    if team not in tellers.teams:
        return []
    recipient = recipient_of(tellers.teams[team], own=tellers.own)
    labels = (
        events.group_by(pl.col("tlp").fill_null(""), pl.col("pap").fill_null("")).len().sort("len", descending=True)
    )
    found = []
    for tlp, pap, count in labels.iter_rows():
        marking = read_marking(tlp, pap)
        verdict = decide(marking, recipient, ReleasePurpose.REMEDIATION)
        found.append(GateFinding(marking.tlp, marking.pap, verdict.allowed, verdict.rule, verdict.words, count))
    return found

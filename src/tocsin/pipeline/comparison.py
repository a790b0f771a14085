"""Whom today's tool told, whom this node would tell, and why they differ: the same events, nothing stored, nobody told.

Today's tool is read from ``source.abuse_contact`` of its own events. Ours is what an ingest would decide: the same
tables, the same router, the same gate; that a team is told by the hour or the day, and reminders, are left out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import polars as pl

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import ResponsibilityRole, Team
from tocsin.events import addresses, find_reports
from tocsin.events.redaction import redacted
from tocsin.events.sources import recognise
from tocsin.networks import Networks
from tocsin.node.errors import InputError
from tocsin.node.paths import HomeFolder
from tocsin.pipeline.parse import passing
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.understand import understand
from tocsin.sharing.gate import GateVerdict, LocalRule, allowed_teams
from tocsin.sharing.routing import RoutingDecision, RuleMatch

_BETWEEN = re.compile(r"[\s,;]+")


class Agreement(StrEnum):
    """How the two stand to each other, of one event."""

    SAME = "same"  # the same mailboxes
    PARTLY = "partly"  # some mailboxes are the same
    MAILBOX = "other_mailbox"  # other mailboxes of the same domains
    DIFFERENT = "different"  # both tell somebody, nobody in common
    ONLY_TODAY = "only_today"  # today's tool tells somebody, this node nobody
    ONLY_TOCSIN = "only_tocsin"  # this node tells somebody, today's tool nobody
    NOBODY = "nobody"  # neither tells anybody


@dataclass(frozen=True, slots=True)
class ComparisonCase:
    """Events of which both tools say the same thing; ``example`` is where one of them was."""

    agreement: Agreement
    today: tuple[str, ...]
    tocsin: tuple[str, ...]
    why: tuple[str, ...]
    events: int
    example: str


@dataclass(frozen=True, slots=True)
class ToolComparison:
    """All cases, most events first. ``unreadable`` rows could not be compared; the first of them are named."""

    events: int
    unreadable: int
    first_unreadable: tuple[tuple[str, int, str], ...]
    cases: tuple[ComparisonCase, ...]

    @property
    def counts(self) -> dict[Agreement, int]:
        """Events by agreement; their sum is ``events``."""
        counts = dict.fromkeys(Agreement, 0)
        for case in self.cases:
            counts[case.agreement] += case.events
        return counts


_Kind: TypeAlias = tuple[str, int, str, str, int]  # today's mailboxes as text, the decision's number, TLP, PAP, mark


@dataclass
class _ComparisonTally:
    """What was met so far; grows with the different cases, not with the events."""

    events: Counter[_Kind] = field(default_factory=Counter)
    examples: dict[_Kind, str] = field(default_factory=dict)
    unreadable: int = 0
    first: list[tuple[str, int, str]] = field(default_factory=list)


def compare(node: NodeWithStores, paths: Iterable[Path], *, now: datetime) -> ToolComparison:
    """Compare for the events behind the paths: any report that can be taken in, also CSV and JSON lines of IDF.

    Raises:
        InputError: a file cannot be read, or none of its events names an abuse contact.

    """
    tellers, tally = RecipientResolver.open(node), _ComparisonTally()
    for name, frame in _batches(node, paths, tally, now):
        if "source.abuse_contact" not in frame.columns:
            raise InputError(
                f"{name} does not say whom today's tool notified.",
                hint="Each event names the email address in the field source.abuse_contact; docs/compare.md shows how.",
            )
        _count(tally, frame, tellers)
    if tally.events and not any(today for today, *_ in tally.events):
        raise InputError(
            "No event names the email address that today's tool notified.",
            hint="It belongs into the field source.abuse_contact; docs/compare.md shows how.",
        )
    return ToolComparison(
        events=tally.events.total(),
        unreadable=tally.unreadable,
        first_unreadable=tuple(tally.first),
        cases=tuple(_cases(tally, tellers)),
    )


def _batches(
    node: NodeWithStores, paths: Iterable[Path], tally: _ComparisonTally, now: datetime
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The events of all reports, batch by batch, checked and enriched as an ingest would."""
    networks, limits, intake = Networks.open(node.home), node.settings.ingest, IntakeFilter(node, "compare")
    with TemporaryDirectory() as spool:
        for path in find_reports(paths):
            for report in passing(intake, path, Path(spool), limits):
                found = recognise(report.name, report.head(), node.home / HomeFolder.FEEDS, report.folder)
                if found is None:
                    raise InputError(
                        f"{report.name}: neither its name nor its first line tells what it is.",
                        hint="Give events as CSV or JSON lines with fields such as source.ip; see docs/compare.md.",
                    )
                source, code = found
                redaction = intake.redaction()
                with report.path.open("rb") as stream:
                    kept = redacted(report.limited(stream), redaction)
                    reader = source.open(code, kept, limits.batch_bytes, limits.max_record_bytes)
                    for chunk in reader.chunks():
                        understood = understand(reader, chunk, source.feed(code), networks, now)
                        intake.note(redaction)
                        tally.unreadable += len(understood.unusable)
                        tally.first += [(report.name, line, why) for line, why, _ in understood.unusable[:10]]
                        del tally.first[10:]
                        yield report.name, understood.frame


def _count(tally: _ComparisonTally, frame: pl.DataFrame, tellers: RecipientResolver) -> None:
    """Add the events of a batch, grouped by all that the comparison depends on."""
    where = pl.coalesce(addresses(frame, "source.ip"), "source.network", "source.fqdn", "source.url", pl.lit(""))
    kinds = (
        frame.select(
            pl.col("source.abuse_contact").fill_null("").alias("today"),
            pl.Series("decision", tellers.route(frame)),
            pl.col("tlp").fill_null(""),
            pl.col("pap").fill_null(""),
            tellers.rules.marks(frame).alias("mark"),
            where.alias("where"),
        )
        .group_by("today", "decision", "tlp", "pap", "mark", maintain_order=True)
        .agg(pl.len(), pl.col("where").first())
    )
    for today, decision, tlp, pap, mark, events, example in kinds.iter_rows():
        kind = (today, decision, tlp, pap, mark)
        tally.events[kind] += events
        tally.examples.setdefault(kind, example)


def _cases(tally: _ComparisonTally, tellers: RecipientResolver) -> list[ComparisonCase]:
    """The cases behind the tally, alike ones as one, most events first."""
    owners = _owners(tellers.teams)
    events: Counter[tuple[Agreement, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = Counter()
    examples: dict[tuple[Agreement, tuple[str, ...], tuple[str, ...], tuple[str, ...]], str] = {}
    for kind, number in tally.events.items():
        text, decision, tlp, pap, mark = kind
        today = tuple(sorted({mailbox for mailbox in _BETWEEN.split(text.lower()) if mailbox}))
        found, local = tellers.router.decision(decision), tellers.rules.local(mark)
        case = judge(today, found, tellers.teams, owners, (tlp, pap), own=tellers.own, local=local)
        events[case] += number
        examples.setdefault(case, tally.examples[kind])
    cases = [ComparisonCase(*case, number, examples[case]) for case, number in events.items()]
    return sorted(cases, key=lambda case: (-case.events, case.agreement, case.today, case.tocsin, case.why))


def _owners(teams: Mapping[int, Team]) -> dict[str, list[int]]:
    """The teams of each mailbox."""
    owners: dict[str, list[int]] = {}
    for team in teams.values():
        for mailbox in team.mailboxes:
            owners.setdefault(mailbox.lower(), []).append(team.id)
    return owners


def judge(
    today: tuple[str, ...],
    decision: RoutingDecision,
    teams: Mapping[int, Team],
    owners: Mapping[str, list[int]],
    labels: tuple[str, str],
    *,
    own: frozenset[str] = frozenset(),
    local: Iterable[LocalRule] = (),
) -> tuple[Agreement, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """How the two stand to each other, today's mailboxes, ours, and the reasons in words where they differ.

    ``owners``: the teams of each mailbox, lower-case; ``labels``: TLP and PAP of the event; ``own``: the
    keys of our own teams; ``local``: the rules of the node that hold for it. Teams that only such a rule names are left
    out.
    """
    _, stopped = allowed_teams(*labels, [teams[match.team_id] for match in decision.matches], own=own, local=local)
    ours = _Ours(decision, teams, owners, dict(stopped))
    agreement = _agreement(set(today), ours.mailboxes)
    why = () if agreement is Agreement.SAME else tuple(dict.fromkeys(ours.reasons(today)))
    return agreement, today, tuple(sorted(ours.mailboxes)), why


@dataclass(frozen=True)
class _Ours:
    """What this node would do with an event, and why; ``gate``: the teams that may not have it."""

    decision: RoutingDecision
    teams: Mapping[int, Team]
    owners: Mapping[str, list[int]]
    gate: Mapping[int, GateVerdict]

    @cached_property
    def told(self) -> list[RuleMatch]:
        """The teams that would be told."""
        return [match for match in self.decision.matches if not match.muted and match.team_id not in self.gate]

    @cached_property
    def mailboxes(self) -> set[str]:
        """Where mails would go."""
        return {mailbox.lower() for match in self.told for mailbox in self.teams[match.team_id].mailboxes}

    def reasons(self, today: tuple[str, ...]) -> Iterator[str]:
        """Why it is not what today's tool did."""
        for mailbox in today:
            if mailbox not in self.mailboxes:
                yield self._why_not(mailbox)
        for match in self.told:
            theirs = {mailbox.lower() for mailbox in self.teams[match.team_id].mailboxes}
            verb = "answers for it" if match.role is ResponsibilityRole.RESPONSIBLE else "wants to know of it"
            if not theirs:
                yield f"{self._name(match)} {verb} by {match.rule}, but has no email address in the directory."
            elif not theirs & set(today):
                yield f"{self._name(match)} {verb} by {match.rule}."
        if not today and not self.told:
            yield self._why_nobody()

    def _why_not(self, mailbox: str) -> str:
        """Why we would not write to a mailbox that today's tool wrote to."""
        holding = {match.team_id: match for match in reversed(self._all)}
        named = self.owners.get(mailbox, [])
        for team in named:
            if team in holding:
                return self._why_not_told(holding[team])
        if named:
            return f"{self.teams[named[0]].name} has the email address {mailbox}, but no rule of it holds this network."
        alike = sorted(other for other in self.mailboxes if _domain(other) == _domain(mailbox))
        if alike:
            return f"The directory has {', '.join(alike)} for the same domain, not {mailbox}."
        return f"No team in the directory has the email address {mailbox}."

    def _why_not_told(self, match: RuleMatch) -> str:
        if match.muted:
            return f"{self._name(match)} does not want it: {match.muted}."
        if verdict := self.gate.get(match.team_id):
            return f"{self._name(match)} may not have it: {verdict.words} (rule {verdict.rule})"
        if match.overruled:
            return f"{self._name(match)} claims it by {match.rule}, but a person said otherwise: {match.overruled}."
        return f"{self._name(match)} holds it by {match.rule}, but a team with a more specific rule answers for it."

    def _why_nobody(self) -> str:
        if not self.decision.matches:
            return "No rule in the directory holds it."
        return self._why_not_told(self.decision.matches[0])

    def _name(self, match: RuleMatch) -> str:
        return self.teams[match.team_id].name

    @property
    def _all(self) -> tuple[RuleMatch, ...]:
        """All rules that hold, those that decide first."""
        return (*self.decision.matches, *self.decision.overruled, *self.decision.passed_over)


def _agreement(today: set[str], ours: set[str]) -> Agreement:
    if today == ours:
        return Agreement.SAME if today else Agreement.NOBODY
    if not (today and ours):
        return Agreement.ONLY_TODAY if today else Agreement.ONLY_TOCSIN
    if today & ours:
        return Agreement.PARTLY
    return Agreement.MAILBOX if _domains(today) & _domains(ours) else Agreement.DIFFERENT


def _domain(mailbox: str) -> str:
    return mailbox.rpartition("@")[2]


def _domains(mailboxes: Iterable[str]) -> set[str]:
    return {_domain(mailbox) for mailbox in mailboxes}

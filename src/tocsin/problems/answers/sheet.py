"""What the page of a digest shows its team: the problems that it told, what was seen of each since, what was said."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tocsin.delivery import (
    DELIVERY,
    SEVERITIES,
    Delivery,
    DeliveryItem,
    DeliveryState,
    DigestRelease,
    days_to_fix,
    problem_words,
    severity_rank,
    through_the_gate,
    topic_names,
    topics,
)
from tocsin.directory import Team
from tocsin.events import TOLD_IN, EventStore, Ingest, IngestState, repeats_of
from tocsin.node.records import Database
from tocsin.problems.answers.digest_problems import same_team, sets_with, told_events
from tocsin.problems.answers.models import Answer
from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, latest, stand
from tocsin.problems.answers.reminder_exemptions import answer_entries, without_withdrawn
from tocsin.problems.current import known_problems
from tocsin.problems.track import Tracker
from tocsin.sharing.gate import Marking
from tocsin.sharing.rules import Rules, rules_in_force

_REACHED = frozenset(
    {DeliveryState.SENT, DeliveryState.BOUNCED, DeliveryState.QUEUED, DeliveryState.RETRY, DeliveryState.FAILED}
)
_TRIALS = frozenset({DeliveryState.SHADOW, DeliveryState.REDIRECTED})
_WHEN = pl.coalesce("time.source", "time.observation")
_DIGEST = "_digest"
_SEEN = ("problem", "time.source", "time.observation", "tlp", "pap")
_SHOWN = (
    *_SEEN, "severity", "source.ip.hi", "source.ip.lo", "source.port", "source.network", "source.fqdn", "source.url",
    "source.asn", "source.account", "protocol.transport", "classification.identifier", "classification.type",
    "malware.name", "rsit.type",
)  # fmt: skip
"""What sheets take of events: for when they were seen last, and for the rest. Rules of the node may ask for any."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem as its team may see it; times in UTC, ``gone_at`` None while it goes on.

    ``topic``: the advice that goes with it. ``digest``: number of the delivery that told it last. ``severity``: its
    worst in these digests. ``due``: until when we ask for a fix, counted from the first of them. ``asn``: the AS of its
    address, None where it is not known.
    """

    key: int
    where: str
    port: str
    what: str
    last_seen: datetime | None
    gone_at: datetime | None
    standing: AnswerStanding | None
    topic: str
    digest: int
    severity: str
    first_seen: datetime | None
    due: datetime | None
    asn: int | None


@dataclass(frozen=True)
class TeamSheet:
    """All that a team was told and may still answer; ``digests``: the deliveries that told it, by number.

    ``lines``: contradicted ones first, then those seen last first. ``entries``: what was answered to these digests and
    withdrawn again, newest first.
    """

    team: Team
    lines: list[ProblemRow]
    digests: dict[int, Delivery]
    entries: list[Answer]


@dataclass(frozen=True)
class Sheet(TeamSheet):
    """The same of one digest. ``trial``: it never went to the team, and takes no answers."""

    delivery: Delivery
    marking: Marking
    trial: bool


@dataclass(frozen=True)
class Sheets:
    """Makes sheets. ``own``: as in `recipient_of`; ``answer_days``: how long a digest takes answers."""

    database: Database
    store: EventStore
    tracker: Tracker
    gone_after_days: int
    answer_days: int
    own: Collection[str] = ()

    def read(self, reference: str, teams: Mapping[int, Team], *, now: datetime) -> Sheet | None:
        """The sheet of a digest; None where there is none, it is too old, or nothing of it may be shown (any more)."""
        with self.database.reading() as session:
            delivery = session.scalar(select(Delivery).where(Delivery.reference == reference))
            if delivery is None or not self._open(delivery, now) or delivery.team_id not in teams:
                return None
            told = told_events(session, self.store, delivery)
            rules = rules_in_force(session).sharing
        team = teams[delivery.team_id]
        events, gates = self._allowed(_taken(told, _SHOWN, rules), team, rules)
        marking = gates.marking
        if marking is None:
            return None
        events = events.with_columns(pl.lit(delivery.id, pl.Int64).alias(_DIGEST))
        lines, entries = self._lines(team, events, {delivery.id: delivery}, rules)
        return Sheet(team, lines, {delivery.id: delivery}, entries, delivery, marking, delivery.state in _TRIALS)

    def of_team(self, team: Team, *, now: datetime) -> TeamSheet:
        """All problems that a team was told of and may still answer, as it may see them."""
        with self.database.reading() as session:
            numbers, digests = same_team(session, team.id), self.open_digests(session, team, now)
            items = select(DeliveryItem.ingest, DeliveryItem.delivery_id).where(DeliveryItem.delivery_id.in_(digests))
            told_by = dict(session.execute(items).all())
            told = pl.col("told").is_in(sets_with(session, numbers))
            rules, repeats = rules_in_force(session).sharing, repeats_of(session, told_by)
        if not told_by:
            return TeamSheet(team, [], {}, [])
        digest = TOLD_IN.replace_strict(list(told_by), list(told_by.values()), return_dtype=pl.Int64)
        found = self.store.scan_told(list(told_by), repeats).filter(told).with_columns(digest.alias(_DIGEST))
        events, _ = self._allowed(_taken(found, (*_SHOWN, _DIGEST), rules), team, rules)
        lines, entries = self._lines(team, events, digests, rules)
        lines.sort(key=lambda line: line.last_seen or _NEVER, reverse=True)
        return TeamSheet(team, sorted(lines, key=_not_contradicted), digests, entries)

    def open_digests(self, session: Session, team: Team, now: datetime) -> dict[int, Delivery]:
        """The deliveries that told the team and take answers, by number."""
        query = select(Delivery).where(*self._may_be_open(session, team, now))
        return {row.id: row for row in session.scalars(query) if self._open(row, now)}

    def open_numbers(self, session: Session, team: Team, now: datetime) -> frozenset[int]:
        """The numbers of the same: a page asks for them each time."""
        columns = select(Delivery.id, Delivery.state, Delivery.mails_sent, Delivery.created_at)
        found = session.execute(columns.where(*self._may_be_open(session, team, now)))
        return frozenset(number for number, state, mails, at in found if self._takes_answers(state, mails, at, now))

    def _may_be_open(self, session: Session, team: Team, now: datetime) -> tuple[ColumnElement[bool], ...]:
        since = now - timedelta(days=self.answer_days)
        return Delivery.team_id.in_(same_team(session, team.id)), Delivery.created_at > since

    def _open(self, delivery: Delivery, now: datetime) -> bool:
        return self._takes_answers(delivery.state, delivery.mails_sent, delivery.created_at, now)

    def _takes_answers(self, said: str, mails_sent: int, created_at: datetime, now: datetime) -> bool:
        state = DeliveryState(said)
        left = state in _TRIALS or (state in _REACHED and (mails_sent > 0 or state is DeliveryState.SENT))
        return left and now < created_at + timedelta(days=self.answer_days)

    def _allowed(self, events: pl.DataFrame, team: Team, rules: Rules) -> tuple[pl.DataFrame, DigestRelease]:
        marked = events.with_columns(pl.lit(0, pl.Int64).alias(DELIVERY))
        passed, gates = through_the_gate(marked, {0: team}, self.own, rules)
        return passed, gates[0]

    def _lines(
        self, team: Team, events: pl.DataFrame, digests: Mapping[int, Delivery], rules: Rules
    ) -> tuple[list[ProblemRow], list[Answer]]:
        """A line for each problem of these events, and what was said to these digests, newest first."""
        told_at = {number: digest.created_at for number, digest in digests.items()}
        rows = (
            events.with_row_index("at")
            .group_by("problem")
            .agg(
                pl.col("at", "source.ip.hi", "source.ip.lo").first(),
                pl.col(_DIGEST).max(),
                pl.col(_DIGEST).min().alias("told_first"),
                severity_rank().max().alias("severity"),
                _WHEN.max().alias("last"),
            )
            .sort("source.ip.hi", "source.ip.lo", "problem", nulls_last=True)
        )
        keys = rows["problem"].to_numpy().view(np.uint64)
        with self.database.reading() as session:
            later = self._later(session, team.id, rows["problem"], min(told_at.values()))
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=keys)
            entries = list(answer_entries(session, team.id))
        gone = dict(zip(known.keys.tolist(), known.gone_at.tolist(), strict=True))
        began = dict(zip(known.keys.tolist(), known.column("first_seen").tolist(), strict=True))
        seen = self._seen(_taken(later, _SEEN, rules), team, rules)
        newest = latest(without_withdrawn(entries))
        first = events[rows["at"]]
        columns = (rows["problem"], keys.tolist(), rows["last"], topic_names(first), rows[_DIGEST], first["source.asn"])
        asked = zip(rows["severity"], rows["told_first"], strict=True)
        advice = topics()
        lines = []
        for (where, port, what, _), (rank, told), number, key, last, topic, digest, asn in zip(
            problem_words(first).iter_rows(), asked, *columns, strict=True
        ):
            last_seen = max(filter(None, (last, seen.get(number))), default=None)
            gone_at = gone.get(key, 0)
            answer = newest.get((team.id, key))
            standing = stand(answer, int(last_seen.timestamp()) if last_seen else 0, gone_at) if answer else None
            gone_time = datetime.fromtimestamp(gone_at, UTC) if gone_at else None
            severity = SEVERITIES[rank]
            first_seen = datetime.fromtimestamp(began[key], UTC) if began.get(key) else None
            due = told_at[told] + timedelta(days=days_to_fix(advice[topic], severity)) if told in told_at else None
            lines.append(
                ProblemRow(
                    key,
                    where,
                    port,
                    what,
                    last_seen,
                    gone_time,
                    standing,
                    topic,
                    digest,
                    severity,
                    first_seen,
                    due,
                    asn,
                )
            )
        return sorted(lines, key=_not_contradicted), [one for one, _ in reversed(entries) if one.delivery_id in digests]

    def _later(self, session: Session, team: int, problems: pl.Series, since: datetime) -> pl.LazyFrame:
        """What was heard of these problems since, where the team must know of it."""
        heard = select(Ingest.number).where(Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since)
        ingests = list(session.scalars(heard))
        must_know = pl.col("routed").is_in(sets_with(session, same_team(session, team)))
        return self.store.scan(ingests=ingests).filter(must_know & pl.col("problem").is_in(problems.to_list()))

    def _seen(self, events: pl.DataFrame, team: Team, rules: Rules) -> dict[int, datetime]:
        """When each problem was seen last, of the events that the team may be told of."""
        passed, _ = self._allowed(events, team, rules)
        last = passed.group_by("problem").agg(_WHEN.max())
        return dict(last.drop_nulls().iter_rows())


def _taken(events: pl.LazyFrame, names: Sequence[str], rules: Rules) -> pl.DataFrame:
    return (events if rules.any else events.select(names)).collect()


def _not_contradicted(line: ProblemRow) -> bool:
    return not (line.standing and line.standing.outcome is AnswerOutcome.CONTRADICTED)

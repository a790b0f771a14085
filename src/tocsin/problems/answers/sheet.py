"""What the page of a digest shows its team: the problems that it told, what was seen of each since, what was said."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

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
    MailedRequest,
    deadline,
    mailed_by,
    mailed_requests,
    problem_words,
    severity_rank,
    through_the_gate,
    topic_names,
)
from tocsin.directory import Team
from tocsin.events import TOLD_IN, EventStore, Ingest, IngestState, repeats_of
from tocsin.node.records import Database
from tocsin.problems.answers.digest_problems import same_team, sets_with, told_events
from tocsin.problems.answers.entries import answer_entries, without_withdrawn
from tocsin.problems.answers.models import Answer
from tocsin.problems.answers.outcome import AnswerOutcome, AnswerStanding, latest, stand
from tocsin.problems.current import known_problems
from tocsin.problems.manual_notifications import first_by_hand
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
    worst in these digests. ``due``: until when a fix is asked for, by mail or by a person (`tocsin.delivery.deadline`);
    None where nobody did. ``asn``: the AS of its address, None where it is not known.
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
class TeamEvents:
    """What a team was told by digests, and what it must know that was heard since, as the gate lets it through.

    ``told``: events, with the number of their digest in ``_digest``; ``seen``: columns ``problem`` and ``last``, of the
    ingests up to ``ingest`` that began ``since``. ``files``: those of the event table after its commit ``version``.
    ``of``: what else they hang on.
    """

    of: Hashable
    digests: frozenset[int]
    since: datetime
    ingest: int
    files: frozenset[str]
    version: int
    told: pl.DataFrame
    seen: pl.DataFrame


@dataclass(frozen=True, eq=False)
class TeamSheet:
    """All that a team was told and may still answer, as it was at ``at``.

    ``digests``: when each delivery that told it was made, by number.

    ``lines``: contradicted ones first, then those seen last first. ``entries``: what was answered to these digests and
    withdrawn again, newest first. ``events``: what it was made of.
    """

    team: Team
    lines: list[ProblemRow]
    digests: Mapping[int, datetime]
    entries: list[Answer]
    at: datetime
    events: TeamEvents | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet(TeamSheet):
    """The same of one digest. ``trial``: it never went to the team, and takes no answers."""

    delivery: Delivery
    marking: Marking
    trial: bool


AnySheet = TypeVar("AnySheet", bound=TeamSheet)


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
            named = Delivery.reference == reference, self._takes_answers(now)
            delivery = session.scalar(select(Delivery).where(*named))
            if delivery is None or delivery.team_id not in teams:
                return None
            team, digests = teams[delivery.team_id], {delivery.id: delivery.created_at}
            told, rules = told_events(session, self.store, delivery), rules_in_force(session).sharing
            sets = sets_with(session, same_team(session, team.id))
            ingests = _begun(session, since=delivery.created_at)
        events, gates = self._allowed(_taken(self.store, told, _SHOWN, rules), team, rules)
        marking = gates.marking
        if marking is None:
            return None
        events = events.with_columns(pl.lit(delivery.id, pl.Int64).alias(_DIGEST))
        lines = self._lines(events, self._seen(team, sets, ingests, rules), digests, team.id)
        trial = delivery.state in _TRIALS
        return self.with_answers(Sheet(team, lines, digests, [], now, delivery=delivery, marking=marking, trial=trial))

    def of_team(self, team: Team, *, now: datetime) -> TeamSheet:
        """All problems that a team was told of and may still answer, as it may see them."""
        return self.with_answers(self.without_answers(team, now=now))

    def without_answers(self, team: Team, *, now: datetime, before: TeamEvents | None = None) -> TeamSheet:
        """The same, but for what the team answered.

        ``before``: the events of an earlier sheet of the team. Only what came since is read, unless some of them were
        deleted, or may not be shown any more.
        """
        with self.database.reading() as session:
            digests, numbers = self.open_digests(session, team, now), same_team(session, team.id)
            if not digests:
                return TeamSheet(team, [], {}, [], now)
            since, rules = min(digests.values()), rules_in_force(session).sharing
            of = (team, numbers, rules)
            if before and (before.of != of or before.since > since):
                before = None
            new = digests.keys() - before.digests if before else digests.keys()
            items = select(DeliveryItem.ingest, DeliveryItem.delivery_id).where(DeliveryItem.delivery_id.in_(new))
            told_by = dict(session.execute(items).all())
            sets, repeats = sets_with(session, numbers), repeats_of(session, told_by)
            ingests = _begun(session, since=since, after=before.ingest if before else 0)
        # The files are asked for after the records, so that they hold all that is read of them now; and before it is
        # looked whether the old ones are there, so that what is deleted meanwhile is missing the next time.
        table = self.store.table
        version, files = table.version(), frozenset(self.store.files())
        if before and not table.after_moves(before.files, before.version) <= files:
            return self.without_answers(team, now=now)
        digest = TOLD_IN.replace_strict(list(told_by), list(told_by.values()), return_dtype=pl.Int64)
        found = self.store.scan_told(list(told_by), repeats).filter(pl.col("told").is_in(sets))
        found = found.with_columns(digest.alias(_DIGEST))
        told, _ = self._allowed(_taken(self.store, found, (*_SHOWN, _DIGEST), rules), team, rules)
        told, seen = told.select(*_SHOWN, _DIGEST), self._seen(team, sets, ingests, rules)
        if before:
            told = pl.concat([before.told.filter(pl.col(_DIGEST).is_in(list(digests))), told])
            seen = _last_seen(pl.concat([before.seen, seen]), pl.col("last"))
        ingest = max(ingests, default=before.ingest if before else 0)
        events = TeamEvents(of, frozenset(digests), since, ingest, files, version, told, seen)
        lines = self._lines(told, seen, digests, team.id)
        return TeamSheet(team, sorted(lines, key=_when_seen, reverse=True), digests, [], now, events)

    def with_answers(self, sheet: AnySheet) -> AnySheet:
        """The sheet with all that its team answered until now."""
        with self.database.reading() as session:
            entries = list(answer_entries(session, sheet.team.id))
        newest = latest(without_withdrawn(entries))
        lines = [_answered(line, newest.get((sheet.team.id, line.key))) for line in sheet.lines]
        of_these = [one for one, _ in reversed(entries) if one.delivery_id in sheet.digests]
        return replace(sheet, lines=sorted(lines, key=_not_contradicted), entries=of_these)

    def open_digests(self, session: Session, team: Team, now: datetime) -> dict[int, datetime]:
        """When the deliveries that told the team and take answers were made, by number: each page asks for it."""
        takes = self._takes_answers(now)
        found = select(Delivery.id, Delivery.created_at).where(Delivery.team_id.in_(same_team(session, team.id)), takes)
        return dict(session.execute(found).all())

    def _takes_answers(self, now: datetime) -> ColumnElement[bool]:
        arrived = Delivery.state.in_(_REACHED) & ((Delivery.mails_sent > 0) | (Delivery.state == DeliveryState.SENT))
        is_new = Delivery.created_at > now - timedelta(days=self.answer_days)
        return is_new & (Delivery.state.in_(_TRIALS) | arrived)

    def _allowed(self, events: pl.DataFrame, team: Team, rules: Rules) -> tuple[pl.DataFrame, DigestRelease]:
        marked = events.with_columns(pl.lit(0, pl.Int64).alias(DELIVERY))
        passed, gates = through_the_gate(marked, {0: team}, self.own, rules)
        return passed, gates[0]

    def _lines(
        self, told: pl.DataFrame, seen: pl.DataFrame, digests: Mapping[int, datetime], team_id: int
    ) -> list[ProblemRow]:
        """A line for each problem that these events told, without what was answered, by address."""
        told = told.sort(_DIGEST, maintain_order=True)
        rows = (
            told.with_row_index("at")
            .group_by("problem")
            .agg(
                pl.col("at", "source.ip.hi", "source.ip.lo").first(),
                pl.col(_DIGEST).max(),
                severity_rank().max().alias("severity"),
                _WHEN.max().alias("told"),
            )
            .join(seen, on="problem", how="left")
            .with_columns(pl.max_horizontal("told", "last").alias("last"))
            .sort("source.ip.hi", "source.ip.lo", "problem", nulls_last=True)
        )
        keys = rows["problem"].to_numpy().view(np.uint64)
        with self.database.reading() as session:
            known = known_problems(session, self.tracker, gone_after_days=self.gone_after_days, keys=keys)
            told_by = known.column("first_told_by")
            requests = mailed_requests(session, {*told_by.tolist()} - {0})
            numbers = same_team(session, team_id)
            ours = {ingest: asked for (ingest, team), asked in requests.items() if team in numbers}
            asked_by, by_hand = mailed_by(session, digests), first_by_hand(session, numbers)
        noted = zip(known.gone_at.tolist(), known.column("first_seen").tolist(), told_by.tolist(), strict=True)
        times = dict(zip(known.keys.tolist(), noted, strict=True))
        first = told[rows["at"]]
        columns = (keys.tolist(), rows["last"], topic_names(first), rows[_DIGEST], first["source.asn"])
        lines = []
        for (where, port, what, _), rank, key, last, topic, digest, asn in zip(
            problem_words(first).iter_rows(), rows["severity"], *columns, strict=True
        ):
            gone, began, first_told = times.get(key, (0, 0, 0))
            severity = SEVERITIES[rank]
            phoned = MailedRequest(by_hand[key], None) if key in by_hand else None
            due = deadline(ours.get(first_told), asked_by.get(digest) or phoned, topic=topic, severity=severity)
            lines.append(
                ProblemRow(
                    key,
                    where,
                    port,
                    what,
                    last_seen=last,
                    gone_at=_time(gone),
                    standing=None,
                    topic=topic,
                    digest=digest,
                    severity=severity,
                    first_seen=_time(began),
                    due=_time(due),
                    asn=asn,
                )
            )
        return lines

    def _seen(self, team: Team, sets: Collection[int], ingests: Collection[int], rules: Rules) -> pl.DataFrame:
        """When each problem was seen last in these ingests, where the team must know of it and may be told."""
        heard = self.store.scan(ingests=ingests).filter(pl.col("routed").is_in(sets))
        passed, _ = self._allowed(_taken(self.store, heard, _SEEN, rules), team, rules)
        return _last_seen(passed, _WHEN)


def _begun(session: Session, *, since: datetime, after: int = 0) -> list[int]:
    """The committed ingests that began since, and have a number after this one."""
    committed = Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.number > after
    return list(session.scalars(select(Ingest.number).where(*committed)))


def _last_seen(events: pl.DataFrame, when: pl.Expr) -> pl.DataFrame:
    return events.group_by("problem").agg(when.max().alias("last")).drop_nulls()


def _taken(store: EventStore, events: pl.LazyFrame, names: Sequence[str], rules: Rules) -> pl.DataFrame:
    return store.collect(events if rules.any else events.select(names))


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _answered(line: ProblemRow, answer: Answer | None) -> ProblemRow:
    if answer is None:
        return line
    last_seen, gone_at = (int(at.timestamp()) if at else 0 for at in (line.last_seen, line.gone_at))
    return replace(line, standing=stand(answer, last_seen, gone_at))


def _when_seen(line: ProblemRow) -> datetime:
    return line.last_seen or _NEVER


def _not_contradicted(line: ProblemRow) -> bool:
    return not (line.standing and line.standing.outcome is AnswerOutcome.CONTRADICTED)

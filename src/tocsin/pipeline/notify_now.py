"""Notify now: stored events that had no contact are routed again, after the directory changed.

They go the way of an ingest: router, rules, gate, mutes, answers, and digests with their limits. What is still open is
notified; what is gone only gets its contact. A run counts once, as an ingest does: see `tocsin.pipeline.commit`. A
second run finds nothing left.

Of chosen problems, teams are also told again what they were told before: of each the newest event.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import due_at
from tocsin.events import NO_CONTACT, EventPart, Ingest, NotificationRun, pack_repeats
from tocsin.interface import N_, Act, ActContext, NoUndo, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.notify_decision import NotificationDecider, NotifiedBatch
from tocsin.pipeline.recipients import RecipientResolver, RoutedBatch
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.pipeline.withheld import WithheldKey
from tocsin.problems import SightingResult, known_problems

_ASN: Final = pl.coalesce("network.asn", "source.asn")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHEN: Final = pl.coalesce("time.source", "time.observation")

ProblemKeys = npt.NDArray[np.uint64]
Note = Callable[[Session, "NotificationSummary"], None]
"""What is kept beside a run, in its transaction."""


@dataclass(frozen=True, slots=True)
class TeamNotice:
    """What one team would be, or is, notified of: events, those still open alone, and when its digest is due."""

    key: str
    name: str
    events: int
    due_at: datetime


@dataclass(slots=True)
class NotificationSummary:
    """What a run does. ``events``: those that it routes; ``notified``: those of them that teams are notified of.

    ``withheld``: (event, team) pairs that the gate stops. ``oldest``, ``newest``: when the events that have a contact
    now were seen. ``number``: of the run; None where there is none.
    """

    events: int = 0
    notified: int = 0
    withheld: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    teams: list[TeamNotice] = field(default_factory=list)
    number: int | None = None


@dataclass(frozen=True)
class _RoutedFile:
    """The events of one file that have a contact now, what is known of their problems, and who is notified.

    ``path``: empty where the events stay as they are, and teams are told of them again.
    """

    path: str
    frame: pl.DataFrame
    seen: SightingResult
    known: RoutedBatch
    result: NotifiedBatch


@dataclass
class _Run:
    """One run, or the preview of one."""

    node: NodeWithStores
    number: int
    now: datetime
    since: datetime
    asns: Collection[int]
    tellers: RecipientResolver
    decider: NotificationDecider
    problems: ProblemKeys | None = None
    only: Collection[int] = ()
    owed: Counter[int] = field(default_factory=Counter)
    summary: NotificationSummary = field(default_factory=NotificationSummary)
    moved: dict[int, tuple[int, Counter[WithheldKey]]] = field(default_factory=dict)

    def routed(self) -> Iterator[_RoutedFile]:
        """Route what had no contact, file by file; what comes of it is counted."""
        wanted = NO_CONTACT & self._chosen()
        self.decider.hear(self.node.database, self.now)
        listing = self.node.store.table.listing()
        recent = listing.filter(pl.col("partition.day") >= self.since.date().isoformat())
        with self.node.database.reading() as session:
            ingests = select(Ingest.number).where(Ingest.started_at >= self.since, Ingest.unrouted > 0)
            numbers = list(session.scalars(ingests))
        for path in recent["path"].to_list() if numbers else ():
            lacking = self.node.store.scan(files=[path]).with_row_index("_at")
            frame = self.node.store.collect(lacking.filter(wanted & pl.col("ingest").is_in(numbers)))
            if frame.height:
                frame = frame.filter(pl.Series(self.tellers.allowed(frame).has_contact))
            if frame.height:
                one = self._decide(path, frame)
                self._count_moved(frame, one.known)
                yield one
        if self.problems is not None and (frame := self._told_before()).height:
            yield self._decide("", frame)

    def _chosen(self) -> pl.Expr:
        """Which events are meant."""
        if self.problems is not None:
            return pl.col("problem").is_in(self.problems.view(np.int64).tolist())
        return _ASN.is_in(list(self.asns)) if self.asns else pl.lit(value=True)

    def _told_before(self) -> pl.DataFrame:
        """Of each of the problems the newest event, where it had a contact."""
        order = (_WHEN.alias("_when"), "ingest", "row")
        found = self.node.store.scan().filter(self._chosen())
        places = self.node.store.collect(found.select("problem", "routed", "notified_in", *order))
        places = places.sort("_when", "ingest", "row")
        newest = places.unique("problem", keep="last").filter(~NO_CONTACT).select("ingest", "row")
        events = self.node.store.scan(ingests=newest["ingest"].unique().to_list())
        return self.node.store.collect(events.join(newest.lazy(), on=["ingest", "row"], how="semi"))

    def _decide(self, path: str, frame: pl.DataFrame) -> _RoutedFile:
        again = self.problems is not None
        keys = frame["problem"].to_numpy().view(np.uint64)
        seen = self.node.tracker.recall(keys, run=self.number, again=again)
        known = self.tellers.allowed(frame)
        result = self.decider.decide_again(known.allowed, seen, self._is_open(seen), self.only)
        self._count(frame, known, result)
        return _RoutedFile(path, frame, seen, known, result)

    def _is_open(self, seen: SightingResult) -> npt.NDArray[np.bool_]:
        """By problem, whether its feed still finds it, or has not run since."""
        after_days = self.node.settings.tell.gone_after_days
        with self.node.database.reading() as session:
            known = known_problems(session, self.node.tracker, gone_after_days=after_days, keys=seen.sightings.keys)
        return np.isin(seen.sightings.keys, known.keys[known.gone_at == 0])

    def _count(self, frame: pl.DataFrame, known: RoutedBatch, result: NotifiedBatch) -> None:
        summary = self.summary
        summary.events += frame.height
        summary.notified += int((result.told > 0).sum())
        summary.withheld += known.withheld().total()
        self.owed += result.owed
        times = frame.select(_WHEN).to_series().drop_nulls()
        first, last = times.min(), times.max()
        if isinstance(first, datetime) and isinstance(last, datetime):
            summary.oldest, summary.newest = min(first, summary.oldest or first), max(last, summary.newest or last)

    def _count_moved(self, frame: pl.DataFrame, known: RoutedBatch) -> None:
        """By ingest, how many events have a contact now, and what of them is withheld."""
        for ingest in frame["ingest"].unique().to_list():
            events = (frame["ingest"] == ingest).to_numpy()
            count, before = self.moved.get(ingest, (0, Counter[WithheldKey]()))
            self.moved[ingest] = (count + int(events.sum()), before + known.withheld(events))

    def finish(self) -> NotificationSummary:
        """What was counted, with the teams that have most first."""
        teams = self.tellers.teams
        self.summary.teams = [
            TeamNotice(teams[team].key, teams[team].name, events, due_at(teams[team], self.now))
            for team, events in sorted(self.owed.items(), key=lambda pair: (-pair[1], pair[0]))
            if events
        ]
        return self.summary


def preview_notification(
    node: NodeWithStores,
    *,
    days: int = 0,
    asns: Collection[int] = (),
    problems: ProblemKeys | None = None,
    only: Collection[int] = (),
    now: datetime,
) -> NotificationSummary:
    """What `notify_now` would do now; nothing is kept."""
    run = _open_run(node, days=days, asns=asns, problems=problems, only=only, now=now)
    for _ in run.routed():
        pass
    return run.finish()


def notify_now(
    node: NodeWithStores,
    *,
    days: int = 0,
    asns: Collection[int] = (),
    problems: ProblemKeys | None = None,
    only: Collection[int] = (),
    actor: str,
    now: datetime,
    waiting: Callable[[], None] = lambda: None,
    beside: Note = lambda _session, _summary: None,
) -> NotificationSummary:
    """Route the events of these days that had no contact again, of all networks or of some AS, and queue their digests.

    ``problems``: instead all events of these that had no contact, and of each other the newest, of which teams are told
    again. ``only``: these teams alone are told.
    ``waiting`` is called where another process or thread is taking something in; it may raise to give up.
    ``beside`` adds to the transaction, where anything was routed.
    """
    with writer(node, waiting):
        commitment.recover(node)
        run = _open_run(node, days=days, asns=asns, problems=problems, only=only, now=now)
        parts: list[EventPart] = []
        replaced: list[str] = []
        repeats = ""
        for one in run.routed():
            run.node.tracker.note(
                one.seen, one.result.telling, ingest=run.number, part=len(parts), now=int(now.timestamp())
            )
            node.tracker.files.merge_now(up_to=run.number, since=run.number)
            cut("run.noted")
            if one.path:
                parts.append(_rewrite(run, one, len(parts)))
                replaced.append(one.path)
            else:
                repeats = _repeats(one)
        summary = run.finish()
        if parts or repeats:
            record = NotificationRun(
                number=run.number, started_at=now, actor=actor, events=summary.events,
                parts=[asdict(part) for part in parts], replaced=replaced, repeats=repeats,
            )  # fmt: skip
            note = partial(_note, run=run, actor=actor, days=days, beside=beside)
            tellers = run.tellers
            commitment.prepare_run(
                node, record, team_sets=run.decider.sets.numbers, owed=run.owed, teams=tellers.teams, note=note
            )
            commitment.commit_run(node, run.number)
            summary.number = run.number
        return summary


def _open_run(
    node: NodeWithStores,
    *,
    days: int,
    asns: Collection[int],
    problems: ProblemKeys | None,
    only: Collection[int],
    now: datetime,
) -> _Run:
    since = _EVER if problems is not None else now - timedelta(days=days)
    decider = NotificationDecider.open(node)
    tellers = RecipientResolver.open(node, decider.sets)
    return _Run(node, commitment.next_number(node), now, since, asns, tellers, decider, problems, only)


def _repeats(one: _RoutedFile) -> str:
    """The events that teams are told of again; empty: none."""
    told = one.frame.select("ingest", "row").with_columns(told=pl.Series(one.result.told)).filter(pl.col("told") > 0)
    return pack_repeats(told) if told.height else ""


def _rewrite(run: _Run, one: _RoutedFile, part: int) -> EventPart:
    """Write the file anew with who must know and who is notified of these events."""
    result = one.result
    rows = run.node.store.collect(run.node.store.scan(files=[one.path]))
    at = one.frame["_at"]
    changed = rows.with_columns(
        rows["routed"].scatter(at, pl.Series(one.known.routed)),
        rows["told"].scatter(at, pl.Series(result.told)),
        rows["notified_in"].scatter(at, pl.repeat(run.number, len(at), dtype=pl.Int64, eager=True)),
    )
    return run.node.store.write_again(changed, one.path, run=run.number, part=part)


def _note(session: Session, *, run: _Run, actor: str, days: int, beside: Note) -> None:
    """The sums of the ingests of these events, the entry of the audit log, and what else is kept."""
    for record in session.scalars(select(Ingest).where(Ingest.number.in_(list(run.moved)))):
        events, withheld = run.moved[record.number]
        moved = min(events, record.unrouted)  # what teams muted had a contact before
        record.unrouted, record.routed = record.unrouted - moved, record.routed + moved
        record.withheld += sum(withheld.values())
        record.withheld_by_rule = dict(Counter(record.withheld_by_rule) + Counter(commitment.by_rule(withheld)))
        commitment.note_withheld(session, record.number, withheld)
    detail: dict[str, object] = {
        "events": run.summary.events, "notified": run.summary.notified, "teams": len(run.summary.teams), "days": days,
    }  # fmt: skip
    subject = f"run:{run.number}"
    audit(session, AuditAction.EVENTS_NOTIFIED, at=run.now, actor=actor, subject=subject, detail=detail)
    beside(session, run.summary)


class NotificationRequest(BaseModel):
    """Which stored events are routed again."""

    days: int = Field(
        7, ge=1, le=90, title=N_("Events of the last"), description="Events that came in within so many days."
    )
    asn: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(
        (), title=N_("Network"), description="Only those of these AS; without it, of all networks."
    )
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Preview"), description="Only say what would be done."
    )


class NotificationTeam(BaseModel):
    """How many events one team is notified of, and when its digest is due."""

    key: str
    name: str
    events: int
    due_at: datetime


class NotificationResult(BaseModel):
    """What became of events without a contact; ``oldest``: when the first of those that have one now was seen."""

    events: int
    notified: int
    withheld: int
    oldest: datetime | None
    newest: datetime | None
    teams: list[NotificationTeam]
    number: int | None


def notify(context: ActContext, request: NotificationRequest) -> NotificationResult:
    """After the directory changed. Only what is still open is notified; a second run notifies nothing twice."""
    node = cast("NodeWithStores", context.node)
    if request.preview:
        summary = preview_notification(node, days=request.days, asns=request.asn, now=context.now)
    else:
        waiting = partial(wait, context)
        summary = notify_now(node, days=request.days, asns=request.asn, waiting=waiting, **context.by)
    teams = [NotificationTeam(**asdict(team)) for team in summary.teams]
    return NotificationResult(**{**asdict(summary), "teams": teams})


def wait(context: ActContext) -> None:
    """Give up where something else is being taken in, and whoever acts does not wait for it."""
    if not context.waits:
        raise ConflictError(
            say("Another report is being taken in at this moment."),
            hint=say("Try it again in a moment; nothing was changed."),
        )


ACTS: Final = (
    Act(
        "notify-now", "Notify teams of stored events that had no contact", notify, noun="events",
        permission=Permission.DELIVERIES_STEER, audit=(AuditAction.EVENTS_NOTIFIED,), command="deliveries notify-now",
        route="/deliveries/notify-now", page=OwnSurface("/today/unrouted/notify"),
        undo=NoUndo("It rewrites the event table; its page says whom it notifies of what, and asks."),
        title=N_("Notify now"),
        notice=N_("This cannot be undone: the contacts are written into the stored events."),
    ),
)  # fmt: skip
"""What can be done with events that have no contact."""

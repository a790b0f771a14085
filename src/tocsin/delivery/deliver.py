"""Deliver what is due: bind it into digests, render them, send them, note what became of them.

A digest is bound to its events in one transaction before anything is rendered, under a reference that stays. Whatever
kills the process, the next run renders the same digest again, and the channel makes it recognisable: the same file,
or the same Message-ID. With SMTP each mail is noted before the next leaves, so at most one can leave twice.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import update

from tocsin.delivery.channels import Channel, Outcome, Receipt
from tocsin.delivery.lock import sole_deliverer
from tocsin.delivery.mime import usable_mailboxes
from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.delivery.outbox import Owed, claim, open_deliveries, unclaimed_teams
from tocsin.delivery.render import NO_EVENTS, NOT_WRITTEN, Annotate, Facts, GoneOf, Mail, Node, Rendered, render
from tocsin.directory import Team
from tocsin.events.schema import COLUMNS
from tocsin.records import AuditWord, Database, audit, cut
from tocsin.release import Verdict

EventsOf = Callable[[Sequence[int], Collection[int]], Iterator[tuple[int, pl.DataFrame]]]

_READ_EVENTS = 300_000  # events that are asked for at once, about
_BUNDLE_EVENTS = 100_000  # events that are rendered at once, about
_BUNDLE_DIGESTS = 400
_RENDERERS = 2  # threads; the work in Polars and zlib runs beside Python's
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)
_GIVE_UP = timedelta(days=5)  # RFC 5321, 4.5.4.1: at least four to five days
_AUDITED = {
    DeliveryState.SENT.value: AuditWord.DELIVERY_SENT,
    DeliveryState.FAILED.value: AuditWord.DELIVERY_FAILED,
    DeliveryState.WITHHELD.value: AuditWord.DELIVERY_FAILED,
}


@dataclass(slots=True)
class Summary:
    """What a run did. ``problem`` says why it stopped early, or is empty.

    ``unreachable``: team id → events that wait, since the team has no mailbox that a mail can be addressed to.
    """

    digests: int = 0
    mails: int = 0
    events: int = 0
    later: int = 0
    failed: int = 0
    withheld: int = 0
    unreachable: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    seconds: float = 0.0


def deliver(
    database: Database,
    *,
    teams: Mapping[int, Team],
    events_of: EventsOf,
    channel: Channel,
    node: Node,
    now: datetime,
    gone_of: GoneOf = lambda _: {},
    annotate: Annotate = lambda events: events,
) -> Summary:
    """Send all digests that are due, one per team, and finish those that an earlier run left.

    ``events_of(ingests, teams)``: for each of the teams, the events of these ingests that it is told of; called as few
    times as memory allows. ``gone_of(teams)``: the problems no longer seen, for the teams that are told now.
    ``annotate(events)`` may add ``problem.new`` and ``problem.first_seen`` to the events of many digests at once.

    Raises:
        ConflictError: another process is delivering.
        StorageError: the disk is full, or the database cannot be reached.

    """
    started = time.perf_counter()
    reachable = {number: team for number, team in teams.items() if usable_mailboxes(team.mailboxes)}
    summary = Summary()
    with sole_deliverer(database):
        with database.begin() as session:
            domain = node.settings.node.contact.rpartition("@")[2]
            claim(session, teams=reachable, domain=domain, channel=channel.name, now=now)
            cut("deliver.claiming")
        cut("deliver.claimed")
        with database.begin() as session:
            owed = open_deliveries(session, now)
            summary.unreachable = unclaimed_teams(session, now)
        for one in owed:
            if one.team_id not in reachable:
                summary.unreachable[one.team_id] = summary.unreachable.get(one.team_id, 0) + one.events
        run = _Run(database, reachable, channel, node, now, summary)
        try:
            with ThreadPoolExecutor(_RENDERERS) as executor:
                for bundle in _bundles([one for one in owed if one.team_id in reachable], reachable, events_of):
                    run.send(render(bundle, reachable, Facts(annotate, gone_of), node, executor))
                    if summary.problem:
                        break
        finally:
            channel.close()
    summary.seconds = time.perf_counter() - started
    return summary


def next_try(attempts: int, created: datetime, now: datetime) -> datetime | None:
    """When to try again after so many refusals: 5 minutes, doubled each time up to 6 hours; None after 5 days."""
    if now - created >= _GIVE_UP:
        return None
    return now + min(_FIRST_WAIT * int(2 ** min(attempts - 1, 16)), _LONGEST_WAIT)


@dataclass(slots=True)
class _Run:
    """One run's surroundings; sends digests and notes what became of them."""

    database: Database
    teams: Mapping[int, Team]
    channel: Channel
    node: Node
    now: datetime
    summary: Summary

    def send(self, digests: Iterator[Rendered]) -> None:
        """Send the digests in the channel's batches; stops where the channel is down."""
        batch: list[tuple[Rendered, Mail]] = []
        for digest in digests:
            cut("deliver.rendered")
            if digest.refusal is not None:
                self._note([(digest, _withheld(digest))])
                continue
            for mail in digest.mails[digest.owed.mails_sent :]:
                batch.append((digest, _to_those_left(digest, mail)))
                if len(batch) >= self.channel.batch:
                    goes_on, batch = self._send_batch(batch), []
                    if not goes_on:
                        break
            if self.summary.problem:
                return
        if batch:
            self._send_batch(batch)

    def _send_batch(self, batch: Sequence[tuple[Rendered, Mail]]) -> bool:
        """Send and note a batch; False where its last mail did not leave, so that those after it wait."""
        receipts = self.channel.send([mail for _, mail in batch])
        cut("deliver.sent")
        changes: dict[int, tuple[Rendered, dict[str, object]]] = {}
        goes_on = True
        for (digest, mail), receipt in zip(batch, receipts, strict=True):
            goes_on = receipt.outcome is Outcome.SENT
            if receipt.outcome is Outcome.DOWN:
                self.summary.problem = receipt.detail
                break
            self.summary.mails += goes_on
            _, before = changes.get(digest.owed.id, (digest, {}))
            changes[digest.owed.id] = digest, _progress(digest, mail, receipt, before, self.now)
        self._note(list(changes.values()))
        return goes_on

    def _note(self, changes: Sequence[tuple[Rendered, dict[str, object]]]) -> None:
        """Write what became of digests, with its audit entries, in one transaction."""
        if not changes:
            return
        with self.database.begin() as session:
            session.execute(update(Delivery), [row for _, row in changes])
            for digest, row in changes:
                word = _AUDITED.get(str(row["state"]))
                if word is not None:
                    audit(
                        session,
                        word,
                        at=self.now,
                        actor="deliver",
                        subject=f"delivery:{digest.owed.reference}",
                        detail={"team": str(self.teams[digest.owed.team_id].uuid), **digest.counts},
                    )
            cut("deliver.noting")
        cut("deliver.noted")
        for digest, row in changes:
            self._count(digest, str(row["state"]))

    def _count(self, digest: Rendered, state: str) -> None:
        summary = self.summary
        if state == DeliveryState.SENT:
            summary.digests += 1
            summary.events += digest.counts["events"]
        summary.later += state == DeliveryState.RETRY
        summary.failed += state == DeliveryState.FAILED
        summary.withheld += state == DeliveryState.WITHHELD


def _bundles(
    owed: Sequence[Owed], teams: Mapping[int, Team], events_of: EventsOf
) -> Iterator[list[tuple[Owed, pl.DataFrame]]]:
    """Digests with their events, as many at once as memory allows; also those whose events are not there."""
    for group in _groups(owed, teams):
        ingests = sorted({ingest for one in group for ingest in one.ingests})
        waiting: dict[int, list[Owed]] = {}
        for one in group:
            waiting.setdefault(one.team_id, []).append(one)
        bundle: list[tuple[Owed, pl.DataFrame]] = []
        events = 0
        for team, frame in events_of(ingests, set(waiting)):
            bundle += [(one, frame) for one in waiting.pop(team, [])]
            events += frame.height
            if len(bundle) >= _BUNDLE_DIGESTS or events >= _BUNDLE_EVENTS:
                yield bundle
                bundle, events = [], 0
        empty = pl.DataFrame(schema=COLUMNS)
        bundle += [(one, empty) for left in waiting.values() for one in left]
        if bundle:
            yield bundle


def _groups(owed: Sequence[Owed], teams: Mapping[int, Team]) -> Iterator[list[Owed]]:
    """Digests that are read together: of one interval, since they share ingests, up to a number of events."""
    kinds: dict[tuple[bool, str], list[Owed]] = {}
    for one in owed:
        kinds.setdefault((one.attempts > 0, teams[one.team_id].interval), []).append(one)
    for of in kinds.values():
        group: list[Owed] = []
        events = 0
        for one in of:
            if group and events + one.events > _READ_EVENTS:
                yield group
                group, events = [], 0
            group.append(one)
            events += one.events
        yield group


def _to_those_left(digest: Rendered, mail: Mail) -> Mail:
    """The mail, to the mailboxes that an earlier try did not reach, where there are such."""
    owed = digest.owed
    return replace(mail, recipients=owed.waiting) if owed.waiting and mail.part == owed.mails_sent + 1 else mail


def _progress(
    digest: Rendered, mail: Mail, receipt: Receipt, before: Mapping[str, object], now: datetime
) -> dict[str, object]:
    """How the row of a digest changes with one more mail; ``before``: its change by earlier mails of the batch."""
    owed = digest.owed
    row: dict[str, object] = {
        "id": owed.id,
        "subject": digest.subject,
        "counts": digest.counts,
        "size": sum(len(one.content) for one in digest.mails),
        "path": before.get("path", receipt.path),
        "mails_sent": mail.part - 1,
        "waiting": [],
        "attempts": owed.attempts,
        "next_try_at": None,
        "sent_at": None,
        "error": receipt.detail or _missing(digest.counts),
    }
    if receipt.outcome is Outcome.SENT:
        done = mail.part == mail.parts
        state = DeliveryState.SENT if done else DeliveryState.QUEUED
        return row | {"state": state.value, "mails_sent": mail.part, "sent_at": now if done else None}
    again = next_try(owed.attempts + 1, owed.created_at, now) if receipt.outcome is Outcome.LATER else None
    return row | {
        "state": (DeliveryState.RETRY if again else DeliveryState.FAILED).value,
        "waiting": list(receipt.waiting),
        "attempts": owed.attempts + 1,
        "next_try_at": again,
    }


def _missing(counts: Mapping[str, int]) -> str:
    missing = counts["owed"] - counts["events"] - counts["withheld"]
    return f"{missing} of {counts['owed']} events are no longer in the event table." if missing > 0 else ""


def _withheld(digest: Rendered) -> dict[str, object]:
    """How the row of a digest changes that nothing of may or can be told."""
    refusal = digest.refusal or Verdict(False, NO_EVENTS, "")
    state = DeliveryState.FAILED if refusal.rule in {NO_EVENTS, NOT_WRITTEN} else DeliveryState.WITHHELD
    return {
        "id": digest.owed.id,
        "state": state.value,
        "counts": digest.counts,
        "error": f"{refusal.words} [{refusal.rule}]",
        "next_try_at": None,
    }

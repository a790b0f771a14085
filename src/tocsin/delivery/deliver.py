"""Deliver what is due: bind it into digests, render them, send them, note what became of them.

A digest is bound to its events in one transaction before anything is rendered, under a reference that stays. Whatever
kills the process, the next run renders the same digest again, and the channel makes it recognisable: the same file,
or the same Message-ID. With SMTP each mail is noted before the next leaves, so at most one can leave twice.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.delivery.channels import Channel, MailOutcome, MailReceipt
from tocsin.delivery.digest_summary import SEVERITIES
from tocsin.delivery.expiry import expire
from tocsin.delivery.halt import lift_stop
from tocsin.delivery.held_mails import known_teams, still_leaving, waiting_teams
from tocsin.delivery.lock import sole_deliverer
from tocsin.delivery.mail_log import TracesOf, log_digest
from tocsin.delivery.mime import usable_mailboxes
from tocsin.delivery.models import FINAL, Delivery, DeliveryState
from tocsin.delivery.never_held import send_to_hotline
from tocsin.delivery.outbox import (
    EventsOf,
    OwedDigest,
    bundles,
    claim,
    due_ingests,
    due_teams,
    fresh_held,
    open_deliveries,
    unclaimed_teams,
)
from tocsin.delivery.preflight import braked, stopped
from tocsin.delivery.render import (
    CANNOT_SEAL,
    NO_EVENTS,
    NOT_WRITTEN,
    Annotate,
    Facts,
    GoneOf,
    Mail,
    NotesOf,
    RenderedDigest,
    Sender,
    no_notes,
    render,
)
from tocsin.delivery.sealing import KeyRequests, settle, stuck_teams
from tocsin.delivery.sender import MailSender, WithheldLetters, due_letters, hold_letters, reached, send_letters
from tocsin.delivery.sending_policy import FILE, SHADOW, MailAllowance, holds_first, same_mailbox, way_of
from tocsin.delivery.sent_log import DAY, FULL_WAIT, forget_posted, next_try, note_posted, posted_to
from tocsin.delivery.taken_over import (
    SentBefore,
    bind_sent_before,
    hold_letters_sent_before,
    say_why_held,
    uncertain_teams,
)
from tocsin.directory import Team
from tocsin.node.records import AuditAction, Database, audit, cut, node_uuid
from tocsin.node.sentences import join_sentences, say
from tocsin.sharing.gate import GateVerdict

if TYPE_CHECKING:
    from tocsin.node.standby import Standby

_NOTED = 100
_RENDERERS = 2  # threads; the work in Polars and zlib runs beside Python's
_AUDITED = {
    DeliveryState.SENT.value: AuditAction.DELIVERY_SENT,
    DeliveryState.SHADOW.value: AuditAction.DELIVERY_SENT,
    DeliveryState.REDIRECTED.value: AuditAction.DELIVERY_SENT,
    DeliveryState.FAILED.value: AuditAction.DELIVERY_FAILED,
    DeliveryState.WITHHELD.value: AuditAction.DELIVERY_FAILED,
    DeliveryState.STUCK.value: AuditAction.DELIVERY_STUCK,
}


@dataclass(slots=True)
class DeliverySummary:
    """What a run did. ``problem`` says why it stopped early, or is empty.

    ``way``: how mails went, see `sending_policy.way_of`. ``digests``, ``mails`` and ``events`` went that way, as did
    ``letters``; ``held`` digests newly wait for a person; ``full`` wait since a mailbox has had its mails for a day;
    ``expired`` became too old; ``stuck`` must be encrypted and cannot be. ``unreachable``: team id → events that wait,
    since the team has no mailbox that a mail can be addressed to. ``uncovered`` digests and letters wait for the next
    copy to the standby machine.
    """

    way: str = ""
    digests: int = 0
    mails: int = 0
    events: int = 0
    letters: int = 0
    held: int = 0
    full: int = 0
    later: int = 0
    failed: int = 0
    withheld: int = 0
    stuck: int = 0
    expired: int = 0
    uncovered: int = 0
    unreachable: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    seconds: float = 0.0

    def and_then(self, later: "DeliverySummary") -> "DeliverySummary":
        """Both runs as one: what was done is added, what waits is as the later one found it."""
        done = ("digests", "mails", "events", "letters", "failed", "withheld", "expired", "held", "stuck", "seconds")
        return replace(later, **{name: getattr(self, name) + getattr(later, name) for name in done})


def deliver(
    database: Database,
    *,
    teams: Mapping[int, Team],
    events_of: EventsOf,
    channel: Channel,
    node: Sender,
    now: datetime,
    gone_of: GoneOf = lambda _: {},
    annotate: Annotate = lambda events: events,
    notes_of: NotesOf = no_notes,
    withheld_letters: WithheldLetters = lambda _session, _letters: {},
    standby: "Standby | None" = None,
    before: SentBefore | None = None,
    stop: Callable[[], bool] = lambda: False,
    traces_of: TracesOf = dict,
) -> DeliverySummary:
    """Send all letters and digests that are due, one digest per team, and finish those that an earlier run left.

    ``events_of(ingests, teams)``: for each of the teams, the events of these ingests that it is told of; called as few
    times as memory allows. ``gone_of(teams)``: the problems no longer seen, for the teams that are told now.
    ``annotate(events)`` may add ``problem.new`` and ``problem.first_seen`` to the events of many digests at once.
    ``withheld_letters``: which of the letters that are about to leave the gate lets out no more.
    ``standby``: where there is a standby machine, nothing leaves that no copy has. ``before``: what another machine
    sent before this one took over from it, and is not sent again.
    ``traces_of()``: the ids of uploads by their ingests, for the log.
    ``stop()``: asked after each batch of digests; where it says so, the rest waits for the next run.

    Raises:
        ConflictError: another process is delivering.
        StorageError: the disk is full, or the database cannot be reached.
        ValueError: shadow mode with another channel than files.

    """
    started = time.perf_counter()
    way = way_of(node.settings.tell, channel.name)
    if way == SHADOW and channel.name != FILE:
        raise ValueError("in shadow mode mails are only written")
    reachable = {number: team for number, team in teams.items() if usable_mailboxes(team.mailboxes)}
    with sole_deliverer(database) as check_sole, database.kept_open():
        with database.begin() as session:
            room = MailAllowance(node.settings.tell.mails_a_day, posted_to(session, way=way, since=now - DAY))
            forget_posted(session, now)
        post = MailSender(database, channel, way, node, room, now, teams, withheld_letters, standby, check_sole)
        run = _DeliveryRun(database, reachable, post, node, now, DeliverySummary(way), stop, before, cache(traces_of))
        try:
            _work(run, Facts(annotate, gone_of, notes_of), events_of)
        finally:
            channel.close()
    run.summary.seconds = time.perf_counter() - started
    return run.summary


def _work(run: "_DeliveryRun", facts: Facts, events_of: EventsOf) -> None:
    """Letters, then digests; nothing where a person or the brake says no."""
    summary, tell = run.summary, run.node.settings.tell
    with run.database.begin() as session:
        summary.expired = expire(session, tell, run.now)
        lift_stop(session, run.now)
    held_until_seen = holds_first(tell, run.post.way)
    _leave_out_sent_before(run)
    with run.database.begin() as session:
        known = known_teams(session) if held_until_seen else set(run.teams)
        if held_until_seen:
            _hold_letters(run, session, known)
    with run.database.begin() as session:
        summary.problem = stopped(session) or run.post.kept_by_standby() or braked(session, run.post, run.teams, known)
    if summary.problem:
        return
    send_to_hotline(run.post, mailbox=run.node.settings.never_held.mailbox)
    if not _send_letters(run):
        return
    with ThreadPoolExecutor(_RENDERERS) as executor:
        for bundle in bundles(_owed(run, known, _critical(run, events_of)), run.teams, events_of):
            if not run.send(render(bundle, run.teams, facts, run.node, executor)):
                return
    if summary.stuck:  # their teams were asked for keys just now
        with run.database.begin() as session:
            if held_until_seen:
                _hold_letters(run, session, known)
        _send_letters(run)


def _leave_out_sent_before(run: "_DeliveryRun") -> None:
    if run.before is not None:
        salt = str(node_uuid(run.database))
        with run.database.begin() as session:
            bind_sent_before(session, run.before, salt)
            hold_letters_sent_before(session, due_letters(session, run.now), run.before, salt, now=run.now)


def _hold_letters(run: "_DeliveryRun", session: Session, known: Collection[int]) -> None:
    boxes = {same_mailbox(box): number for number, team in run.teams.items() for box in team.mailboxes}
    hold_letters(session, run.post, boxes, known)


def _send_letters(run: "_DeliveryRun") -> bool:
    """Send the letters that are due; False where that had to stop."""
    letters, summary = send_letters(run.post), run.summary
    summary.letters, summary.later = summary.letters + letters.sent, summary.later + letters.later
    summary.failed, summary.problem = summary.failed + letters.failed, letters.problem
    summary.uncovered += letters.uncovered
    return not summary.problem


def _critical(run: "_DeliveryRun", events_of: EventsOf) -> set[int]:
    """The teams that something critical is due to though a mailbox of theirs had its mails for a day."""
    with run.database.reading() as session:
        due = [team for team in due_teams(session, run.now) if team in run.teams]
        full = set(due) - set(_with_room(run, session, due, ()))
        ingests = due_ingests(session, full, run.now) if full else {}
    if not ingests:
        return set()
    severe = pl.col("severity") == SEVERITIES[-1]
    return {
        team
        for team, frame in events_of(sorted(set().union(*ingests.values())), full)
        if not frame.filter(severe, pl.col("ingest").is_in(ingests[team])).is_empty()
    }


def _owed(run: "_DeliveryRun", known: Collection[int], critical: Collection[int]) -> list[OwedDigest]:
    """The digests to render: new ones bound now, those that an earlier run left, and those newly held."""
    domain = run.node.settings.node.contact.rpartition("@")[2]
    desk = KeyRequests(run.node.seals, run.teams, known, run.node.settings.node, run.now)
    with run.database.begin() as session:
        settle(session, desk)
        due = due_teams(session, run.now)
        waiting = waiting_teams(session) if holds_first(run.node.settings.tell, run.post.way) else set()
        waiting -= set(known)  # what corrects earlier digests holds up no news
        uncertain = uncertain_teams(session, run.before) if run.before is not None else set()
        waiting |= stuck_teams(session) | (uncertain & waiting_teams(session) if uncertain else set())
        able = [team for team in due if team in run.teams and team not in waiting]
        chosen = _with_room(run, session, able, critical)
        run.summary.full += len(able) - len(chosen)
        held = set(chosen) - set(known) | set(chosen) & uncertain
        claim(session, teams=chosen, held=held, domain=domain, channel=run.post.way, now=run.now)
        say_why_held(session, uncertain)
        run.summary.stuck = settle(session, desk)
        cut("deliver.claiming")
    cut("deliver.claimed")
    unreachable = run.summary.unreachable
    with run.database.begin() as session:
        owed = [*open_deliveries(session, run.now), *fresh_held(session)]
        for team, events in unclaimed_teams(session, run.now).items():
            if team not in run.teams:
                unreachable[team] = events
    for one in owed:
        if one.team_id not in run.teams:
            unreachable[one.team_id] = unreachable.get(one.team_id, 0) + one.events
    known_there = [one for one in owed if one.held or run.post.covers(one.reference)]
    run.summary.uncovered += len(owed) - len(known_there)
    return [one for one in known_there if one.team_id in run.teams]


def _with_room(run: "_DeliveryRun", session: Session, due: Sequence[int], critical: Collection[int]) -> list[int]:
    """Those of the teams whose mailboxes may get one more mail, beside those that wait already."""
    room = replace(run.post.room, used=run.post.room.used.copy())
    for one in open_deliveries(session, run.now):
        if one.team_id in run.teams:
            room.take(run.teams[one.team_id].mailboxes)
    return [team for team in due if room.take(run.teams[team].mailboxes, critical=team in critical)]


@dataclass(slots=True)
class _DeliveryRun:
    """One run's surroundings; sends digests and notes what became of them."""

    database: Database
    teams: Mapping[int, Team]
    post: MailSender
    node: Sender
    now: datetime
    summary: DeliverySummary
    stop: Callable[[], bool]
    before: SentBefore | None = None
    traces_of: TracesOf = dict

    def send(self, digests: Iterator[RenderedDigest]) -> bool:
        """Send the digests in the channel's batches; False where it had to stop, or the channel is down."""
        batch: list[tuple[RenderedDigest, Mail]] = []
        kept: list[tuple[RenderedDigest, dict[str, object]]] = []  # what does not leave is noted many at a time
        for digest in digests:
            cut("deliver.rendered")
            if (row := _kept_back(digest)) is not None:
                kept.append((digest, row))
                if len(kept) >= _NOTED:
                    self._note(kept)
                    kept = []
                continue
            for mail in digest.mails[digest.owed.mails_sent :]:
                batch.append((digest, _to_those_left(digest, mail)))
                if len(batch) >= self.post.channel.batch:
                    goes_on, batch = self._send_batch(batch), []
                    if not goes_on:
                        break
            if self.summary.problem or self.stop():
                break
        self._note(kept)
        if batch:
            self._send_batch(batch)
        return not (self.summary.problem or self.stop())

    def _send_batch(self, batch: Sequence[tuple[RenderedDigest, Mail]]) -> bool:
        """Send and note a batch; False where its last mail did not leave, so that those after it wait."""
        with self.database.reading() as session:
            leaving = still_leaving(session, Delivery, {digest.owed.id for digest, _ in batch}, self.now)
        batch = [(digest, mail) for digest, mail in batch if digest.owed.id in leaving]
        if not batch:
            return True
        receipts = self.post.send([mail for _, mail in batch])
        cut("deliver.sent")
        changes: dict[int, tuple[RenderedDigest, dict[str, object]]] = {}
        posted: list[tuple[str, tuple[str, ...]]] = []
        stuck: set[int] = set()  # digests whose later parts wait for an earlier one
        goes_on = True
        for (digest, mail), receipt in zip(batch, receipts, strict=True):
            goes_on = receipt.outcome is MailOutcome.SENT
            if receipt.outcome is MailOutcome.DOWN:
                self.summary.problem = receipt.detail
                break
            posted.append((f"{mail.reference}/{mail.part}", reached(mail, receipt)))
            if digest.owed.id in stuck:
                continue
            stuck |= set() if goes_on else {digest.owed.id}
            self.summary.mails += goes_on
            _, before = changes.get(digest.owed.id, (digest, {}))
            changes[digest.owed.id] = digest, _progress(digest, mail, receipt, before, self.post)
        self._note(list(changes.values()), posted)
        return goes_on

    def _note(
        self,
        changes: Sequence[tuple[RenderedDigest, dict[str, object]]],
        posted: Sequence[tuple[str, tuple[str, ...]]] = (),
    ) -> None:
        """Write what became of digests, with its audit entries, in one transaction."""
        if not changes:
            return
        with self.database.begin() as session:
            note_posted(session, posted, way=self.post.way, now=self.now)
            changes = self._but_ended(session, changes)
            if changes:
                session.execute(update(Delivery), [row for _, row in changes])
            way = self.post.way
            for digest, row in changes:
                word = _AUDITED.get(str(row["state"]))
                if word is not None:
                    audit(
                        session,
                        word,
                        at=self.now,
                        actor="deliver",
                        subject=f"delivery:{digest.owed.reference}",
                        detail={"team": str(self.teams[digest.owed.team_id].uuid), "way": way, **digest.counts}
                        | ({"protection": digest.protection} if digest.protection else {}),
                    )
            cut("deliver.noting")
        cut("deliver.noted")
        for digest, row in changes:
            self._count(digest, row)
            log_digest(digest, row, self.teams[digest.owed.team_id], self.post.way, self.traces_of)

    def _but_ended(
        self, session: Session, changes: Sequence[tuple[RenderedDigest, dict[str, object]]]
    ) -> Sequence[tuple[RenderedDigest, dict[str, object]]]:
        """The changes but those of digests that a person dropped meanwhile; one that left all the same is *sent*."""
        numbers = {digest.owed.id for digest, _ in changes}
        rows = select(Delivery.id, Delivery.state).where(Delivery.id.in_(numbers)).order_by(Delivery.id)
        ended = {number for number, state in session.execute(rows.with_for_update()) if state in FINAL}
        return [(of, row) for of, row in changes if of.owed.id not in ended or row["state"] == self.post.done]

    def _count(self, digest: RenderedDigest, row: Mapping[str, object]) -> None:
        summary, state = self.summary, row["state"]
        if state == self.post.done:
            summary.digests += 1
            summary.events += digest.counts["events"]
        full = state == DeliveryState.RETRY and row["attempts"] == digest.owed.attempts
        summary.full += full
        summary.held += state == DeliveryState.HELD
        summary.later += state == DeliveryState.RETRY and not full
        summary.failed += state == DeliveryState.FAILED
        summary.withheld += state == DeliveryState.WITHHELD
        summary.stuck += state == DeliveryState.STUCK


def _kept_back(digest: RenderedDigest) -> dict[str, object] | None:
    """How the row of a digest changes that does not leave; None of one that does."""
    if digest.refusal is not None:
        return _withheld(digest)
    return _looked_at(digest) if digest.owed.held else None


def _to_those_left(digest: RenderedDigest, mail: Mail) -> Mail:
    """The mail, to the mailboxes that an earlier try did not reach, where there are such."""
    owed = digest.owed
    return replace(mail, recipients=owed.waiting) if owed.waiting and mail.part == owed.mails_sent + 1 else mail


def _progress(
    digest: RenderedDigest, mail: Mail, receipt: MailReceipt, before: Mapping[str, object], post: MailSender
) -> dict[str, object]:
    """How the row of a digest changes with one more mail; ``before``: its change by earlier mails of the batch."""
    owed, now = digest.owed, post.now
    row = _written(digest) | {
        "channel": post.way,
        "path": before.get("path", receipt.path),
        "mails_sent": mail.part - 1,
        "waiting": [],
        "attempts": owed.attempts,
        "next_try_at": None,
        "sent_at": None,
        "error": receipt.detail or _missing(digest.counts) or digest.remark,
    }
    if receipt.outcome is MailOutcome.SENT:
        done = mail.part == mail.parts
        state = post.done if done else DeliveryState.QUEUED.value
        return row | {"state": state, "mails_sent": mail.part, "sent_at": now if done else None}
    if receipt.outcome is MailOutcome.FULL:
        waits = {"state": DeliveryState.RETRY.value, "waiting": list(owed.waiting), "next_try_at": now + FULL_WAIT}
        return row | (waits if mail.part == owed.mails_sent + 1 else waits | {"waiting": []})
    again = next_try(owed.attempts + 1, owed.created_at, now) if receipt.outcome is MailOutcome.LATER else None
    return row | {
        "state": (DeliveryState.RETRY if again else DeliveryState.FAILED).value,
        "waiting": list(receipt.waiting),
        "attempts": owed.attempts + 1,
        "next_try_at": again,
    }


def _written(digest: RenderedDigest) -> dict[str, object]:
    """What is known of a digest once it is rendered."""
    return {
        "id": digest.owed.id,
        "subject": digest.subject,
        "counts": digest.counts,
        "size": sum(len(one.content) for one in digest.mails),
        "protection": digest.protection,
        "asked_days": digest.asked_days,
    }


def _looked_at(digest: RenderedDigest) -> dict[str, object]:
    """How the row of a digest changes that waits for a person."""
    return _written(digest) | {"state": DeliveryState.HELD.value, "attempts": 0}


def _missing(counts: Mapping[str, int]) -> str:
    missing = counts["owed"] - counts["events"] - counts["withheld"]
    return (
        say(
            "%(missing)s of %(counts)s events are no longer in the event table.", missing=missing, counts=counts["owed"]
        )
        if missing > 0
        else ""
    )


def _withheld(digest: RenderedDigest) -> dict[str, object]:
    """How the row of a digest changes that nothing of may or can be told."""
    refusal = digest.refusal or GateVerdict(False, NO_EVENTS, "")
    states = {CANNOT_SEAL: DeliveryState.STUCK, NO_EVENTS: DeliveryState.FAILED, NOT_WRITTEN: DeliveryState.FAILED}
    state = states.get(refusal.rule, DeliveryState.WITHHELD)
    return {
        "id": digest.owed.id,
        "state": state.value,
        "counts": digest.counts,
        "error": join_sentences(" ", (refusal.words, f"[{refusal.rule}]")),
        "next_try_at": None,
    }

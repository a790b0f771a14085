"""Delivery on this node: what is due goes out by the channel of the settings, with what is known of each problem."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import select

from tocsin.delivery import (
    DELIVERY,
    WAS_SENT,
    Delivery,
    DeliverySummary,
    DigestNote,
    Facts,
    GoneProblem,
    Mail,
    Sender,
    TracesOf,
    deliver,
    due_state,
    leaves,
    mailed_dues,
    mailed_requests,
    preview,
    sent_before,
    topic_names,
    way_of,
)
from tocsin.delivery.channels import answers, open_channel
from tocsin.delivery.sealing import open_seals
from tocsin.delivery.texts import open_text_folders
from tocsin.directory import Directory, ResponsibilityRole, TeamRow, lacks_help, read_directory
from tocsin.directory.keys import keys_by_team
from tocsin.events import TeamSet, addresses, repeats_of
from tocsin.incidents.populations import digest_notes
from tocsin.incidents.threads import withheld_letters
from tocsin.node.errors import ConflictError
from tocsin.node.records import node_uuid
from tocsin.node.reply_addresses import reply_addresses, reply_marks
from tocsin.node.sentences import say
from tocsin.node.settings import Settings
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.recipients import RecipientResolver
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems import NOTES, NotesArray, known_problems, last_committed
from tocsin.problems.answers import answers_before, links
from tocsin.sharing.rules import Rules, rules_in_force

_FIRST_SEEN, _FIRST_TOLD, _FIRST_TOLD_BY, _ESCALATED_BY = (
    NOTES.index(name) for name in ("first_seen", "first_told_at", "first_told_by", "escalated_by")
)

_AT_LEAST = timedelta(minutes=1)
_SOON = timedelta(seconds=2)

NO_HELP: Final = say(
    "Live mode is refused: the page for a child in danger would name nobody. Set [node] emergency_number in "
    "tocsin.toml, or confirm a helpline, hotline or police of the country: 'tocsin directory confirm'."
)
"""What is said where a node would go live without anybody whom it could name to a child in danger."""


def tell(
    node: NodeWithStores, *, now: datetime, stop: Callable[[], bool] = lambda: False, traces_of: TracesOf = dict
) -> DeliverySummary:
    """Send every letter and digest that is due at ``now``, or up to the batch after which ``stop`` says so.

    ``traces_of``: for the log, see `deliver`.
    """
    settings = node.settings
    if why := refusal(node, now):
        return DeliverySummary(way=way_of(settings.tell, settings.mail.channel), problem=why)
    directory = read_directory(node.database)
    knowledge = _knowledge(node, directory, now)
    return deliver(
        node.database,
        teams=directory.by_id,
        events_of=knowledge.events_of,
        annotate=knowledge.with_history,
        gone_of=knowledge.gone_of,
        notes_of=knowledge.notes_of,
        withheld_letters=lambda session, letters: withheld_letters(session, letters, directory.by_id, now),
        channel=open_channel(node.settings, node.home),
        node=_sender(node, directory, now),
        now=now,
        standby=node.standby,
        before=sent_before(node.home),
        stop=stop,
        traces_of=traces_of,
    )


def refusal(node: NodeWithStores, now: datetime) -> str:
    """Why nothing may leave in live mode, or nothing: whoever serves a country must be able to help a child in it."""
    settings = node.settings
    return NO_HELP if is_live(settings) and lacks_help(node.database, settings, now) else ""


def is_live(settings: Settings) -> bool:
    """Whether mails leave for their teams: neither files, nor shadow, nor redirected."""
    return leaves(settings.mail.channel) and settings.tell.mode == "live"


class DeliveryScheduler:
    """Tells when that is due: after a change of what is due, once the mail server answers again, and each minute.

    Each minute: for what was refused or waits for room.
    """

    def __init__(self, node: NodeWithStores, traces_of: TracesOf = dict) -> None:
        self._node, self._traces_of = node, traces_of
        self._state: tuple[tuple[int, int], ...] | None = None
        self._last = datetime.min.replace(tzinfo=UTC)
        self._problem = ""
        self._down = False  # nobody answered at the mail server

    def tell_what_is_due(self, now: datetime, stop: Callable[[], bool]) -> str:
        """What keeps mails from leaving, as the last run that there was found it, or nothing."""
        summary = self.look(now, stop)
        self._problem = self._problem if summary is None else summary.problem
        return self._problem

    def look(self, now: datetime, stop: Callable[[], bool] = lambda: False) -> DeliverySummary | None:
        """What a run did; None where none was due, or another process is delivering."""
        before = self._due(now)
        if self._down:
            if timedelta() <= now - self._last < _SOON:
                return None
            self._last, self._down = now, not answers(self._node.settings)
            if self._down:
                return None
        elif before == self._state and now - self._last < _AT_LEAST:
            return None
        summary = None
        with suppress(ConflictError):
            summary = tell(self._node, now=now, stop=stop, traces_of=self._traces_of)
            self._down = bool(summary.problem) and not answers(self._node.settings)
        after = self._due(now)
        # What came while it worked may not have been seen by it: the next look finds a change then.
        came = any(new > old for (_, old), (_, new) in zip(before, after, strict=True))
        self._state, self._last = None if came else after, now
        return summary

    def _due(self, now: datetime) -> tuple[tuple[int, int], ...]:
        with self._node.database.reading() as session:
            due = due_state(session, now)
        return due if (standby := self._node.standby) is None else (*due, (0, standby.copies))


def tell_as_due(
    node: NodeWithStores,
    *,
    every: float,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
    traces_of: TracesOf = dict,
) -> Iterator[DeliverySummary]:
    """Send what becomes due, looked for after so many seconds, without end; what each run did.

    While another process delivers, nothing is done here.
    """
    teller = DeliveryScheduler(node, traces_of)
    while True:
        if (summary := teller.look(clock())) is not None:
            yield summary
        sleep(every)


def preview_mail(node: NodeWithStores, reference: str) -> tuple[Mail, ...]:
    """The very mails of a digest or letter as they would leave now, but not encrypted; nothing is sent.

    Raises:
        NotFoundError: there is no such digest or letter.
        ConflictError: nothing of it may or can leave.

    """
    directory = read_directory(node.database)
    now = datetime.now(UTC)
    knowledge = _knowledge(node, directory, now)
    return preview(
        node.database,
        reference,
        teams=directory.by_id,
        events_of=knowledge.events_of,
        facts=Facts(knowledge.with_history, knowledge.gone_of, knowledge.notes_of),
        node=_sender(node, directory, now, readable=True),
    )


def _knowledge(node: NodeWithStores, directory: Directory, now: datetime) -> "_Knowledge":
    informed = {rule.team_id for rule in directory.rules if rule.role is ResponsibilityRole.INFORMED}
    more = _rules(node).document.teams
    return _Knowledge(node, frozenset(informed | {team.id for team in directory.teams if team.key in more}), now)


def _rules(node: NodeWithStores) -> Rules:
    with node.database.reading() as session:
        return rules_in_force(session)


def _sender(node: NodeWithStores, directory: Directory, now: datetime, *, readable: bool = False) -> Sender:
    tokens, mailbox = open_tokens(node.home), node.settings.mailbox
    link = links(node.settings.server.url, tokens)
    reply_to = reply_addresses(mailbox.address, tokens, subaddress=mailbox.subaddress)
    own = frozenset(node.settings.node.own_teams)
    keys_of = keys_by_team(node.database, [team.id for team in directory.teams])
    seals = open_seals(node.home, node.settings.mail, keys_of, now, readable=readable)
    shelf = open_text_folders(node.home, node.settings.node.language)
    return Sender(
        node_uuid(node.database),
        node.settings,
        own,
        link=link,
        reply_to=reply_to,
        mark=(lambda _: "") if mailbox.subaddress or not mailbox.address else reply_marks(tokens),
        seals=seals,
        shelf=shelf,
        rules=_rules(node),
        file=node.exchange.read,
    )


@dataclass(frozen=True)
class _Knowledge:
    """What the event table, the notes of problems and the answers say, as delivery asks for it.

    ``informed``: the teams that only want to know of some of what they are told.
    """

    node: NodeWithStores
    informed: frozenset[int]
    now: datetime

    def events_of(self, ingests: Sequence[int], teams: Collection[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        """For each team its events of these ingests."""
        with self.node.database.reading() as session:
            repeats = repeats_of(session, ingests)
        return self.node.store.told(ingests, self._members, teams, repeats)

    def gone_of(self, teams: Collection[int]) -> Mapping[int, Sequence[GoneProblem]]:
        """For each team what it was told of and what its feed no longer finds, since the last digest."""
        return {team: self._gone[team] for team in teams if team in self._gone}

    def notes_of(self, events: pl.DataFrame) -> Mapping[int, Sequence[DigestNote]]:
        """For each digest the texts of the incidents that its problems belong to."""
        found: dict[int, list[DigestNote]] = {}
        problems = events["problem"].to_numpy().view(np.uint64) if self._notes else np.zeros(0, dtype=np.uint64)
        for note, keys in self._notes:
            for digest in events.filter(pl.Series(np.isin(problems, keys), dtype=pl.Boolean))[DELIVERY].unique():
                found.setdefault(digest, []).append(note)
        return found

    def with_history(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events with what `survey` takes beside them."""
        keys, place = np.unique(events["problem"].to_numpy().view(np.uint64), return_inverse=True)
        _, notes = self.node.tracker.files.lookup(keys, up_to=self._last)
        first_seen = pl.Series(notes[place, _FIRST_SEEN].astype(np.int64) * 1_000_000)
        with_times = events.with_columns(
            pl.col("fresh").alias("problem.new"),
            first_seen.cast(pl.Datetime("us", "UTC")).alias("problem.first_seen"),
        )
        with_dues = self._with_dues(with_times, notes[place, _FIRST_TOLD_BY])
        return self._with_silence(self._with_others(self._with_claims(with_dues)), notes[place])

    def _with_dues(self, events: pl.DataFrame, told_by: NotesArray) -> pl.DataFrame:
        """Until when the first mail that told a team of a problem asked for a fix: that day stands."""
        with self.node.database.reading() as session:
            dues = mailed_dues(mailed_requests(session, {*np.unique(told_by).tolist()} - {0}))
            pairs = select(Delivery.id, Delivery.team_id).where(Delivery.id.in_(events[DELIVERY].unique().to_list()))
            team_of = dict(session.execute(pairs).all())
        if dues.is_empty():
            return events
        asked = events.select(
            pl.Series("ingest", told_by.astype(np.int64)),
            pl.col(DELIVERY).replace_strict(team_of, default=None, return_dtype=pl.Int64).alias("team"),
            topic_names(events).alias("topic"),
        )
        found = asked.join(dues, on=["ingest", "team", "topic"], how="left", maintain_order="left")
        return events.with_columns(found["due"].alias("problem.due"))

    def _with_silence(self, events: pl.DataFrame, notes: NotesArray) -> pl.DataFrame:
        """Who did not answer, and since when, for the events that go to a team as others kept silent."""
        rows = np.flatnonzero(notes[:, _ESCALATED_BY] == events["ingest"].to_numpy())
        if not len(rows):
            return events
        with self.node.database.begin() as session:
            wanted = select(Delivery.id, Delivery.team_id)
            pairs = session.execute(wanted.where(Delivery.id.in_(events[DELIVERY].unique().to_list())))
            team_of = dict(pairs.all())
        routed, digests = events["routed"].gather(rows).to_list(), events[DELIVERY].gather(rows).to_list()
        names = [self._silent(number, team_of.get(digest, 0)) for number, digest in zip(routed, digests, strict=True)]
        asked = pl.DataFrame({"row": rows, "problem.silent": pl.Series(names, dtype=pl.String)}).drop_nulls()
        first_told = pl.Series(notes[:, _FIRST_TOLD].astype(np.int64) * 1_000_000)
        return events.with_columns(
            pl.repeat(None, events.height, dtype=pl.String, eager=True)
            .scatter(asked["row"], asked["problem.silent"])
            .alias("problem.silent"),
            first_told.cast(pl.Datetime("us", "UTC")).alias("problem.first_told"),
        )

    def _silent(self, routed: int, team: int) -> str | None:
        """The names of those who had to know of it, a line each; None where the team is one of them."""
        members = self._members.get(routed, [])
        known = self._tellers.teams
        return None if team in members else "\n".join(known[one].name for one in members if one in known)

    def _with_claims(self, events: pl.DataFrame) -> pl.DataFrame:
        claimed = answers_before(self.node.database, events)
        if claimed.is_empty():
            return events
        return events.join(claimed, on=[DELIVERY, "problem"], how="left", maintain_order="left")

    def _with_others(self, events: pl.DataFrame) -> pl.DataFrame:
        """Who answers for the events that a team only wants to know of."""
        with self.node.database.begin() as session:
            pairs = session.execute(
                select(Delivery.id, Delivery.team_id).where(Delivery.id.in_(events[DELIVERY].unique().to_list()))
            )
            team_of = {number: team for number, team in pairs if team in self.informed}
        told = events.select(
            pl.int_range(pl.len()).alias("row"),
            pl.col(DELIVERY).replace_strict(team_of, default=None, return_dtype=pl.Int64).alias("team"),
        ).drop_nulls()
        if told.is_empty():
            return events
        names = self._tellers.others(events[told["row"]], told["team"].to_numpy())
        others = pl.repeat(None, events.height, dtype=pl.String, eager=True).scatter(told["row"], names)
        return events.with_columns(others.alias("problem.others"))

    @cached_property
    def _tellers(self) -> RecipientResolver:
        return RecipientResolver.open(self.node)

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        with self.node.database.begin() as session:
            return {row.number: row.members for row in session.scalars(select(TeamSet))}

    @cached_property
    def _notes(self) -> list[tuple[DigestNote, npt.NDArray[np.uint64]]]:
        with self.node.database.reading() as session:
            return list(digest_notes(session, self.node.problems, self.now))

    @cached_property
    def _last(self) -> int:
        with self.node.database.begin() as session:
            return last_committed(session)

    @cached_property
    def _gone(self) -> dict[int, list[GoneProblem]]:
        told_last = self._told_last()
        if not told_last:
            return {}
        after_days = self.node.settings.tell.gone_after_days
        with self.node.database.begin() as session:
            known = known_problems(session, self.node.tracker, gone_after_days=after_days)
        chosen = known.gone_at > int(min(told_last.values()).timestamp())
        if not chosen.any():
            return {}
        facts = pl.DataFrame({"problem": known.keys[chosen].view(np.int64), "gone_at": known.gone_at[chosen]})
        return self._describe(facts, told_last)

    def _describe(self, facts: pl.DataFrame, told_last: Mapping[int, datetime]) -> dict[int, list[GoneProblem]]:
        """Where and what each gone problem was, for the teams that were told of it."""
        wanted = self.node.store.scan().filter(
            pl.col("problem").is_in(facts["problem"].to_list()) & (pl.col("told") > 0)
        )
        seen = self.node.store.collect(wanted.sort("time.source").unique(["problem", "told"], keep="last"))
        rows = seen.with_columns(addresses(seen, "source.ip")).join(facts, on="problem")
        found: dict[int, dict[int, GoneProblem]] = {}  # once per problem, whichever sets of teams were told of it
        for row in rows.sort("source.ip.hi", "source.ip.lo", "problem").iter_rows(named=True):
            where = row["source.ip"] or row["source.network"] or row["source.fqdn"] or row["source.url"] or "?"
            what = row["classification.identifier"] or row["classification.type"] or "?"
            for team in self._members[row["told"]]:
                if team in told_last and row["gone_at"] > told_last[team].timestamp():
                    found.setdefault(team, {})[row["problem"]] = GoneProblem(where, what, row["time.source"])
        return {team: list(gone.values()) for team, gone in found.items()}

    def _told_last(self) -> dict[int, datetime]:
        """When the newest digest that left for each team was made."""
        sent = select(Delivery.created_at).where(Delivery.team_id == TeamRow.id, WAS_SENT)
        newest = sent.order_by(Delivery.created_at.desc()).limit(1).scalar_subquery()
        with self.node.database.reading() as session:
            return {team: at for team, at in session.execute(select(TeamRow.id, newest)) if at is not None}

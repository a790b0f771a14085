"""The work that a node does by itself: what of it is due is decided here, and a server does it in the background.

Each chore holds the lock that its command holds too: where timers or another server do the same work, nothing is done
twice. Of several servers over one PostgreSQL one does a chore for as long as it lives, by a lock that ends with it;
then another goes on. What goes wrong is noted, shown by `tocsin doctor` and tried again; the others go on.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from imaplib import IMAP4
from logging import getLogger
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tocsin.interface import N_
from tocsin.node.errors import ConflictError, StorageError, TocsinError, internal_failures
from tocsin.node.records import Database, KeptLocks, insert_for
from tocsin.node.retries import pause
from tocsin.node.settings import Settings
from tocsin.node.trace import logged, traced
from tocsin.operations.models import ChoreRow
from tocsin.pipeline.parse import Clock
from tocsin.pipeline.stores import NodeWithStores

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_AGAIN: Final = timedelta(minutes=5)
_LOOKS: Final = 2.0  # seconds between looks at what is due


class Chore(StrEnum):
    """One piece of the work."""

    TELL = "tell"  # letters and digests that are due
    COLLECT = "collect"  # reports that wait elsewhere
    REPLIES = "replies"  # mails that came in
    FEEDS = "feeds"  # whether each is as usual
    VERIFY = "verify"  # mailboxes whose confirmation ends, and reminders of questions
    KEYS = "keys"  # keys of teams that end soon
    RETENTION = "retention"  # what is too old goes
    PURGE = "purge"  # purges that could not be finished
    CALL_OUTS = "call-outs"  # who is called when something waits
    CASES = "cases"  # incidents whose case a partner accepted are closed
    ASSETS = "assets"  # observables that name critical assets
    EXCHANGE = "exchange"  # dispatches to partners
    TODO = "todo"  # who has to-do items that have ended is forgotten
    STANDBY = "standby"  # copies for a standby machine


CHORE_NAMES: Final[Mapping[str, str]] = {
    Chore.TELL: N_("Notifications"), Chore.COLLECT: N_("Collectors"), Chore.REPLIES: N_("Incoming mails"),
    Chore.FEEDS: N_("Feeds"), Chore.VERIFY: N_("Verifications"), Chore.KEYS: N_("Keys"),
    Chore.RETENTION: N_("Retention"), Chore.PURGE: N_("Purge"), Chore.CALL_OUTS: N_("Call-outs"),
    Chore.CASES: N_("Incidents"), Chore.ASSETS: N_("Critical assets"), Chore.EXCHANGE: N_("Exchange"),
    Chore.TODO: N_("To do"), Chore.STANDBY: N_("Standby"),
}  # fmt: skip

EVERY: Final[Mapping[Chore, timedelta]] = {
    Chore.TELL: timedelta(seconds=_LOOKS),
    Chore.COLLECT: timedelta(seconds=_LOOKS),
    Chore.REPLIES: timedelta(minutes=2),
    Chore.FEEDS: timedelta(minutes=1),
    Chore.VERIFY: timedelta(days=1),
    Chore.KEYS: timedelta(days=1),
    Chore.RETENTION: timedelta(days=1),
    Chore.PURGE: timedelta(minutes=1),
    Chore.CALL_OUTS: timedelta(seconds=15),
    Chore.CASES: timedelta(minutes=1),
    Chore.ASSETS: timedelta(minutes=1),
    Chore.EXCHANGE: timedelta(seconds=10),
    Chore.TODO: timedelta(minutes=2),
    Chore.STANDBY: timedelta(seconds=_LOOKS),
}
"""How often each is done. The first two look what is due by itself: that costs a query."""


@dataclass(frozen=True)
class LastRun:
    """When a chore was done or tried last (None: never), and what went wrong then.

    ``outages``: how often in a row the records, the disk or a server were away; not noted for the next server.
    """

    at: datetime | None = None
    error: str = ""
    hint: str = ""
    outages: int = 0


def wanted(settings: Settings) -> frozenset[Chore]:
    """The chores that make sense with these settings. Pure."""
    unwanted = {
        Chore.REPLIES: not settings.mailbox.host,
        Chore.VERIFY: not settings.server.url,
        Chore.ASSETS: not settings.assets.enabled,
        Chore.STANDBY: not settings.standby.folder,
    }
    return frozenset(chore for chore in Chore if not unwanted.get(chore))


def is_due(chore: Chore, past: LastRun, now: datetime) -> bool:
    """Whether it is to be done now: after its time, and sooner where it went wrong. Pure."""
    if past.at is None or past.at > now:  # the clock was set back
        return True
    if not past.error:
        return now - past.at >= EVERY[chore]
    again = min(_AGAIN, max(EVERY[chore], timedelta(seconds=30)))
    return now - past.at >= (min(again, timedelta(seconds=pause(past.outages))) if past.outages else again)


def read_past(database: Database) -> dict[Chore, LastRun]:
    """What is noted of the chores of a node.

    Raises:
        StorageError: the records cannot be read.

    """
    with database.reading() as session:
        rows = session.scalars(select(ChoreRow).where(ChoreRow.name.in_(list(Chore)))).all()
    return {Chore(row.name): LastRun(row.at, row.error, row.hint) for row in rows}


class Worker:
    """The threads of a server that do the chores, one each, so that a long one keeps no other waiting."""

    def __init__(self, node: NodeWithStores, clock: Clock, machine: str = "") -> None:
        self._node, self._clock, self._machine = node, clock, machine
        self._locks = KeptLocks(node.database)
        self._ended, self._noting = threading.Event(), threading.Lock()
        # What went wrong for the server before this one is tried at once: somebody may have mended it.
        self._past = {chore: _mended(past) for chore, past in read_past(node.database).items()}
        self._deeds = _deeds(node, clock, self._ended.is_set)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work until the block ends; the report or the mails that are under way are finished first."""
        if (standby := self._node.standby) is not None:
            standby.look_in_time()  # before anything is done: another machine may have taken over meanwhile
        # As daemons: a second Ctrl-C ends the process at once, and a kill does no harm.
        threads = [
            threading.Thread(target=self._work, args=(chore,), name=chore.value, daemon=True)
            for chore in sorted(wanted(self._node.settings))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
            self._locks.close()

    def _work(self, chore: Chore) -> None:
        while not self._ended.is_set():
            if is_due(chore, self._past.get(chore, LastRun()), self._clock()):
                self._do(chore)
            self._ended.wait(_LOOKS)

    def _do(self, chore: Chore) -> None:
        at = self._clock()
        if self._is_fenced(chore):
            return
        try:
            if not self._locks.keep(f"chore {chore}", lambda: self._go_on(chore)):
                return  # another machine does it
            if not is_due(chore, self._past.get(chore, LastRun()), at):
                return  # another machine did it
            with traced(), logged("job", quiet=True, name=chore.value), internal_failures(f"The work '{chore}'"):
                kept_from = self._deeds[chore]()
            # Telling decides itself when it tries again.
            past = LastRun(at, kept_from, outages=int(bool(kept_from) and chore is Chore.TELL))
        except ConflictError:
            return  # another process does it at this moment
        except StorageError as error:
            # A password that was refused is not tried every few seconds: servers lock accounts.
            away = isinstance(error.__cause__, OSError | SQLAlchemyError | IMAP4.abort)
            outages = self._past.get(chore, LastRun()).outages + 1 if away else 0
            past = LastRun(at, str(error), error.hint, outages)
        except TocsinError as error:
            past = LastRun(at, str(error), error.hint)
        self._note(chore, past)

    def _is_fenced(self, chore: Chore) -> bool:
        """Whether another machine is the node, so that nothing is done here; one chore says so."""
        standby = self._node.standby if chore is not Chore.STANDBY else None
        return standby is not None and bool(standby.fenced())

    def _go_on(self, chore: Chore) -> None:
        """Go on where the machine ended that did it until now; what was wrong here is told of once it is not."""
        past = read_past(self._node.database).get(chore, LastRun())
        if not self._past.get(chore, LastRun()).error:
            self._past[chore] = _mended(past)
        _write(self._node.database, chore, past, self._machine)

    def _note(self, chore: Chore, past: LastRun) -> None:
        """Remember it for the next server and for the doctor; a lasting trouble is logged once."""
        with self._noting:
            before = self._past.get(chore, LastRun())
            self._past[chore] = past
            if past.error and past.error != before.error:
                getLogger("uvicorn.error").error("The work '%s' waits: %s %s", chore, past.error, past.hint)
            if before.error and not past.error:
                getLogger("uvicorn.error").warning("The work '%s' goes on again.", chore)
            if past.error == before.error and EVERY[chore] < timedelta(days=1):
                return  # when what is done all the time was done is of no interest
            try:
                _write(self._node.database, chore, past, self._machine)
            except StorageError as error:
                getLogger("uvicorn.error").error("%s %s", error, error.hint)  # noqa: TRY400


def _mended(past: LastRun) -> LastRun:
    return replace(past, at=_LONG_AGO) if past.error else past


def _write(database: Database, chore: Chore, past: LastRun, machine: str) -> None:
    values = {"machine": machine, "at": past.at, "error": past.error, "hint": past.hint}
    with database.begin() as session:
        row = insert_for(session, ChoreRow).values(name=chore.value, **values)
        session.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def _deeds(node: NodeWithStores, clock: Clock, stop: Callable[[], bool]) -> Mapping[Chore, Callable[[], str]]:
    """How each is done; what it returns keeps it from doing more, or is empty."""
    from tocsin.pipeline.notify import DeliveryScheduler
    from tocsin.pipeline.uploads import traces_of_ingests

    teller = DeliveryScheduler(node, lambda: traces_of_ingests(node.database))
    return {
        Chore.TELL: lambda: teller.tell_what_is_due(clock(), stop),
        Chore.COLLECT: lambda: _collect(node, clock, stop),
        Chore.REPLIES: lambda: _read_replies(node, clock),
        Chore.FEEDS: lambda: _watch_feeds(node, clock),
        Chore.VERIFY: lambda: _verify(node, clock),
        Chore.KEYS: lambda: _remind_of_keys(node, clock),
        Chore.RETENTION: lambda: _keep(node, clock, stop),
        Chore.PURGE: lambda: _finish_purges(node),
        Chore.CALL_OUTS: lambda: _call_out(node, clock),
        Chore.CASES: lambda: _close_cases(node, clock),
        Chore.ASSETS: lambda: _match_observables(node, clock),
        Chore.EXCHANGE: lambda: _deliver_dispatches(node, clock, stop),
        Chore.TODO: lambda: _forget_ended_items(node, clock),
        Chore.STANDBY: lambda: _stand_by(node, clock),
    }


def _collect(node: NodeWithStores, clock: Clock, stop: Callable[[], bool]) -> str:
    """Run the collectors that are due. What goes wrong with one is remembered with it, and the next is run."""
    from tocsin.pipeline.collectors import node_collectors, run_collector, standings

    failed: list[TocsinError] = []
    for one in standings(node.database, node_collectors(node)):
        if one.is_due(clock()) and not stop():
            try:
                with traced(), internal_failures(f"The collector '{one.name}'"):
                    run_collector(node, one, clock=clock, stop=stop)
            except ConflictError:
                continue  # another process runs it
            except TocsinError as error:  # it could not even be noted
                failed.append(error)
    if failed:
        raise failed[0]
    return ""


def _read_replies(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.exchange.ways import take_exchange_mail
    from tocsin.incidents import mail_context
    from tocsin.problems.replies import read_mailbox

    read_mailbox(mail_context(node, node.store, take_exchange_mail), now=clock)
    return ""


def _watch_feeds(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.events import watch_feeds

    watch_feeds(node.database, now=clock())
    return ""


def _verify(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.directory.contacts import verify_due

    verify_due(node, now=clock())
    return ""


def _remind_of_keys(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.delivery.sealing import KeyRing, remind_of_keys
    from tocsin.directory import list_teams
    from tocsin.directory.keys import keys_by_team

    teams = {team.id: team for team, _ in list_teams(node.database)}
    keys_of = keys_by_team(node.database, teams)
    with node.database.begin() as session:
        remind_of_keys(session, teams.values(), keys_of, node.settings.node, clock())
    KeyRing(node.home, node.settings, node.database, "keys").drop(clock())
    return ""


def _keep(node: NodeWithStores, clock: Clock, stop: Callable[[], bool]) -> str:
    from tocsin.operations.retention import apply_retention

    apply_retention(node, now=clock(), going_on=lambda: not stop())
    return ""


def _finish_purges(node: NodeWithStores) -> str:
    from tocsin.operations.purge import finish_purges

    return finish_purges(node)


def _call_out(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.pipeline.call_outs import look_for_call_outs

    look_for_call_outs(node, clock())
    return ""


def _close_cases(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.exchange.ledger import close_handed_over
    from tocsin.interface import ActContext

    close_handed_over(ActContext(node, clock(), "node"))
    return ""


def _match_observables(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.assets import match_observables

    match_observables(node, clock())
    return ""


def _deliver_dispatches(node: NodeWithStores, clock: Clock, stop: Callable[[], bool]) -> str:
    from tocsin.pipeline.exchange_delivery import deliver_dispatches

    deliver_dispatches(node, now=clock(), stop=stop)
    return ""


def _forget_ended_items(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.pipeline.to_do import forget_ended

    forget_ended(node, clock())
    return ""


def _stand_by(node: NodeWithStores, clock: Clock) -> str:
    from tocsin.operations.standby_copy import copy_if_due

    copy_if_due(node, clock)
    return ""

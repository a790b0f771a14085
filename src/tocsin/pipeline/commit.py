"""How ingests become true, once, whatever happens: prepared, committed, and finished by the next start.

1. Files are written and synced: parts of the event table, keys, set-aside rows. Nobody reads them yet.
2. One transaction in the records notes the ingests as *prepared*, with their parts and what is owed to whom.
3. The event table commits the parts under the number of the last of them.
4. One transaction notes them as *committed* and lets their deliveries leave.

A kill before 2 leaves files that nobody lists: the next writer removes them. A kill after 2 leaves prepared ingests
which name the commit that they belong to: the next writer does 3 (which the table does once) and 4.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from tocsin.delivery import queue, release_items, sole_deliverer, way_of
from tocsin.directory import Team
from tocsin.events import (
    IS_PREPARED,
    ColumnSet,
    EventPart,
    FeedRecord,
    Ingest,
    IngestState,
    NotificationRun,
    Reread,
    TeamSet,
    WithheldEvents,
    empty_spool,
    forget_rows,
    shown,
)
from tocsin.events.sources import Feed
from tocsin.node.errors import ConflictError, StorageError
from tocsin.node.file_locks import remove_left_folders
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.node.storage import check_storage
from tocsin.pipeline.stores import PREVIEWS, NodeWithStores, writer
from tocsin.pipeline.team_sets import NumberedTeams
from tocsin.pipeline.term import check_term, last_number, pass_over, reserve_number
from tocsin.pipeline.withheld import WithheldKey
from tocsin.sharing.routing import RoutedTeams

_PATIENCE: Final = 600.0  # seconds that a command waits for a delivery to end
_MOST_COLUMNS = 2_000  # no feed has so many; a hostile header may


@dataclass(frozen=True)
class PreparedIngest:
    """All that one ingest will make true. ``columns`` are those that the report came with, where it says so.

    ``withheld``: as `note_withheld` takes it. ``note`` and ``beside`` add to the transaction that notes the ingest,
    ``first`` does so before.
    """

    record: Ingest
    parts: Sequence[EventPart]
    team_sets: Mapping[NumberedTeams, int]
    owed: Mapping[int, int]
    teams: Mapping[int, Team]
    columns: Sequence[str] = ()
    withheld: Mapping[WithheldKey, int] = field(default_factory=dict)
    note: Callable[[Session], None] | None = None
    first: Callable[[Session], None] | None = None
    beside: Callable[[Session], None] | None = None


def next_number(node: NodeWithStores, after: int = 0) -> int:
    """The number of the next ingest or notification run, behind ``after`` that waits to become true. For the writer.

    Raises:
        ConflictError: another machine took over.

    """
    if after and not node.database.is_shared:
        return after + 1
    with node.database.begin() as session:
        return reserve_number(session) if node.database.is_shared else last_number(session) + 1


def known_feed(node: NodeWithStores, feed: Feed) -> FeedRecord:
    """The record of a feed, made with its defaults at its first report."""
    with node.database.begin() as session:
        found = session.scalar(select(FeedRecord).where(FeedRecord.source == feed.source, FeedRecord.code == feed.code))
        if found is None:
            found = FeedRecord(
                source=feed.source,
                code=feed.code,
                name=feed.name,
                provider=feed.provider,
                tlp=feed.tlp,
                pap=feed.pap,
                terms=feed.terms,
                cadence_hours=feed.cadence_hours,
                duplicate_days=feed.duplicate_days,
            )
            session.add(found)
            session.flush()
        # A mapping file may have changed.
        found.duplicate_days, found.pap = feed.duplicate_days, feed.pap
        return found


def already_ingested(node: NodeWithStores, content_hash: str, feed_id: int) -> int | None:
    """The ingest that took in this very content for this feed before, or None."""
    with node.database.begin() as session:
        wanted = select(Ingest.number).where(Ingest.content_hash == content_hash, Ingest.feed_id == feed_id)
        return session.scalar(wanted)


def prepare(node: NodeWithStores, group: Sequence[PreparedIngest]) -> None:
    """Steps 1 and 2: sync what was written, and note the ingests, in order, with what they owe."""
    _sync(node, group)
    cut("ingest.synced")
    with node.database.begin() as session:
        check_term(session)
        for one in group:
            _note_prepared(session, one, shown_as=group[-1].record.number)
            cut("ingest.preparing")
    cut("ingest.prepared")


def _sync(node: NodeWithStores, group: Sequence[PreparedIngest]) -> None:
    """Step 1, of events and both kinds of keys at once: a disk takes many files together in little more time."""

    def problems() -> None:
        for one in group:
            node.tracker.files.sync(one.record.number)

    def rows() -> None:
        for one in group:
            node.rows_of(one.record.day).sync(one.record.number)

    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(work) for work in (problems, rows)]
        node.store.sync([part for one in group for part in one.parts])
    for synced in begun:
        synced.result()


def _note_prepared(session: Session, prepared: PreparedIngest, *, shown_as: int) -> None:
    record = prepared.record
    if prepared.first is not None:
        prepared.first(session)
    record.state, record.shown_as = IngestState.PREPARED, shown_as
    record.parts = [asdict(part) for part in prepared.parts]
    _add_team_sets(session, prepared.team_sets)
    record.deliveries = queue(
        session, ingest=record.number, counts=prepared.owed, teams=prepared.teams, now=record.started_at
    )
    record.column_set = _column_set(session, prepared.columns)
    session.add(record)
    note_withheld(session, record.number, prepared.withheld)
    if prepared.note is not None:
        prepared.note(session)
    if prepared.beside is not None:
        prepared.beside(session)


def note_withheld(session: Session, ingest: int, withheld: Mapping[WithheldKey, int]) -> None:
    """Note in the caller's transaction what the gate kept back of an ingest: events by team, rule and label."""
    session.add_all(
        WithheldEvents(ingest=ingest, team_id=team, rule=rule, tlp=tlp, events=events)
        for (team, rule, tlp), events in sorted(withheld.items())
    )


def by_rule(withheld: Mapping[WithheldKey, int]) -> dict[str, int]:
    """The same by rule alone."""
    found: Counter[str] = Counter()
    for (_, rule, _), events in withheld.items():
        found[rule] += events
    return dict(found)


def _add_team_sets(session: Session, numbers: Mapping[NumberedTeams, int]) -> None:
    last = session.scalar(select(func.max(TeamSet.number))) or 0  # the writer numbers them one after the other
    rows = [_team_set(number, teams) for teams, number in numbers.items() if number > last]
    if rows:  # thousands at first; into the table and not by the class, as in `queue`
        session.execute(insert(TeamSet.metadata.tables[TeamSet.__tablename__]), rows)


def _team_set(number: int, teams: NumberedTeams) -> dict[str, object]:
    if isinstance(teams, RoutedTeams):
        told, informed, muted = (list(part) for part in teams)
        return {"number": number, "members": told, "informed": informed, "muted": muted}
    return {"number": number, "members": list(teams), "informed": None, "muted": []}


def prepare_run(
    node: NodeWithStores,
    run: NotificationRun,
    *,
    team_sets: Mapping[NumberedTeams, int],
    owed: Mapping[int, int],
    teams: Mapping[int, Team],
    note: Callable[[Session], None],
) -> None:
    """Steps 1 and 2 for a run that routes stored events again; ``note`` adds to the transaction."""
    node.store.sync([_part(stored) for stored in run.parts])
    node.tracker.files.sync(run.number)
    cut("run.synced")
    run.state = IngestState.PREPARED
    with node.database.begin() as session:
        check_term(session)
        _add_team_sets(session, team_sets)
        queue(session, ingest=run.number, counts=owed, teams=teams, now=run.started_at)
        session.add(run)
        note(session)
        cut("run.preparing")
    cut("run.prepared")


def commit_run(node: NodeWithStores, number: int) -> None:
    """Steps 3 and 4 for a run; safe to repeat."""
    with node.database.reading() as session:
        run = session.get_one(NotificationRun, number)
        parts, replaced = [_part(stored) for stored in run.parts], run.replaced
    if parts:
        node.store.commit(number, parts, replaced)
    cut("run.shown")
    with node.database.begin() as session:
        check_term(session)
        session.get_one(NotificationRun, number).state = IngestState.COMMITTED
        release_items(session, [number])
        cut("run.committing")
    cut("run.committed")


def _column_set(session: Session, columns: Sequence[str]) -> int | None:
    """The number under which these columns are kept, for all reports that have them."""
    if not columns:
        return None
    names = sorted(set(columns))
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    found = session.scalar(select(ColumnSet).where(ColumnSet.digest == digest))
    if found is None:
        found = ColumnSet(digest=digest, names=[shown(name) for name in names[:_MOST_COLUMNS]])
        session.add(found)
        session.flush()
    return found.id


def commit(node: NodeWithStores, numbers: Sequence[int], parts: Sequence[EventPart], *, now: datetime) -> None:
    """Steps 3 and 4 for the ingests of one group: show their events and let the deliveries leave; safe to repeat."""
    if parts:
        node.store.commit(numbers[-1], parts)
    cut("ingest.shown")
    with node.database.begin() as session:
        check_term(session)
        _note_committed(session, numbers, now)
        release_items(session, numbers)
    cut("ingest.committed")


def _note_committed(session: Session, numbers: Sequence[int], now: datetime) -> None:
    wanted = select(Ingest).where(Ingest.number.in_(numbers), Ingest.state != IngestState.COMMITTED)
    for record in session.scalars(wanted.order_by(Ingest.number)).all():
        record.state = IngestState.COMMITTED
        counts = {name: getattr(record, name) for name in ("rows", "stored", "duplicates", "quarantined")}
        audit(
            session,
            AuditAction.REPORT_INGESTED,
            at=now,
            actor="pipeline",
            subject=f"ingest:{record.number}",
            detail=counts,
        )
        cut("ingest.committing")


def commit_reread(node: NodeWithStores, number: int, parts: Sequence[EventPart], *, now: datetime) -> None:
    """Steps 3 and 4 for a report that was read again: its first reading goes in the same commit; safe to repeat.

    What it owes waits for a person, one digest for each team, with what is to be corrected of those before.
    """
    from tocsin.delivery import hold_digests, read_corrections  # an ingest needs none of the outbox

    with node.database.reading() as session:
        again = session.get_one(Reread, number)
        parts, replaced = [*parts, *map(_part, again.parts)], again.replaced
    if parts or replaced:
        node.store.commit(number, parts, replaced)
    cut("reread.shown")
    settings = node.settings
    with node.database.begin() as session:
        check_term(session)
        again = session.get_one(Reread, number)
        if session.get_one(Ingest, number).state != IngestState.COMMITTED:
            _note_committed(session, [number], now)
            hold_digests(
                session,
                number,
                {int(team): read_corrections(of) for team, of in again.corrections.items()},
                domain=settings.node.contact.rpartition("@")[2],
                channel=way_of(settings.tell, settings.mail.channel),
                now=now,
            )
        again.parts, again.replaced, again.corrections = [], [], {}
        cut("reread.committing")
    cut("reread.committed")


def last_stored(session: Session) -> int:
    """The number of the newest ingest that the event table must show; 0 where there is none."""
    shown = select(func.max(Ingest.number)).where(Ingest.state == IngestState.COMMITTED, Ingest.stored > 0)
    return session.scalar(shown) or 0


def is_repair_due(node: NodeWithStores) -> bool:
    """Whether the event table has ingests that the records do not know, as after these were restored to a moment.

    Raises:
        StorageError: the records or the table cannot be read.

    """
    with node.database.reading() as session:
        return node.store.last_committed() > last_number(session)


def recover(node: NodeWithStores) -> list[int]:
    """Finish what a killed process had prepared, remove what it had not; returns the ingests finished.

    For the writer.

    Raises:
        ConflictError: another machine took over.
        StorageError: the event table holds ingests that the records do not know; their numbers would come twice.
            Or the storage elsewhere is not there, or lacks what the records know.

    """
    if node.settings.storage.address:
        check_storage(node.settings.storage, node.home)
    node.store.table.drop_unwritten()
    with node.database.begin() as session:
        check_term(session)
        known = last_number(session)
        if (shown := node.store.last_committed()) > known:
            raise StorageError(
                f"The records are older than the event table: they know of {known} ingests, it of {shown}.",
                hint="Where the records were restored to an earlier moment: stop every server of this node, then "
                "'tocsin doctor --repair' takes the table back to it. Else restore both from one backup.",
            )
        if node.settings.storage.address and shown < (stored := last_stored(session)):
            raise StorageError(
                f"{node.settings.storage.address} is not where our events are: it has them up to ingest {shown}, "
                f"and {stored} were stored.",
                hint="Correct [storage] address, mount the folder, or restore both from one backup.",
            )
        unfinished = session.scalars(select(Ingest).where(IS_PREPARED).order_by(Ingest.number))
        pending: dict[int, list[Ingest]] = {}
        for record in unfinished:
            pending.setdefault(record.shown_as or record.number, []).append(record)
        cut_off = select(NotificationRun.number).where(NotificationRun.state == IngestState.PREPARED)
        runs = session.scalars(cut_off.order_by(NotificationRun.number)).all()
        rereads = set(session.scalars(select(Reread.number).where(Reread.number.in_(pending)))) if pending else set()
    groups = [([record.number for record in group], group) for group in pending.values()]
    for numbers, group in groups:
        parts = [_part(stored) for record in group for stored in record.parts]
        if numbers[0] in rereads:
            commit_reread(node, numbers[0], parts, now=datetime.now(UTC))
        else:
            commit(node, numbers, parts, now=datetime.now(UTC))
    for number in runs:
        commit_run(node, number)
    clean(node)
    return [number for numbers, _ in groups for number in numbers]


@contextmanager
def alone(node: NodeWithStores, *, waits: bool) -> Iterator[None]:
    """Nobody else writes events, and no digest is on its way out that was rendered before.

    Raises:
        ConflictError: another process does either, and nobody waits for it, or it did not end for ten minutes.

    """

    def busy() -> None:
        if not waits:
            raise ConflictError(
                say("Another report is being taken in at this moment."),
                hint=say("Try it again in a moment; nothing was changed."),
            )

    until = time.monotonic() + (_PATIENCE if waits else 0.0)
    with writer(node, busy), ExitStack() as held:
        while True:
            try:
                held.enter_context(sole_deliverer(node.database))
                break
            except ConflictError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.5)
        yield


def clean(node: NodeWithStores) -> None:
    """Remove what belongs to no committed ingest. For the writer."""
    with node.database.begin() as session:
        last = last_number(session)
        # Of a number that was not reserved yet is what another writer writes, where this one was stopped and goes on.
        newest = pass_over(session) if node.database.is_shared else None
    cut("clean.events")
    node.store.clean(newest=newest)
    cut("clean.keys")
    node.tracker.files.clean(up_to=last, newest=newest)
    for day in node.row_days():
        node.rows_of(day).clean(up_to=last, newest=newest)
    forget_rows(node.quarantine, after=last, up_to=newest)
    cut("clean.spool")
    empty_spool(node.spool)
    remove_left_folders(node.compiled / PREVIEWS)


def _part(stored: Mapping[str, object]) -> EventPart:
    return EventPart(**stored)  # type: ignore[arg-type]  # written by asdict in `prepare`

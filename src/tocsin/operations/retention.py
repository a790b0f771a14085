"""Keeping things no longer than the settings say, and the table in good order."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select

from tocsin.delivery.mailbox import delete_received
from tocsin.delivery.never_held import forget_references
from tocsin.events import FeedRecord, Ingest, forget_rows
from tocsin.exchange.ledger import forget_files, kept_files
from tocsin.incidents.arrivals import delete_closed
from tocsin.incidents.duty import forget_contacts
from tocsin.incidents.evidence import held_incidents, held_reports, sweep_files
from tocsin.incidents.threads import kept_mails
from tocsin.node.accounts import forget_ended_links
from tocsin.node.letters import empty_letters
from tocsin.node.records import LARGE_MERGE, AuditAction, audit, forget_undos
from tocsin.node.volumes import forget_volumes
from tocsin.operations.statistics import keep_months
from tocsin.operations.take_back import forget_taken_back
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.kept_reports import forget_reports_before
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.pipeline.term import last_number


@dataclass(frozen=True)
class RetentionSummary:
    """What one run removed or tidied."""

    events_deleted: int
    quarantine_deleted: int
    mails_deleted: int
    inbox_deleted: int
    dispatches_forgotten: int
    files_merged: int


def apply_retention(
    node: NodeWithStores, *, now: datetime, actor: str = "retention", going_on: Callable[[], bool] = lambda: True
) -> RetentionSummary:
    """Delete what is older than the settings allow, and merge the small files of the event table.

    Raises:
        ConflictError: another process writes; or it was not to go on (``going_on``), and the next run does.

    """
    keep = node.settings.retention
    today = now.date()
    with writer(node):
        commitment.recover(node)
        with node.database.reading() as session:
            of_incidents = kept_mails(session)
            held = held_reports(session, now)
            sweep_files(session, node.incident_evidence, now)
        with node.database.begin() as session:
            dispatches = forget_files(session, now - timedelta(days=keep.exchange_days), held_incidents(session, now))
        with node.database.reading() as session:
            node.exchange.delete_before((now - timedelta(days=1)).date(), but=kept_files(session))
        keep_months(node, now=now)  # before the events are gone that they count
        applied = RetentionSummary(
            events_deleted=node.store.delete_days_before(today - timedelta(days=keep.events_days)),
            quarantine_deleted=_delete_older(node, today - timedelta(days=keep.quarantine_days)),
            mails_deleted=_delete_mails(node, today - timedelta(days=keep.mails_days))
            + delete_received(node.database, node.mailroom, today - timedelta(days=keep.mails_days), but=of_incidents),
            inbox_deleted=delete_closed(node.database, node.inbox, now - timedelta(days=keep.inbox_days), but=held),
            dispatches_forgotten=dispatches,
            files_merged=node.store.compact(today=today, going_on=going_on),
        )
        forget_taken_back(node.home, node.database, now)
        forget_reports_before(node, today - timedelta(days=keep.reread_days))
        _forget_rows(node, today - timedelta(days=_longest_window(node)))
        _merge_keys(node, today)
        node.store.clean()
        node.events.summaries.keep_only(node.store.files())
        node.problems.keep()
        with node.database.begin() as session:
            forget_ended_links(session, now)
            forget_undos(session, now)
            forget_volumes(session, now)
            forget_contacts(session)
            empty_letters(session, now - timedelta(days=keep.mails_days))
            references = now - timedelta(days=node.settings.never_held.keep_days)
            forget_references(session, references, actor=actor, now=now)
            audit(
                session,
                AuditAction.RETENTION_APPLIED,
                at=now,
                actor=actor,
                subject="node",
                detail=dict(vars(applied)),
            )
    return applied


def _delete_older(node: NodeWithStores, day: date) -> int:
    with node.database.reading() as session:
        newer = session.scalar(
            select(func.min(Ingest.number)).where(Ingest.started_at >= datetime.combine(day, time(), UTC))
        )
        following = last_number(session) + 1
    return forget_rows(node.quarantine, before=newer or following)


def _delete_mails(node: NodeWithStores, day: date) -> int:
    folders = [*node.mails.glob("????-??-??"), *(node.mails / "shadow").glob("????-??-??")]
    old = [folder for folder in folders if folder.name < day.isoformat()]
    deleted = sum(len(list(folder.rglob("*.eml"))) for folder in old)
    for folder in old:
        shutil.rmtree(folder)
    return deleted


def _longest_window(node: NodeWithStores) -> int:
    """The days in which a repeated row is a duplicate, of the feed that has most."""
    with node.database.begin() as session:
        longest = session.scalar(select(func.max(FeedRecord.duplicate_days))) or 0
    return max(node.settings.ingest.duplicate_days, longest)


def _forget_rows(node: NodeWithStores, day: date) -> None:
    """Key files of days that no window reaches any more."""
    for one in node.row_days():
        if one < day:
            node.forget_rows_of(one)


def _merge_keys(node: NodeWithStores, today: date) -> None:
    """Merge also the large key files, which an ingest leaves alone, and those of each day that is over."""
    with node.database.reading() as session:
        last = last_number(session)
    node.tracker.files.merge_now(up_to=last, most=LARGE_MERGE)
    for day in node.row_days():
        node.rows_of(day).merge_now(up_to=last, most=LARGE_MERGE, whole=day < today)

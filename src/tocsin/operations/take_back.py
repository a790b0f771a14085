"""The events follow records that were restored to an earlier moment: both agree, and later reports are given again.

PostgreSQL can be restored to any moment (its manual, 25.3), while events, keys and files stay as they were. What is of
ingests that the records do not know goes aside, into ``taken-back/`` of the home folder, and stays there for a month.
"""

import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tocsin.delivery import halts, sole_caller, sole_deliverer, sole_exchange, stop
from tocsin.node.errors import ConflictError
from tocsin.node.files import disk_failures
from tocsin.node.journal import bring_back_journal, learn_steps
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, Database, at_work, audit, cut, newest_at
from tocsin.node.sentences import say
from tocsin.operations.purge import finish_interrupted
from tocsin.pipeline.stores import NodeWithStores, writer
from tocsin.pipeline.term import last_number

_KEPT: Final = timedelta(days=30)
_STOPPED: Final = say(
    "The records were restored to an earlier moment: what is due may have left since. Drop what arrived, then resume."
)


@dataclass(frozen=True)
class TakeBackResult:
    """What was taken back. ``ingest``: the newest that the records know, where the table showed ``shown``.

    ``aside``: where the files are as they were.
    """

    ingest: int
    shown: int
    events: int
    aside: str


def take_back(node: NodeWithStores, *, actor: str, now: datetime) -> TakeBackResult | None:
    """Take events and keys back to the newest ingest of the records; None where they agree already.

    Sending is stopped, as what is due may have left. Then what was purged or recalled since that moment is purged and
    recalled again. Safe to repeat after a kill.

    Raises:
        ConflictError: the node works.
        StorageError: keys were merged longer ago than is kept, or a disk or database failed.

    """
    with ExitStack() as held, disk_failures("The events could not be taken back"):
        stop_all(node, held)
        with node.database.reading() as session:
            last = last_number(session)
        shown = node.store.last_committed()
        keys = [node.tracker.files, *map(node.rows_of, node.row_days())]
        if shown <= last and not any(files.reaches_beyond(last) for files in keys):
            return None
        for files in keys:
            files.check_can_go_back(last)
        aside = node.home / HomeFolder.TAKEN_BACK / f"{now:%Y%m%d-%H%M%S}"
        aside.mkdir(parents=True, exist_ok=True)
        for files in keys:
            files.take_back(up_to=last, aside=aside / files.folder.relative_to(node.home))
            cut("takeback.keys")
        _put_aside(node, last, aside)
        learn_steps(node)  # what machines with homes of their own purged
        bring_back_journal(aside, node.home)
        cut("takeback.aside")
        with node.database.begin() as session:
            if halts(session)[0] is None:
                stop(session, reason=_STOPPED, actor=actor, now=now)
            detail: dict[str, object] = {"ingest": last, "shown": shown}
            audit(session, AuditAction.BACKUP_RESTORED, at=now, actor=actor, subject="node", detail=detail)
        cut("takeback.records")
        events = node.store.take_back(last, aside / HomeFolder.EVENTS)  # last: by the table it is seen that this is due
    finish_interrupted(node.home)
    os.utime(aside)  # what was purged once more by now is not in it
    return TakeBackResult(last, shown, events, str(aside))


def stop_all(node: NodeWithStores, held: ExitStack) -> None:
    """Take every lock that somebody at work holds.

    Raises:
        ConflictError: a server or a command is at work.

    """
    if running := at_work(node.home / HomeFolder.AT_WORK):
        raise ConflictError(f"A server of this node runs ({', '.join(running)}).", hint="Stop it first.")

    def busy() -> None:
        raise ConflictError("A report is being taken in at this moment.", hint="Try it again when that is done.")

    held.enter_context(writer(node, busy))
    for lock in (sole_deliverer, sole_caller, sole_exchange):
        held.enter_context(lock(node.database))


def forget_taken_back(home: Path, database: Database, now: datetime) -> None:
    """Delete what was put aside a month ago or before the last purge, on whatever machine: it may hold what was purged.

    Each machine does so for its own home.

    Raises:
        StorageError: the records cannot be read, or the disk failed.

    """
    if not (folders := [*(home / HomeFolder.TAKEN_BACK).glob("*")]):
        return
    with database.reading() as session:
        purged = newest_at(session, AuditAction.CONTENT_PURGED) or now - _KEPT
    for folder in folders:
        # Another server of this home may be quicker.
        with disk_failures(f"{folder} could not be deleted"), suppress(FileNotFoundError):
            if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < max(purged, now - _KEPT):
                shutil.rmtree(folder)


def _put_aside(node: NodeWithStores, last: int, aside: Path) -> None:
    """Unreadable rows of later ingests, and what is made anew, whose numbers of versions come again."""
    for file in [*node.quarantine.list()]:
        number = file.name.removesuffix(".jsonl")
        if number.isdecimal() and int(number) > last:
            (aside / HomeFolder.QUARANTINE).mkdir(exist_ok=True)
            node.quarantine.fetch(file.name, aside / HomeFolder.QUARANTINE / file.name)
            node.quarantine.delete(file.name)
    head = node.home / HomeFile.AUDIT_HEAD
    if head.exists():
        head.rename(aside / HomeFile.AUDIT_HEAD)
    shutil.rmtree(node.compiled, ignore_errors=True)

"""The journal of what must stay gone: purges, by reference and hash alone, and recalls of items, by UUID.

It lies in the home (``purges.jsonl``), beside the backups and in each of them, so that a purge that was killed is
finished, and what came after a backup is done again once that is restored. A line is one step of one act; steps
are only added.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tocsin.node.files import disk_failures, sync_folder, sync_open
from tocsin.node.paths import HomeFile
from tocsin.node.settings import Settings

PURGE: Final = "purge"
RECALL: Final = "recall"
RECALL_ANSWER: Final = "recall-answer"


class Step(StrEnum):
    """How far a purge is."""

    INTENT = "intent"  # it is to be done; `plan` says what it will touch
    AGAIN = "again"  # a backup was restored: it is to be looked for, and purged where it is there
    CLEARED = "cleared"  # nothing of it is left here; the mail server is still to be asked
    DONE = "done"


@dataclass(frozen=True)
class JournalEntry:
    """One step. ``identity``: a SHA-256 that only this very thing has, since numbers come again after a restore.

    ``reason``: a reference as the audit log has it; ``at``: ISO 8601, UTC.
    """

    id: str
    step: Step
    reference: str
    identity: str
    at: str
    act: str = PURGE
    by: str = ""
    reason: str = ""
    plan: dict[str, Any] = field(default_factory=dict)


def note_step(folder: Path, entry: JournalEntry) -> None:
    """Add a step to the journal in a folder, so that it survives loss of power.

    Raises:
        StorageError: the disk is full or fails.

    """
    _append(folder / HomeFile.PURGES, [entry])


def newest_steps(*folders: Path) -> list[JournalEntry]:
    """How far each purge is that the journals in these folders name, the oldest first; half a line is none."""
    newest: dict[str, JournalEntry] = {}
    for folder in folders:
        for entry in _read(folder / HomeFile.PURGES):
            newest[entry.id] = entry
    return list(newest.values())


def copy_journal(home: Path, folder: Path) -> None:
    """Bring the journal beside the backups up to date; without plans of purges, which hold for this home only.

    Raises:
        StorageError: the disk is full or fails.

    """
    there = {entry.id for entry in _read(folder / HomeFile.PURGES)}
    new = [entry for entry in newest_steps(home) if entry.id not in there]
    if new:
        _append(folder / HomeFile.PURGES, [_without_plan(entry, entry.step) for entry in new])


def copy_journal_beside(home: Path, settings: Settings) -> None:
    """The same where the backups are that pages make, and the copies for a standby machine.

    Raises:
        StorageError: the disk is full or fails.

    """
    for folder in (settings.storage.backups, settings.standby.folder):
        if folder and Path(folder).is_dir():
            copy_journal(home, Path(folder))


def bring_back_journal(backup: Path, home: Path) -> None:
    """After a restore: everything that was ever purged or recalled is to be looked for again.

    Read are the journals in the backup and beside it.

    Raises:
        StorageError: the disk is full or fails.

    """
    known = [
        entry for entry in newest_steps(home, backup, backup.parent) if entry.act in {PURGE, RECALL, RECALL_ANSWER}
    ]
    if known:
        _append(home / HomeFile.PURGES, [_without_plan(entry, Step.AGAIN) for entry in known])


def _without_plan(entry: JournalEntry, step: Step) -> JournalEntry:
    plan = {} if entry.act == PURGE else entry.plan
    return JournalEntry(entry.id, step, entry.reference, entry.identity, entry.at, entry.act, plan=plan)


def _read(path: Path) -> Iterable[JournalEntry]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, TypeError, KeyError):
            fields = json.loads(line)
            yield JournalEntry(**fields | {"step": Step(fields["step"])})


def _append(path: Path, entries: Iterable[JournalEntry]) -> None:
    with disk_failures(f"{path} could not be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as out:
            os.fchmod(out.fileno(), 0o600)
            lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in entries)
            out.seek(0, os.SEEK_END)
            if out.tell():
                out.seek(-1, os.SEEK_END)
                lines = lines if out.read(1) == b"\n" else f"\n{lines}"  # behind a line that a kill cut off
            out.write(lines.encode())
            sync_open(out)
        sync_folder(path.parent)

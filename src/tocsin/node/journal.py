"""The journal of what must stay gone: purges, by reference and hash alone, and recalls of items, by UUID.

It lies in the home (``purges.jsonl``), beside the backups and in each of them, so that a purge that was killed is
finished, and what came after a backup is done again once that is restored. A line is one step of one act; steps
are only added. Where machines have homes of their own, ``[storage] address`` has the newest step of each act, too, so
that another machine finishes what one began that is cut off.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tocsin.node.files import disk_failures, sync_folder, sync_open
from tocsin.node.node import Node
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.settings import Settings
from tocsin.node.tokens import open_tokens

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


def note_for_all(node: Node, entry: JournalEntry) -> None:
    """Add a step to the journal of a node, and let its other machines know of it.

    Raises:
        StorageError: a disk or the storage is full or fails.

    """
    note_step(node.home, entry)
    if node.settings.storage.address:
        content, place = json.dumps(asdict(entry)).encode(), node.place(HomeFolder.PURGES)
        with disk_failures("The other machines cannot be told of a purge"), place.unfinished() as out:
            out.write(b"%s\n%s" % (_seal(node, content), content))
            place.keep(out, _name(entry))


def lacks_steps(node: Node) -> bool:
    """Whether other machines noted acts that the journal here does not have."""
    return bool(_unknown(node))


def learn_steps(node: Node) -> None:
    """Add what other machines noted to the journal here; for the writer, as then none of them is at it.

    Raises:
        StorageError: a disk or the storage fails.

    """
    found: list[JournalEntry] = []
    for name in _unknown(node):
        with node.place(HomeFolder.PURGES).open(name) as file:
            seal, _, content = file.read().partition(b"\n")
        if hmac.compare_digest(seal, _seal(node, content)):  # who may write there may not purge what he likes
            found += _entries([content])
    if found:
        _append(node.home / HomeFile.PURGES, found)


def _unknown(node: Node) -> list[str]:
    if not node.settings.storage.address:
        return []
    known = {_name(entry) for entry in newest_steps(node.home)}
    return [file.name for file in node.place(HomeFolder.PURGES).list() if file.name not in known]


def _seal(node: Node, content: bytes) -> bytes:
    return hmac.digest(open_tokens(node.home).derive("journal"), content, hashlib.sha256).hex().encode()


def _name(entry: JournalEntry) -> str:
    return f"{hashlib.sha256(entry.id.encode()).hexdigest()}.json"


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
    return _entries(path.read_bytes().split(b"\n")) if path.is_file() else ()


def _entries(lines: Iterable[bytes]) -> Iterable[JournalEntry]:
    for line in lines:
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

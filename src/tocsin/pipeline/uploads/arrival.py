"""A report while it is being sent: written as it comes, within bounds, and kept once it is whole.

What is kept survives loss of power; what is not leaves nothing behind. All of it blocks: call it in a thread.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import select

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events.sources import sources
from tocsin.node.errors import InputError, StorageError, UsageError
from tocsin.node.files import disk_failures, sync_folder
from tocsin.node.intake_settings import IntakeSettings
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.node.trace import traced_uuid
from tocsin.node.volumes import check_room
from tocsin.pipeline.collectors import file_name
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads.models import Upload, UploadState
from tocsin.pipeline.uploads.passage import Passage, UnpackedLimits

MOST_FILES: Final = 1_000
"""Reports that may be sent at once."""

_CHECKED = 16_000_000  # bytes after which the room of the disk is looked at again
_FORGOTTEN = 86_400.0  # seconds after which nobody is still sending


@dataclass
class Arrival:
    """What one sender sends at once. Use `arrive`, which removes what was not kept."""

    node: NodeWithStores
    uuid: UUID
    folder: Path
    names: list[str] = field(default_factory=list)
    kept: bool = False

    @cached_property
    def passage(self) -> Passage:
        """What all of it passes."""
        limits = self.node.settings.ingest
        return Passage(self._intake.classes, UnpackedLimits(limits.max_unpacked_bytes, limits.max_ratio))

    @cached_property
    def _intake(self) -> IntakeFilter:
        return IntakeFilter(self.node, "upload")

    @contextmanager
    def file(self, name: str, *, packed: bool = False) -> "Iterator[_Writing]":
        """A report that is written block by block; ``packed``: gzip (RFC 1952) was put around it for the way."""
        if len(self.names) >= MOST_FILES:
            raise InputError(
                say("More than %(most_files)s reports at once.", most_files=f"{MOST_FILES:,}"),
                hint=say("Send them in several requests."),
            )
        name = file_name(name)
        place = self.folder / str(len(self.names))
        with disk_failures(f"{name} could not be written"):
            place.mkdir(parents=True)
            with (place / name).open("wb") as out:
                self.passage.begin(name, packed=packed)
                writing = _Writing(out, self.passage, (self.node.settings.intake, self.node.home))
                yield writing
                writing.finish()
            sync_folder(place)
        self.names.append(name)

    @cached_property
    def files(self) -> list[dict[str, Any]]:
        """Names, sizes and hashes of what was sent; what must never be held of it is noted, before any of it counts."""
        passed = self.passage.end()
        if len(passed) != len(self.names):
            raise StorageError(say("What was sent could not be looked through."), hint=say("Send it again."))
        self._intake.note_found([found for one in passed for found in one.found])
        sent = zip(self.names, passed, strict=True)
        return [{"name": name, "size": one.size, "sha256": one.sha256} for name, one in sent]

    @property
    def digest(self) -> str:
        """What was sent, in one word: SHA-256 over the files' own."""
        words = [f"{one['name']}\0{one['sha256']}" for one in self.files]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def keep(self, *, source: str, feed: str, actor: str, now: datetime) -> Upload:
        """Note it: from now on it is not lost, and its turn comes.

        Raises:
            InputError: nothing was sent.
            UsageError: there is no such source.

        """
        if not any(one["size"] for one in self.files):
            raise InputError(say("Nothing was sent."), hint=say("Put the report in the body of the request."))
        known = sources(self.node.home / HomeFolder.FEEDS, self.folder)
        if source and source not in known:
            raise UsageError(
                say("There is no source '%(source)s'.", source=source),
                hint=say("Take one of: %(known)s.", known=", ".join(known)),
            )
        with disk_failures("the report could not be kept"):
            self.folder.rename(place_of(self.node, self.uuid))
            sync_folder(self.folder.parent)
        cut("upload.kept")
        upload = Upload(
            uuid=self.uuid, source=source, feed=feed, files=self.files, state=UploadState.WAITING.value, sent_by=actor,
            sent_at=now, begun_after=None, done_at=None, ingests=[], counts={}, failed=[],
        )  # fmt: skip
        detail: dict[str, object] = {"files": len(self.files), "bytes": sum(one["size"] for one in self.files)}
        with self.node.database.begin() as session:
            session.add(upload)
            audit(session, AuditAction.REPORT_SENT, at=now, actor=actor, subject=f"upload:{self.uuid}", detail=detail)
        self.kept = True
        cut("upload.noted")
        return upload


@contextmanager
def arrive(node: NodeWithStores) -> Iterator[Arrival]:
    """Something that is being sent in; at the end of the block what was not kept is gone.

    Raises:
        NoRoomError: what is left of the disk is for the node's own work.

    """
    check_room(node.settings.intake, node.home)
    uuid = traced_uuid()
    folder = node.home / HomeFolder.UPLOADS / f"{uuid}.part"
    arrival = Arrival(node, uuid, folder)
    with disk_failures(f"{folder.parent} could not be made"):
        folder.mkdir(parents=True)
    try:
        yield arrival
    finally:
        arrival.passage.leave()
        if not arrival.kept:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(place_of(node, uuid), ignore_errors=True)


def place_of(node: NodeWithStores, uuid: UUID) -> Path:
    """Where the files of an upload stand, each in a folder of its number."""
    return node.home / HomeFolder.UPLOADS / str(uuid)


def forget_unfinished(node: NodeWithStores) -> None:
    """Remove what killed servers left: half received or not noted, of which nobody was told, or taken in already."""
    needed = select(Upload.uuid).where(Upload.state != UploadState.TAKEN.value)
    with node.database.reading() as session:
        kept = {str(uuid) for uuid in session.scalars(needed)}
    for left in (node.home / HomeFolder.UPLOADS).glob("*"):
        with suppress(OSError):
            if left.name not in kept and time.time() - left.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(left, ignore_errors=True)


@dataclass
class _Writing:
    """One report on its way to the disk."""

    out: IO[bytes]
    passage: Passage
    room: tuple[IntakeSettings, Path]
    came: int = 0
    looked: int = 0
    finished: bool = False

    def write(self, block: bytes) -> None:
        """Take a block as it came.

        Raises:
            InputError: it is damaged, or unpacks to more than the limits allow.
            NoRoomError: what is left of the disk is for the node's own work.
            StorageError: the disk is full or fails.

        """
        self.came += len(block)
        if (looked := max(self.came, self.out.tell()) // _CHECKED) != self.looked:
            self.looked = looked
            check_room(*self.room)
        self.passage.write(block, self.out)

    def finish(self) -> None:
        """Make it survive loss of power, once."""
        if not self.finished:
            self.passage.finish(self.out)
            self.out.flush()
            os.fsync(self.out.fileno())
            self.finished = True

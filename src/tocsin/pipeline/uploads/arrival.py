"""A report while it is being sent: written as it comes, within bounds, and kept once it is whole.

What is kept survives loss of power; what is not leaves nothing behind. All of it blocks: call it in a thread.
"""

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import select

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events.redaction import Redaction
from tocsin.events.sources import sources
from tocsin.node.errors import InputError, UsageError
from tocsin.node.files import disk_failures, sync_folder
from tocsin.node.intake_settings import IntakeSettings
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.node.settings import IngestSettings
from tocsin.node.trace import traced_uuid
from tocsin.node.volumes import check_room
from tocsin.pipeline.collectors import file_name
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads.models import Upload, UploadState

MOST_FILES: Final = 1_000
"""Reports that may be sent at once."""

_PIECE = 1 << 20
_SLICE = 1 << 12  # packed bytes at once: after each member of a stream the rest of them is copied
_CHECKED = 16_000_000  # bytes after which the room of the disk is looked at again
_FEW = 100_000  # packed bytes before which their ratio says nothing
_FORGOTTEN = 86_400.0  # seconds after which nobody is still sending


@dataclass
class Arrival:
    """What one sender sends at once. Use `arrive`, which removes what was not kept."""

    node: NodeWithStores
    uuid: UUID
    folder: Path
    files: list[dict[str, Any]] = field(default_factory=list)
    kept: bool = False

    @contextmanager
    def file(self, name: str, *, packed: bool = False) -> "Iterator[_Writing]":
        """A report that is written block by block; ``packed``: gzip (RFC 1952) was put around it for the way."""
        if len(self.files) >= MOST_FILES:
            raise InputError(
                say("More than %(most_files)s reports at once.", most_files=f"{MOST_FILES:,}"),
                hint=say("Send them in several requests."),
            )
        name = file_name(name)
        place = self.folder / str(len(self.files))
        with disk_failures(f"{name} could not be written"):
            place.mkdir(parents=True)
            with (place / name).open("wb") as out:
                intake = IntakeFilter(self.node, "upload")
                writing = _Writing(
                    name, out, self.node.settings.ingest, _Unpacking() if packed else None, intake.redaction(),
                    (self.node.settings.intake, self.node.home),
                )  # fmt: skip
                yield writing
                writing.finish()
                intake.note(writing.redaction)
            sync_folder(place)
        self.files.append({"name": name, "size": writing.size, "sha256": writing.digest.hexdigest()})

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
    """One report on its way to the disk. ``size`` and ``digest`` are of what was sent, not of what may be kept."""

    name: str
    out: IO[bytes]
    limits: IngestSettings
    unpacking: "_Unpacking | None"
    redaction: Redaction
    room: tuple[IntakeSettings, Path]
    size: int = 0
    came: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, block: bytes) -> None:
        """Take a block as it came.

        Raises:
            InputError: it is damaged, or unpacks to more than the limits allow.
            NoRoomError: what is left of the disk is for the node's own work.
            StorageError: the disk is full or fails.

        """
        if self.came // _CHECKED != (self.came + len(block)) // _CHECKED:
            check_room(*self.room)
        self.came += len(block)
        for piece in self.unpacking.pieces(block) if self.unpacking else (block,):
            self.size += len(piece)
            self._check(max(self.came, _FEW))
            self.digest.update(piece)
            self.out.write(self.redaction.take(piece))

    def finish(self) -> None:
        """Make it survive loss of power."""
        if self.unpacking:
            self.unpacking.check_whole()
        self._check(max(self.came, 1))
        self.out.write(self.redaction.end())
        self.out.flush()
        os.fsync(self.out.fileno())

    def _check(self, came: int) -> None:
        too_dense = self.unpacking is not None and self.size > came * self.limits.max_ratio
        if self.size > self.limits.max_unpacked_bytes or too_dense:
            raise InputError(
                say("%(name)s unpacks to too much, so it was refused.", name=self.name),
                hint=say(
                    "If it is genuine, whoever runs the node can raise ingest.max_unpacked_bytes or ingest.max_ratio."
                ),
            )


class _Unpacking:
    """Gzip data that comes in blocks (RFC 1952; several members in a row), a bounded piece at a time."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)
        self._begun = False

    def pieces(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _SLICE):
            yield from self._unpacked(block[start : start + _SLICE])

    def _unpacked(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._unpacker.eof:
                if not block.strip(b"\0"):
                    return  # padding
                self._unpacker = zlib.decompressobj(wbits=31)
            try:
                piece = self._unpacker.decompress(block, _PIECE)
            except zlib.error as error:
                raise InputError(say("The gzip data of the request is damaged."), hint=say("Send it again.")) from error
            self._begun = True
            block = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            yield piece

    def check_whole(self) -> None:
        # What fits in the last piece has come out; a stream that has not ended was cut off.
        if not self._begun or not self._unpacker.eof:
            raise InputError("The gzip data of the request ends too early.", hint="Send it again.")

"""The files of evidence: kept whole or not at all, never opened, handed out only in a ZIP with a password."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.evidence.models import IncidentEvidence
from tocsin.incidents.evidence.read import kept_digests
from tocsin.incidents.models import Incident
from tocsin.incidents.read import TEAM
from tocsin.node.blobs import Blobs
from tocsin.node.confined import memory_file
from tocsin.node.errors import InputError, StorageError
from tocsin.node.files import disk_failures
from tocsin.node.node import Node
from tocsin.node.sentences import say

PASSWORD: Final = "infected"  # noqa: S105 (it hides nothing: it keeps programs from opening what is in the archive)
"""What the field locks samples of malware with, so that no program opens one by itself."""

EXPORTS: Final = "tocsin-evidence-"
"""How folders begin in which exports are packed, where temporary files are."""

_BLOCK: Final = 1 << 20
_T = TypeVar("_T")


class FileFault(StrEnum):
    """What is wrong with a file that should be here."""

    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class EvidenceCheck:
    """An item whose file was looked at. ``incident``: empty where that is restricted; ``fault`` None: as it was."""

    evidence: int
    incident: str
    sha256: str
    fault: FileFault | None


@dataclass(frozen=True)
class KeptFile:
    """A file that is in the store now."""

    sha256: str
    size: int


class _Bounded:
    """A stream that must not have more than so many bytes; counts them."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self.stream, self.most, self.size = stream, most, 0

    def read(self, size: int = _BLOCK) -> bytes:
        block = self.stream.read(size)
        self.size += len(block)
        if self.size > self.most:
            raise InputError(
                say("The file has more than %(n)s bytes.", n=f"{self.most:,}"),
                hint=say("Keep it elsewhere, and add it by its hash."),
            )
        return block


def keep_file(node: Node, stream: IO[bytes], now: datetime) -> KeptFile:
    """Keep all that a stream holds; it is in memory until another process has looked through it.

    Raises:
        InputError: it is too large, empty, or only a part of it may be kept.
        StorageError: the disk is full or fails.

    """
    bounded = _Bounded(stream, node.settings.evidence.max_file_bytes)
    with memory_file() as number, open(number, "r+b", closefd=False) as file:
        shutil.copyfileobj(bounded, file, _BLOCK)
        file.flush()
        if not bounded.size:
            raise InputError(say("The file is empty."))
        if not IntakeFilter(node, "evidence", lambda: now).may_be_kept(number):
            raise InputError(
                say("Only a part of this file may be kept, so it is not evidence."),
                hint=say("It holds a report with files in it (X-ARF), or one of a class that must never be held."),
            )
        file.seek(0)
        return KeptFile(node.incident_evidence.put(file), bounded.size)


def keep_bytes(node: Node, content: bytes, now: datetime) -> KeptFile:
    """As `keep_file`, of bytes."""
    return keep_file(node, BytesIO(content), now)


def is_here(files: Blobs, item: IncidentEvidence) -> bool:
    """Whether the file of an item is on the disk, where one should be: a virus scanner may have taken it away."""
    return not item.kept or item.sha256 in files


def check_files(session: Session, files: Blobs, incidents: Sequence[Incident] = ()) -> Iterator[EvidenceCheck]:
    """Read every file anew, and say whether it is what it was. ``incidents``: only theirs."""
    row = IncidentEvidence
    query = select(row, Incident).join(Incident, Incident.id == row.incident_id).where(row.kept.is_(True))
    if incidents:
        query = query.where(row.incident_id.in_([one.id for one in incidents]))
    known: dict[str, FileFault | None] = {}
    for item, incident in session.execute(query.order_by(row.id)):
        if item.sha256 not in known:
            known[item.sha256] = fault_of(files, item.sha256)
        name = incident.reference if incident.compartment_id == TEAM else ""
        yield EvidenceCheck(item.id, name, item.sha256, known[item.sha256])


def fault_of(files: Blobs, sha256: str) -> FileFault | None:
    """What is wrong with a file; None: nothing."""
    if sha256 not in files:
        return FileFault.MISSING
    return None if files.is_intact(sha256) else FileFault.CHANGED


def sweep_files(session: Session, files: Blobs, now: datetime) -> int:
    """Delete bytes that no item has, as after an upload that was refused or undone, once they are a day old."""
    sweep_exports(now - timedelta(days=1))
    return files.delete_before((now - timedelta(days=1)).date(), but=kept_digests(session))


def sweep_exports(before: datetime) -> None:
    """Delete what killed processes left of exports that they packed, if it was begun before then (a real time)."""
    for folder in Path(tempfile.gettempdir()).glob(f"{EXPORTS}*"):
        with suppress(OSError):
            if folder.stat().st_mtime < before.timestamp():
                shutil.rmtree(folder, ignore_errors=True)


def packed_file(files: Blobs, sha256: str) -> Iterator[bytes]:
    """The file as an archive that `PASSWORD` opens; in it, it is called by its hash.

    Raises:
        NotFoundError: it is not here any more.
        StorageError: the program `zip` is not on this machine, or failed.

    """
    if sha256 not in files:
        files.open(sha256)  # says so
    _check_zip()
    return _zip_one(files, sha256)


def packed_bytes(content: bytes) -> Iterator[bytes]:
    """As `packed_file`, of bytes that no file of evidence holds."""

    def write(folder: Path) -> None:
        with disk_failures("The file cannot be packed"):
            folder.mkdir()
            (folder / sha256(content).hexdigest()).write_bytes(content)

    return packed_and_removed(write)[1]


def packed_and_removed(write: Callable[[Path], _T]) -> tuple[_T, Iterator[bytes]]:
    """What is written into a folder that is there only so long, packed; and what writing it gave. As `packed`."""
    work = Path(tempfile.mkdtemp(prefix=EXPORTS))
    try:
        folder = work / "evidence"
        done = write(folder)
        blocks = _and_remove(packed(folder, ["."]), work)
    except BaseException:
        shutil.rmtree(work)
        raise
    next(blocks)  # so that it ends, and removes the folder, also where nobody reads on
    return done, blocks


def _and_remove(blocks: Iterator[bytes], work: Path) -> Iterator[bytes]:
    try:
        yield b""
        yield from blocks
    finally:
        shutil.rmtree(work, ignore_errors=True)


def packed(folder: Path, names: Sequence[str]) -> Iterator[bytes]:
    """Files of a folder as an archive that `PASSWORD` opens, block by block; raises as `packed_file`.

    The cipher is the old one of ZIP, which every program opens: the password is known to all, and is no secret.
    """
    _check_zip()
    return _zip(folder, names)


def _check_zip() -> None:
    if shutil.which("zip") is None:
        raise StorageError(say("The program zip is not on this machine."), hint=say("Install it: apt install zip"))


def _zip_one(files: Blobs, sha256: str) -> Iterator[bytes]:
    with files.place.local(files.name(sha256)) as path:
        yield from _zip(path.parent, [path.name])


def _zip(folder: Path, names: Sequence[str]) -> Iterator[bytes]:
    with _program(["zip", "-q", "-r", "-X", "-P", PASSWORD, "-", *names], folder) as out:
        while block := out.read(_BLOCK):
            yield block


@contextmanager
def _program(command: Sequence[str], folder: Path) -> Iterator[IO[bytes]]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.stdout is None:
        raise TypeError("zip was started without its pipe")
    try:
        yield process.stdout
        failed = process.wait()
    except BaseException:  # who reads it went away
        process.kill()
        process.wait()
        raise
    finally:
        process.stdout.close()
    if failed:
        raise StorageError(say("The archive could not be made: zip ended with %(code)s.", code=failed))

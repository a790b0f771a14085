"""What was fetched, on this disk before anything else happens to it.

A report stands alone in a folder named after its name and content: ``home/collected/NAME/new/DIGEST/its-name.csv``.
What stands there is complete and still to be taken in; what could not be taken in is in ``refused/``, with the reason.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import shown
from tocsin.node.errors import TocsinError
from tocsin.node.files import disk_failures, sync_file, sync_folder
from tocsin.node.records import cut

REASON: Final = "reason.txt"
"""The file beside a refused report that says why."""

_LONGEST_NAME = 200  # bytes; file systems take 255


@dataclass(frozen=True)
class Spool:
    """The fetched reports of one collector. ``intake``: what they pass."""

    folder: Path
    intake: IntakeFilter

    @property
    def new(self) -> Path:
        """Where reports stand that are still to be taken in."""
        return self.folder / "new"

    @property
    def refused(self) -> Path:
        """Where reports stand that could not be taken in."""
        return self.folder / "refused"

    def waiting(self) -> list[Path]:
        """The reports that are still to be taken in, after what an interrupted run left half-written is removed."""
        with disk_failures(f"{self.folder} could not be read"):
            for left in self.folder.glob("*.part"):
                shutil.rmtree(left, ignore_errors=True)
            return sorted(path for place in self.new.glob("*") for path in place.glob("*"))

    def keep(self, name: str, chunks: Iterable[bytes]) -> Path:
        """Write a report so that it survives loss of power; returns where it stands.

        Raises:
            StorageError: the disk failed; what ``chunks`` raises comes through. Nothing of it is left then.

        """
        name = file_name(name)
        beside = self.folder / f"{os.getpid()}.part"
        with self._new_folder(beside):
            digest, redaction = hashlib.sha256(name.encode() + b"\0"), self.intake.redaction()
            with disk_failures(f"{name} could not be written into {self.folder}"), (beside / name).open("wb") as out:
                for chunk in chunks:
                    digest.update(chunk)
                    out.write(redaction.take(chunk))
                out.write(redaction.end())
            self.intake.note(redaction)
            cut("collect.fetched")
            return self._settle(beside, name, digest.hexdigest()[:24])

    def done(self, path: Path) -> None:
        """A report was taken in: its file is no longer needed."""
        with disk_failures(f"{path} could not be removed"):
            shutil.rmtree(path.parent)

    def refuse(self, path: Path, reason: TocsinError) -> None:
        """A report could not be taken in: it is kept with the reason."""
        target = self.refused / path.parent.name
        with disk_failures(f"{path} could not be set aside"):
            self.refused.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            path.parent.replace(target)
            (target / REASON).write_text(f"{reason}\n{reason.hint}\n", encoding="utf-8")

    def retry(self) -> int:
        """Put what was refused back among what is to be taken in; returns how many reports."""
        with disk_failures(f"{self.refused} could not be read"):
            places = sorted(self.refused.glob("*"))
            for place in places:
                (place / REASON).unlink(missing_ok=True)
                self.new.mkdir(exist_ok=True)
                shutil.rmtree(self.new / place.name, ignore_errors=True)
                place.replace(self.new / place.name)
            return len(places)

    def forget_refused(self, before: datetime) -> int:
        """Delete what was refused longer ago; returns how many reports."""
        old = [place for place in self.refused.glob("*") if datetime.fromtimestamp(place.stat().st_mtime, UTC) < before]
        for place in old:
            shutil.rmtree(place, ignore_errors=True)
        return len(old)

    @contextmanager
    def _new_folder(self, beside: Path) -> Iterator[None]:
        with disk_failures(f"{self.folder} could not be made"):
            shutil.rmtree(beside, ignore_errors=True)
            self.new.mkdir(parents=True, exist_ok=True)
            beside.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _settle(self, beside: Path, name: str, digest: str) -> Path:
        target = self.new / digest
        with disk_failures(f"{name} could not be kept in {self.new}"):
            sync_file(beside / name)
            sync_folder(beside)
            with suppress(OSError):  # it may stand there already, whole: the same name with the same content
                beside.rename(target)
            sync_folder(self.new)
        cut("collect.spooled")
        return target / name


def file_name(name: str) -> str:
    """A name from elsewhere as the name of a file here: no folder, not hidden, not too long, no mapping file.

    A file that ends with ``.toml`` would describe a feed to whoever reads what stands beside it.
    """
    plain = shown(name.replace("\\", "/").rpartition("/")[2].strip()).lstrip(".") or "report"
    while len(plain.encode()) > _LONGEST_NAME:
        plain = plain[1:]
    return f"{plain}.txt" if plain.lower().endswith(".toml") else plain

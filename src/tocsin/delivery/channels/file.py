"""Finished mails as files: ``mails/DAY/REFERENCE.eml``, whole or not at all, also after loss of power."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tocsin.delivery.channels import MailOutcome, MailReceipt
from tocsin.delivery.render import Mail
from tocsin.node.errors import StorageError
from tocsin.node.files import sync_folder
from tocsin.node.records import cut
from tocsin.node.sentences import say

_WRITERS = 8  # the disk takes many syncs at once for about the price of one


@dataclass(frozen=True)
class FileChannel:
    """Writes into ``folder``. The same mail again is the same file again."""

    folder: Path
    name: str = "file"
    batch: int = 500

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        """Write all mails, sync them, then give them their names.

        Raises:
            StorageError: the disk is full or cannot be written.

        """
        paths = [self.folder / mail.folder / _file_name(mail) for mail in mails]
        try:
            folders = {path.parent for path in paths}
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(_WRITERS) as pool:
                list(pool.map(_write, paths, [mail.content for mail in mails]))
            cut("deliver.file.written")
            for path in paths:
                _beside(path).rename(path)
                cut("deliver.file.named")
            for folder in folders | {folder.parent for folder in folders} | {self.folder, self.folder.parent}:
                sync_folder(folder)
        except OSError as error:
            raise StorageError(
                say(
                    "The mails cannot be written to %(folder)s: %(strerror)s.",
                    folder=self.folder,
                    strerror=error.strerror,
                ),
                hint="Make room or give rights there, then run 'tocsin deliver' again; nothing is lost.",
            ) from error
        cut("deliver.file.synced")
        return [MailReceipt(MailOutcome.SENT, path=path.relative_to(self.folder).as_posix()) for path in paths]

    def close(self) -> None:
        """Nothing is held open."""


def _file_name(mail: Mail) -> str:
    part = f"-{mail.part}of{mail.parts}" if mail.parts > 1 else ""
    return f"{mail.reference}{part}.eml"


def _beside(path: Path) -> Path:
    return path.with_suffix(".part")


def _write(path: Path, content: bytes) -> None:
    with _beside(path).open("wb") as out:
        out.write(content)
        out.flush()
        cut("deliver.file.unsynced")
        os.fsync(out.fileno())

"""The mails in a file or folder: an mbox (RFC 4155), a maildir, a folder of mails, or one mail. Nothing is changed."""

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.delivery.mailbox import mail_spans
from tocsin.node.errors import InputError, UsageError


@dataclass(frozen=True, slots=True)
class FiledMail:
    """A mail, the file it is in, and its number there, from 0. ``raw``: as far as was asked."""

    file: Path
    index: int
    raw: bytes = field(repr=False)


def mails_in(path: Path, *, size: int | None = None, left_out: list[Path] | None = None) -> Iterator[FiledMail]:
    """Each mail once: of an mbox in its order, of a maildir in that of the files' names, of a folder by path.

    ``size``: so many bytes of each, from its beginning. ``left_out`` gets the files of a folder that are no mails.

    Raises:
        InputError: there are files, and none is a mail.
        UsageError: it cannot be read.

    """
    try:
        yield from _mails(path, size, [] if left_out is None else left_out)
    except OSError as error:
        where = error.filename or path
        raise UsageError(
            f"{where} cannot be read: {error.strerror}.", hint="Name a file or folder of mails."
        ) from error


def _mails(path: Path, size: int | None, left_out: list[Path]) -> Iterator[FiledMail]:
    total = 0
    for file in _files(path):
        content = _mapped(file)
        index = -1
        delivered = file != path and file.parent.name in {"cur", "new"}
        for index, (start, end) in enumerate([(0, len(content))] if delivered else mail_spans(content)):
            yield FiledMail(file, index, content[start : end if size is None else min(end, start + size)])
        total += index + 1
        if content and index < 0:
            left_out.append(file)
    if left_out and not total:
        raise InputError(f"{path} has no mail.", hint="Give an mbox, a maildir, a folder of mails, or one mail.")


def _files(path: Path) -> Iterator[Path]:
    """The file, or those of a folder; of a maildir those that were delivered."""
    if not path.is_dir():
        yield path
        return
    found = []
    for folder, folders, names in os.walk(path, onerror=_refuse):
        if {"cur", "new"} & {*folders}:
            folders[:] = [one for one in folders if one != "tmp"]
        else:  # what a program keeps beside those folders is no mail
            found += [Path(folder, name) for name in names]
    maildir = any((path / name).is_dir() for name in ("cur", "new"))
    for file in sorted(found, key=lambda one: (one.name, one) if maildir else (str(one), one)):
        if file.is_file():
            yield file


def _refuse(error: OSError) -> None:
    raise error


def _mapped(file: Path) -> mmap.mmap | bytes:
    """The bytes of a file, not read into memory."""
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_size:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        return opened.read()  # nothing to map, or a pipe

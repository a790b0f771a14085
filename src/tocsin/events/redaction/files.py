"""Bytes and files of which nothing is kept that may not be; see `Redaction`."""

import shutil
from pathlib import Path

from tocsin.events.redaction.parts import BLANK
from tocsin.events.redaction.stream import BLOCK, Redaction, redacted
from tocsin.node.files import sync_file


def redacted_bytes(data: bytes, redaction: Redaction) -> bytes:
    """What may be kept of the bytes; JSON without a mark may be kept as it is, so it is not held nor parsed."""
    plain = b"\0" not in data[:4] and data.lstrip(BLANK).startswith((b"{", b"["))
    if plain and not redaction.marked(data):
        return data
    kept = redaction.take(data) + redaction.end()
    return kept if redaction.changed else data


def scan_file(path: Path, redaction: Redaction) -> None:
    """Let a file pass, which stays as it is.

    Raises:
        InputError: as `Redaction`.

    """
    with path.open("rb") as file:
        while not redaction.passing and (block := file.read(BLOCK)):
            redaction.take(block)
    redaction.end()


def redact_file(path: Path, redaction: Redaction) -> None:
    """Take out of a file what may not be kept; one of which all may be kept stays as it is.

    Raises:
        InputError: as `Redaction`.

    """
    scan_file(path, redaction)
    if redaction.changed:
        beside = path.with_name(f".{path.name[:200]}.part")
        with path.open("rb") as file, beside.open("wb") as out:
            shutil.copyfileobj(redacted(file, redaction.anew()), out)
            sync_file(beside)
        beside.replace(path)

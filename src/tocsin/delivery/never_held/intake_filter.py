"""The filter of all that strangers send, before anything is written; of what must never be held a reference is noted.

Every way into the node has one of its own; a test finds them. Give bytes to a `Redaction` of it, then `note` before
what it let through counts as received: killed before that, the report comes again; after it, nothing is lost.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from tocsin.delivery.never_held.mail_filter import DIRECT, MailFilter, filtered_bytes, what_would_go
from tocsin.events.redaction import NEVER_HELD, ClassTable, FoundReport, Redaction, scan_file
from tocsin.node.errors import InputError
from tocsin.node.never_held_settings import NeverHeldSettings
from tocsin.node.node import Node


def _now() -> datetime:
    return datetime.now(UTC)


def class_table(settings: NeverHeldSettings) -> ClassTable:
    """The classes of a node: csam and csem, and its own."""
    return ClassTable({name: one.words for name, one in settings.classes.items()})


@dataclass(frozen=True)
class IntakeFilter:
    """One way in. ``place``: its name, as references keep it: ``upload``, ``mail``, ``collector NAME``."""

    node: Node
    place: str
    clock: Callable[[], datetime] = _now

    @cached_property
    def classes(self) -> ClassTable:
        """What must never be held here."""
        return class_table(self.node.settings.never_held)

    def redaction(self) -> Redaction:
        """What bytes are to pass; `note` it afterwards. It knows mails, packed files and texts."""
        return Redaction(self.classes, mails=MailFilter())

    def note(self, *redactions: Redaction) -> None:
        """Note what was found, in a transaction of its own; each report once.

        Raises:
            StorageError: it could not be noted; then nothing that came with it may count as received.

        """
        self.note_found([one for redaction in redactions for one in redaction.found])
        for redaction in redactions:
            redaction.found.clear()

    def note_found(self, found: Sequence[FoundReport]) -> None:
        """As `note`, of what another process found."""
        if found:
            from tocsin.delivery.never_held.noting import note_found  # most reports have nothing of it

            note_found(self.node, found, place=self.place, now=self.clock())

    def kept(self, data: bytes) -> tuple[bytes, int]:
        """What may be kept of the bytes, after the rest was noted; and of how many reports only a reference is left.

        Raises:
            InputError, StorageError: as `filtered_bytes` and `note`.

        """
        done = filtered_bytes(data, self.classes)
        self.note_found(done.found)
        return data if done.kept is None else done.kept, done.withheld

    def may_be_kept(self, file: int) -> bool:
        """Whether all of a file may be kept, by its descriptor; what must never be held was noted. Raises as `kept`.

        However large it is, it is looked through in another process.
        """
        size = os.fstat(file).st_size
        small = size <= DIRECT
        done = filtered_bytes(os.pread(file, size, 0), self.classes) if small else what_would_go(file, self.classes)
        self.note_found(done.found)
        return done.kept is None

    def scan(self, path: Path) -> None:
        """Note what is in a file that stays where it is and that nobody could read as a report."""
        redaction = self.redaction()
        with suppress(OSError, InputError):
            scan_file(path, redaction)
        self.note(redaction)

    def kept_text(self, text: str) -> str:
        """What may be kept of something that somebody wrote, after the rest was noted; it raises as `kept`."""
        done = filtered_bytes(text.encode("utf-8", "replace"), self.classes)
        if done.kept is None:
            return text
        packed = done.kept.startswith(b"PK")  # it was a mail
        shown = str(NEVER_HELD) if done.found or packed else done.kept.decode("utf-8", "replace")
        self.note_found(done.found)
        return shown

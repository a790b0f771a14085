"""How mails and large files are looked through for what must never be held: without a node, for confined processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tocsin.delivery.mailbox import is_mail
from tocsin.events.redaction import ClassTable, FoundReport, Redaction, redacted_bytes
from tocsin.node.confined import GivenFile, confined

DIRECT: Final = 1 << 14
"""Bytes that are looked through where they are if nothing of them is to be parsed, in a millisecond or two."""


class MailFilter:
    """How a `Redaction` of reports sees mails (`tocsin.events.redaction.MailRedaction`)."""

    def knows(self, head: bytes) -> bool:
        """Whether a report that begins so is a mail."""
        return is_mail(head, 2)

    def kept(self, data: bytes, redaction: Callable[[], Redaction]) -> tuple[bytes, list[Redaction]]:
        """The mail, or where something of it may not be kept a ZIP file of the reports in it as they may."""
        from tocsin.delivery.never_held.mail_redaction import packed_reports  # few reports are mails

        return packed_reports(data, redaction)


@dataclass(frozen=True)
class FilteredBytes:
    """What may be kept of bytes; None: all. ``found``, ``withheld``: of `Redaction`."""

    kept: bytes | None = field(repr=False)
    found: tuple[FoundReport, ...] = ()
    withheld: int = 0


def filtered_bytes(data: bytes, classes: ClassTable) -> FilteredBytes:
    """The bytes without what must never be held.

    Raises:
        InputError: as `Redaction`; or the process that looked through them was ended (`ConfinedError`).
        ConfinedBusyError: it had no turn.

    """
    if len(data) <= DIRECT and Redaction(classes, mails=MailFilter()).is_plain(data):
        return _filtered(data, classes)
    return _filtered_apart(data, _words(classes))


def _filtered(data: bytes, classes: ClassTable) -> FilteredBytes:
    redaction = Redaction(classes, mails=MailFilter())
    kept = redacted_bytes(data, redaction)
    return FilteredBytes(kept if redaction.changed else None, tuple(redaction.found), redaction.withheld)


@confined(seconds=30, megabytes=1_000, loads=("numpy",))
def _filtered_apart(data: bytes, own: dict[str, tuple[str, ...]]) -> FilteredBytes:
    return _filtered(data, ClassTable(own))


def what_would_go(file: int, classes: ClassTable) -> FilteredBytes:
    """What must never be held of a file, by its descriptor; ``kept`` is empty where anything is to be taken out.

    Raises as `filtered_bytes`, whatever the size of the file.
    """
    return _looked_through(GivenFile(file), _words(classes))


@confined(seconds=120, megabytes=1_000, loads=("numpy",))
def _looked_through(file: GivenFile, own: dict[str, tuple[str, ...]]) -> FilteredBytes:
    redaction = Redaction(ClassTable(own), mails=MailFilter())
    for block in file.blocks():
        redaction.take(block)
        if redaction.passing:
            break
    redaction.end()
    return FilteredBytes(b"" if redaction.changed else None, tuple(redaction.found), redaction.withheld)


def _words(classes: ClassTable) -> dict[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in classes.own.items()}

"""Files of reports: opaque bytes with a harmless name. Nothing here opens, runs or shows one."""

import re
from dataclasses import dataclass
from typing import Final

from tocsin.delivery.mailbox import is_mail
from tocsin.delivery.never_held import IntakeFilter, filtered_mail

TYPES: Final = ("txt", "log", "csv", "json", "eml", "msg", "pdf", "png", "jpg", "jpeg")
"""How the name of a file may end."""

MOST_LETTERS: Final = 10_000
"""Of what a report says."""

MOST_FILES: Final = 3
MOST_BYTES: Final = 5_000_000
"""Of each."""

_BEGIN: Final = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "msg": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),  # a compound file, as Outlook writes it (MS-CFB, 2.2)
}
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")  # text in UTF-16 says so at its beginning

_LONGEST = 100
_ODD = re.compile(r"[^\w. ()+-]+")


@dataclass(frozen=True)
class ReportAttachment:
    """A file as it came: a harmless name and its bytes."""

    name: str
    content: bytes


def attached(name: str, content: bytes) -> ReportAttachment | None:
    """A file by the last part of its name, without odd letters.

    None where its type or size is not taken, or what it holds is not what its name says.
    """
    last = _ODD.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(". ")
    ending = last.rpartition(".")[2].lower()
    if ending not in TYPES or not 0 < len(content) <= MOST_BYTES or not _fits(ending, content):
        return None
    return ReportAttachment(f"{last[: -len(ending) - 1][:_LONGEST] or 'file'}.{ending}", content)


def _fits(ending: str, content: bytes) -> bool:
    """Whether a file begins as its type does; text is all that has no NUL in it."""
    if ending in _BEGIN:
        return content.startswith(_BEGIN[ending])
    return content.startswith(_WIDE) or b"\0" not in content


def kept_file(name: str, content: bytes, intake: IntakeFilter) -> bytes:
    """What of a file may be kept, after the rest was noted; a mail is looked through part by part."""
    if not (name.lower().endswith(".eml") or is_mail(content, 2)):
        return intake.kept(content)[0]
    done = filtered_mail(content, intake.classes)
    intake.note_found(done.found)
    return content if done.kept is None else done.kept

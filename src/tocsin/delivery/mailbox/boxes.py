"""Whether bytes are a mail, or an mbox (RFC 4155), and where in it each mail stands."""

import mmap
import re
from collections.abc import Iterator
from typing import Final

# The line between two mails, by its time and year, as lines of a text also begin with "From ".
_BETWEEN = re.compile(rb"^From (?>[^\r\n]*?\d\d?:\d\d)(?>[^\r\n]*?\b\d{4}\b)[^\r\n]*+\r?\n", re.MULTILINE)
_BETWEEN_UNDATED = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n")
_HEADER = re.compile(rb"[A-Za-z0-9-]{1,80}[ \t]*:")
_OF_MAILS = re.compile(
    rb"^(from|to|subject|date|message-id|in-reply-to|references|received|return-path|mime-version|content-type)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n")
_FIRST: Final = 4_000  # bytes that say whether it is a mail


def is_mail(raw: bytes, headers: int = 1) -> bool:
    """Whether a file begins as an mbox does, or as a mail: with headers, so many different ones of them a mail's."""
    if _BETWEEN.match(raw):
        return True
    line = _BETWEEN_UNDATED.match(raw)
    head = _BLANK.split(raw[line.end() if line else 0 :][:_FIRST], maxsplit=1)[0]
    return _HEADER.match(head) is not None and len({one.lower() for one in _OF_MAILS.findall(head)}) >= headers


def mail_spans(content: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """Beginning and end of each mail; of an mbox without the lines between."""
    if not is_mail(content[:_FIRST]):
        return
    if content[:5] != b"From ":
        yield 0, len(content)
        return
    between = _BETWEEN if _BETWEEN.match(content) else _BETWEEN_UNDATED
    start = None
    for line in between.finditer(content):
        if start is not None:
            yield start, line.start()
        start = line.end()
    if start is not None:
        yield start, len(content)

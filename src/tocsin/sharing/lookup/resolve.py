"""What somebody typed where anything can be asked: a thing to look up, a reference, a hash or a name."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tocsin.node.errors import UsageError
from tocsin.sharing.lookup.subject import Subject, read_subject


class ReferenceKind(StrEnum):
    """What a text names, where it is nothing that a team answers for."""

    DIGEST = "digest"
    REPORT = "report"
    PUBLIC_REPORT = "public report"
    HOTLINE = "hotline reference"
    PROBLEM = "problem"
    HASH = "hash"
    CVE = "CVE"
    NAME = "name"


@dataclass(frozen=True)
class FoundReference:
    """Something with a page of its own. ``value``: as its page has it; of a name, as it was typed."""

    kind: ReferenceKind
    value: str


_PATTERNS: Final = {
    ReferenceKind.DIGEST: re.compile(r"((?:TOC|LTR)-[0-9-]{4,20})", re.IGNORECASE),
    ReferenceKind.REPORT: re.compile(r"R-0*([0-9]{1,18})", re.IGNORECASE),
    ReferenceKind.PUBLIC_REPORT: re.compile(r"([0-9A-Z]{4}-[0-9A-Z]{4})", re.IGNORECASE),
    ReferenceKind.HOTLINE: re.compile(r"(NHR-[0-9]{4}-[0-9]{1,10})", re.IGNORECASE),
    ReferenceKind.PROBLEM: re.compile(r"([0-9a-f]{16})", re.IGNORECASE),
    ReferenceKind.CVE: re.compile(r"(CVE-[0-9]{4}-[0-9]{4,10})", re.IGNORECASE),
    ReferenceKind.HASH: re.compile(r"([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})", re.IGNORECASE),  # MD5, SHA-1, SHA-256
}
_OF_PARTS: Final = {ReferenceKind.DIGEST, ReferenceKind.HOTLINE, ReferenceKind.CVE}
_PARTS: Final = re.compile(r"[\s\u2010-\u2015-]+")
"""What is between the parts of a reference that was typed or copied by hand: blanks, or hyphens and dashes."""
_WHOLE: Final = re.compile(r"(TOC|NHR|CVE)-[0-9]{4}-[0-9]{4,10}|LTR-[0-9]{7}", re.IGNORECASE)
"""A reference with all its parts; words that begin as one are words."""

_HINTS: Final = {
    ReferenceKind.DIGEST: "'tocsin deliveries show {0}' shows it, and so does /api/v1/deliveries/{0}.",
    ReferenceKind.REPORT: "'tocsin reports list' has the reports.",
    ReferenceKind.PUBLIC_REPORT: "The inbox has what people reported.",
    ReferenceKind.HOTLINE: "'tocsin never-held show {0}' shows it.",
    ReferenceKind.PROBLEM: "'tocsin search {0}' says where it is.",
    ReferenceKind.HASH: "'tocsin events' looks for it.",
    ReferenceKind.CVE: "'tocsin events' looks for it.",
}
_AROUND: Final = " \t\r\n<>\"',;"
"""What stands around a thing in a mail or a list."""


def resolve(text: str) -> Subject | FoundReference:
    """What a text means; a word without a dot is a name before it is a domain.

    Raises:
        UsageError: it can be nothing of all that.

    """
    found = text.strip(_AROUND)
    joined = _PARTS.sub("-", found)
    joined = joined if _WHOLE.fullmatch(joined) else found
    for kind, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(joined if kind in _OF_PARTS else found):
            hexadecimal = kind in {ReferenceKind.HASH, ReferenceKind.PROBLEM}
            return FoundReference(kind, match[1].lower() if hexadecimal else match[1].upper())
    try:
        subject = read_subject(found)
    except UsageError:
        if found[:1].isalpha():
            return FoundReference(ReferenceKind.NAME, found)
        raise
    is_word = subject.domain is not None and "." not in subject.domain and len(subject.domain) > len("mu")
    return FoundReference(ReferenceKind.NAME, found) if is_word else subject


def resolve_subject(text: str) -> Subject:
    """The same where only what a team answers for has an answer.

    Raises:
        UsageError: it is something else; the hint says where that is found.

    """
    found = resolve(text)
    if isinstance(found, Subject):
        return found
    if found.kind is ReferenceKind.NAME:
        return read_subject(found.value)
    raise UsageError(f"'{found.value}' is a {found.kind}.", hint=_HINTS[found.kind].format(found.value))

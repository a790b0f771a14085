"""The classes of reports that must never be held, and what of such a report is found while its bytes pass."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

_BUILT_IN: Final = MappingProxyType(
    {"csam": ("csam", "abusive.child"), "csem": ("csem",)}
)  # the second: IDEA's category
_ID: Final = re.compile(r"[0-9A-Za-z._:-]{4,80}")
_HOST: Final = re.compile(r"(?=.{1,253}$)[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?")
_OLD: Final = re.compile("child", re.IGNORECASE)  # version 3 had no closed list of types
_ESCAPE: Final = re.compile(rb"\\u([0-9A-Fa-f]{4})")
_KINDS: Final = frozenset({"type", "tag", "tags", "category"})
_OLD_KINDS: Final = frozenset({"reporttype", "reportclass"})
_XARF: Final = frozenset({"xarf_version", "reporterinfo"})
_LONGEST_URL: Final = 8_000
_BLOCK = 1 << 20  # bytes whose escapes are read at once
_ESCAPED: Final = 12  # bytes of the longest escape of one character, a surrogate pair (RFC 8259, 7)


@dataclass(frozen=True)
class FoundReport:
    """A report of such a class, in memory only. ``url`` and ``digest`` never stand in a log, nor on a disk as they are.

    ``report_id``, ``host``: empty where the report has none that looks like one. ``url``: empty where it has none, or
    could not be read. ``digest``: SHA-256 of its bytes. ``readable``: whether more than its class is known.
    """

    class_name: str
    report_id: str = ""
    host: str = ""
    url: str = field(default="", repr=False)
    digest: bytes = field(default=b"", repr=False)
    readable: bool = True


@dataclass(frozen=True)
class ClassTable:
    """Which reports must never be held. ``own``: types and tags of X-ARF that name a class, beside csam and csem."""

    own: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def class_of(self, report: Mapping[str, Any]) -> str:
        """The class of a report by its type or a tag, or an empty text."""
        kinds = [text for name, value in report.items() if name.lower() in _KINDS for text in _texts(value)]
        for name, old in report.items():
            if name.lower() == "report" and isinstance(old, dict):
                kinds += [text for inner, value in old.items() if inner.lower() in _OLD_KINDS for text in _texts(value)]
        words = " ".join(map(_plain, kinds))
        named = next((name for name, pattern in self._patterns.items() if pattern.search(words)), "")
        return named or ("csam" if is_xarf(report) and _OLD.search(words) else "")

    def class_named_in(self, raw: bytes) -> str:
        """The class whose word stands somewhere in what cannot be read, or an empty text."""
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), raw.replace(b"\0", b""))
        words = _plain(text.decode("utf-8", "replace"))
        return next((name for name, pattern in self._patterns.items() if pattern.search(words)), "")

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """Bytes in small letters of which at least one stands in whatever names a class without escapes."""
        tokens = [re.findall(r"[^\W_]+", word) for word in self._words]
        return tuple({max(found, key=len).lower().encode() for found in tokens if found})

    def marked(self, data: bytes, further: Sequence[bytes]) -> bool:
        """Whether a mark, or one of these, stands in JSON in small letters; escapes are read, nothing is parsed."""
        marks = (*further, *self.marks)
        if (found := any(mark in data for mark in marks)) or b"\\u" not in data:
            return found
        words, longest = [_plain(mark.decode()) for mark in marks], _ESCAPED * (max(map(len, marks)) + 1)
        for at in range(0, len(data), _BLOCK):
            escaped = data[at : at + _BLOCK + longest].decode("raw_unicode_escape", "replace")
            paired = escaped.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            text = _plain(paired.replace("\0", ""))
            if any(word in text for word in words):
                return True
        return False

    @property
    def _words(self) -> list[str]:
        return [word for words in (*_BUILT_IN.values(), *self.own.values()) for word in words]

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        tables = {**self.own, **_BUILT_IN}
        patterns = {name: "|".join(re.escape(_plain(word)) for word in words) for name, words in tables.items()}
        return {name: re.compile(rf"(?<!\w)(?:{words})(?!\w)") for name, words in patterns.items()}


BUILT_IN: Final = ClassTable()
"""Child sexual abuse (X-ARF ``content/csam`` and ``csem``, IDEA ``Abusive.Child``) and nothing else."""


def found_report(report: Mapping[str, Any], class_name: str, raw: bytes = b"") -> FoundReport:
    """What is found of a report that was read. ``raw``: the record that it came in."""
    old = report.get("Report")
    older: Mapping[str, Any] = old if isinstance(old, dict) else {}
    own = (report.get("source_identifier"), report.get("source"))  # the second: of version 0.1 and 0.2
    sources = [*own, *(older.get(name) for name in ("Source", "SourceIp"))]
    links = [report.get("url"), report.get("infringing_url"), *(older.get(name) for name in ("SourceUrl", "Url"))]
    texts = [text.strip() for text in (*sources, *links) if isinstance(text, str)]
    number = report.get("report_id") or older.get("ReportID")
    return FoundReport(
        class_name,
        number if isinstance(number, str) and _ID.fullmatch(number) else "",
        next(filter(None, map(_host, texts)), ""),
        next((text[:_LONGEST_URL] for text in reversed(texts) if "://" in text), ""),
        hashlib.sha256(raw).digest(),
    )


def unreadable_report(class_name: str, raw: bytes) -> FoundReport:
    """What is found of a report that cannot be read and names a class."""
    return FoundReport(class_name, digest=hashlib.sha256(raw).digest(), readable=False)


def is_xarf(value: Mapping[str, Any]) -> bool:
    """Whether an object is an X-ARF report, of whatever version."""
    return any(name.lower() in _XARF for name in value)


def listed(value: Any) -> list[Any]:
    """A value as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _plain(words: str) -> str:
    """Words as they are compared: letters that look alike are one, capital or not."""
    return unicodedata.normalize("NFKC", words).replace("_", " ").casefold()


def _host(text: str) -> str:
    """The address or host name of a source, in small letters; of a mailbox its domain; empty where it is neither."""
    if network := _network(text):
        return network
    if "://" in text:
        try:
            name = urlsplit(text).hostname or ""
        except ValueError:
            return ""
    else:
        name = text.rpartition("@")[2]
        host, _, port = name.rpartition(":")
        name = host if host and port.isdecimal() else name
    return _network(name) or (name.lower() if _HOST.fullmatch(name) else "")


def _network(text: str) -> str:
    """An address or network as it is written, or an empty text."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return str(network.network_address if network.num_addresses == 1 else network)

"""The classes of reports that must never be held, and what of such a report is found while its bytes pass."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import ip_network
from itertools import chain
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from tocsin.events.redaction.letters import (
    encoded_runs,
    has_run,
    plain,
    squeezed,
    tag_readings,
    unescaped,
    untagged,
)

PACKED: Final = (b"\x1f\x8b", b"PK\x03\x04")
"""How gzip and zip begin."""

_LONGEST_KIND: Final = 400
_BUILT_IN: Final = MappingProxyType({
    "csam": (
        "csam", "abusive child", "child sexual abuse", "child sexual abuse material", "child sexual abuse imagery",
        "child sexual abuse images", "child sexual abuse content", "child abuse", "child abuse material", "child porn",
        "child abuse images", "child abuse imagery", "child pornography", "pornography child exploitation",
    ),
    "csem": (
        "csem", "child sexual exploitation", "child sexual exploitation material", "child exploitation",
        "child exploitation material",
    ),
})  # fmt: skip
"""What such reports are called, in whatever format: words in small letters. The second is IDEA's category."""

_KINDS: Final = (
    *("type", "types", "tag", "tags", "category", "categories", "class", "classes", "classification"),
    *("classifications", "label", "labels", "kind", "kinds", "taxonomy", "typ", "tipo", "categoria", "categorie"),
)
"""How a name ends under which formats say what a report is: ``type`` also as ``extra.type`` or ``indicator_types``."""
_OF_KINDS: Final = frozenset({"identifier", "name", "value", "id", "code", "term", "text", "title", *_KINDS})
"""Under which names it stands in an object below such a name."""
_SAYS: Final = frozenset({"value", "values", "text", "content"})  # beside a name, in a list of names and values
_PAIRED: Final = frozenset({"name", "key", "field", "objectrelation", "attribute", "column"})
_PARENTS: Final = frozenset({
    *("classification", "extra", "report", "event", "incident", "meta", "metadata", "details", "abuse", "threat"),
    *("additional", "info", "general", "header", "properties"),
})  # fmt: skip
"""Objects that say what the object is in which they stand."""
_REFERS: Final = frozenset({
    *("ref", "refs", "reference", "references", "link", "links", "guid", "see", "schema", "doc", "docs", "homepage"),
    *("documentation", "externalreferences", "author", "authors", "contact", "maintainer", "license", "publisher"),
    *("website", "unsubscribe", "from", "to", "cc", "sender", "replyto", "subject", "id"),
})  # fmt: skip
"""What tells of words and not of a report: a place under such a name is none of what is reported."""
_CARRIES: Final = frozenset({
    *("objectrefs", "payload", "payloadbin", "evidence", "attachment", "attachments", "picture", "screenshot", "image"),
    "samples",
})  # fmt: skip
_ABOUT: Final = frozenset({
    *("policy", "policies", "law", "laws", "legal", "act", "bill", "legislation", "regulation", "directive", "meeting"),
    *("awareness", "prevention", "protection", "hotline", "helpline", "newsletter", "conference", "workshop"),
    *("training", "agenda", "definition", "taxonomy", "schema", "procedure", "guideline", "guidelines", "statistics"),
    *("research", "study", "strategy", "working", "unit", "desk", "combating", "fight", "against", "anti", "campaign"),
    *("news", "article", "template", "faq", "education", "not", "no", "non", "project", "team", "group"),
})  # fmt: skip
"""Words beside the name of a class that say that it is spoken of: "csam policy" is no report."""
_MOST_WORDS: Final = 8
_JUDGED: Final = frozenset({
    *("confirmed", "suspected", "possible", "probable", "alleged", "content", "report", "material", "illegal", "type"),
    *("image", "images", "video", "videos", "picture", "pictures", "category", "level"),
    *("a", "b", "a1", "a2", "b1", "b2"),
})  # fmt: skip
_SHORT_ESCAPE: Final = re.compile(r"\\{1,8}[nrtbf]")
_ITEMS: Final = re.compile("[,;|]")

_GAP: Final = "[^a-z0-9]{0,8}"
_ID: Final = re.compile(r"[0-9A-Za-z._:-]{4,80}")
_HOST: Final = re.compile(r"(?=.{1,253}$)[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?")
_OLD: Final = "child"  # version 3 of X-ARF had no closed list of types
_LONGEST_URL: Final = 8_000
_SEGMENTS: Final = re.compile(r"[:/=,;|\"'()<>\[\]{}]+")
_GAPS: Final = re.compile(r"[^a-z0-9]+")
_BLANK: Final = re.compile(r"\s")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}(?::|\[:\])//[^\s\"'<>]+|\bwww\.[^\s\"'<>]+")
_PLACE: Final = re.compile(
    rf"{_URL.pattern}"
    r"|(?<![\d.])\d{1,3}(?:(?:\.|\[\.\])\d{1,3}){3}(?![\d.])"
    r"|(?:[0-9A-Fa-f]{1,4}:){3}|(?<![0-9A-Fa-f:]):?[0-9A-Fa-f]{1,4}::"
    r"|(?<![0-9A-Fa-f])[0-9A-Fa-f]{32,128}(?![0-9A-Fa-f])|[A-Za-z0-9+/]{40}"
)
_NAMED_PLACE: Final = re.compile(
    r"[^\s@/]{1,64}@[^\s@/]{1,253}|(?:[\w-]{1,63}(?:\.|\[\.\])){1,8}[A-Za-z][\w-]{1,62}(?::\d{1,5})?(?:/\S*)?"
)


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
    """Which reports must never be held. ``own``: names of classes of this node, beside those of csam and csem."""

    own: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def class_of(self, report: Mapping[str, Any]) -> str:
        """The class of a report by what it says that it is, or an empty text.

        One in X-ARF or IDEA by its words alone; all else only where it also says where something is, or carries it: a
        list of classes, a schema or an agenda names them and is no report.
        """
        xarf = is_xarf(report)
        kinds = list(_kinds(report))
        found = next(filter(None, (self.class_named(kind) for kind in kinds)), "")
        if xarf:
            return (
                found
                or self._class_in(kinds)
                or ("csam" if any(_OLD in _plain_readings(kind) for kind in kinds) else "")
            )
        return found if found and (_is_idea(report) or carries(report)) else ""

    def class_named(self, kind: str, *, whole: bool = False) -> str:
        """The class that a short text names, or an empty text. ``whole``: a segment of it must be the name alone."""
        key = untagged(kind) if len(kind) > _LONGEST_KIND and "<" in kind else kind
        key = key if len(key) <= _LONGEST_KIND else ""
        return _class_named(key, whole, self._names) if key else ""

    def class_named_in(self, raw: bytes) -> str:
        """The class whose name stands somewhere in what cannot be read, or an empty text."""
        return self._class_in([raw.replace(b"\0", b"").decode("utf-8", "replace")])

    def hinted(self, data: bytes) -> bool:
        """Whether a name stands in bytes as words of its own, whatever signs or tags stand between its letters."""
        return self._spelled_in(squeezed(data), data)

    def _spelled_in(self, letters: bytes, data: bytes) -> bool:
        """The same. ``letters``: its `squeezed`, which says quickly that there is none."""
        if not self._begun.search(letters):
            return False
        text = plain(_SHORT_ESCAPE.sub(" ", data.decode("utf-8", "ignore").replace("\0", "")))
        if not self._divided.search(text):
            return False
        return any(map(self._apart.search, chain((text,), tag_readings(text) if "<" in text else ())))

    @cached_property
    def _apart(self) -> re.Pattern[str]:
        """A name whose letters may have signs between them, and that is no part of a word."""
        names = "|".join(_GAP.join(name.replace(" ", "")) for name in self._names if name)
        return re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z0-9])")

    @cached_property
    def _begun(self) -> re.Pattern[bytes]:
        """A mark in `squeezed` letters, or how one begins that a tag divides."""
        return re.compile(rb"(?:" + _divided(mark.decode() for mark in self.marks).encode() + rb")")

    @cached_property
    def _divided(self) -> re.Pattern[str]:
        """What stands in a plain text wherever one of its readings has a name: that, or how it begins before a tag."""
        names = (name.replace(" ", "") for name in self._names if name)
        return re.compile(rf"(?<![a-z0-9])(?:{_divided(names, '[^a-z0-9<]*+')})")

    def marked(self, data: bytes, further: Sequence[bytes] = (), depth: int = 2) -> bool:
        """Whether a name, or one of ``further`` in small letters, may stand in bytes in whatever disguise.

        Also in what is encoded in them, so many times. Nothing is parsed: where it says no, there is none.
        """
        letters = squeezed(data)
        if any(mark in letters for mark in further):
            return True
        if self._spelled_in(letters, data):
            return True
        if not has_run(data):
            return False
        text = data.decode("utf-8", "ignore").replace("\0", "")
        texts = {text, unescaped(text)}
        return any(self._marked_inside(inner, further, depth) for one in texts for _, _, inner in encoded_runs(one))

    def _marked_inside(self, data: bytes, further: Sequence[bytes], depth: int) -> bool:
        return data.startswith(PACKED) or (depth > 0 and self.marked(data, further, depth - 1))

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """Letters of which some stand in whatever names a class."""
        return tuple(sorted({(_OLD if _OLD in name else name.replace(" ", "")).encode() for name in self._names}))

    def _class_in(self, texts: Sequence[str]) -> str:
        """The class whose name stands in texts as words of their own."""
        words = " ".join(("", *(_GAPS.sub(" ", _plain_readings(text)) for text in texts), ""))
        return next((of for name, of in self._names.items() if f" {name} " in words), "")

    @cached_property
    def _names(self) -> "ClassNames":
        """The class of each name in small letters; ours come last, so that they win."""
        tables = {**self.own, **_BUILT_IN}
        return ClassNames({_spaced(word).strip(): name for name, words in tables.items() for word in words})


class ClassNames(dict[str, str]):
    """The class by name, hashable, as it never changes."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    @cached_property
    def squeezed(self) -> dict[str, str]:
        """The same by the name without blanks."""
        return {name.replace(" ", ""): of for name, of in self.items()}


@lru_cache(maxsize=20_000)
def _class_named(kind: str, whole: bool, names: ClassNames) -> str:
    text = plain(kind)
    found = _class_of_words(text, whole, names)
    return found or (_class_of_words(untagged(text), whole, names) if "<" in text else "")


def _class_of_words(text: str, whole: bool, names: ClassNames) -> str:
    if of := names.squeezed.get(_GAPS.sub("", text)):
        return of
    words = _GAPS.sub(" ", text).split()
    if len(words) > _MOST_WORDS or not _ABOUT.isdisjoint(words):
        return ""
    if not whole:
        spoken = f" {' '.join(words)} "
        found = next((of for name, of in names.items() if f" {name} " in spoken), "")
        return found or _class_of_segment(text, names)
    return next(filter(None, (_class_of_item(item.strip(), names) for item in _ITEMS.split(text))), "")


def _class_of_item(item: str, names: ClassNames) -> str:
    """The class of one thing in a cell: a tag of a machine, or a name with nothing but a word or two of judgement."""
    if not re.search(r"\s", item):
        return _class_of_segment(item, names)
    words = [word for word in _GAPS.sub(" ", item).split() if word not in _JUDGED]
    return names.squeezed.get("".join(words), "")


def _class_of_segment(text: str, names: ClassNames) -> str:
    segments = (names.squeezed.get(_GAPS.sub("", segment), "") for segment in _SEGMENTS.split(text))
    return next(filter(None, segments), "")


def _plain_readings(text: str) -> str:
    text = plain(text)
    return "\n".join((text, *tag_readings(text))) if "<" in text else text


def _divided(words: Iterable[str], gap: str = "") -> str:
    """A pattern of words as a tree of their letters, each up to where a tag may divide it; ``gap``: between letters."""
    following: dict[str, list[str]] = {}
    for word in words:
        following.setdefault(word[0], []).append(word[1:])
    ways = (first + ("" if "" in rests else f"{gap}(?:<|{_divided(rests, gap)})") for first, rests in following.items())
    return "|".join(ways)


def _spaced(text: str) -> str:
    return _GAPS.sub(" ", plain(text))


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
    if not any("://" in text for text in texts):  # other formats name it otherwise
        texts += [text for inner in all_texts(report) if (text := first_url(inner))]
    if not texts:
        texts = [text for text in all_texts(report) if is_place(text)]
    number = report.get("report_id") or older.get("ReportID")
    return FoundReport(
        class_name,
        number if isinstance(number, str) and _ID.fullmatch(number) else "",
        next(filter(None, map(_host, texts)), ""),
        next((text[:_LONGEST_URL] for text in reversed(texts) if "://" in text), ""),
        hashlib.sha256(raw).digest(),
    )


def report_in_text(class_name: str, text: str) -> FoundReport:
    """What is found of a report that is a piece of a text: a row, a line, lines with names and values."""
    url = first_url(text)[:_LONGEST_URL]
    hosts = filter(None, map(_host, [url, *filter(is_place, re.split(r"[\s,;|\"'=<>]+", text[:_LONGEST_URL]))]))
    return FoundReport(
        class_name, "", next(hosts, ""), url if "://" in url else "",
        hashlib.sha256(text.encode("utf-8", "replace")).digest(), readable=False,
    )  # fmt: skip


def unreadable_report(class_name: str, raw: bytes) -> FoundReport:
    """What is found of a report that cannot be read and names a class."""
    return FoundReport(class_name, digest=hashlib.sha256(raw).digest(), readable=False)


def is_xarf(value: Mapping[str, Any]) -> bool:
    """Whether an object is an X-ARF report, of whatever version; a schema that describes one is none."""
    for name, inner in value.items():
        last = _last(name)
        if last == "xarfversion" and not isinstance(inner, dict):
            return True
        if last == "reporterinfo" and not (isinstance(inner, dict) and {"properties", "$ref"} & inner.keys()):
            return True
    return False


def _is_idea(value: Mapping[str, Any]) -> bool:
    return str(value.get("Format", "")).startswith("IDEA")


def listed(value: Any) -> list[Any]:
    """A value as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def classifies(name: str) -> bool:
    """Whether a value under such a name says what a report is."""
    return _classifies(name)


def carries(value: Any) -> bool:
    """Whether a value says where something is (URL, address, hash), or carries something, other than as reference."""
    if isinstance(value, str):
        return is_place(value) or bool(_PLACE.search(value))
    if isinstance(value, list):
        return any(map(carries, value))
    if not isinstance(value, dict):
        return False
    for name, inner in value.items():
        last = _last(name)
        if last in _CARRIES and inner:
            return True
        if last not in _REFERS and not (classifies(name) and _is_words(inner)) and carries(inner):
            return True
    return False


def _is_words(value: Any) -> bool:
    return all(isinstance(one, str) for one in listed(value))


def is_place(text: str) -> bool:
    """Whether a text is nothing but a URL, an address, a host, a mailbox or a hash."""
    text = text.strip()
    return bool(_NAMED_PLACE.fullmatch(text) or (not _BLANK.search(text) and _PLACE.match(text)))


def refers(name: str) -> bool:
    """Whether what stands under a name only tells of words."""
    return _last(name) in _REFERS


def first_url(text: str) -> str:
    """The first URL in a text, or an empty text."""
    found = _URL.search(text)
    return found[0] if found else ""


def all_texts(value: Any) -> Iterator[str]:
    """All texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from all_texts(one)


def _kinds(report: Mapping[str, Any], depth: int = 2) -> Iterator[str]:
    """What an object says that it is: itself, by names and values in a list, or in an object that says it of it."""
    for name, value in report.items():
        if classifies(name):
            yield from _of_kind(value)
        if isinstance(value, dict) and depth and _last(name) in _PARENTS:
            yield from _kinds(value, depth - 1)
            if _last(name) == "classification":
                yield from _of_kind(value)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    yield from _of_pair(one)


def _of_kind(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _of_kind(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if _last(name) in _OF_KINDS:
                yield from _of_kind(inner)


def _of_pair(pair: Mapping[str, Any]) -> Iterator[str]:
    names = [value for name, value in pair.items() if _last(name) in _PAIRED and isinstance(value, str)]
    if any(map(classifies, names)):
        for name, value in pair.items():
            if _last(name) in _SAYS:
                yield from _of_kind(value)


@lru_cache(maxsize=20_000)
def _classifies(name: str) -> bool:
    if _last(name).endswith(_KINDS):
        return True
    above, _, last = name.rpartition(".")
    return bool(above) and _last(last) in _OF_KINDS and _last(above).endswith(_KINDS)


@lru_cache(maxsize=20_000)
def _last(name: str) -> str:
    """The last part of a name with dots, in small letters alone."""
    text = plain(name.strip("@#$ "))
    return _GAPS.sub("", re.split(r"[.:/]", ("<" in text and untagged(text)) or text)[-1])


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

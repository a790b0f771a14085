"""One X-ARF report as it may be kept. Pure, and the same when it is done again."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tocsin.events.redaction.classes import BUILT_IN, ClassTable, carries, is_xarf, listed
from tocsin.events.redaction.letters import encoded_runs, readings, squeezed
from tocsin.events.redaction.texts import elements, fragments, json_values, lines, masked, row_class, rows
from tocsin.node.sentences import say

TEXT_LIMIT: Final = 4_000
"""Characters of a text that are kept."""

ABUSE: Final = say("A report of child sexual abuse: only its reference is kept.")
NEVER_HELD: Final = say("A report of a class that must never be held: only its reference is kept.")
UNREADABLE: Final = say("An X-ARF report that cannot be read: its text is not kept, since nobody knows what is in it.")

_MARK: Final = "withheld"
_WHY: Final = {"abuse": ABUSE, "never-held": NEVER_HELD, "unreadable": UNREADABLE}
_ABUSE: Final = ("csam", "csem")
Found = Callable[[Mapping[str, Any], str], None]
"""Called with each report that must never be held, and its class."""

XARF: Final = (b"xarfversion", b"reporterinfo")
"""What every X-ARF report has one of, in small letters without signs."""

_ROUNDS: Final = 8  # a text may have several, each wrapped otherwise
_LINE: Final = str(NEVER_HELD)
_AROUND: Final = 4_000  # letters beside what is encoded that say whether it stands in a row
_SIGN: Final = re.compile("\ue000(\\d{1,7})\ue001")
_AUTHORS: Final = {"created_by_ref", "object_marking_refs"}

_TIME: Final = re.compile(r"[0-9TZ:.+ -]{10,40}")
_VERSION: Final = re.compile(r"[0-9.]{1,20}")
_HASH: Final = re.compile(r"(?:md5|sha1|sha256|sha512):[0-9A-Fa-f]{32,128}")
_TEXTS: Final = {"text/plain", "text/csv", "text/email", "application/json", "message/rfc822"}
_MAILS: Final = {"text/email", "message/rfc822"}
_BLANK_LINE: Final = re.compile(r"\r?\n\r?\n")


@dataclass(frozen=True)
class Reduction:
    """How values and texts become what may be kept.

    ``found``: told each report that must never be held; ``found_text``: one that is a piece of a text, with no class
    where it is of X-ARF and cannot be read. ``opened``:
    whether encoded bytes hold one; it tells by itself what it found. ``depth``: how often a text is
    still looked through within another.
    """

    classes: ClassTable = BUILT_IN
    found: Found = lambda _report, _class: None
    found_text: Callable[[str, str], None] = lambda _class, _text: None
    opened: Callable[[bytes], bool] = lambda _content: False
    depth: int = 4

    def value(self, value: Any) -> Any:
        """A JSON value in which each report is as it may be kept.

        Raises:
            RecursionError: it is too deep.

        """
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, str):
            return self._text_in_json(value)
        if not isinstance(value, dict):
            return value
        if class_name := self.classes.class_of(value):
            self.found(value, class_name)
            return placeholder(value, class_name)
        xarf = is_xarf(value)
        kept = _without_files(value, self._text_in_json) if xarf else value
        kept = {name: self._under(name, one) for name, one in kept.items()}
        return _short(kept) if xarf else kept

    def text(self, text: str) -> str:
        """A text in which each report is as it may be kept; as it reads where it had to be decoded for that."""
        for _ in range(_ROUNDS):
            values = [(start, end) for start, end, _ in json_values(text)]
            for hidden in readings(_hidden(text, values)):
                one = _SIGN.sub(partial(_shown, text, values), hidden)
                kept = self._pass(one)
                if kept != one:
                    text = kept
                    break
            else:
                break
        return text

    def _list(self, values: list[Any]) -> list[Any]:
        cells = [one for one in values if isinstance(one, str)]
        if len(cells) > 1 and (class_name := row_class(cells, self.classes)):
            self.found({str(place): cell for place, cell in enumerate(cells)}, class_name)
            return [placeholder({}, class_name)]
        kept = [self.value(one) for one in values]
        return self._without_referred(values, kept) if kept != values else kept

    def _without_referred(self, values: list[Any], kept: list[Any]) -> list[Any]:
        """Objects of STIX without those that such a report among them refers to (STIX 2.1, 3.3)."""
        taken = [one for one, left in zip(values, kept, strict=True) if _is_stix(one) and withheld_only(left)]
        wanted = {text for one in taken for text in _references(one)}
        while wanted:
            more = set[str]()
            for place, one in enumerate(values):
                if _is_stix(one) and one["id"] in wanted and not withheld_only(kept[place]):
                    kept[place] = placeholder({}, "csam")
                    more |= set(_references(one))
            wanted = more
        return kept

    def _under(self, name: str, value: Any) -> Any:
        """A value below a name; where that is the name of a class, each entry of a list is of it."""
        if isinstance(value, list) and (class_name := self.classes.class_named(name, whole=True)):
            return [self._entry(one, class_name) for one in value]
        return self.value(value)

    def _entry(self, value: Any, class_name: str) -> Any:
        if not carries(value):
            return self.value(value)
        report = value if isinstance(value, dict) else {"value": value}
        self.found(report, class_name)
        return placeholder(report, class_name)

    def _text_in_json(self, text: str) -> str:
        """A text that stands in JSON, where it is JSON again, a text with reports, or encoded."""
        if not self.depth or not self.classes.marked(text.encode("utf-8", "replace"), XARF):
            return text
        inner = replace(self, depth=self.depth - 1)
        if text.lstrip().startswith(("{", "[")):
            with suppress(ValueError, RecursionError):
                value = loads(text)
                kept = inner.value(value)
                return text if kept == value else json.dumps(kept)
        return inner.text(text)

    def _pass(self, text: str) -> str:
        spans: list[tuple[int, int, str]] = []
        values = list[tuple[int, int]]()
        for start, end, value in json_values(text):
            values.append((start, end))
            with suppress(RecursionError):
                kept = self.value(value)
                if kept != value:
                    spans.append((start, end, json.dumps(kept)))
                continue
            if class_name := self.classes.class_named_in(text[start:end].encode("utf-8", "replace")):
                self.found_text(class_name, text[start:end])
                spans.append((start, end, json.dumps(unreadable())))
        rest = masked(text, values)
        runs = ((start, end) for start, end, content in encoded_runs(rest) if self.opened(content))
        spans += [(*_row_around(text, start, end), _LINE) for start, end in runs]
        for span in fragments(text, self.classes, values):
            spans.append((span.start, span.end, json.dumps(unreadable())))
            self.found_text(span.class_name, text[span.start : span.end])
        if self.classes.hinted(rest.encode("utf-8", "replace")):
            rest = masked(rest, sorted({(start, end) for start, end, _ in spans}))
            for find in (rows, lines, elements):
                new = sorted((span.start, span.end, span.class_name) for span in find(rest, self.classes))
                for start, end, class_name in new:
                    self.found_text(class_name, text[start:end])
                    spans.append((start, end, _LINE))
                rest = masked(rest, ((start, end) for start, end, _ in new))
        return _replaced(text, spans) if spans else text


def reduced(value: Any, classes: ClassTable = BUILT_IN, found: Found = lambda _report, _class: None) -> Any:
    """A JSON value in which each report, however deep, is as it may be kept.

    Raises:
        RecursionError: it is too deep.

    """
    return Reduction(classes, found).value(value)


def withheld_only(value: Any) -> bool:
    """Whether a value only stands for a report."""
    return isinstance(value, dict) and _MARK in value and bool(withheld(value))


def withheld(report: Mapping[str, Any]) -> str:
    """Why nothing but the reference of a report was kept; empty where all of it is here."""
    mark = report.get(_MARK)
    if isinstance(mark, str) and mark in _WHY:
        return _WHY[mark]
    return ABUSE if BUILT_IN.class_of(report) else ""


def placeholder(report: Mapping[str, Any], class_name: str) -> dict[str, Any]:
    """What stands for such a report where it was: version and time, each only where it looks like one.

    Its number and class stand with its reference, which only one role sees.
    """
    old = report.get("Report")
    return {
        "xarf_version": _matching(_VERSION, report.get("xarf_version") or report.get("Version")),
        "timestamp": _matching(_TIME, report.get("timestamp") or (old.get("Date") if isinstance(old, dict) else None)),
        _MARK: "abuse" if class_name in _ABUSE else "never-held",
    }


def unreadable() -> dict[str, Any]:
    """What stands for a piece of a report that cannot be read."""
    return {"xarf_version": "", _MARK: "unreadable"}


def names_xarf(raw: bytes) -> bool:
    """Whether what cannot be read names something that only X-ARF reports have."""
    letters = squeezed(raw)
    return any(mark in letters for mark in XARF)


def loads(text: str) -> Any:
    """A JSON value.

    Raises:
        ValueError: it is none, or an object in it has a name twice: readers differ in which of these they see.
        RecursionError: it is too deep.

    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("A name stands twice in an object.")
    return made


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    """The text with what stands instead of its spans, on as many lines."""
    out, at = [], 0
    for start, end, instead in sorted(spans):
        if start >= at:
            out += [text[at:start], instead, "\n" * text.count("\n", start, end)]
        at = max(at, end)
    return "".join((*out, text[at:]))


def _hidden(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with a sign for each span: what is read as it stands is not read as if it were wrapped."""
    out, at = [], 0
    for place, (start, end) in enumerate(spans):
        out += [text[at:start], f"\ue000{place}\ue001"]
        at = end
    return "".join((*out, text[at:]))


def _shown(text: str, spans: list[tuple[int, int]], sign: re.Match[str]) -> str:
    start, end = spans[int(sign[1])] if int(sign[1]) < len(spans) else (0, 0)
    return text[start:end]


def _row_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The row of a table in which a span stands, else the span: what else the row says is of the same report."""
    begin, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    stop = len(text) if stop < 0 else stop
    around = text[max(begin, start - _AROUND) : start] + text[end : min(stop, end + _AROUND)]
    return (begin, stop) if any(around.count(sign) > 1 for sign in ",;\t|=") else (start, end)


def _is_stix(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str) and "--" in value["id"] and "type" in value


def _references(value: Mapping[str, Any]) -> Iterator[str]:
    for name, of in value.items():
        if name.endswith(("_ref", "_refs")) and name not in _AUTHORS:
            yield from (one for one in listed(of) if isinstance(one, str))


def _without_files(report: dict[str, Any], inner: Callable[[str], str]) -> dict[str, Any]:
    """The report with evidence in the form of version 4 and without payloads; ``Report.Evidence`` in version 3."""
    kept = {name: value for name, value in report.items() if name != "payload"}
    if "evidence" in kept:
        kept["evidence"] = [_item(one, inner) for one in listed(kept["evidence"])]
    old = kept.get("Report")
    if isinstance(old, dict):
        names = ("Evidence", "Attachment", "Samples")
        found = [_item(one, inner) for name in names for one in listed(old.get(name))]
        rest = {name: value for name, value in old.items() if name not in names}
        kept["Report"] = rest | ({"Evidence": found} if found else {})
    return kept


def _item(given: Any, inner: Callable[[str], str]) -> dict[str, Any]:
    """One piece of evidence: what it is, its size and hash, and its beginning where it is text.

    ``inner``: what of a text may be kept.
    """
    if not isinstance(given, dict):
        return {"content_type": "application/octet-stream"}
    by_name = {name.lower().replace("_", ""): value for name, value in given.items()}
    media = str(by_name.get("contenttype") or "application/octet-stream").partition(";")[0].strip().lower()[:100]
    item: dict[str, Any] = {"content_type": media}
    if isinstance(by_name.get("description"), str):
        item["description"] = by_name["description"][:500]
    payload = by_name.get("payload") or by_name.get("data")
    content = _decoded(payload) if isinstance(payload, str) else b""
    text = by_name.get("text") if payload is None else _text(media, content)
    if media in _TEXTS and isinstance(text, str) and text:
        item["text"] = inner(text)[:TEXT_LIMIT]
    given_hash = _matching(_HASH, by_name.get("hash"))
    size = by_name.get("size")
    if payload:
        item |= {"hash": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
        return item
    return item | ({"hash": given_hash} if given_hash else {}) | ({"size": size} if isinstance(size, int) else {})


def _text(media: str, content: bytes) -> str:
    """Evidence as text, of a mail its headers only; empty where it is none."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return _BLANK_LINE.split(text, maxsplit=1)[0] if media in _MAILS else text


def _decoded(payload: str) -> bytes:
    try:
        return base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError):
        return payload.encode("utf-8", "replace")  # text that nobody encoded


def _short(value: Any) -> Any:
    """A value whose texts are cut, without payloads and files in a ``data:`` URL (RFC 2397)."""
    if isinstance(value, str):
        return "data:" if value.lstrip()[:5].lower() == "data:" else value[:TEXT_LIMIT]
    if isinstance(value, list):
        return [_short(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _short(one) for name, one in value.items() if name.lower() != "payload"}


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""

"""One X-ARF report as it may be kept. Pure, and the same when it is done again."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from tocsin.events.redaction.classes import BUILT_IN, ClassTable, is_xarf, listed
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

XARF: Final = (b"xarf_version", b"reporterinfo")
"""What every X-ARF report has one of, in small letters."""

_TIME: Final = re.compile(r"[0-9TZ:.+ -]{10,40}")
_VERSION: Final = re.compile(r"[0-9.]{1,20}")
_HASH: Final = re.compile(r"(?:md5|sha1|sha256|sha512):[0-9A-Fa-f]{32,128}")
_TEXTS: Final = {"text/plain", "text/csv", "text/email", "application/json", "message/rfc822"}
_MAILS: Final = {"text/email", "message/rfc822"}
_BLANK_LINE: Final = re.compile(r"\r?\n\r?\n")


def reduced(value: Any, classes: ClassTable = BUILT_IN, found: Found = lambda _report, _class: None) -> Any:
    """A JSON value in which each X-ARF report, however deep, is as it may be kept.

    Raises:
        RecursionError: it is too deep.

    """
    if isinstance(value, list):
        return [reduced(one, classes, found) for one in value]
    if isinstance(value, str):
        return _reduced_text(value, classes, found)
    if not isinstance(value, dict):
        return value
    if class_name := classes.class_of(value):
        found(value, class_name)
        return placeholder(value, class_name)
    kept = _without_files(value, lambda text: _reduced_text(text, classes, found)) if is_xarf(value) else value
    kept = {name: reduced(one, classes, found) for name, one in kept.items()}
    return _short(kept) if is_xarf(value) else kept


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
    low = raw.replace(b"\0", b"").lower()
    return any(mark in low for mark in XARF)


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


def _reduced_text(text: str, classes: ClassTable, found: Found) -> str:
    """A text as it may be kept, where it is JSON again."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    raw = text.encode("utf-8", "replace")
    try:
        value = loads(text)
        kept = reduced(value, classes, found)
    except (ValueError, RecursionError):
        if class_name := classes.class_named_in(raw):
            found({}, class_name)
        elif not names_xarf(raw):
            return text
        kept, value = unreadable(), None
    return text if kept == value else json.dumps(kept)


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

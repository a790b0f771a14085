"""Incidents out of an export of another tool: a table (CSV, TSV), or tickets of RT's REST 2 as JSON. Pure.

Columns are known by the names that RT, RTIR and common sheets give them. What has no place of its own is kept as a
note, so that nothing is lost.
"""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from tocsin.events import RSIT_TYPES
from tocsin.incidents.states import IncidentEntryKind, IncidentState, SeverityLevel
from tocsin.node.errors import InputError, UsageError

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("number", "id", "ticket", "ticketid", "case", "caseid", "incidentid"),
    "title": ("title", "subject", "name"),
    "state": ("state", "status"),
    "opened": ("opened", "created", "openedat", "createdat", "date"),
    "closed": ("closed", "resolved", "closedat", "resolvedat"),
    "severity": ("severity",),
    "type": ("rsittype", "type", "classification", "incidenttype"),
    "tlp": ("tlp", "marking"),
    "lead": ("lead", "owner", "ownername", "assignee"),
    "reporters": ("reporters", "reporter", "requestors", "requestor"),
    "copied": ("cc",),
    "part_of": ("partof", "memberof", "incident"),
}
_OBSERVABLES: Final = frozenset(("observables", "ip", "ips", "ipaddress", "domain", "domains", "url", "urls", "hash"))
_NOTES: Final = frozenset(("notes", "note", "description", "comment", "text", "content"))
_STATES: Final[Mapping[str, IncidentState]] = {
    **dict.fromkeys(("new", "open", "opened", "stalled", "waiting", "pending", "inprogress"), IncidentState.NEW),
    **dict.fromkeys(("closed", "resolved", "partiallyresolved", "done", "solved", "abandoned"), IncidentState.CLOSED),
    **dict.fromkeys(("rejected", "deleted", "spam", "falsepositive", "duplicate"), IncidentState.REJECTED),
}
_TLP: Final = {"WHITE": "CLEAR", **{one: one for one in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")}}
_MAIL: Final = frozenset(("create", "correspond"))
_COPIES: Final = frozenset(("emailrecord", "commentemailrecord"))  # RT keeps each mail twice
_DATES: Final = ("%a %b %d %H:%M:%S %Y", "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%d.%m.%Y")
_NO_DATE: Final = frozenset(("", "notset", "none", "null", "never"))
_MOST_JSON: Final = 200_000_000  # bytes of a file that is one document
_MAILBOX: Final = re.compile(r"[^\s<>@,;]{1,64}@[^\s<>@,;]{1,253}")


@dataclass(frozen=True, slots=True)
class PastEntry:
    """What happened in the other tool. ``key``: its number there; ``by``: who, as it is called there.

    ``kind``: a note, or a mail, with ``mailbox``, whose it is on the other side (empty: of whoever reported it).
    """

    key: str
    at: datetime
    kind: IncidentEntryKind
    text: str
    by: str = ""
    mailbox: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class PastIncident:
    """An incident of the other tool. ``number``: there; ``line``: of the file, from 1; ``closed`` where it is over.

    ``lead``: its owner's name or address there. ``reporters`` and ``copied`` are addresses. ``part_of``: the numbers of
    the incidents that it belongs to: RT lets a ticket have several.
    """

    line: int
    number: str
    title: str
    state: IncidentState
    opened: datetime
    closed: datetime | None = None
    severity: str = SeverityLevel.UNKNOWN.value
    rsit_type: str = ""
    tlp: str = "AMBER"
    lead: str = ""
    reporters: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    observables: str = ""
    entries: tuple[PastEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that is not taken, and why."""

    line: int
    reason: str


def read_tickets(path: Path, *, zone: tzinfo = UTC) -> Iterator[PastIncident | BrokenRow]:
    """Each incident of an export, in its order, row by row. ``zone``: of times that say none.

    Raises:
        InputError: it is no such export.
        UsageError: the file cannot be read.

    """
    try:
        with path.open("rb") as opened:
            first = opened.read(4_000).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        found = _documents(path) if first in (b"{", b"[") else _table(path)
        for line, row in found:
            if isinstance(row, str):
                yield BrokenRow(line, row)
                continue
            try:
                yield _incident(line, row, zone)
            except ValueError as error:
                yield BrokenRow(line, str(error))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Name an export as a file.") from error


def _table(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The rows of a table by their columns, or what is wrong with one."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
        head = opened.readline()
        opened.seek(0)
        rows = csv.reader(opened, delimiter=max("\t;,", key=head.count))
        columns = next(rows, [])
        if not {_plain(one) for one in columns} & {*_COLUMNS["number"]}:
            raise InputError(
                f"{path} has no column with the numbers of the incidents.",
                hint="Give its first line the names of the columns; the one with the numbers is called number or id.",
            )
        while True:
            line = rows.line_num + 1
            try:
                cells = next(rows, None)
            except csv.Error as error:
                yield line, f"It cannot be read: {error}."
                continue
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                yield line, f"It has {len(cells)} columns, and the first line has {len(columns)}."
            elif any("\udc80" <= one <= "\udcff" for cell in cells for one in cell):
                yield line, "It is not in UTF-8."
            else:
                yield line, dict(zip(columns, cells, strict=False))


def _documents(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The tickets of a file with one JSON document a line, or with one for all."""
    with path.open(encoding="utf-8-sig", errors="replace") as opened:
        first = opened.readline()
        with suppress(ValueError, RecursionError):
            if isinstance(ticket := json.loads(first), dict) and "items" not in ticket:
                opened.seek(0)
                yield from _lines(opened)
                return
        opened.seek(0)
        try:
            whole = json.loads(opened.read(_MOST_JSON))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON: {error}.", hint="Write one ticket a line.") from error
    items = whole.get("items", [whole]) if isinstance(whole, dict) else whole
    if not isinstance(items, list):
        raise InputError(f"{path} has no tickets.", hint="Write one ticket a line.")
    for number, one in enumerate(items, 1):
        yield number, one if isinstance(one, dict) else "It is no ticket."


def _lines(opened: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(opened, 1):
        if line.strip():
            try:
                one = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, f"It is not JSON: {error}."
            else:
                yield number, one if isinstance(one, dict) else "It is no ticket."


def _incident(line: int, row: Mapping[str, Any], zone: tzinfo) -> PastIncident:
    cells = {name: text for name, value in _cells(row) if (text := _text(value))}
    by_name = {_plain(name): name for name in reversed(cells)}
    used = {field: name for field, names in _COLUMNS.items() if (name := _first(by_name, names))}
    known = {field: cells[name] for field, name in used.items()}
    number = known.get("number", "").removeprefix("#").rpartition("/")[2].strip()
    if not re.fullmatch(r"[\w.:-]{1,40}", number):
        raise ValueError("It has no number.")
    opened = _time(known.get("opened", ""), zone)
    if opened is None:
        raise ValueError("It does not say when it was opened.")
    said = _plain(known.get("state", ""))
    closed = _time(known.get("closed", ""), zone)
    state = _STATES.get(said, IncidentState.NEW if closed is None else IncidentState.CLOSED)
    severity, tlp = _plain(known.get("severity", "")), known.get("tlp", "").upper().removeprefix("TLP:").strip()
    reporters = _mailboxes(known.get("reporters", ""))
    # What is no word of ours, and all columns without a place of their own, stay as a note.
    doubted = {"state": said in _STATES, "severity": severity in {*SeverityLevel}, "tlp": tlp in _TLP}
    doubted |= {"type": known.get("type") in RSIT_TYPES, "reporters": bool(reporters), "lead": False, "part_of": False}
    kept = {name for field, name in used.items() if doubted.get(field, True)}
    note = "\n".join(
        value if _plain(name) in _NOTES else f"{name}: {value}" for name, value in cells.items() if name not in kept
    )
    entries = [PastEntry("note", opened, IncidentEntryKind.NOTE, note)] if note else []
    incident = PastIncident(
        line, number, known.get("title", "")[:500] or f"#{number}", state, opened,
        None if state is IncidentState.NEW else closed or _time(cells.get("LastUpdated", ""), zone) or opened,
        severity=severity if severity in {*SeverityLevel} else SeverityLevel.UNKNOWN.value,
        rsit_type=known["type"] if known.get("type") in RSIT_TYPES else "",
        tlp=_TLP.get(tlp, "AMBER"), lead=known.get("lead", "").lower(), reporters=reporters,
        copied=_mailboxes(known.get("copied", "")),
        part_of=_parents(known.get("part_of", ""), row),
        observables="\n".join(value for name, value in cells.items() if _plain(name) in _OBSERVABLES),
    )  # fmt: skip
    entries += _transactions(row, incident, zone)
    return replace(incident, entries=tuple(sorted(entries, key=lambda one: one.at)))


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of a row; those of RT's CustomFields by their own names."""
    for name, value in row.items():
        if name == "CustomFields":
            pairs = value.items() if isinstance(value, dict) else ()
            named = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
            yield from pairs
            yield from ((str(one.get("name", "")), one.get("values", "")) for one in named)
        elif name not in {"Transactions", "Attachments"} and not name.startswith("_") and name.lower() != "type":
            yield re.sub(r"^(?:CustomField|CF)\.\{?([^{}]*)\}?$", r"\1", name), value
        elif name.lower() == "type" and value != "ticket":
            yield name, value


def _parents(named: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The numbers of the incidents that a column names, and of the tickets that RT's links call parents; each once."""
    links = row.get("_hyperlinks")
    found = (one for one in (links if isinstance(links, list) else ()) if isinstance(one, dict))
    linked = [_text(one.get("id")) for one in found if (one.get("ref"), one.get("type")) == ("parent", "ticket")]
    numbers = (one.rpartition("/")[2].lstrip("#") for one in (*re.split(r"[,;\s]+", named), *linked))
    return tuple(dict.fromkeys(one for one in numbers if one))


def _transactions(row: Mapping[str, Any], incident: PastIncident, zone: tzinfo) -> Iterator[PastEntry]:
    """What happened to a ticket; its attachments are within the transactions, or beside them by their number."""
    texts: dict[str, list[Any]] = {}
    for part in _items(row.get("Attachments")):
        texts.setdefault(_text(part.get("TransactionId")), []).append(part)
    for one in _items(row.get("Transactions")):
        parts = [*_items(one.get("Attachments")), *texts.get(_text(one.get("id")), ())]
        if (entry := _transaction(one, parts, incident, zone)) is not None:
            yield entry


def _items(value: Any) -> list[Mapping[str, Any]]:
    """A list of RT, with or without what says on which page it is."""
    items = value.get("items") if isinstance(value, dict) else value
    if items is not None and not (isinstance(items, list) and all(isinstance(one, dict) for one in items)):
        raise ValueError("Its transactions are no list.")
    return items or []


def _transaction(
    one: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], incident: PastIncident, zone: tzinfo
) -> PastEntry | None:
    """An entry from a transaction of RT; None: it says nothing."""
    kind, by = _plain(_text(one.get("Type"))), _text(one.get("Creator"))
    subject, text = _content(one, parts)
    if not text and (one.get("Field") or kind == "status"):
        text = f"{_text(one.get('Field')) or 'Status'}: {_text(one.get('OldValue'))} → {_text(one.get('NewValue'))}"
    if not text or kind in _COPIES:
        return None
    at = _time(_text(one.get("Created")), zone) or incident.opened
    key = _text(one.get("id")) or hashlib.sha256(f"{at}{kind}{text}".encode()).hexdigest()
    theirs = next((box for box in (*incident.reporters, *incident.copied) if box == by.lower()), "")
    if kind not in _MAIL or (kind == "create" and not theirs):
        return PastEntry(key, at, IncidentEntryKind.NOTE, text, by)
    way = IncidentEntryKind.MAIL_IN if theirs else IncidentEntryKind.MAIL_OUT
    return PastEntry(key, at, way, text, by, theirs, subject or incident.title)


def _content(one: Mapping[str, Any], parts: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """Subject and text of a transaction: its own, or those of its attachments; files are only named."""
    subject, texts = _text(one.get("Subject")), [_text(one.get("Content"))]
    for part in parts:
        subject = subject or _text(part.get("Subject"))
        if name := _text(part.get("Filename")):
            texts.append(f"[{name}]")
        elif _text(part.get("ContentType")).startswith("text/plain"):
            texts.append(_plain_text(_text(part.get("Content"))))
    return subject, "\n".join(filter(None, texts))


def _plain_text(content: str) -> str:
    """The text of an attachment, which REST 2 writes in base64 where it is asked for alone."""
    try:
        return base64.b64decode(content.replace("\n", ""), validate=True).decode().strip()
    except ValueError:
        return content


def _text(value: Any) -> str:
    """A value as a person reads it; of people and queues their names."""
    match value:
        case None:
            return ""
        case dict():
            return _text(next((value[name] for name in ("Name", "id", "name", "value") if value.get(name)), None))
        case list():
            return ", ".join(filter(None, map(_text, value)))
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()


def _time(text: str, zone: tzinfo) -> datetime | None:
    if _plain(text) in _NO_DATE or text.startswith(("1970-01-01", "Thu Jan 01 00:00:00 1970")):
        return None
    read = (datetime.fromisoformat, *((lambda of, form=form: datetime.strptime(of, form)) for form in _DATES))  # noqa: DTZ007 (the zone comes below)
    for one in (*read, parsedate_to_datetime):
        with suppress(ValueError, TypeError, OverflowError):
            found = one(text)
            return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    raise ValueError(f"{text[:40]} is no time.")


def _mailboxes(text: str) -> tuple[str, ...]:
    found = [mailbox.lower() for _, mailbox in getaddresses([text.replace(";", ",").replace("\n", ",")])]
    return tuple(dict.fromkeys(one for one in found if _MAILBOX.fullmatch(one)))


def _first(by_name: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((by_name[one] for one in names if one in by_name), None)


def _plain(name: str) -> str:
    """A name without what its writers differ in."""
    name = re.sub(r"^(?:CustomField|CF)\.", "", name, flags=re.IGNORECASE)
    return re.sub(r"[\W_]+", "", name).casefold()

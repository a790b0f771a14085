"""What somebody wants to see of the stored events: conditions that stand in an address and are read back from it.

An event's time is ``time.source``, or where the feed names none ``time.observation``. Its AS and country are those of
our own tables, else the feed's. Free text is looked for in `TEXT_FIELDS`, in any case of letters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from tocsin.networks import parse_network
from tocsin.node.errors import UsageError

SPANS: Final = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
"""What ``last`` may say. 24 hours begin with a full hour, days with a full day, so that bars are whole."""

SEVERITIES: Final = ("critical", "high", "medium", "low", "info", "undefined")

TEXT_FIELDS: Final = (
    "classification.identifier", "malware.name", "source.fqdn", "source.reverse_dns", "source.url", "source.as_name",
    "destination.fqdn", "destination.url", "product.full_name", "product.vendor", "product.name",
    "product.vulnerabilities", "malware.hash.md5", "malware.hash.sha1", "malware.hash.sha256",
    "event_description.text", "comment",
)  # fmt: skip
"""The fields that free text is looked for in: none of them is personal."""

TLPS: Final = ("RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR")
"""The labels of TLP 2.0 that events may be asked for by."""

NOT_KNOWN: Final = "-"
"""In place of a value: events of which it is not known. Of AS numbers it is 0."""

EVERYWHERE: Final = -1
"""Free text is looked for in all events."""

_LONGEST = 200
_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")


class FilterError(UsageError):
    """Some conditions cannot be read. ``wrongs``: by the name of the field, what it takes."""

    def __init__(self, wrongs: Mapping[str, str]) -> None:
        first = next(iter(wrongs))
        super().__init__(f"{first}: {wrongs[first]}", hint="Correct that condition, or leave it out.")
        self.wrongs = dict(wrongs)


@dataclass(frozen=True)
class EventFilter:
    """Every given condition must hold. ``since`` is included, ``until`` not; ``last`` (see `SPANS`) instead of both.

    ``address``: canonical text of an address or prefix of the source. ``team``: key or name of a team that the event
    was routed or told to; ``problem``: its 16 hexadecimal digits. An empty text, or None, is no condition.

    ``back``: where free text is looked for: 0 in the newest part of what else fits (see `matching.TEXT_ROWS`), 1 in the
    part before that, and so on; `EVERYWHERE` in all, which takes as long as it takes. It is no condition of its own.
    """

    since: datetime | None = None
    until: datetime | None = None
    last: str = ""
    address: str = ""
    asn: int | None = None
    country: str = ""
    taxonomy: str = ""
    type: str = ""
    identifier: str = ""
    severity: str = ""
    feed: str = ""
    tlp: str = ""
    port: int | None = None
    team: str = ""
    problem: str = ""
    text: str = ""
    back: int = 0

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """The filter that an address or a command names; names that are no conditions are left alone.

        Raises:
            FilterError: a condition cannot be read.

        """
        values: dict[str, object] = {}
        wrongs: dict[str, str] = {}
        for name, reader in _READERS.items():
            text = given.get(name, "").strip()
            if not text:
                continue
            try:
                values[name] = reader(text)
            except ValueError as error:
                wrongs[name] = str(error)
        since, until = values.get("since"), values.get("until")
        if isinstance(since, datetime) and isinstance(until, datetime) and since >= until:
            wrongs["until"] = "The end must lie after the beginning."
        if values.get("last") and (since or until):
            del values["last"]
        if wrongs:
            raise FilterError(wrongs)
        return cls(**values)  # type: ignore[arg-type]  # each reader gives the type of its field

    def query(self) -> dict[str, str]:
        """The conditions as `read` takes them, those that are given."""
        given = ((name, getattr(self, name)) for name in _READERS)
        return {name: _text(value) for name, value in given if value is not None and value != ""}

    def without(self, *names: str) -> Self:
        """The same without some conditions."""
        bare = type(self)()
        return replace(self, **{name: getattr(bare, name) for name in names})

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From when (included) and until when (not) events are wanted."""
        if not self.last:
            return self.since, self.until
        step = {"minute": 0, "second": 0, "microsecond": 0}
        if self.last == "24h":
            return now.replace(**step) - SPANS[self.last] + timedelta(hours=1), None  # type: ignore[arg-type]
        return now.replace(hour=0, **step) - SPANS[self.last] + timedelta(days=1), None  # type: ignore[arg-type]


def _time(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Write a time like 2026-11-24T08:00; it is UTC.") from None


def _last(text: str) -> str:
    return _one_of(text, tuple(SPANS))


def _severity(text: str) -> str:
    return text if text == NOT_KNOWN else _one_of(text.lower(), SEVERITIES)


def _one_of(text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise ValueError(f"Take one of: {', '.join(known)}.")
    return text


def _address(text: str) -> str:
    network = parse_network(text)
    if network is None:
        raise ValueError("Write an address or a prefix like 192.0.2.0/24.")
    return str(network)


def _asn(text: str) -> int:
    if text in {NOT_KNOWN, "0"}:
        return 0
    found = _ASN.fullmatch(text)
    if not found or not 0 < int(found[1]) < 2**32:
        raise ValueError("Write an AS number like 64500 or AS64500.")
    return int(found[1])


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) < 2**16:
        raise ValueError("Write a port from 1 to 65535.")
    return int(text)


def _tlp(text: str) -> str:
    return _one_of(text.upper().removeprefix("TLP:"), TLPS)


def _country(text: str) -> str:
    if text != NOT_KNOWN and not _COUNTRY.fullmatch(text.upper()):
        raise ValueError("Write a country code like MU.")
    return text.upper()


def _problem(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", text.lower()):
        raise ValueError("A problem has 16 hexadecimal digits.")
    return text.lower()


def _lower(text: str) -> str:
    return _words(text).lower()


def _words(text: str) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"Write at most {_LONGEST} letters, in one line.")
    return text


_READERS: Final = {
    "since": _time, "until": _time, "last": _last, "address": _address, "asn": _asn, "country": _country,
    "taxonomy": _lower, "type": _lower, "identifier": _lower, "severity": _severity, "feed": _words,
    "tlp": _tlp, "port": _port, "team": _lower, "problem": _problem, "text": _words,
}  # fmt: skip


def _text(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)

"""What somebody wants to see of the stored events: conditions that stand in an address and are read back from it.

An event's time is ``time.source``, or where the feed names none ``time.observation``. Its AS and country are those of
our own tables, else the feed's. Free text is looked for in `TEXT_FIELDS`, in any case of letters.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tocsin.events.conditions import Conditions, read_lower, read_network, read_words

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

_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")


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


_READERS: Final = {
    "since": _time, "until": _time, "last": _last, "address": read_network, "asn": _asn, "country": _country,
    "taxonomy": read_lower, "type": read_lower, "identifier": read_lower, "severity": _severity, "feed": read_words,
    "tlp": _tlp, "port": _port, "team": read_lower, "problem": _problem, "text": read_words,
}  # fmt: skip


@dataclass(frozen=True)
class EventFilter(Conditions):
    """What somebody wants to see of the events. ``since`` is included, ``until`` not; ``last``: see `SPANS`, not both.

    ``address``: canonical text of an address or prefix of the source. ``team``: key or name of a team that the event
    was routed or told to; ``problem``: its 16 hexadecimal digits.

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

    readers = _READERS

    @classmethod
    def _compare(cls, values: dict[str, Any], wrongs: dict[str, str]) -> None:
        since, until = values.get("since"), values.get("until")
        if since and until and since >= until:
            wrongs["until"] = "The end must lie after the beginning."
        if since or until:
            values.pop("last", None)

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From when (included) and until when (not) events are wanted."""
        if not self.last:
            return self.since, self.until
        step = {"minute": 0, "second": 0, "microsecond": 0}
        if self.last == "24h":
            return now.replace(**step) - SPANS[self.last] + timedelta(hours=1), None  # type: ignore[arg-type]
        return now.replace(hour=0, **step) - SPANS[self.last] + timedelta(days=1), None  # type: ignore[arg-type]

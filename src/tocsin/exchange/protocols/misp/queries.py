"""What a search asks for: exact values and prefixes, tags, times. No patterns: a search costs what it reads."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from tocsin.exchange.protocols.misp.shapes import MOST_SECONDS, flag

Json = Mapping[str, Any]

_AGES: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_MOST: Final = 200_000  # rows of an answer
_MOST_PREFIXES: Final = 1_000


class NoMatchError(ValueError):
    """A search that nothing can match, such as a time that is none: MISP gives an empty list."""


@dataclass(frozen=True)
class TermFilter:
    """One of ``some``, all of ``every``, none of ``never``; texts in small letters, ``%`` at the end: a prefix."""

    some: frozenset[str] = frozenset()
    every: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    def allows(self, values: Iterable[object]) -> bool:
        """Whether a thing with these values matches."""
        have = [str(one).strip().lower() for one in values]
        asked = not self.some or not self.some.isdisjoint(have) or _begins(have, self._prefixes)
        return asked and all(_has(have, one) for one in self.every) and not self.forbids(have)

    def forbids(self, values: Iterable[object]) -> bool:
        """Whether one of these values must not be there."""
        have = [str(one).strip().lower() for one in values]
        return not self.never.isdisjoint(have) or _begins(have, self._forbidden)

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return _prefixes_of(self.some)

    @cached_property
    def _forbidden(self) -> tuple[str, ...]:
        return _prefixes_of(self.never)

    @property
    def exact(self) -> list[str]:
        """The values of which one must be there, where none is a prefix; else nothing."""
        return [] if any(one.endswith("%") for one in self.some) else sorted(self.some)


def _has(have: list[str], asked: str) -> bool:
    return any(one.startswith(asked[:-1]) for one in have) if asked.endswith("%") else asked in have


def _prefixes_of(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(one[:-1] for one in terms if one.endswith("%"))


def _begins(have: list[str], prefixes: tuple[str, ...]) -> bool:
    return any(one.startswith(prefixes) for one in have)


def read_terms(value: object) -> TermFilter:
    """A value, a list, words with ``&&`` between them and ``!`` before what must not be, or a dict of OR, AND, NOT.

    Raises:
        NoMatchError: a pattern is asked for, or more prefixes than each value can be compared with.

    """
    if isinstance(value, dict):
        parts = {str(name).upper(): _words(one) for name, one in value.items()}
        found = parts.get("OR", []), parts.get("AND", []), parts.get("NOT", [])
    else:
        words = _words(value)
        found = [one for one in words if not one.startswith("!")], [], [one[1:] for one in words if one[:1] == "!"]
    if any("%" in one[:-1] for group in found for one in group):
        raise NoMatchError("only prefixes")
    if sum(one.endswith("%") for group in found for one in group) > _MOST_PREFIXES:
        raise NoMatchError("fewer prefixes")
    return TermFilter(*(frozenset(group) for group in found))


def _words(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else str(value).split("&&")
    return [text for one in values if not isinstance(one, dict | list) and (text := str(one).strip().lower())]


@dataclass(frozen=True)
class TimeFilter:
    """From and to, in Unix seconds, both included."""

    first: int
    last: int = MOST_SECONDS

    def allows(self, at: object) -> bool:
        """Whether a time is within."""
        text = str(at or 0)
        return self.first <= (int(text) if text.isdecimal() else 0) <= self.last


def read_times(value: object, now: datetime) -> TimeFilter:
    """Since a time, or between two: Unix seconds, an age such as ``5d``, or a day.

    Raises:
        NoMatchError: it is none.

    """
    if isinstance(value, list | tuple) and len(value) == 2:
        first, last = sorted(_seconds(one, now) for one in value)
        return TimeFilter(first, last)
    return TimeFilter(_seconds(value[0] if isinstance(value, list | tuple) and value else value, now))


def _seconds(value: object, now: datetime) -> int:
    text = str(value).strip()
    if found := re.fullmatch(r"([0-9]{1,7})([smhdw])", text):
        return int(now.timestamp()) - int(found[1]) * _AGES[found[2]]
    if re.fullmatch(r"[0-9]{1,11}(?:\.[0-9]+)?", text):
        return min(int(float(text)), MOST_SECONDS)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoMatchError(text) from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


@dataclass(frozen=True)
class SearchQuery:
    """What a search asks. ``events``: by names of events; ``rows``: of attributes; ``deleted``: which states."""

    event_id: TermFilter
    uuid: TermFilter
    value: TermFilter
    type: TermFilter
    category: TermFilter
    tags: TermFilter
    event_tags: TermFilter
    org: TermFilter
    info: TermFilter
    object_name: TermFilter
    timestamp: TimeFilter | None
    event_timestamp: TimeFilter | None
    publish_timestamp: TimeFilter | None
    published: bool | None
    to_ids: bool | None
    deleted: frozenset[bool]
    first_day: str
    last_day: str
    limit: int
    page: int

    @property
    def of_attributes(self) -> bool:
        """Whether something is asked of attributes."""
        asked = (self.value, self.type, self.category)
        return any(one != TermFilter() for one in asked) or self.to_ids is not None

    def allows_event(self, event: Json) -> bool:
        """Whether an event matches, apart from what is asked of its attributes and their tags."""
        return all(
            (
                self.event_id.allows([event["id"], event["uuid"]]),
                self.info.allows([event["info"]]),
                self.org.allows([event["orgc_id"], event["Orgc"]["name"], event["Orgc"]["uuid"]]),
                self.event_tags.allows(tag_names(event)),
                self.published is None or event["published"] is self.published,
                self.event_timestamp is None or self.event_timestamp.allows(event["timestamp"]),
                self.publish_timestamp is None or self.publish_timestamp.allows(event["publish_timestamp"]),
                self.first_day <= event["date"] <= self.last_day,
            )
        )

    def allows_attribute(self, attribute: Json) -> bool:
        """Whether an attribute matches, apart from its tags and times."""
        parts = str(attribute["value"]).split("|") if "|" in attribute["type"] else []
        return all(
            (
                self.value.allows([attribute["value"], *parts]),
                self.type.allows([attribute["type"]]),
                self.category.allows([attribute["category"]]),
                self.to_ids is None or attribute["to_ids"] is self.to_ids,
            )
        )

    def shows(self, attribute: Json) -> bool:
        """Whether an attribute is in an answer that has its event."""
        asked = self.to_ids is None or attribute["to_ids"] is self.to_ids
        return attribute["deleted"] in self.deleted and asked and not self.tags.forbids(tag_names(attribute))

    def paged(self, rows: list[Any]) -> list[Any]:
        """The page that is asked for."""
        start = (self.page - 1) * self.limit
        return rows[start : start + self.limit]


def tag_names(thing: Json) -> list[str]:
    """The names of the tags of an event or attribute."""
    return [one["name"] for one in thing.get("Tag") or ()]


def read_query(asked: Json, now: datetime) -> SearchQuery:
    """What the parameters of a search ask.

    Raises:
        NoMatchError: nothing can match.

    """

    def terms(*names: str) -> TermFilter:
        found = next((asked[one] for one in names if asked.get(one) not in (None, "", [])), None)
        return TermFilter() if found is None else read_terms(found)

    def times(*names: str) -> TimeFilter | None:
        found = next((asked[one] for one in names if asked.get(one) not in (None, "")), None)
        return None if found is None else read_times(found, now)

    def choice(name: str) -> bool | None:
        return None if asked.get(name) in (None, "", [0, 1], ["0", "1"]) else flag(asked[name])

    def day(name: str, other: str) -> str:
        found = asked.get(name)
        return other if found in (None, "") else f"{datetime.fromtimestamp(_seconds(found, now), UTC):%Y-%m-%d}"

    return SearchQuery(
        event_id=terms("eventid", "event_id", "eventids", "event_uuid"), uuid=terms("uuid"), value=terms("value"),
        type=terms("type"), category=terms("category"), tags=terms("tags", "tag"), event_tags=terms("event_tags"),
        org=terms("org"), info=terms("eventinfo", "info"), object_name=terms("object_name"),
        timestamp=times("timestamp", "attribute_timestamp"), event_timestamp=times("event_timestamp"),
        publish_timestamp=times("publish_timestamp", "last"), published=choice("published"),
        to_ids=choice("to_ids"), deleted=read_deleted(asked.get("deleted")), first_day=day("from", ""),
        last_day=day("to", "9999"), limit=_number(asked.get("limit"), _MOST), page=_number(asked.get("page"), 1),
    )  # fmt: skip


def read_deleted(value: object, *, also: bool = False) -> frozenset[bool]:
    """Which states are asked for: those that were deleted, those that were not. ``also``: a flag adds the deleted."""
    if isinstance(value, list | tuple):
        return frozenset(map(flag, value)) or frozenset({False})
    if not flag(value):
        return frozenset({False})
    return frozenset({True, False}) if also else frozenset({True})


def _number(value: object, other: int) -> int:
    text = str(value or "")
    return max(1, min(int(text), _MOST)) if text.isdecimal() and len(text) < 9 else other


def sorted_events(events: list[dict[str, Any]], asked: Json) -> list[dict[str, Any]]:
    """The events in the order that is asked for; by number without one."""
    name, down = str(asked.get("sort") or "id"), str(asked.get("direction", "")).lower() == "desc"
    key: Callable[[Json], Any] = (
        (lambda one: str(one.get(name, "")).lower())
        if name in {"info", "date", "uuid"}
        else (lambda one: int(str(one.get(name) or 0)) if str(one.get(name) or 0).isdecimal() else 0)
    )
    return sorted(events, key=key, reverse=down)

"""What formats without a place of its own say in words: markings as labels, types of RSIT, names as UUIDs."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from tocsin.events import TYPES
from tocsin.exchange.formats.markings import Markings, read_words, stricter
from tocsin.exchange.formats.model import Collection

_OWN: Final = UUID("6f0c3a52-5d0e-4a5b-9a59-8f5b3d0e6c11")
_GROUP: Final = "GROUP:"


def marking_words(markings: Markings) -> tuple[str, ...]:
    """All that a marking says, its group too; `read_marking_words` reads them again."""
    return (*markings.words, *([_GROUP + markings.group] if markings.group else ()))


def read_marking_words(words: Iterable[str]) -> Markings:
    """The marking that words say; of several labels the stricter."""
    said = list(words)
    groups = [Markings(group=one.removeprefix(_GROUP)) for one in said if one.startswith(_GROUP)]
    return stricter(*groups, read_words(one for one in said if not one.startswith(_GROUP)))


def all_markings(event: Collection) -> Markings:
    """The strictest of an event and all that is in it."""
    return stricter(
        event.markings,
        *(one.markings for one in event.all_observables()),
        *(one.markings for one in event.groups),
        *(one.markings for one in event.sightings),
        *(one.markings for one in event.reports),
        *(one.markings for one in event.entities),
    )


def details_left(event: Collection, format_name: str, *said: str) -> Iterator[str]:
    """What is known of observables beside type and value, and the format does not say; ``said``: what it does."""
    details = ("labels", "comment", "first_seen", "last_seen", "confidence", "category", "attachment")
    for name in (one for one in details if one not in said):
        if count := sum(bool(getattr(one, name)) for one in event.all_observables()):
            yield f"{format_name} has no place for the {name.replace('_', ' ')} of {count} observables."


def rsit_label(stated: str) -> str:
    """The machine tag of a type of incident, as MISP's taxonomy has it: ``rsit:fraud="phishing"``."""
    found = TYPES.get(stated)
    return f'rsit:{found.rsit_taxonomy}="{found.rsit_type}"' if found else ""


def incident_types(labels: Iterable[str]) -> Iterator[str]:
    """The types of incident that labels name, in the words of the IntelMQ Data Format; those of RSIT first."""
    for label in sorted(labels, key=lambda one: not one.startswith("rsit:")):
        said = label.rpartition("=")[2].rpartition(":")[2].strip('" ').lower()
        if said in TYPES:
            yield TYPES[said].type


def uuid_of(name: str) -> str:
    """The name where it is a UUID, else one that follows from it; empty for no name."""
    try:
        return str(UUID(name))
    except ValueError:
        return str(uuid5(_OWN, name)) if name else ""


def read_time(text: object) -> datetime | None:
    """An RFC 3339 time in UTC; one without a zone is taken as UTC; None where it is none."""
    try:
        time = datetime.fromisoformat(str(text).strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def event_time(event: Collection) -> datetime | None:
    """When an event is from: its own time, else the newest of what is in it."""
    own = event.time or event.published or event.last_seen or event.first_seen
    times = [one.time or one.last_seen or one.first_seen for one in event.all_observables()]
    times += [one.time for one in event.reports]
    times += [one.time for one in event.entities]
    times += [one.time or one.last_seen for one in event.sightings]
    return own or max(filter(None, times), default=None)


def as_text(value: object) -> str:
    """A text without what XML and databases cannot hold: NUL and other control characters, half surrogate pairs."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return "".join(
        one
        for one in text
        if one in "\t\n\r" or (one >= " " and not "\ud800" <= one <= "\udfff" and one not in "\ufffe\uffff")
    )

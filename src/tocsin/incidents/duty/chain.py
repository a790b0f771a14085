"""Who is called next, and whether now. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from tocsin.incidents.states import SeverityLevel


@dataclass(frozen=True)
class CallSubject:
    """What somebody may be called for. ``name``: the reference of an incident, or a kind of to-do items.

    ``level``: a `SeverityLevel` of an incident, or empty. ``readers``: who may read a restricted incident, None: all of
    the team; ``lead``: who leads it. ``incident``, ``compartment``: their numbers.
    """

    name: str
    level: str = ""
    readers: frozenset[int] | None = None
    lead: int | None = None
    incident: int | None = None
    compartment: int = 0


def call_chain(
    on_duty: Iterable[int], second: Iterable[int], people: Iterable[int], subject: CallSubject, active: Collection[int]
) -> list[int]:
    """Who is called, in order, each once: without those who may not read it, and without closed accounts (``active``).

    Where none of the chain may read a restricted incident, its lead is called; nobody else learns that there is one.
    """
    found = [one for one in dict.fromkeys([*on_duty, *second, *people]) if one in active]
    if subject.readers is None:
        return found
    reading = [one for one in found if one in subject.readers]
    return reading or [one for one in [subject.lead] if one is not None and one in subject.readers & frozenset(active)]


def next_in_chain(chain: Sequence[int], called: Collection[int]) -> int | None:
    """The first who was not called yet; None: the end of the chain.

    The chain is that of this moment, so a shift that changes meanwhile is called too.
    """
    return next((one for one in chain if one not in called), None)


def is_quiet(at: datetime, zone: ZoneInfo, start: str, end: str) -> bool:
    """Whether a moment lies in quiet hours (HH:MM on the local clock, over midnight where they end before they begin).

    Empty: there are none.
    """
    if not start or not end or start == end:
        return False
    begins, ends, local = time.fromisoformat(start), time.fromisoformat(end), at.astimezone(zone).time()
    return begins <= local < ends if begins < ends else local >= begins or local < ends


def waits_quietly(level: str, below: str) -> bool:
    """Whether something waits for the end of quiet hours: to-do items do, and incidents below a level."""
    return not level or SeverityLevel(level).rank < SeverityLevel(below or SeverityLevel.CRITICAL).rank


def is_graver(level: str, known: str) -> bool:
    """Whether an incident became more severe than when somebody was called."""
    return bool(level) and (not known or SeverityLevel(level).rank > SeverityLevel(known).rank)

"""What somebody wants to see of the problems: conditions that stand in an address, and are read back from it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import polars as pl

from tocsin.delivery import SEVERITIES
from tocsin.events import Conditions, read_lower, read_network, read_words, within
from tocsin.networks import parse_network
from tocsin.problems.answers import ProblemState
from tocsin.problems.standing import STATES


class ProblemStatus(StrEnum):
    """What a problem is asked for by: a state as people name it, or several of them together."""

    OPEN = "open"  # it goes on, nobody mutes it, and no answer settles it
    NOT_NOTIFIED = "not-notified"
    NOTIFIED = "notified"  # and no answer
    OVERDUE = "overdue"  # open, and the day is past until which a fix was asked for
    ANSWERED = "answered"  # the newest answer holds
    IN_PROGRESS = "in-progress"
    FIXED = "fixed"  # so the team says
    FALSE_POSITIVE = "false-positive"
    ACCEPTED = "accepted"
    NOT_OURS = "not-ours"
    CONTRADICTED = "contradicted"  # seen again after it was called fixed or a false positive
    MUTED = "muted"
    GONE = "gone"


_STATES: Final = {
    ProblemStatus.NOT_NOTIFIED: (ProblemState.NEW,),
    ProblemStatus.NOTIFIED: (ProblemState.TOLD,),
    ProblemStatus.IN_PROGRESS: (ProblemState.ACKNOWLEDGED,),
    ProblemStatus.FIXED: (ProblemState.SAID_FIXED,),
    ProblemStatus.FALSE_POSITIVE: (ProblemState.SAID_FALSE,),
    ProblemStatus.ACCEPTED: (ProblemState.ACCEPTED,),
    ProblemStatus.NOT_OURS: (ProblemState.NOT_OURS,),
    ProblemStatus.CONTRADICTED: (ProblemState.CONTRADICTED,),
    ProblemStatus.GONE: (ProblemState.GONE,),
    ProblemStatus.OPEN: (
        ProblemState.NEW, ProblemState.TOLD, ProblemState.ACKNOWLEDGED, ProblemState.CONTRADICTED,
    ),
    ProblemStatus.ANSWERED: (
        ProblemState.ACKNOWLEDGED, ProblemState.SAID_FIXED, ProblemState.SAID_FALSE, ProblemState.ACCEPTED,
        ProblemState.NOT_OURS,
    ),
    ProblemStatus.OVERDUE: (ProblemState.TOLD, ProblemState.ACKNOWLEDGED, ProblemState.CONTRADICTED),
}  # fmt: skip
_SETTLED: Final = frozenset({ProblemStatus.GONE, ProblemStatus.ANSWERED, ProblemStatus.MUTED})
"""Statuses that a mute changes nothing about; of the others, what is muted has that status alone."""

_FORMER: Final = {
    state.value: status for status, states in _STATES.items() if len(states) == 1 for state in states
}  # as the field ``state`` of the API names them
_MOST_DAYS: Final = 3_650
_DAY: Final = 86_400  # seconds
NO_TEAM: Final = "-"
"""In place of a team: problems of which no team must know."""


class ProblemSort(StrEnum):
    """What comes first."""

    SEEN = "seen"  # seen last
    DUE = "due"  # due soonest
    AGE = "age"  # seen first longest ago
    SEVERITY = "severity"  # worst


def read_status(text: str) -> ProblemStatus:
    """The status that a word names; words of the field ``state`` are understood.

    Raises:
        ValueError: it names none.

    """
    return _FORMER.get(text) or ProblemStatus(text)


def _has(status: ProblemStatus, now: int) -> pl.Expr:
    if status is ProblemStatus.MUTED:
        return pl.col("muted")
    found = pl.col("state").is_in([STATES.index(state) for state in _STATES[status]])
    if status is ProblemStatus.OVERDUE:
        found &= (pl.col("due") > 0) & (pl.col("due") < now)
    return found if status in _SETTLED else found & ~pl.col("muted")


def status_of(state: ProblemState, *, muted: bool, overdue: bool) -> ProblemStatus:
    """The one status that a list names a problem by."""
    if muted and state in _STATES[ProblemStatus.OPEN]:
        return ProblemStatus.MUTED
    if overdue and state is ProblemState.TOLD:
        return ProblemStatus.OVERDUE
    return next(status for status, states in _STATES.items() if states == (state,))


def has_status(wanted: ProblemStatus, state: ProblemState, *, muted: bool, overdue: bool) -> bool:
    """Whether a problem is one of those that a status asks for."""
    if wanted is ProblemStatus.MUTED:
        return muted
    if wanted is ProblemStatus.OVERDUE:
        return overdue
    return state in _STATES[wanted] and not (muted and wanted not in _SETTLED)


def is_overdue(state: ProblemState, due: datetime | None, now: datetime, *, muted: bool) -> bool:
    """Whether the day is past until which a fix was asked for, and neither an answer nor a mute settles it."""
    return due is not None and due < now and not muted and state in _STATES[ProblemStatus.OVERDUE]


def _inside(address: str, _now: int) -> pl.Expr:
    network = parse_network(address)
    if network is None:
        return pl.lit(value=False)
    inside = within(network.ranges).fill_null(value=False)
    return inside | (pl.col("source.network") == address).fill_null(value=False)


_CONDITIONS: Final[dict[str, Callable[[Any, int], pl.Expr]]] = {
    "state": _has,
    "address": _inside,
    "severity": lambda severity, _: pl.col("severity") == SEVERITIES.index(severity),
    "feed": lambda feed, _: (pl.col("feed.code") == feed).fill_null(value=False),
    "age": lambda days, now: pl.col("first_seen") <= now - days * _DAY,
    "seen": lambda days, now: pl.col("last_seen") >= now - days * _DAY,
    "due": lambda days, now: (pl.col("due") > 0) & (pl.col("due") <= now + days * _DAY),
}


def _severity(text: str) -> str:
    if text.lower() not in SEVERITIES:
        raise ValueError(f"Take one of: {', '.join(reversed(SEVERITIES))}.")
    return text.lower()


def _status(text: str) -> ProblemStatus:
    try:
        return read_status(text)
    except ValueError:
        raise ValueError(f"Take one of: {', '.join(ProblemStatus)}.") from None


def _days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 4 or int(text) > _MOST_DAYS:
        raise ValueError(f"Write a number of days, at most {_MOST_DAYS}.")
    return int(text)


_READERS: Final = {
    "state": _status, "team": read_words, "kind": read_lower, "address": read_network, "severity": _severity,
    "feed": read_words, "listed": read_lower, "age": _days, "seen": _days, "due": _days,
}  # fmt: skip

CONDITIONS: Final = tuple(_READERS)
"""The names of the conditions."""


@dataclass(frozen=True)
class ProblemSearch(Conditions):
    """What somebody wants to see of the problems.

    ``team``: key of a team that must know, or text of its name (`NO_TEAM`: none must). ``kind``: identifier, malware or
    type, or a CVE that it or its list of vulnerabilities names. ``address``: canonical text of an address or prefix.
    ``listed``: the code of a context list that one of its CVEs is on. ``age``: first seen so many days ago or longer;
    ``seen``: seen within so many days; ``due``: due within so many days, or overdue.
    """

    state: ProblemStatus | None = None
    team: str = ""
    kind: str = ""
    address: str = ""
    severity: str = ""
    feed: str = ""
    listed: str = ""
    age: int | None = None
    seen: int | None = None
    due: int | None = None

    readers = _READERS

    def condition(self, now: datetime) -> pl.Expr:
        """The same of a row of `ProblemStandings`, but for team, kind and list, which the node decides."""
        at = int(now.timestamp())
        given = ((getattr(self, name), make) for name, make in _CONDITIONS.items())
        made = [make(value, at) for value, make in given if value is not None and value != ""]
        return pl.all_horizontal([pl.lit(value=True), *made])

"""The closed lists of take-downs, and what follows from what: the state after a sighting, who is asked next. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class TakedownState(StrEnum):
    """How far a take-down is."""

    PROPOSED = "proposed"  # nobody was written to
    ASKED = "asked"
    GONE = "gone"  # as a sighting says; there is no other way here
    REFUSED = "refused"  # by who was asked
    WITHDRAWN = "withdrawn"  # by us


class TakedownGround(StrEnum):
    """What the content is used for."""

    PHISHING = "phishing"
    MALWARE = "malware"
    COMMAND = "command-and-control"
    FRAUD = "fraud"
    IMPERSONATION = "impersonation"
    LEAK = "data-leak"
    OTHER = "other"


TAKEDOWN_GROUNDS: Final[Mapping[str, str]] = {
    TakedownGround.PHISHING: N_("Phishing"),
    TakedownGround.MALWARE: N_("Malware"),
    TakedownGround.COMMAND: N_("Command and control"),
    TakedownGround.FRAUD: N_("Fraud"),
    TakedownGround.IMPERSONATION: N_("Impersonation"),
    TakedownGround.LEAK: N_("Leaked data"),
    TakedownGround.OTHER: N_("Other harmful content"),
}


class TakedownRole(StrEnum):
    """Why somebody can take it down, in the order in which they are asked."""

    HOST = "host"
    REGISTRAR = "registrar"
    UPSTREAM = "upstream"
    CSIRT = "csirt"
    BROWSER_LIST = "browser-list"


TAKEDOWN_ROLES: Final[Mapping[str, str]] = {
    TakedownRole.HOST: N_("Hosting provider"),
    TakedownRole.REGISTRAR: N_("Registrar"),
    TakedownRole.UPSTREAM: N_("Upstream network"),
    TakedownRole.CSIRT: N_("National CSIRT"),
    TakedownRole.BROWSER_LIST: N_("Browser list"),
}


class ContentState(StrEnum):
    """What was seen of it."""

    UP = "up"
    GONE = "gone"
    CHANGED = "changed"
    UNKNOWN = "unknown"


SIGHTINGS: Final[Mapping[str, str]] = {
    ContentState.UP: N_("Still there"),
    ContentState.GONE: N_("Gone"),
    ContentState.CHANGED: N_("Changed"),
    ContentState.UNKNOWN: N_("Unknown"),
}


OPEN: Final = (TakedownState.PROPOSED, TakedownState.ASKED, TakedownState.REFUSED)
"""The states in which the content may still be there."""


def state_after(state: TakedownState, seen: ContentState, *, asked: bool) -> TakedownState:
    """The state after a sighting. ``asked``: somebody was asked before. What was withdrawn stays so."""
    if state is TakedownState.WITHDRAWN:
        return state
    if seen is ContentState.GONE:
        return TakedownState.GONE
    back = state is TakedownState.GONE and seen is not ContentState.UNKNOWN
    return (TakedownState.ASKED if asked else TakedownState.PROPOSED) if back else state


def next_role(there: Collection[str], asked: Collection[str]) -> TakedownRole | None:
    """Who is asked next: the first for whom there is a contact and who was not asked yet."""
    return next((role for role in TakedownRole if role in there and role not in asked), None)


@dataclass(frozen=True, slots=True)
class HostFigures:
    """How fast one host is. ``asked``: items; ``gone`` and ``still`` of them; ``median``: None where it is not reached.

    The median counts what is still there as longer than all others, so it is never flattered by what nobody removed.
    """

    host: str
    asked: int
    gone: int
    still: int
    median: timedelta | None


def figures_of(rows: Iterable[tuple[str, timedelta | None]]) -> list[HostFigures]:
    """The figures of each host, from the host and the time from asked to gone of each item (None: still there)."""
    times: dict[str, list[timedelta | None]] = {}
    for host, took in rows:
        times.setdefault(host, []).append(took)
    return sorted((_of_host(host, took) for host, took in times.items()), key=lambda one: (-one.asked, one.host))


def _of_host(host: str, times: list[timedelta | None]) -> HostFigures:
    gone = sorted(one for one in times if one is not None)
    low, high = (len(times) - 1) // 2, len(times) // 2
    median = (gone[low] + gone[high]) / 2 if high < len(gone) else None
    return HostFigures(host, len(times), len(gone), len(times) - len(gone), median)

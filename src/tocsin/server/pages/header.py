"""What the head of every page has: the navigation, whether sending is stopped, and where work waits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryState, Halt
from tocsin.events import open_rows
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import ReportState, counts_by_state
from tocsin.incidents.duty import live_rosters
from tocsin.node.accounts import Permission, Principal, names_of, names_of_actors
from tocsin.node.errors import TocsinError
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.pages.navigation import (
    NavigationEntry,
    NavigationGroup,
    areas_for,
    groups_for,
    place_of,
    places_of,
    places_off,
    side_for,
)

ItemCounter: TypeAlias = Callable[[Session, int, datetime], int]
"""How many open items a person (by number) has taken or was assigned."""

_FRESH: Final = 5.0  # seconds that counts are shown without being counted again
_HALT: Final = select(Halt).order_by(Halt.kind.desc()).limit(1)  # a stop before a brake
_UNSENT: Final = (DeliveryState.HELD.value, DeliveryState.STUCK.value)


@dataclass(frozen=True)
class PageHeader:
    """The navigation of one visitor on one page, and what is so at the moment.

    ``groups``: all places; ``side``: those beside the page, of its area; ``areas``: what one can switch between.
    ``halt``: why nothing is sent, and ``by`` the name of who stopped it. ``counts``: work that waits, by the path of
    its place. ``mine``: how many to-do items are the visitor's own; None where that is not counted.
    ``standby``: why this machine sends nothing where a second one stands by, and what to do; empty: it does.
    ``on_duty``: the names of who is on duty; None: there is no roster, or the visitor reads none.
    """

    groups: Sequence[NavigationGroup] = ()
    side: Sequence[NavigationGroup] = ()
    current: NavigationEntry | None = None
    areas: Sequence[NavigationEntry] = ()
    area: NavigationEntry | None = None
    halt: Halt | None = None
    by: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    mine: int | None = None
    on_duty: Sequence[str] | None = None
    standby: tuple[str, str] = ("", "")


class HeaderReader:
    """Makes the head for each visitor; counts are kept for some seconds, for all visitors together."""

    def __init__(self, node: NodeWithStores, my_items: ItemCounter | None = None) -> None:
        self._node, self._my_items = node, my_items
        self._lock = Lock()
        self._counted: tuple[float, Mapping[str, int]] = (0.0, {})
        self._on: tuple[float, Sequence[str] | None] = (0.0, None)

    def read(self, visitor: Principal, path: str, now: datetime) -> PageHeader:
        """The head of the page at ``path``; without what is so at the moment where the records cannot be read."""
        groups = groups_for(visitor, places_off(self._node.settings))
        places = places_of(groups)
        areas = areas_for(visitor, places)
        area = place_of(path, areas[1:]) or (areas[0] if areas else None)
        side = side_for(visitor, path, groups)
        still = PageHeader(groups, side, place_of(path, places_of(side)), areas, area)
        if (standby := self._node.standby) is not None and visitor.person is not None:
            still = replace(still, standby=standby.remembered())
        elif standby is not None and standby.fenced():
            still = replace(still, standby=(standby.outside, ""))
        if visitor.person is None or not visitor.reach(Permission.DELIVERIES_READ).everything:
            return still
        try:
            with self._node.database.reading() as session:
                halt = session.scalars(_HALT).first()
                by = names_of_actors(session, [halt.actor]).get(halt.actor, "") if halt else ""
                mine = self._my_items(session, visitor.person, now) if self._my_items else None
                found = replace(still, halt=halt, by=by, counts=self._counts(session, now), mine=mine)
                return replace(found, on_duty=self._duty(session, visitor, now))
        except TocsinError:  # the page that says so needs a head, too
            return still

    def _duty(self, session: Session, visitor: Principal, now: datetime) -> Sequence[str] | None:
        if not visitor.may(Permission.INCIDENTS_READ):
            return None
        with self._lock:
            if not self._on[0] or monotonic() - self._on[0] > _FRESH:
                rosters = live_rosters(session, now)
                names = names_of(session, {one for live in rosters for one in live.on_duty(now)})
                self._on = (monotonic(), sorted(names.values()) if rosters else None)
            return self._on[1]

    def _counts(self, session: Session, now: datetime) -> Mapping[str, int]:
        with self._lock:
            at, counts = self._counted
            if not at or monotonic() - at > _FRESH:
                kept = now - timedelta(days=self._node.settings.retention.quarantine_days)
                counts = work_counts(session, kept)
                self._counted = (monotonic(), counts)
            return counts


def work_counts(session: Session, kept: datetime) -> dict[str, int]:
    """How many things wait for a person at each place, by its path; ``kept``: since when unreadable rows are kept."""
    unsent = select(func.count()).select_from(Delivery).where(Delivery.state.in_(_UNSENT))
    return {
        "/reports/public": counts_by_state(session, IncidentReader(None, kept))[ReportState.NEW],
        "/deliveries": session.scalar(unsent) or 0,
        "/reports": open_rows(session, kept)[0],
    }

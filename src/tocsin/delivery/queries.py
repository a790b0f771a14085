"""Digests and letters as people look for them: by state, team, time and reference, a page at a time."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import count_up_to, newest_first


class StateGroup(StrEnum):
    """States that people look at together."""

    WAITING = "waiting"  # on its way: leaves with a next run
    HELD = "held"  # waits for a person
    TROUBLE = "trouble"  # not delivered: given up, came back, stuck, or stopped by the gate
    GONE = "gone"  # has left, or counts as told
    ENDED = "ended"  # never leaves: dropped, or too old


STATES_OF_GROUP: Final[dict[StateGroup, tuple[str, ...]]] = {
    StateGroup.WAITING: (DeliveryState.QUEUED, DeliveryState.RETRY),
    StateGroup.HELD: (DeliveryState.HELD,),
    StateGroup.TROUBLE: (DeliveryState.FAILED, DeliveryState.BOUNCED, DeliveryState.STUCK, DeliveryState.WITHHELD),
    StateGroup.GONE: (DeliveryState.SENT, DeliveryState.SHADOW, DeliveryState.REDIRECTED),
    StateGroup.ENDED: (DeliveryState.DROPPED, DeliveryState.EXPIRED, LetterState.CANCELLED),
}
"""The states of digests and letters, each in one group."""


TOLD: Final = (DeliveryState.SENT.value, DeliveryState.BOUNCED.value)
"""The states of digests that have left for their team: what people of that team may look at."""

_REFERENCE: Final = re.compile(r".+-\d{4}-\d{7,}")


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What is looked for. ``teams``: numbers, None for all. Times: when it was made. ``reference``: a part of it.

    ``states``: within the groups, only these; ``told``: only what has left for its team. ``before``: the number of the
    last one seen, 0 to begin with the newest.
    """

    groups: Collection[StateGroup] = ()
    states: Collection[str] = ()
    teams: Collection[int] | None = None
    since: datetime | None = None
    until: datetime | None = None
    reference: str = ""
    told: bool = False
    before: int = 0


def find_digests(session: Session, wanted: DeliveryFilter, *, limit: int) -> Sequence[Delivery]:
    """The digests, newest first."""
    after, order = newest_first(Delivery.id, Delivery.created_at, until=wanted.until, before=wanted.before)
    query = select(Delivery).where(*_met(Delivery, wanted), *after)
    return session.scalars(query.order_by(*order).limit(limit)).all()


def find_letters(session: Session, wanted: DeliveryFilter, *, limit: int) -> Sequence[Letter]:
    """The letters, newest first; ``teams`` does not narrow them."""
    after, order = newest_first(Letter.id, Letter.created_at, until=wanted.until, before=wanted.before)
    query = select(Letter).where(*_met(Letter, wanted), *after)
    return session.scalars(query.order_by(*order).limit(limit)).all()


def count_found(session: Session, table: type[Delivery] | type[Letter], wanted: DeliveryFilter) -> int:
    """How many of them there are on all pages; counted by `count_up_to`."""
    return count_up_to(session, select(table.id).where(*_met(table, wanted)))


def count_digests(
    session: Session, teams: Collection[int] | None = None, *, told: bool = False
) -> dict[StateGroup, int]:
    """How many digests there are in each group, by `count_up_to`; ``teams`` and ``told`` as in `DeliveryFilter`."""
    return _by_group(session, Delivery, DeliveryFilter(teams=teams, told=told))


def count_letters(session: Session) -> dict[StateGroup, int]:
    """How many letters there are in each group; without those that are shown with what they are about."""
    return _by_group(session, Letter, DeliveryFilter())


def _by_group(session: Session, table: type[Delivery] | type[Letter], wanted: DeliveryFilter) -> dict[StateGroup, int]:
    return {group: count_found(session, table, replace(wanted, groups=(group,))) for group in StateGroup}


def _met(table: type[Delivery] | type[Letter], wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    met: list[ColumnElement[bool]] = []
    if wanted.groups:
        by_time = StateGroup.GONE in wanted.groups and wanted.until is not None  # an index leads to all that have left
        state = table.state.concat("") if by_time else table.state
        met.append(state.in_([state for group in wanted.groups for state in STATES_OF_GROUP[group]]))
    if wanted.states:
        met.append(table.state.in_(wanted.states))
    if wanted.since is not None:
        met.append(table.created_at >= wanted.since)
    if wanted.until is not None:
        met.append(table.created_at < wanted.until)
    return [*met, *(_met_by_letters(wanted) if table is Letter else _met_by_digests(wanted))]


def _met_by_digests(wanted: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.told:
        yield Delivery.state.in_(TOLD)
    if wanted.teams is not None:
        yield Delivery.team_id.in_(wanted.teams)
    if wanted.reference:
        part = wanted.reference.strip().upper()
        is_whole = _REFERENCE.fullmatch(part)
        yield Delivery.reference == part if is_whole else Delivery.reference.contains(part, autoescape=True)


def _met_by_letters(wanted: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    yield Letter.about == ""  # else it is shown with that, to whom that is shown
    if wanted.reference:
        number = wanted.reference.strip().rpartition("-")[2].lstrip("0")
        yield Letter.id == (int(number) if number.isdecimal() and len(number) < 10 else -1)

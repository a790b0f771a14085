"""What became of what was owed to teams: for each ingest and team the state of its notification, for many at once."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, Halt, ItemState

Int64s = npt.NDArray[np.int64]
States = npt.NDArray[np.uint8]


class NotificationState(StrEnum):
    """Whether a team was notified of a problem, and else why not; the least advanced first."""

    NO_CONTACT = "no-contact"  # no responsible team is known
    NO_ADDRESS = "no-address"  # the team has no address that a mail can be sent to
    NO_KEY = "no-key"  # it must be encrypted, and there is no good key
    WITHHELD = "withheld"  # marked above the team's TLP limit, or kept back by another rule of release
    MUTED = "muted"
    DROPPED = "dropped"  # a person said no
    NOT_DELIVERED = "not-delivered"  # given up, came back, or too old before it could leave
    TRIAL = "trial"  # written for us to read, or sent to us instead
    HELD = "held"  # waits for a person, or sending is stopped
    SCHEDULED = "scheduled"  # leaves at its time, or with the next report
    NOTIFIED = "notified"


NOTIFICATION_STATES: Final = tuple(NotificationState)
"""A state in an array is a place in these; 0 also stands for nothing owed."""

PLACE: Final = {state: place for place, state in enumerate(NOTIFICATION_STATES)}
_IS: Final = NotificationState
_OF_DELIVERY: Final = {
    DeliveryState.QUEUED: _IS.SCHEDULED,
    DeliveryState.RETRY: _IS.SCHEDULED,
    DeliveryState.SENT: _IS.NOTIFIED,
    DeliveryState.FAILED: _IS.NOT_DELIVERED,
    DeliveryState.WITHHELD: _IS.WITHHELD,
    DeliveryState.HELD: _IS.HELD,
    DeliveryState.DROPPED: _IS.DROPPED,
    DeliveryState.EXPIRED: _IS.NOT_DELIVERED,
    DeliveryState.SHADOW: _IS.TRIAL,
    DeliveryState.STUCK: _IS.NO_KEY,
    DeliveryState.BOUNCED: _IS.NOT_DELIVERED,
    DeliveryState.REDIRECTED: _IS.TRIAL,
}
_PLACE_OF: Final = {state.value: PLACE[of] for state, of in _OF_DELIVERY.items()}
_NOT_SENT: Final = tuple(state.value for state in DeliveryState if state is not DeliveryState.SENT)
_CHUNK: Final = 500
_FEW: Final = 500  # teams
_EXPIRED: Final = -1

OUTCOMES_VERSION: Final = (
    *(
        select(func.count()).select_from(Delivery).where(Delivery.state == state).scalar_subquery()
        for state in _NOT_SENT
    ),
    select(func.count()).select_from(DeliveryItem).where(DeliveryItem.state == ItemState.EXPIRED).scalar_subquery(),
    select(func.count()).select_from(Halt).scalar_subquery(),
)
"""Columns of a query that differ once the state of some notification does; all but what was sent is counted, by
indices, since each digest comes to be sent from one of the others."""


class DeliveryOutcomes:
    """The states of what ingests owed to teams; what is bound to a digest is read once, digests that changed again."""

    def __init__(self) -> None:
        self._codes, self._digests = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self._state = np.zeros(1, dtype=np.uint8)  # by number of the digest
        self._sent_at = np.zeros(1, dtype=np.int64)
        self._known = np.zeros(1, dtype=np.bool_)
        self._open: frozenset[int] = frozenset()

    def read(self, session: Session, codes: Int64s, reachable: Collection[int]) -> tuple[States, Int64s]:
        """For each code the place of its state, 0 where nothing was owed, and when its digest was sent (seconds, or 0).

        ``codes``: ingest << 32 | team, sorted, each once. ``reachable``: the teams that a mail can be addressed to.
        """
        state, sent_at = np.zeros(len(codes), dtype=np.uint8), np.zeros(len(codes), dtype=np.int64)
        queued = self._bind(session, codes)
        at = np.searchsorted(self._codes, codes)
        is_bound = np.append(self._codes, -1)[at] == codes
        digests = np.where(is_bound, np.append(self._digests, 0)[at], 0)
        self._renew(session, np.unique(digests[digests > 0]))
        sent = digests > 0
        state[sent], sent_at[sent] = self._state[digests[sent]], self._sent_at[digests[sent]]
        state[digests == _EXPIRED] = PLACE[_IS.NOT_DELIVERED]
        state[np.isin(codes, np.array(queued, dtype=np.int64))] = PLACE[_IS.SCHEDULED]
        waits = state == PLACE[_IS.SCHEDULED]
        if waits.any():
            reached = np.isin(codes & 0xFFFFFFFF, np.fromiter(reachable, dtype=np.int64))
            halted = session.scalar(select(func.count()).select_from(Halt))
            state[waits & ~reached] = PLACE[_IS.NO_ADDRESS]
            if halted:
                state[waits & reached] = PLACE[_IS.HELD]
        return state, sent_at

    def _bind(self, session: Session, codes: Int64s) -> list[int]:
        """Look up which digest tells what; gives back the codes that wait for one."""
        at = np.searchsorted(self._codes, codes)
        lacking = codes[np.append(self._codes, -1)[at] != codes]
        if not len(lacking):
            return []
        wanted, queued, bound = set(lacking.tolist()), [], {}
        teams = np.unique(lacking & 0xFFFFFFFF).tolist()
        ingests = np.unique(lacking >> 32).tolist()
        row = DeliveryItem
        query = select(row.ingest, row.team_id, row.state, row.delivery_id).where(row.state != ItemState.PREPARED.value)
        if len(teams) <= _FEW:
            query = query.where(row.team_id.in_(teams))
        for start in range(0, len(ingests), _CHUNK):
            for ingest, team, state, digest in session.execute(
                query.where(row.ingest.in_(ingests[start : start + _CHUNK]))
            ):
                if (code := ingest << 32 | team) in wanted:
                    if digest is not None:
                        bound[code] = digest
                    elif state == ItemState.EXPIRED:
                        bound[code] = _EXPIRED
                    else:
                        queued.append(code)
        if bound:
            both = np.concatenate([self._codes, np.fromiter(bound, dtype=np.int64)])
            digests = np.concatenate([self._digests, np.fromiter(bound.values(), dtype=np.int64)])
            order = np.argsort(both, kind="stable")
            self._codes, self._digests = both[order], digests[order]
        return queued

    def _renew(self, session: Session, digests: Int64s) -> None:
        """Know the states of these digests as they are now."""
        if (lacking := max(digests.tolist(), default=0) + 1 - len(self._known)) > 0:
            more = (0, lacking + len(self._known))
            self._state, self._sent_at = np.pad(self._state, more), np.pad(self._sent_at, more)
            self._known = np.pad(self._known, more)
        states = select(Delivery.id, Delivery.state).where(Delivery.state.in_(_NOT_SENT))
        not_sent = {number: state for number, state in session.execute(states)}  # noqa: C416 (rows, not pairs)
        # What is no more among those that were not sent, was.
        unknown = [*digests[~self._known[digests]].tolist(), *(self._open - not_sent.keys())]
        self._load(session, unknown)
        for number, state in not_sent.items():
            if number < len(self._known):
                self._state[number], self._sent_at[number] = _PLACE_OF[state], 0
        self._open = frozenset(number for number in not_sent if number < len(self._known))
        again = select(Delivery.repeats, Delivery.state, Delivery.sent_at).where(Delivery.repeats.is_not(None))
        for first, state, sent_at in session.execute(again):
            place = _PLACE_OF[state]
            if first is not None and first < len(self._known) and place > self._state[first]:
                self._state[first], self._sent_at[first] = place, int(sent_at.timestamp()) if sent_at else 0

    def _load(self, session: Session, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), _CHUNK):
            query = select(Delivery.id, Delivery.state, Delivery.sent_at, Delivery.created_at)
            for number, state, sent_at, made in session.execute(
                query.where(Delivery.id.in_(numbers[start : start + _CHUNK]))
            ):
                self._state[number], self._known[number] = _PLACE_OF[state], True
                self._sent_at[number] = int((sent_at or made).timestamp()) if state == DeliveryState.SENT else 0

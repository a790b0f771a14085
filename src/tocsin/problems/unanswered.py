"""Problems that go on although teams were told of them and none has answered: what a person is to look at."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from sqlalchemy import select

from tocsin.delivery import sent_to
from tocsin.events import EventStore, TeamSet
from tocsin.node.node import Node
from tocsin.problems.answers import Courses, read_said
from tocsin.problems.current import KnownProblems, known_problems
from tocsin.problems.track import Tracker


@dataclass(frozen=True, slots=True)
class UnansweredProblem:
    """One such problem; times in UTC. ``teams`` were told of it, ``tellings`` times, one of them as next to ask."""

    key: int
    where: str
    port: str
    what: str
    first_told_at: datetime
    last_told_at: datetime
    last_seen: datetime
    tellings: int
    teams: tuple[int, ...]
    escalated: bool


def unanswered(
    node: Node, store: EventStore, tracker: Tracker, *, now: datetime, limit: int = 100
) -> list[UnansweredProblem]:
    """Those first told ``escalate_after_days`` ago or longer that are not gone, silent for longest first.

    What no mail has left for, or only mails that came back, is not told and so not among them.
    """
    tell = node.settings.tell
    known, silent, members = _silent(node, tracker, now)
    told = known.column("first_told_at")
    chosen = silent[np.argsort(told[silent], kind="stable")][:limit]
    keys = known.keys[chosen].tolist()
    names = Courses(node.database, store, tracker, tell.gone_after_days).names(keys)
    columns = ("first_told_at", "told_at", "last_seen", "tellings", "told_set", "escalated_by")
    values = zip(*(known.column(name)[chosen].tolist() for name in columns), strict=True)
    return [
        UnansweredProblem(
            key=key,
            where=names[key].where,
            port=names[key].port,
            what=names[key].what,
            first_told_at=datetime.fromtimestamp(first, UTC),
            last_told_at=datetime.fromtimestamp(last, UTC),
            last_seen=datetime.fromtimestamp(seen, UTC),
            tellings=tellings,
            teams=members.get(told_set, ()),
            escalated=escalated > 0,
        )
        for key, (first, last, seen, tellings, told_set, escalated) in zip(keys, values, strict=True)
    ]


def count_unanswered(node: Node, tracker: Tracker, *, now: datetime) -> tuple[int, datetime | None]:
    """How many there are, and when the first team was told of the one that is silent for longest."""
    known, silent, _ = _silent(node, tracker, now)
    oldest = min(known.column("first_told_at")[silent].tolist(), default=None)
    return len(silent), None if oldest is None else datetime.fromtimestamp(oldest, UTC)


def _silent(
    node: Node, tracker: Tracker, now: datetime
) -> tuple[KnownProblems, npt.NDArray[np.intp], dict[int, tuple[int, ...]]]:
    """The problems told long ago, the places of those among them that are meant, the members of each set of teams."""
    tell = node.settings.tell
    before = int((now - timedelta(days=tell.escalate_after_days)).timestamp())
    said = read_said(node.database, now)
    with node.database.reading() as session:
        known = known_problems(session, tracker, gone_after_days=tell.gone_after_days, told_by=before)
        members = {row.number: tuple(row.members) for row in session.execute(select(TeamSet.number, TeamSet.members))}
        silent = np.flatnonzero((known.gone_at == 0) & ~said.is_answered(known.keys))
        # Many problems share the ingest by which they were first told and the teams that were told.
        pairs, pair = np.unique(
            known.column("first_told_by")[silent] << 32 | known.column("told_set")[silent], return_inverse=True
        )
        first, sets = pairs >> 32, (pairs & 0xFFFFFFFF).tolist()
        sent = sent_to(session, np.unique(first).tolist())
    reached = [not sent[by].isdisjoint(members.get(of, ())) for by, of in zip(first.tolist(), sets, strict=True)]
    return known, silent[np.array(reached, dtype=bool)[pair]], members

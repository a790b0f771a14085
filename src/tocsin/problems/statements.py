"""What a team said on the phone: which of its notifications it answers by that, and the answers recorded."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, DeliveryState
from tocsin.events import EventStore
from tocsin.node.records import Database
from tocsin.problems.answers import Answer, AnswerVerdict, Via, answered_problems, record_answer
from tocsin.problems.listing import FoundProblems

_ASKED: Final = 10_000  # parameters of one statement


def notified_teams(found: FoundProblems) -> list[int]:
    """The teams that were notified of some of these problems, those that are notified of the fewest networks first.

    Whoever answers for a network comes so before who is told of a whole country.
    """
    members = found.standings.members
    sets = found.standings.frame["told_set"].gather(found.places).unique().to_list()
    teams = {team for number in sets for team in members.get(number, ())}
    breadth = found.standings.breadth
    return sorted(teams, key=lambda team: (breadth[team], team))


def answerable(session: Session, found: FoundProblems, teams: frozenset[int]) -> dict[int, set[int]]:
    """By delivery the problems that it told one of these teams, the latest that did; what no delivery told is left out.

    ``teams``: the numbers of one team, and of those merged into it.
    """
    members = found.standings.members
    rows = found.standings.frame.select("key", "told_by", "first_told_by", "told_set")[found.places]
    told = [row for row in rows.iter_rows() if not teams.isdisjoint(members.get(row[3], ()))]
    ingests = sorted({ingest for _, last, first, _ in told for ingest in (last, first) if ingest})
    made: dict[int, int] = {}
    for start in range(0, len(ingests), _ASKED):
        query = (
            select(DeliveryItem.ingest, DeliveryItem.delivery_id)
            .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
            .where(
                DeliveryItem.team_id.in_(teams),
                DeliveryItem.ingest.in_(ingests[start : start + _ASKED]),
                Delivery.state != DeliveryState.DROPPED.value,
            )
        )
        made |= {ingest: delivery for ingest, delivery in session.execute(query) if delivery is not None}
    by_delivery: dict[int, set[int]] = {}
    for key, last, first, _ in told:
        if delivery := made.get(last) or made.get(first):
            by_delivery.setdefault(delivery, set()).add(key)
    return by_delivery


def record_by_phone(
    database: Database,
    store: EventStore,
    by_delivery: Mapping[int, set[int]],
    *,
    verdict: AnswerVerdict,
    note: str,
    days: int,
    by: str,
    actor: str,
    now: datetime,
    key: str | None = None,
) -> list[Answer]:
    """Record it for each notification that told one of the problems, in one transaction.

    ``by``: who noted it, as records name people; ``actor``: as the audit log does. ``days``: how long *accepted* holds.
    ``key``: what it is known by when it comes twice; it is recorded once then.
    """
    with database.reading() as session:
        deliveries = {number: session.get_one(Delivery, number) for number in by_delivery}
        told = {number: answered_problems(session, store, row) for number, row in deliveries.items()}
    act = key or uuid4()
    with database.begin() as session:
        return [
            record_answer(
                session,
                delivery=deliveries[number],
                told=told[number] | keys,
                verdict=verdict,
                problems=keys,
                note=note,
                via=Via.ANALYST,
                said_by=by,
                at=now,
                key=f"phone:{act}:{number}",
                until=now + timedelta(days=days) if verdict is AnswerVerdict.ACCEPTED else None,
                actor=actor,
            )
            for number, keys in sorted(by_delivery.items())
        ]

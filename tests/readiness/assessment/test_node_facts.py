"""What the node's own records say about itself: heard, told, not yet told, withheld."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tocsin.cli.assessment import records
from tocsin.cli.assessment_facts import node_facts
from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.errors import NotFoundError, UsageError
from tocsin.events.models import FeedRecord, Ingest, IngestState
from tocsin.readiness.assessment.measures import measure

HEARD = datetime(2026, 6, 1, 6, tzinfo=UTC)


def ingest() -> Ingest:
    names = "rows stored duplicates quarantined problems_new problems_continuing routed unrouted withheld deliveries"
    counts = dict.fromkeys(names.split(), 0)
    return Ingest(
        number=1,
        feed_id=1,
        content_hash="a",
        report="r.csv",
        state=IngestState.COMMITTED.value,
        started_at=HEARD,
        day=date(2026, 6, 1),
        directory_version="",
        withheld_by_rule={},
        parts=[],
        **counts,
    )


def delivery(number: int, state: DeliveryState, hours: int | None) -> Delivery:
    return Delivery(
        id=number,
        uuid=uuid4(),
        reference=f"R-{number}",
        message_id="",
        team_id=number,
        events=1,
        state=state.value,
        created_at=HEARD,
        attempts=1,
        sent_at=None if hours is None else HEARD + timedelta(hours=hours),
        channel="mail",
        subject="",
        mails_sent=0,
        waiting=[],
        path="",
        size=0,
        counts={},
        error="",
    )


def test_hearing_to_telling_comes_from_the_deliveries(tmp_path: Path) -> None:
    states = [
        (DeliveryState.SENT, 2),
        (DeliveryState.SENT, 30),
        (DeliveryState.FAILED, None),
        (DeliveryState.WITHHELD, 1),
    ]
    with records(tmp_path / "home") as session:
        words = dict.fromkeys(("provider", "tlp", "pap", "terms"), "")
        feed = FeedRecord(id=1, source="s", code="c", name="n", cadence_hours=24, duplicate_days=0, **words)
        session.add_all([feed, ingest()])
        session.flush()
        session.add_all(delivery(number, *state) for number, state in enumerate(states, start=1))
        session.flush()
        claimed = [(number, ItemState.CLAIMED, number) for number in range(1, 5)]
        for team, state, number in [*claimed, (5, ItemState.QUEUED, None), (6, ItemState.PREPARED, None)]:
            item = DeliveryItem(ingest=1, team_id=team, events=1, due_at=HEARD, state=state.value, delivery_id=number)
            session.add(item)
        session.flush()
        rows = node_facts(session, "time_to_tell")

    hours = [None if not row["told"] else (datetime.fromisoformat(row["told"]) - HEARD) for row in rows]
    assert hours == [timedelta(hours=2), timedelta(hours=30), None, None]
    found = measure("time_to_tell", rows, HEARD + timedelta(days=3))
    assert (found.value, found.observed, found.total) == (0.25, 4, 4)


def test_what_the_records_do_not_hold_is_asked_for(tmp_path: Path) -> None:
    with records(tmp_path / "home") as session:
        with pytest.raises(UsageError, match="do not hold the facts of 'bounced'"):
            node_facts(session, "bounced")
        with pytest.raises(NotFoundError, match="No query is called 'nothing'"):
            node_facts(session, "nothing")

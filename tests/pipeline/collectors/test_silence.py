"""Two days without a report: nothing fades meanwhile, and the feed raises an alarm."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from support.collected_reports import report
from tocsin.events.alarms import feed_states, watch_feeds
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import NOTES, gone_since, known_problems

START = datetime(2026, 11, 9, 6, tzinfo=UTC)
DAY = timedelta(days=1)


def test_no_problem_is_gone_because_its_feed_was_silent_for_two_days(tocsin: Tocsin, tmp_path: Path) -> None:
    node = open_node(tocsin.home)

    def heard(day: int, *addresses: str) -> list[int]:
        """Take in the report of a day; returns the days (from the start) on which problems came to be gone."""
        at = START + day * DAY
        path = tmp_path / f"{at.date()}-scan_rdp-kestria.csv"
        path.write_bytes(report(*addresses, day=f"{at.date()}"))
        assert ingest(node, [path], clock=lambda: at).failed == []
        return gone()

    def gone(of: NodeWithStores = node) -> list[int]:
        with of.database.begin() as session:
            when = known_problems(session, of.tracker, gone_after_days=3).gone_at
        return sorted((int(at) - int(START.timestamp())) // 86_400 for at in when if at)

    def alarms(day: int) -> list[str]:
        watch_feeds(node.database, now=START + day * DAY)
        return [alarm.kind for state in feed_states(node.database) for alarm in state.alarms]

    assert heard(0, "192.0.2.1", "192.0.2.2") == []
    assert heard(1, "192.0.2.1") == []
    assert alarms(2) == []
    assert alarms(3) == ["late"]
    assert gone() == []  # three days after its last sighting; with reports on each it would be gone by day 3
    assert heard(4, "192.0.2.1") == []
    assert alarms(4) == []
    assert heard(5, "192.0.2.1") == [5]  # the third report without it
    assert gone(open_node(tocsin.home)) == [5]  # who has read nothing yet finds the same


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(1, 5))
def test_a_report_less_never_makes_a_problem_gone_earlier(came: set[int], lost: set[int], after_days: int) -> None:
    notes = np.zeros((1, len(NOTES)), dtype=np.uint32)
    notes[0, NOTES.index("feed")] = 1

    def gone_at(days: set[int]) -> float:
        runs = {1: [(day, day * 86_400) for day in sorted(days)]} if days else {}
        return float(gone_since(notes, runs, after_days=after_days)[0]) or float("inf")

    assert gone_at(came - lost) >= gone_at(came)
    assert (gone_at(came) < float("inf")) == (len(came) >= after_days)

"""`tocsin times`: how long telling, answering and fixing took, recounted in plain Python."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from support.cast import Tocsin
from tocsin.delivery import Delivery
from tocsin.directory import read_directory
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems.answers import AnswerVerdict, Via, record_answer, told_problems
from tocsin.problems.times import By, Stretch, bounds, problem_times, summarise

START = datetime(2026, 11, 1, 6, tzinfo=UTC)
# For each address of the operator the days on which the feed finds it.
COURSES = {"192.0.2.1": range(10), "192.0.2.2": range(3), "192.0.2.3": range(1), "192.0.2.4": range(2, 4)}


@pytest.fixture
def node(tocsin: Tocsin, report: Callable[..., Path]) -> NodeWithStores:
    """Ten days of one feed; each morning a report, an hour later the mails."""
    opened = open_node(tocsin.home)
    for day in range(10):
        at = START + timedelta(days=day)
        found = [address for address, days in COURSES.items() if day in days] or ["198.51.100.1"]
        path = report(*found, day=f"{at - timedelta(days=1):%Y-%m-%d}")
        outcome = ingest(opened, [path], clock=lambda at=at: at)  # type: ignore[misc]
        assert not outcome.failed
        tell(opened, now=at + timedelta(hours=1))
    return opened


def team_number(node: NodeWithStores, key: str) -> int:
    return next(team.id for team in read_directory(node.database).teams if team.key == key)


def answer(node: NodeWithStores, team: str, at: datetime) -> None:
    """The team acknowledges all that its first digest told."""
    number = team_number(node, team)
    with node.database.begin() as session:
        wanted = select(Delivery).where(Delivery.team_id == number).order_by(Delivery.id).limit(1)
        delivery = session.scalars(wanted).one()
        told = told_problems(session, node.store, delivery)
    with node.database.begin() as session:
        record_answer(
            session,
            delivery=delivery,
            told=told,
            verdict=AnswerVerdict.ACKNOWLEDGED,
            problems=None,
            note="",
            via=Via.PAGE,
            said_by="",
            at=at,
            key=f"test:{at.isoformat()}",
        )


def test_each_course_is_as_it_was(node: NodeWithStores) -> None:
    answer(node, "operator", START + timedelta(hours=5))
    times = problem_times(node, node.store, node.tracker)
    number = team_number(node, "operator")
    rows = times.filter(pl.col("team") == number).sort("heard", "last_seen", descending=[False, True]).to_dicts()
    assert len(rows) == len(COURSES)
    for row, days in zip(rows, COURSES.values(), strict=True):
        heard = START + timedelta(days=days[0])
        assert row["heard"] == heard
        assert row["told"] == heard + timedelta(hours=1)
        # Only the first digest was answered for.
        assert row["answered"] == (START + timedelta(hours=5) if days[0] == 0 else None)
        last = START + timedelta(days=days[-1] - 1)
        assert row["last_seen"].date() == last.date()
        gone = days[-1] < 7  # three later days of the feed without it
        assert (row["missed"].date() if row["missed"] else None) == (last.date() + timedelta(days=1) if gone else None)
        assert row["asn"] == 64500
        assert row["type"] == "vulnerable-system"


def test_the_time_of_an_end_lies_between_the_last_sighting_and_the_run_that_missed_it(node: NodeWithStores) -> None:
    now = START + timedelta(days=10)
    number = team_number(node, "operator")
    times = problem_times(node, node.store, node.tracker).filter(pl.col("team") == number)
    left, right = bounds(times, Stretch.FIXING, now)
    told = {row["problem"]: row["told"] for row in times.to_dicts()}
    expected = []
    for row in times.to_dicts():
        begin = told[row["problem"]]
        low = max((row["last_seen"] - begin).total_seconds() / 3600, 0)
        high = (row["missed"] - begin).total_seconds() / 3600 if row["missed"] else float("inf")
        if high > 0:
            expected.append((low, high))
    found = sorted(zip(left.tolist(), right.tolist(), strict=True))
    assert np.array(found) == pytest.approx(np.array(sorted(expected)))
    # One was gone before the mail about it left: no mail can have mended it.
    (group,) = summarise(times, By.ALL, now=now)
    assert (group.problems, group.ended_before, len(left)) == (4, 1, 3)


def test_a_silent_feed_ends_nothing(node: NodeWithStores) -> None:
    quiet = START + timedelta(days=40)
    number = team_number(node, "operator")
    times = problem_times(node, node.store, node.tracker).filter(
        (pl.col("team") == number) & pl.col("missed").is_null()
    )
    left, right = bounds(times, Stretch.FIXING, quiet)
    assert right.tolist() == [float("inf")]
    assert left.tolist() == [pytest.approx(7 * 24 + 18 + 2 / 60, abs=0.1)]  # last seen on the 9th at 01:02


def test_what_the_command_shows(tocsin: Tocsin, node: NodeWithStores) -> None:
    answer(node, "operator", START + timedelta(hours=5))
    (whole,) = tocsin.json("times")
    assert whole["problems"] == 4
    assert whole["telling"]["earliest_hours"] == whole["telling"]["latest_hours"] == 1
    assert whole["telling"]["times"] == whole["telling"]["ended"] == 8  # the national team is told too
    assert whole["answering"]["ended"] == 3
    by_team = {group["group"]: group for group in tocsin.json("times", "--by", "team")}
    assert by_team["operator"]["answering"]["earliest_hours"] == 4
    assert by_team["nat-a"]["answering"]["ended"] == 0
    assert by_team["nat-a"]["answering"]["latest_hours"] is None
    assert [group["group"] for group in tocsin.json("times", "--by", "as")] == ["AS64500"]
    shown = tocsin.run("times", "--by", "team")
    assert "4.0 h" in shown
    assert "open" in shown
    assert tocsin.json("times", "--since", "2026-11-03")[0]["problems"] == 1
    code, _, words = tocsin.call("times", "--since", "soon")
    assert code == 2
    assert "2026-11-24" in words


def test_nothing_told_has_no_times(tocsin: Tocsin) -> None:
    assert tocsin.json("times") == []
    assert "No notification was sent yet" in tocsin.run("times")

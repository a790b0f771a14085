"""A week of many teams: every figure on screen equals an independent recount."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.cli.deliver import document
from week import DAYS, FEEDS, SILENT, Week, open_week

PROBLEMS, TEAMS = (int(n) for n in os.environ.get("TOCSIN_WEEK", "200,20").split(","))
FIGURES = ("digests", "mails", "events", "held", "full", "later", "failed", "withheld", "stuck", "expired", "letters")


def live_through(week: Week) -> None:
    """Eight days: reports, mails, and what follows from them."""
    for day in range(DAYS):
        if day == 1:
            week.live()
        week.at(day, 6.25)
        told(week)
        for feed, (_, hour) in FEEDS.items():
            if hour < 8 and not (feed == SILENT[0] and day in SILENT[1]):
                week.at(day, hour)
                week.hear(feed, day)
        week.at(day, 8)
        told(week)
        week.at(day, 13)
        week.hear("scan_telnet", day)
        week.at(day, 14)
        told(week)
        week.at(day, 20)
        week.watch()


def told(week: Week) -> None:
    """A run; a person lets go what is held, and a second run sends it; then the world answers."""
    first = len(week.mails)
    run(week)
    if any(one.state == "held" for one in week.ledger.digests):
        week.now += timedelta(minutes=10)
        week.let_go()
        run(week)
    week.now += timedelta(minutes=30)
    week.people(first)


def run(week: Week) -> None:
    summary, expected = week.tell()
    said = document(summary)
    assert summary.problem == ""
    assert {name: said[name] for name in FIGURES} == {name: expected[name] for name in FIGURES}, week.now


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    """The week, over."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    folder = tmp_path_factory.mktemp("week")
    with open_week(folder, today - timedelta(days=DAYS), problems=PROBLEMS, teams=TEAMS, seed=1) as begun:
        live_through(begun)
        yield begun


def test_problems_are_where_the_recount_has_them(week: Week) -> None:
    listed = week.tocsin.json("problems", "list", "--limit", "100000")
    heard = [problem for problem in week.ledger.problems if problem.heard]
    assert {(one["where"], one["port"]): (one["state"], one["sightings"]) for one in listed} is not None
    assert Counter(one["state"] for one in listed) == Counter(week.ledger.state(problem) for problem in heard)

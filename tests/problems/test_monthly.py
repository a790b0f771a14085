"""Figures by month: problems count once, months follow each other, and nothing that is open counts as ended."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tocsin.problems import Stretch, group_figures, last_change, monthly_figures
from tocsin.problems.times import TIMES

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def course(
    problem: int, heard: datetime, *, team: int = 1, kind: str = "scanner", feed: int = 1, **hours: float
) -> tuple[object, ...]:
    """A row of the times: what happened so many hours after it was heard of."""
    at = {name: heard + timedelta(hours=after) for name, after in hours.items()}
    last = at.get("last_seen", heard)
    return (problem, team, 64500, kind, "XA", heard, at.get("told"), at.get("answered"), last, at.get("missed"), feed)


def frame(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(TIMES), orient="row")  # type: ignore[arg-type]  # as Polars types columns


def test_a_month_says_what_became_of_its_problems() -> None:
    october = datetime(2026, 10, 5, tzinfo=UTC)
    found = monthly_figures(
        frame(
            course(1, october, told=2, answered=26, last_seen=30, missed=50),
            course(1, october, team=2, told=3),
            course(2, october, told=2, last_seen=1000),
            course(3, october),
            course(4, datetime(2026, 11, 3, tzinfo=UTC), told=1),
        ),
        NOW,
    )
    assert [(one.first, one.problems, one.notified, one.answered, one.gone) for one in found] == [
        (date(2026, 10, 1), 3, 2, 1, 1),
        (date(2026, 11, 1), 1, 1, 0, 0),
    ]
    telling = found[0].medians[Stretch.TELLING]
    assert telling is not None
    assert (telling.times, telling.ended) == (4, 3)


def test_months_without_problems_stand_between_others() -> None:
    found = monthly_figures(frame(course(1, datetime(2026, 2, 28, 23, tzinfo=UTC))), NOW)
    assert [one.first.month for one in found] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert sum(one.problems for one in found) == 1


def test_nothing_was_heard_yet() -> None:
    assert monthly_figures(frame(), NOW) == []
    assert group_figures(frame(), "type", NOW, {}) == []


def test_groups_show_the_last_whole_month_beside_the_one_before() -> None:
    september, october = datetime(2026, 9, 9, tzinfo=UTC), datetime(2026, 10, 9, tzinfo=UTC)
    rows = [
        course(1, september, kind="scanner"),
        course(2, october, kind="scanner"),
        course(3, october, kind="phishing"),
        course(4, october, kind="phishing"),
        course(5, NOW, kind="spam"),
    ]
    found = group_figures(frame(*rows), "type", NOW, {})
    assert [(one.key, one.last.problems, one.before.problems) for one in found] == [
        ("phishing", 2, 0),
        ("scanner", 1, 1),
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 1_000), st.floats(0, 900)),
        max_size=30,
    )
)
def test_no_problem_is_lost_between_months(rows: list[tuple[int, int, float]]) -> None:
    """The sums of the last thirteen months are those of the problems heard of in them."""
    first = {problem: (NOW - timedelta(days=days), hours) for problem, days, hours in rows}
    courses = [course(key, at, told=hours) for key, (at, hours) in first.items()]
    found = monthly_figures(frame(*courses), NOW)
    within = [at for at, _ in first.values() if at >= datetime(2025, 11, 1, tzinfo=UTC)]
    assert sum(one.problems for one in found) == len(within)
    assert all(one.problems >= one.notified >= max(one.answered, one.gone) for one in found)


SEPTEMBER, OCTOBER = datetime(2026, 9, 5, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC)


def test_each_problem_is_in_one_group_and_groups_add_up() -> None:
    rows = [
        course(1, OCTOBER, kind="a"),
        course(1, OCTOBER, team=2, kind="b"),
        course(2, OCTOBER, kind="a"),
        course(3, OCTOBER, team=2, kind="b"),
    ]
    found = {one.key: one.last.problems for one in group_figures(frame(*rows), "type", NOW, {})}
    assert found == {"several": 1, "a": 1, "b": 1}
    assert sum(found.values()) == frame(*rows)["problem"].n_unique()


def test_what_a_feed_brought_that_began_or_stopped_is_no_change() -> None:
    old, new = (date(2026, 1, 1), date(2026, 11, 20)), (date(2026, 10, 2), date(2026, 11, 20))
    gone = (date(2026, 1, 1), date(2026, 10, 3))
    rows = [course(number, SEPTEMBER, feed=1) for number in range(10)]
    rows += [course(20 + number, SEPTEMBER, feed=3) for number in range(4)]
    rows += [course(40 + number, OCTOBER, feed=1) for number in range(11)]
    rows += [course(100 + number, OCTOBER, feed=2) for number in range(90)]
    change = last_change(frame(*rows), NOW, {1: old, 2: new, 3: gone})
    assert (change.last, change.before, change.begun, change.ended, change.percent) == (11, 10, 90, 4, 10)
    alone = last_change(frame(*rows), NOW, {1: new, 2: new, 3: new})
    assert alone.percent is None, "nothing to compare with"

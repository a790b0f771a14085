"""One deadline: what a mail named is what portal, lists and programs say, and it moves for nobody who was told."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.world import World, copy_world, make_world
from tocsin.delivery import Delivery, MailedRequest, deadline, last_second
from tocsin.directory import read_team
from tocsin.problems import ProblemSearch
from tocsin.problems.answers import sheets_of

OWN = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
_DAY = 86_400
_HEARD = st.lists(st.sampled_from(OWN), min_size=1, max_size=3, unique=True)
_SEVERITY = st.sampled_from(["low", "medium", "high", "critical"])
_REQUESTS = st.none() | st.builds(
    MailedRequest,
    st.integers(0, 10**9),
    st.none() | st.sampled_from([(), (("other", 7),), (("remote-access", 2),), (("other", 7), ("remote-access", 3))]),
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh"), '[tell]\nreminders = ["daily"]\n').folder


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / f"{number}" for number in range(1_000))


def mailed(body: str) -> dict[str, str]:
    """The day that a mail names for each of its problems: in the line of each, or for all of a kind."""
    found: dict[str, str] = {}
    whole: str | None = None  # of a team that is only informed nothing is asked
    for line in body.splitlines():
        if asked := re.match(r"Please, by (\d{4}-\d\d-\d\d)", line):
            whole = asked[1] if len(re.findall(r"\d{4}-\d\d-\d\d", line)) == 1 else ""
        elif (of := line.split()) and of[0] in OWN and whole is not None:
            found[of[0]] = whole or of[-1]
    return found


def doors(world: World) -> dict[str, dict[str, str]]:
    """The day of each problem of the operator, at every reader that pages, programs and commands ask."""
    node = world.node
    team = read_team(node.database, "operator")[0]
    sheets = sheets_of(node, node.store, node.tracker)
    whole = sheets.of_team(team, now=world.now)
    with node.database.reading() as session:
        references = session.scalars(select(Delivery.reference).where(Delivery.team_id == team.id)).all()
    found = [sheet for one in references if (sheet := sheets.read(one, {team.id: team}, now=world.now))]
    listed = node.problems.find(ProblemSearch(team="operator"), now=world.now).rows()
    return {
        "portal": {line.where: f"{line.due:%Y-%m-%d}" for line in whole.lines if line.due},
        "pages of digests": {line.where: f"{line.due:%Y-%m-%d}" for of in found for line in of.lines if line.due},
        "list": {row.where: f"{row.due:%Y-%m-%d}" for row in listed if row.due},
    }


@settings(
    max_examples=6, phases=(Phase.generate,), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(_HEARD, st.booleans()), min_size=2, max_size=5))
def test_every_door_names_the_day_that_was_mailed(
    fresh: Path, folders: Iterator[Path], steps: list[tuple[list[str], bool]]
) -> None:
    world, named = copy_world(fresh, next(folders)), dict[str, str]()
    for number, (addresses, is_told) in enumerate(steps):
        world.at(1.3 * number).hear(*addresses)
        mails = world.tell() if is_told else {}
        for read in mails.values():
            for where, day in mailed(read.body).items():
                assert named.setdefault(where, day) == day, "a day that was mailed stands"
                assert date.fromisoformat(day) >= (world.now - timedelta(days=1.3 * number)).date()
        for door, shown in doors(world).items():
            assert shown == named, door
    if named:
        row = next(row for row in world.node.problems.find(ProblemSearch(), now=world.now).rows() if row.due)
        assert row.due is not None
        for seconds, is_over in ((0, False), (1, True)):
            world.now = row.due + timedelta(seconds=seconds)
            later = world.node.problems.at(row.key, now=world.now)
            assert later is not None
            assert later.overdue is is_over, "over at the end of the day that was named"
            page = world.node.problems.find(ProblemSearch.read({"state": "overdue"}), now=world.now)
            assert (row.key in page.keys.tolist()) is is_over


@given(first=_REQUESTS, last=_REQUESTS, one=_SEVERITY, other=_SEVERITY)
def test_no_later_mail_rule_or_severity_moves_what_was_asked(
    first: MailedRequest | None, last: MailedRequest | None, one: str, other: str
) -> None:
    due, again = (deadline(first, last, topic="remote-access", severity=of) for of in (one, other))
    if first is None and last is None:
        assert due == 0, "nobody was asked"
    if first is not None and first.days is not None:
        days = dict(first.days).get("remote-access")
        assert due == again == (last_second(first.at, days) if days else 0)
        assert due % _DAY in {0, _DAY - 1}


def test_a_mail_with_several_days_says_each(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path / "world")
    world.hear(*OWN[:2])
    first = world.tell()["abuse@operator.example"]
    day = mailed(first.body)[OWN[0]]
    assert f"Please, by {day}:" in first.body
    world.at(9).hear(*OWN)
    then = world.tell()["abuse@operator.example"]
    new = mailed(then.body)[OWN[2]]
    assert f"Please, by {day} (overdue, 2), {new} (1):" in then.body
    assert mailed(then.body)[OWN[0]] == day < new


def test_what_no_team_was_told_of_has_no_day(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path / "world")
    world.hear(*OWN)
    world.at(90)
    rows = world.node.problems.find(ProblemSearch(), now=world.now).rows()
    assert rows
    assert not any(row.due or row.overdue for row in rows)

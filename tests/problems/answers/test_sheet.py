"""A sheet that is kept and brought up to date is the sheet that is made anew."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.world import World, copy_world, make_world
from tocsin.directory import read_team
from tocsin.problems import problem_text
from tocsin.problems.answers import AnswerVerdict, TeamAnswer, TeamSheet, answer_problems, sheets_of
from tocsin.problems.answers.sheet import TeamEvents
from tocsin.sharing.rules import set_rules

OWN, OTHERS = ("192.0.2.1", "192.0.2.2", "192.0.2.3"), "192.0.2.200"
_HEARD = st.lists(st.sampled_from([*OWN, OTHERS]), min_size=1, max_size=3, unique=True)
_AFTERWARDS = st.sampled_from(["", "", "tell", "tell", "merge", "answer", "purge", "delete"])


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh"), "[tell]\nanswer_days = 3\n").folder


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / f"{number}" for number in range(1_000))


def sheet(world: World, before: TeamEvents | None = None) -> TeamSheet:
    sheets = sheets_of(world.node, world.node.store, world.node.tracker)
    team = read_team(world.node.database, "operator")[0]
    return sheets.with_answers(sheets.without_answers(team, now=world.now, before=before))


def shown(of: TeamSheet) -> object:
    said = [(line.standing.answer.id, line.standing.outcome) if line.standing else None for line in of.lines]
    lines = [tuple(getattr(line, name) for name in line.__slots__ if name != "standing") for line in of.lines]
    return lines, said, sorted(of.digests), [entry.id for entry in of.entries]


def answer_first(world: World) -> None:
    of, node = sheet(world), world.node
    said = TeamAnswer(AnswerVerdict.FIXED, [problem_text(line.key) for line in of.lines[:1]], "", 90)
    if said.problems:
        answer_problems(node, node.store, of, said, actor="", act=f"{world.now}", now=world.now)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(_HEARD, _AFTERWARDS, st.booleans()), min_size=3, max_size=8))
def test_whatever_happens_it_is_as_one_made_anew(
    fresh: Path, folders: Iterator[Path], steps: list[tuple[list[str], str, bool]]
) -> None:
    world, kept, heard = copy_world(fresh, next(folders)), None, 0
    store = world.node.store
    for number, (addresses, then, is_read) in enumerate(steps):
        heard += world.at(1.1 * number).hear(*addresses).stored > 0
        if then == "tell":
            world.tell()
        elif then == "merge":
            store.compact(min_files=2)
        elif then == "answer":
            answer_first(world)
        elif then == "purge" and heard:
            store.purge(1, None)
        elif then == "delete":
            store.delete_days_before((world.now - timedelta(days=1)).date())
        if is_read or number == len(steps) - 1:
            now = sheet(world, kept)
            assert shown(now) == shown(sheet(world))
            kept = now.events


def test_a_rule_that_comes_later_keeps_back_what_was_read_before(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path / "world")
    world.hear(*OWN)
    world.tell()
    kept = sheet(world)
    assert len(kept.lines) == len(OWN)
    rule = '[[share]]\nid = "not-to-them"\nto_team = "operator"\nfeed = "scan_rdp"\nrefuse = true\nwhy = "A test"\n'
    with world.node.database.begin() as session:
        set_rules(session, rule, based_on=0, teams={"operator"}, why="A test", actor="test", now=world.now)
    assert sheet(world, kept.events).lines == []


def test_what_was_read_is_not_read_again(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path / "world")
    world.hear(*OWN)
    world.tell()
    kept, files = sheet(world), world.node.store.files()
    world.at(0.5).hear(OWN[0])
    for path in files:
        (world.node.store.table.place.folder / path).unlink()  # so that who reads it fails
    now = sheet(world, kept.events)
    assert {line.where for line in now.lines} == set(OWN)
    assert now.lines[0].where == OWN[0]
    assert now.lines[0].last_seen == world.now - timedelta(hours=1)
    with pytest.raises(FileNotFoundError):
        sheet(world)

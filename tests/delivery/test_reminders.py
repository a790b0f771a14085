"""A problem that goes on: who is reminded when, who is spared, and who is asked where nobody answers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from support.databases import Cluster
from support.delivery_examples import Read
from support.world import World, link_of, make_world, send
from tocsin.directory import read_directory
from tocsin.pipeline.stores import open_node
from tocsin.problems.unanswered import UnansweredProblem, unanswered

RULES = """team,kind,value,role
operator,prefix,192.0.2.0/24,responsible
sector,prefix,192.0.0.0/16,responsible
nat-b,country,MU,responsible
nat-a,prefix,192.0.2.0/24,informed
"""
NOC, SECTOR, NAT_A, NAT_B = (
    "abuse@operator.example",
    "cert@banks.example",
    "csirt@nat-a.example",
    "csirt@nat-b.example",
)
Make = Callable[..., World]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as servers:
        yield lambda *tell: opened(tmp_path, servers, *tell)


def opened(folder: Path, servers: ExitStack, *tell: str) -> World:
    """A node with these settings of telling, where the operator is asked first, then the sector, then a country."""
    made = make_world(folder, "\n".join(["[tell]", *tell]))
    servers.push(made.open)
    (folder / "rules.csv").write_text(RULES)
    made.tocsin.run("directory", "import", folder / "rules.csv")
    return made


def told(world: World, *days: int, address: str = "192.0.2.1") -> dict[int, set[str]]:
    """On which day which mailboxes were told, of one address that is seen every day."""
    found = {}
    for day in days:
        world.at(day).hear(address)
        found[day] = set(world.tell())
    return {day: boxes for day, boxes in found.items() if boxes}


def join(world: World, *rules: str) -> None:
    path = world.folder / "more.csv"
    path.write_text("\n".join(["team,kind,value,role", *rules, ""]))
    world.tocsin.run("directory", "import", path)


def text(mail: Read) -> str:
    return " ".join(mail.body.split())


def silent(node: World, now: datetime) -> list[UnansweredProblem]:
    return unanswered(node.node.problems, days=node.node.settings.tell.escalate_after_days, now=now)


def test_reminders_come_step_by_step_and_a_new_problem_is_told_at_once(world: Make) -> None:
    node = world('reminders = ["daily for 3 days", "weekly for 20 days"]')

    assert list(told(node, 0, 1, 2, 3, 8, 9, 10, 16, 22, 23)) == [0, 1, 2, 9, 16]
    node.at(24).hear("192.0.2.1", "192.0.2.2")
    mails = node.tell()
    assert set(mails) == {NOC, NAT_A}
    assert all([row["source.ip"] for row in mail.rows()] == ["192.0.2.2"] for mail in mails.values())


def test_a_team_that_joins_is_told_at_the_next_sighting_and_nobody_else_is(world: Make) -> None:
    node = world()
    assert told(node, 0) == {0: {NOC, NAT_A}}
    join(node, "sector,prefix,192.0.2.0/24,responsible")

    assert told(node, 1, 2) == {1: {SECTOR}}
    assert told(node, 7, 8) == {7: {NOC, NAT_A, SECTOR}}


def test_a_team_that_left_and_came_back_is_not_told_of_the_same_thing_as_new(world: Make) -> None:
    node = world()
    told(node, 0)
    join(node, "sector,prefix,192.0.2.0/24,responsible")
    told(node, 1)
    join(node, "operator,prefix,198.51.100.0/24,responsible")
    join(node, "sector,prefix,192.0.2.0/24,responsible")

    assert told(node, 2, 3) == {}


def test_who_accepted_it_is_spared_and_the_others_are_reminded(world: Make) -> None:
    node = world()
    node.at(0).hear("192.0.2.1")
    link = link_of(node.tell()[NOC])
    send(node.at(0.1).client(), link, "accepted")

    assert told(node, 1, 7, 8, 14) == {7: {NAT_A}, 14: {NAT_A}}


def test_who_said_fixed_hears_of_the_next_sighting_at_once_and_nobody_else_does(world: Make) -> None:
    node = world()
    node.at(0).hear("192.0.2.1", "192.0.2.2")
    link = link_of(node.tell()[NOC])
    send(node.at(1.5).client(), link, "fixed")
    node.at(3).hear("192.0.2.1", "192.0.2.2")
    mails = node.tell()

    assert set(mails) == {NOC}
    assert "You said fixed" in text(mails[NOC])
    assert told(node, 4, 7) == {7: {NAT_A, NOC}}  # then as any other that goes on


@pytest.mark.parametrize(("to", "asked"), [("upstream", SECTOR), ("national", NAT_B), ("person", None), ("none", None)])
def test_where_nobody_answers_the_next_is_asked_once_and_told_why(world: Make, to: str, asked: str | None) -> None:
    node = world(f'escalate_to = "{to}"\nescalate_after_days = 10')
    (node.folder / "country.toml").write_text('[[team]]\nkey = "nat-b"\nname = "National CSIRT of B"\n' + NATIONAL)
    node.tocsin.run("directory", "import", node.folder / "country.toml")
    before = told(node, 0, 7, 9)
    node.at(10).hear("192.0.2.1", "192.0.2.9")
    mails = node.tell()

    assert before == {0: {NOC, NAT_A}, 7: {NOC, NAT_A}}
    assert set(mails) == {NOC, NAT_A, asked} - {None}  # of 192.0.2.9 the usual ones, of the old one who is asked
    if asked is not None:
        assert "192.0.2.1 " in mails[asked].body
        assert "192.0.2.9" not in mails[asked].body
        names = "Example Operator, National CSIRT of A, notified since 2026-11-16, did not answer."
        assert f"Why you: 1 of these come to you as the next contact: {names}" in text(mails[asked])
    assert all("did not answer" not in mail.body for box, mail in mails.items() if box != asked)
    assert told(node, 11) == {}
    assert asked not in told(node, 14).get(14, set())


NATIONAL = 'kind = "national"\ncountry = "MU"\nmailboxes = ["csirt@nat-b.example"]\ninterval = "at_once"\n'


def test_an_answer_keeps_a_problem_from_being_escalated(world: Make) -> None:
    node = world('escalate_to = "upstream"\nescalate_after_days = 10')
    node.at(0).hear("192.0.2.1")
    link = link_of(node.tell()[NOC])
    send(node.at(1).client(), link, "acknowledged")

    assert all(SECTOR not in boxes for boxes in told(node, 7, 10, 11, 14).values())


def test_what_nobody_answered_is_listed_for_a_person_until_somebody_does_or_it_is_gone(world: Make) -> None:
    node = world("escalate_after_days = 5")
    node.at(0).hear("192.0.2.1", "192.0.2.2", "192.0.2.3")
    link = link_of(node.tell()[NOC])
    send(node.at(1).client(), link, "acknowledged", "192.0.2.1")
    for day in (2, 3, 4, 7):
        node.at(day).hear("192.0.2.1", "192.0.2.2")

    (found,) = silent(node, node.at(7).now)
    assert (found.where, found.what, found.tellings, found.escalated) == ("192.0.2.2", "open-rdp", 2, False)
    # The national team is only informed.
    assert [team.key for team in read_directory(node.node.database).teams if team.id in found.teams] == ["operator"]
    assert silent(node, node.at(4.9).now) == []
    assert node.at(7).tocsin.json("problems", "unanswered")[0]["teams"] == ["operator"]


def test_nobody_is_called_silent_who_was_not_told(world: Make) -> None:
    node = world('escalate_to = "upstream"', "escalate_after_days = 10")
    for day in (0, 7, 10, 11):
        node.at(day).hear("192.0.2.1")
    assert set(node.tell()) == {NOC, NAT_A}
    node.at(12).hear("192.0.2.1")

    assert set(node.tell()) == {SECTOR}
    assert silent(node, node.now) == []  # the mail left a day ago
    assert silent(node, node.at(21).now)[0].tellings == 2


def test_what_was_told_in_shadow_is_first_told_when_live_comes(world: Make) -> None:
    shadow = world('mode = "shadow"', 'escalate_to = "upstream"', "escalate_after_days = 5")
    told(shadow, 0, 1)
    (shadow.node.home / "tocsin.toml").write_text('[tell]\nescalate_to = "upstream"\nescalate_after_days = 5\n')
    live = World(shadow.folder, open_node(shadow.node.home), reports=2)

    assert told(live, 6, 7, 11, 12) == {7: {NOC, NAT_A}, 12: {SECTOR}}


def test_silence_is_seen_in_postgresql_too(world: Make, postgresql: Cluster) -> None:
    storage = ("[storage]", f"database = '{postgresql.fresh()}'")
    node = world('escalate_to = "upstream"', "escalate_after_days = 10", *storage)
    node.at(0).hear("192.0.2.1", "192.0.2.2")
    link = link_of(node.tell()[NOC])
    send(node.at(1).client(), link, "accepted", "192.0.2.1")
    node.at(11).hear("192.0.2.1", "192.0.2.2")

    of = {box: [row["source.ip"] for row in mail.rows()] for box, mail in node.tell().items()}
    assert of == {NOC: ["192.0.2.2"], SECTOR: ["192.0.2.2"], NAT_A: ["192.0.2.1", "192.0.2.2"]}
    assert [found.where for found in silent(node, node.now)] == ["192.0.2.2"]


def test_the_gate_decides_on_what_is_escalated_too(world: Make) -> None:
    node = world('escalate_to = "upstream"\nescalate_after_days = 10')
    join(node, "green,prefix,192.0.0.0/17,responsible")

    assert told(node, 0, 7, 10, 11) == {0: {NOC, NAT_A}, 7: {NOC, NAT_A}}

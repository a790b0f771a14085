"""What the command line says of answers and problems is what was said and what was seen, recounted."""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.world import World, copy_world, link_of, send
from tocsin.directory import read_directory
from tocsin.problems.answers import read_said

OPERATOR = "abuse@operator.example"
ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def reference_of(link: str) -> str:
    return link.removeprefix("/a/").partition(".")[0]


def test_an_analyst_notes_what_was_said_on_the_phone(world: World) -> None:
    world.hear(ONE, TWO, THREE)
    link = link_of(world.tell()[OPERATOR])
    reference = reference_of(link)

    made = world.tocsin.json(
        "answers",
        "add",
        reference,
        "--verdict",
        "fixed",
        "--problem",
        ONE,
        "--problem",
        TWO,
        "--note",
        "by phone",
        "--by",
        "noc@operator.example",
    )

    assert (made["digest"], made["problems"]) == (reference, 2)
    (listed,) = world.tocsin.json("answers", "list", "--team", "operator")
    assert (listed["verdict"], listed["via"], listed["said_by"]) == ("fixed", "analyst", "noc@operator.example")
    (shown,) = world.tocsin.json("answers", "show", reference.lower())
    assert sorted(about["where"] for about in shown["about"]) == [ONE, TWO]
    page = world.client().get(link).text
    assert "recorded by us" in page
    assert "by phone" not in page  # what we note of a talk is ours


def test_what_cannot_be_noted_is_refused_with_a_reason(world: World) -> None:
    world.hear(ONE, "192.0.2.130")
    reference = reference_of(link_of(world.tell()[OPERATOR]))
    for arguments, words in (
        (("TOC-2026-9999999",), "no digest"),
        ((reference, "--problem", "192.0.2.130"), "named no problem at 192.0.2.130"),
        ((reference, "--problem", "00000000000000ff"), "does not have"),
        ((reference, "--problem", "nonsense"), "is no problem"),
    ):
        code, _, said = world.tocsin.call("answers", "add", "--verdict", "fixed", *arguments)
        assert code == 1
        assert words in said
    assert world.tocsin.json("answers", "list") == []


def test_the_course_of_a_problem_is_heard_told_acknowledged_fixed_gone(world: World) -> None:
    world.hear(ONE, TWO)
    link = link_of(world.tell()[OPERATOR])
    client = world.client()
    world.at(0.2)
    send(client, link, "acknowledged", ONE)
    world.at(0.4)
    send(client, link, "fixed", ONE, note="patched")
    for day in (1, 2, 3):
        world.at(day).hear(TWO)

    (course,) = world.tocsin.json("problems", "show", ONE)

    steps = [(step["what"], step["team"], step["at"][:16]) for step in course["steps"]]
    assert steps == [
        ("heard", None, "2026-11-16T06:00"),
        ("told", "nat-a", "2026-11-16T06:00"),
        ("told", "operator", "2026-11-16T06:00"),
        ("acknowledged", "operator", "2026-11-16T10:48"),
        ("fixed", "operator", "2026-11-16T15:36"),
        ("gone", None, "2026-11-19T06:00"),
    ]
    assert course["state"] == "gone"
    assert course["said"][0]["outcome"] == "confirmed"
    assert {step["digest"] for step in course["steps"] if step["team"] == "operator"} == {reference_of(link)}


def test_seen_again_is_listed_until_a_new_answer_takes_its_place(world: World) -> None:
    world.hear(ONE, TWO)
    link = link_of(world.tell()[OPERATOR])
    client = world.client()
    world.at(0.5)
    send(client, link, "fixed")
    world.at(1).hear(ONE)

    (listed,) = world.tocsin.json("answers", "list", "--contradicted")
    assert (listed["contradicted"], listed["pending"], listed["replaced"]) == (1, 1, 0)
    (course,) = world.tocsin.json("problems", "list", "--state", "contradicted")
    assert (course["where"], course["said"][0]["since"]) == (ONE, "2026-11-17T05:00:00+00:00")
    assert "seen again" in world.tocsin.run("problems", "show", ONE)

    world.at(1.5)
    send(client, link, "fixed", ONE)
    assert world.tocsin.json("answers", "list", "--contradicted") == []
    assert [one["replaced"] for one in world.tocsin.json("answers", "list")] == [0, 1]


def test_a_problem_that_nobody_was_told_of_is_new(world: World) -> None:
    world.hear("203.0.113.1")  # its team wants nothing marked AMBER
    (course,) = world.tocsin.json("problems", "list", "--state", "new")
    assert course["where"] == "203.0.113.1"
    assert world.tocsin.json("problems", "list", "--team", "outsider") == []


@dataclass
class Story:
    """What is known of one problem by whoever watched from outside."""

    seen: list[dt.datetime] = field(default_factory=list)
    said: list[tuple[dt.datetime, str]] = field(default_factory=list)

    def state(self, runs: set[dt.date]) -> str:
        last = max(self.seen)
        if len({day for day in runs if day > last.date()}) >= 3:
            return "gone"
        if not self.said:
            return "told"
        at, verdict = max(self.said)
        if verdict in {"fixed", "false"} and last > at:
            return "contradicted"
        return {"fixed": "said-fixed", "false": "said-false", "not_ours": "not-ours"}.get(verdict, verdict)


def test_two_weeks_of_sightings_and_answers_equal_a_recount(world: World) -> None:
    chance = random.Random(20261116)
    addresses = [f"192.0.2.{host}" for host in range(1, 61)]
    stories: dict[str, Story] = defaultdict(Story)
    runs: set[dt.date] = set()
    client = world.client()
    answered = 0
    broken = dict.fromkeys(addresses, 0.9)
    for day in range(10):
        world.at(day)
        seen = [address for address in addresses if chance.random() < broken[address]]
        if day not in {5, 6} and seen:  # the feed is silent for two days
            world.hear(*seen)
            runs.add((world.now - dt.timedelta(hours=1)).date())
            for address in seen:
                stories[address].seen.append(world.now - dt.timedelta(hours=1))
        mail = world.tell().get(OPERATOR)
        if mail is None:
            continue
        world.at(day + chance.choice([0.1, 0.3]))
        told = sorted({row["source.ip"] for row in mail.rows()})
        for _ in range(2):
            verdict = chance.choice(["acknowledged", "fixed", "false", "accepted", "not_ours"])
            about = told if chance.random() < 0.1 else chance.sample(told, k=min(len(told), 6))
            done = send(client, link_of(mail), verdict, *(() if about == told else about))
            assert done.status_code == 303
            answered += 1
            world.now += dt.timedelta(minutes=5)
            for address in about:
                stories[address].said.append((world.now - dt.timedelta(minutes=5), verdict))
                if verdict == "fixed":
                    broken[address] = chance.choice([0.0, 0.0, 0.7])

    listed = world.tocsin.json("problems", "list", "--limit", "1000")

    assert {one["where"]: one["state"] for one in listed} == {of: story.state(runs) for of, story in stories.items()}
    assert len(Counter(one["state"] for one in listed)) >= 6
    assert {one["where"]: one["sightings"] for one in listed} == {of: len(one.seen) for of, one in stories.items()}
    answers = world.tocsin.json("answers", "list", "--limit", "1000")
    assert len(answers) == answered
    current = sum(one["problems"] - one["replaced"] for one in answers)
    assert current == sum(bool(story.said) for story in stories.values())
    assert sum(one["contradicted"] for one in answers) == sum(
        max(story.said)[1] in {"fixed", "false"} and max(story.seen) > max(story.said)[0]
        for story in stories.values()
        if story.said
    )


def test_what_a_team_said_stays_said_when_it_becomes_a_part_of_another(world: World) -> None:
    world.hear(ONE, TWO)
    link = link_of(world.tell()[OPERATOR])
    client = world.client()
    send(client, link, "false", ONE)
    person = ("--said-by", "analyst@csirt.example", "--reason", "one company now")
    world.tocsin.run("directory", "merge", "nat-b", "operator", *person)

    page = client.get(f"{link}?state=all").text
    assert "Problems in the networks of National CSIRT of B" in page
    assert page.count(">False positive</span>") == 1
    assert send(client, link, "fixed", TWO).status_code == 303
    assert [one["team"] for one in world.tocsin.json("answers", "list", "--team", "nat-b")] == ["nat-b", "nat-b"]
    teams = {team.key: team.id for team in read_directory(world.node.database).teams}
    assert set(read_said(world.node.database, world.now).quiet_teams.tolist()) == {teams["nat-b"]}

    world.tocsin.run("directory", "unmerge", "operator", *person[:2])
    assert [one["team"] for one in world.tocsin.json("answers", "list")] == ["operator", "operator"]

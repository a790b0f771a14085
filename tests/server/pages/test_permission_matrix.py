"""Every route for every role, with own, foreign and missing things, found from the routes themselves.

A new route without an act fails; one with a name in its path needs an example of it here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.page_examples import EXAMPLES, QUERIES, Example, fill
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import Extent
from tocsin.server.server import make_application

_STREAMS = {"/today/live"}  # never end by themselves
_NOT_SET = {"/.well-known/openpgp.asc"}  # this node has no key
_NAME = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Stage:
    """A node with something of every kind, and its application."""

    world: World
    application: FastAPI
    doors: list[Door]
    examples: dict[str, Example]


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("matrix")
    first = copy_world(fresh, folder / "first")
    with (first.node.home / "tocsin.toml").open("a") as file:
        file.write("[api]\npublic_a_minute = 1000000\n")  # each route is asked several times
    world = copy_world(folder / "first", folder / "second")
    with world.open:
        examples = furnish(world)
        application = make_application(world.node, clock=lambda: world.now)
        yield Stage(world, application, doors(application), examples)


@pytest.fixture(scope="module", params=list(AccountRole))
def seat(request: pytest.FixtureRequest, stage: Stage) -> Iterator[tuple[AccountRole, Browser]]:
    """The browser of each role; the operator's team is the operator."""
    role: AccountRole = request.param
    with browser_of(stage.application, stage.world.node, role, now=stage.world.now, teams=(4,)) as browser:
        yield role, browser


def test_every_route_asks_for_one_act_and_every_name_has_an_example(stage: Stage) -> None:
    assert [door for door in stage.doors if door.act is None] == []
    named = {door.path for door in stage.doors if _NAME.search(door.path) and door.act is not Permission.LINK_USE}
    assert sorted(named - EXAMPLES.keys()) == []


def test_whoever_may_not_learns_nothing(stage: Stage, seat: tuple[AccountRole, Browser]) -> None:
    role, browser = seat
    wrong = []
    for at, door in enumerate(stage.doors):
        if door.lets_in(role) is not None:
            continue
        there_or_not = _of(stage, door)
        for example in there_or_not if WHOLE else there_or_not[at % len(there_or_not) :][:1]:
            answer = _ask(browser, door, example)
            if not _refused(answer, door, role):
                wrong.append((door.method, example, answer.status_code))
    assert wrong == []


def test_whoever_may_gets_what_is_there(stage: Stage, seat: tuple[AccountRole, Browser]) -> None:
    role, browser = seat
    wrong = []
    for door in stage.doors:
        if door.method != "GET" or door.act in {None, Permission.LINK_USE} or door.path in _STREAMS | _NOT_SET:
            continue
        if (reach := door.lets_in(role)) is None:
            continue
        example = stage.examples.get(door.path)
        path = (example.at if example else door.path) + QUERIES.get(door.path, "")
        answer = _ask(browser, door, path)
        if answer.status_code not in {200, 302, 303, 307} or _to_sign_in(answer):
            wrong.append((path, reach, answer.status_code))
    assert wrong == []


def test_a_foreign_thing_is_as_if_it_were_not_there(stage: Stage, seat: tuple[AccountRole, Browser]) -> None:
    role, browser = seat
    wrong = []
    for door in stage.doors:
        if door.lets_in(role) is not Extent.OWN or door.path not in stage.examples:
            continue
        example = stage.examples[door.path]
        foreign, missing = fill(door.path, example.foreign), fill(door.path, example.missing)
        answers = [_plain(_ask(browser, door, path), path, name) for path, name in
                   ((foreign, example.foreign), (missing, example.missing))]  # fmt: skip
        if answers[0] != answers[1] or answers[0][0] not in {404, 422, *_second_factor(door)}:
            wrong.append((door.method, foreign, answers[0][0], answers[1][0]))
    assert wrong == []


def _of(stage: Stage, door: Door) -> list[str]:
    example = stage.examples.get(door.path)
    return [fill(door.path, name) for name in (example.own, example.missing)] if example else [fill(door.path, "x")]


def _ask(browser: Browser, door: Door, path: str) -> httpx.Response:
    headers = {"x-csrf-token": browser.csrf} if browser.csrf else {}
    try:
        return browser.client.request(door.method, path, headers=headers, follow_redirects=False)
    except httpx.TransportError as error:
        return httpx.Response(500, text=str(error))  # the server said nothing


def _refused(answer: httpx.Response, door: Door, role: AccountRole) -> bool:
    if role is AccountRole.NOBODY:
        return answer.status_code == 401 if door.api else _to_sign_in(answer)
    return answer.status_code == 404


def _second_factor(door: Door) -> set[int]:
    """What a visitor without one is answered where it is needed, whatever is asked for."""
    return {303} if door.act in {Permission.ASSETS_READ, Permission.ASSETS_WRITE} else set()


def _to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def _plain(answer: httpx.Response, path: str, name: str) -> tuple[int, str]:
    """What an answer says, without the name that was asked for and the word by which a form is sent once."""
    text = re.sub(rf"\b{re.escape(name)}\b", "NAME", answer.text.replace(path, "PATH"))
    return answer.status_code, re.sub(r'("instance": ?|name="(?:made|once)" value=)"[^"]*"', r"\1ID", text)

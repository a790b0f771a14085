"""Role by role: whatever a page leads to answers, from the first page on, on a node with something of every kind.

The target of each link and form on a page is an address that the role may use; and a drawn part of the links is asked,
so that what is there for others alone is found, too. With TOCSIN_WHOLE=1 many more of them.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import FastAPI

from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application

_LINK: Final = re.compile(r'<a\b[^>]*\bhref="([^"]*)"')
_FORM: Final = re.compile(r"<form\b([^>]*)>")
_BUTTON: Final = re.compile(r'<button\b[^>]*\bformaction="([^"]*)"')
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_NEVER: Final = re.compile(r"/(today/live|static/|api/v1/openapi)|[?&](language|theme)=")
_EACH, _PAGES: Final = (6, 3_000) if WHOLE else (1, 60)
"""Links that are asked of one address with its names, such as ``/teams/{key}``; and pages of one role."""

TEAMS: Final = {AccountRole.OPERATOR: (4,)}


@dataclass(frozen=True)
class Stage:
    """The node, its application, and each method and address with who may use it."""

    world: World
    application: FastAPI
    doors: list[tuple[re.Pattern[str], Door]]

    def door_of(self, method: str, path: str) -> Door | None:
        """Who serves a path: of several the one with the fewest names, as the routes are in order."""
        found = [one for shape, one in self.doors if one.method == method and shape.fullmatch(path)]
        return min(found, key=lambda one: one.path.count("{"), default=None)


    def lets_in(self, role: AccountRole, method: str, path: str) -> bool:
        """Whether a role may use an address, as far as its route says."""
        door = self.door_of(method, path)
        return path.startswith("/static/") or (door is not None and door.lets_in(role) is not None)


@dataclass
class Walk:
    """What was found on the way of one role: which answers were wrong, and where each link stood."""

    asked: set[str] = field(default_factory=set)
    shapes: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("links")
    first = copy_world(fresh, folder / "first")
    with (first.node.home / "tocsin.toml").open("a") as file:
        file.write("[api]\npublic_a_minute = 1000000\n")
    world = copy_world(folder / "first", folder / "second")
    with world.open:
        furnish(world)
        application = make_application(world.node, clock=lambda: world.now)
        found = [(re.compile(re.sub(r"\{\w+(:\w+)?\}", _shape, one.path)), one) for one in doors(application)]
        yield Stage(world, application, found)


def _shape(name: re.Match[str]) -> str:
    return ".+" if name[1] == ":path" else "[^/]+"


@pytest.mark.parametrize("role", list(AccountRole))
def test_whatever_a_page_leads_to_answers(stage: Stage, role: AccountRole) -> None:
    with browser_of(
        stage.application, stage.world.node, role, now=stage.world.now, teams=TEAMS.get(role, ())
    ) as browser:
        found = walk(stage, role, browser)
    assert len(found.asked) > 3, "the way ended before it began"
    assert not found.wrong, "\n".join(f"{at}  on {sorted(where)[:3]}" for at, where in sorted(found.wrong.items()))


def walk(stage: Stage, role: AccountRole, browser: Browser) -> Walk:
    """All that is reached from the first page, each address at most so many times; drawn, the same each time."""
    chance, found = random.Random(role.value), Walk()
    waiting = [("/", "")]
    while waiting and len(found.asked) < _PAGES:
        at, where = waiting.pop(0)
        if at in found.asked:
            continue
        found.asked.add(at)
        answer = browser.get(at)
        if answer.status_code in {302, 303, 307, 308} and not answer.headers["location"].startswith("/sign-in"):
            waiting.insert(0, (urljoin(at, answer.headers["location"]), where))
            continue
        if answer.status_code != 200:
            found.wrong[f"{answer.status_code} {at}"].add(where)
            continue
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for form in forms_of(answer.text, at):
            if not stage.lets_in(role, *form):
                found.wrong[f"{form[0]} {form[1]}"].add(at)
        links = [one for one in dict.fromkeys(links_of(answer.text, at)) if one not in found.asked]
        chance.shuffle(links)
        for link in links:
            if not stage.lets_in(role, "GET", urlsplit(link).path):
                found.wrong[f"GET {link}"].add(at)
                continue
            shape = shape_of(stage, link)
            if found.shapes[shape] < _EACH:
                found.shapes[shape] += 1
                waiting.append((link, at))
    return found


def links_of(page: str, at: str) -> Iterator[str]:
    """The links of a page to pages of this node, without the place on them."""
    for found in _LINK.findall(page):
        to = urlsplit(urljoin(at, unescape(found)))
        if not to.scheme and not to.netloc and to.path.startswith("/"):
            link = f"{to.path}?{to.query}" if to.query else to.path
            if not _NEVER.search(link):
                yield link


def forms_of(page: str, at: str) -> Iterator[tuple[str, str]]:
    """Method and path of the forms of a page, and of buttons that send theirs elsewhere."""
    for found in _FORM.findall(page):
        attributes = dict(_ATTRIBUTE.findall(found))
        path = urlsplit(urljoin(at, unescape(attributes.get("action", at)))).path
        if (method := attributes.get("method", "get").upper()) != "DIALOG":
            yield method, path
    for action in _BUTTON.findall(page):
        yield "POST", urlsplit(urljoin(at, unescape(action))).path


def shape_of(stage: Stage, link: str) -> str:
    """The address that serves a link, with the names of what it asks."""
    to = urlsplit(link)
    door = stage.door_of("GET", to.path)
    asked = sorted({one.partition("=")[0] for one in to.query.split("&")}) if WHOLE else []
    return f"{door.path if door else to.path}?{'&'.join(asked)}"

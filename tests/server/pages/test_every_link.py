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

import httpx
import pytest
from fastapi import FastAPI

from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.incidents import add_incident
from tocsin.node.accounts import AccountRole, Principal
from tocsin.server.server import make_application

_LINK: Final = re.compile(r'<a\b[^>]*\bhref="([^"]*)"')
_FORM: Final = re.compile(r"<form\b([^>]*)>")
_BUTTON: Final = re.compile(r'<button\b[^>]*\bformaction="([^"]*)"')
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_NEVER: Final = re.compile(r"/(today/live|static/|api/v1/openapi)|[?&](language|theme)=")
_EACH, _PAGES = (6, 3_000) if WHOLE else (1, 200)
"""Links that are asked of one address with its names, such as ``/teams/{key}``; and pages of one role."""

SEATS: Final = [
    *((role, (4,) if role is AccountRole.OPERATOR else ()) for role in AccountRole),
    (AccountRole.OPERATOR, ()),
]
"""Each role; the operator for his team, and for none."""

SEARCHES: Final = ("/search?q=192.0.2.1", "/search?q=operator", "/search?q=ransomware", "/search.json?q=ransomware")


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

    def lets_in(self, visitor: Principal, method: str, address: str) -> bool:
        """Whether somebody may use an address, as far as its route says."""
        path = urlsplit(address).path
        if (door := self.door_of(method, path)) is None or door.act is None:
            return path.startswith("/static/")
        reach = visitor.reach(door.act)
        return reach.everything if door.everything else bool(reach)


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
        with world.node.database.begin() as session:  # restricted to whoever comes
            add_incident(session, title="Leak at the bank", members=[*range(1, 60)], actor="person:9", now=world.now)
        application = make_application(world.node, clock=lambda: world.now)
        found = [(re.compile(re.sub(r"\{\w+(:\w+)?\}", _shape, one.path)), one) for one in doors(application)]
        yield Stage(world, application, found)


def _shape(name: re.Match[str]) -> str:
    return ".+" if name[1] == ":path" else "[^/]+"


@pytest.mark.parametrize(("role", "teams"), SEATS)
def test_whatever_a_page_leads_to_answers(stage: Stage, role: AccountRole, teams: tuple[int, ...]) -> None:
    with browser_of(stage.application, stage.world.node, role, now=stage.world.now, teams=teams) as browser:
        found = walk(stage, Principal(role, 1, teams=frozenset(teams)), browser)
    assert len(found.asked) > 3, "the way ended before it began"
    assert not found.wrong, "\n".join(f"{at}  on {sorted(where)[:3]}" for at, where in sorted(found.wrong.items()))


def walk(stage: Stage, visitor: Principal, browser: Browser) -> Walk:
    """All that is reached from the first page, each address at most so many times; drawn, the same each time."""
    chance, found = random.Random(visitor.role.value), Walk()
    waiting = [("/", ""), *((one, "") for one in SEARCHES if stage.lets_in(visitor, "GET", one))]
    while waiting and len(found.asked) < _PAGES:
        at, where = waiting.pop(0)
        if at in found.asked:
            continue
        found.asked.add(at)
        answer = browser.get(at)
        if answer.status_code in {302, 303, 307, 308} and not answer.headers["location"].startswith("/sign-in"):
            waiting.insert(0, (urljoin(at, answer.headers["location"]), where))
        elif answer.status_code != 200:
            found.wrong[f"{answer.status_code} {at}"].add(where)
        else:
            links = read(stage, visitor, found, at, answer)
            chance.shuffle(links)
            for link in links:
                shape = shape_of(stage, link)
                if found.shapes[shape] < _EACH:
                    found.shapes[shape] += 1
                    waiting.append((link, at))
    return found


def read(stage: Stage, visitor: Principal, found: Walk, at: str, answer: httpx.Response) -> list[str]:
    """The links of a page that the visitor may use; what he may not, of links and forms, is noted as wrong."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/json" and at in SEARCHES:
        links = [one["page"] for one in answer.json() if one["page"]]
    else:
        links = list(links_of(answer.text, at)) if kind == "text/html" else []
    forms = forms_of(answer.text, at) if kind == "text/html" else ()
    asked = [
        *((f"{method} {path}", method, path) for method, path in forms),
        *((f"GET {to}", "GET", to) for to in links),
    ]
    for said, method, path in asked:
        if not stage.lets_in(visitor, method, path):
            found.wrong[said].add(at)
    return [one for one in dict.fromkeys(links) if one not in found.asked and f"GET {one}" not in found.wrong]


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

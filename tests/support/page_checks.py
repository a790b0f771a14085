"""All pages of a node as people of each role open them in a real browser: to be tested, and to be looked at."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.browser import Page, browser
from support.console_users import person, session_of
from support.furnished_node import furnish
from support.linked_pages import answer_paths, verify_paths
from support.page_examples import OPERATOR, QUERIES
from support.ports import NO_TLS
from support.routes import doors
from support.world import World, served
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_ORDER = (
    AccountRole.NOBODY,
    AccountRole.ANALYST,
    AccountRole.OPERATOR,
    AccountRole.MANAGER,
    AccountRole.ADMINISTRATOR,
    AccountRole.ASSESSOR,
    AccountRole.DELEGATE,
    AccountRole.PROTECTION_OFFICER,
)
PIECES = {"/today/live", "/today/board"}  # fetched by /today, which shows them within a page
ALSO = {
    "/no-such-page": AccountRole.NOBODY,
    "/assets": AccountRole.MANAGER,
    "/assets/1": AccountRole.MANAGER,
    "/assets/1/change": AccountRole.MANAGER,
    "/assets/new": AccountRole.MANAGER,
    "/assets?sector=nothing": AccountRole.OPERATOR,
    "/portal?state=all": AccountRole.OPERATOR,
    "/find?about=connection": AccountRole.NOBODY,
    "/find?about=address": AccountRole.NOBODY,
    "/help/hurt": AccountRole.NOBODY,
    "/help/money": AccountRole.NOBODY,
    "/help/other": AccountRole.NOBODY,
    "/report?kind=leak": AccountRole.NOBODY,
    "/merges/pair?one=operator&other=nat-a": AccountRole.ANALYST,
    "/readiness?as=assessor": AccountRole.ASSESSOR,
    "/readiness/indices?as=assessor": AccountRole.ASSESSOR,
    "/readiness/indices/example?beside=second": AccountRole.ASSESSOR,
    "/readiness/1?as=assessor": AccountRole.ASSESSOR,
    "/readiness/1/plan?question=a.1.1": AccountRole.ASSESSOR,
    "/readiness/1/questions/a.1.1?as=assessor": AccountRole.ASSESSOR,
    "/readiness/1/what-if?a.1.1=4": AccountRole.ASSESSOR,
    "/readiness/frameworks?as=assessor": AccountRole.ASSESSOR,
    "/search?q=192.0.2.1": AccountRole.ANALYST,
    "/search?q=csirt": AccountRole.ANALYST,
}
MOST_BYTES = {False: 150_000, True: 700_000}
"""Of a first visit: HTML, CSS, scripts and icon as they are served. Of the public, and inside, with maps."""

MOST_SHIFT = 0.1
"""Layout shift up to which a page is good (https://web.dev/articles/cls)."""

AXE = Path(__file__).parent.parent / "vendor" / "axe.min.js"


@dataclass(frozen=True)
class Seen:
    """A page and whose eyes it is opened with; ``called``: its name where its address has a secret in it."""

    path: str
    role: AccountRole
    called: str = ""

    @property
    def name(self) -> str:
        """A name for a file."""
        return re.sub(r"[^\w-]+", "-", self.called or self.path).strip("-")[:80] or "first"


@dataclass(frozen=True)
class Gallery:
    """A furnished node that is served; ``secrets``: what the cookie of each role holds."""

    address: str
    pages: list[Seen]
    secrets: dict[AccountRole, str]

    @contextmanager
    def eyes(self, role: AccountRole, *, width: int = 1280, theme: str = "", scripts: bool = True) -> Iterator[Page]:
        """The browser of somebody in this role."""
        with browser(width=width, height=900, scripts=scripts) as page:
            page.command("Network.enable")
            cookies = {COOKIE: self.secrets.get(role, ""), "theme": theme}
            for name, value in cookies.items():
                if value:
                    page.command("Network.setCookie", name=name, value=value, url=self.address)
            yield page

    def at(self, seen: Seen, language: str) -> str:
        """The address of a page in a language."""
        return f"{self.address}{seen.path}{'&' if '?' in seen.path else '?'}language={language}"

    def by_role(self) -> dict[AccountRole, list[Seen]]:
        """The pages, by whose eyes they are opened with."""
        return {role: [page for page in self.pages if page.role is role] for role in _ORDER}


@contextmanager
def gallery(world: World) -> Iterator[Gallery]:
    """Furnish the node and serve it."""
    examples = furnish(world)
    application = make_application(world.node, clock=lambda: world.now)
    team = read_team(world.node.database, OPERATOR)[0].id
    secrets: dict[AccountRole, str] = {
        role: session_of(world.node, person(world.node, role, now=world.now, teams=(team,)), now=world.now)
        for role in _ORDER
        if role is not AccountRole.NOBODY
    }
    paths = []
    for door in doors(application):
        if (
            door.method == "GET"
            and not door.api
            and door.act not in {None, Permission.LINK_USE}
            and door.path not in PIECES
        ):
            example = examples.get(door.path)
            role = next(role for role in _ORDER if door.lets_in(role))
            paths.append(Seen((example.at if example else door.path) + QUERIES.get(door.path, ""), role))
    paths += [Seen(path, role) for path, role in ALSO.items()]
    with served(application) as port:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, trust_env=False, verify=NO_TLS, timeout=60) as client:
            linked = {**answer_paths(world, client), **verify_paths(world)}
        linked["call-out"] = examples["/call/{token}"].at
        paths += [Seen(path, AccountRole.NOBODY, name) for name, path in linked.items()]
        yield Gallery(address, [seen for seen in paths if _is_page(address, seen, secrets)], secrets)


def _is_page(address: str, seen: Seen, secrets: dict[AccountRole, str]) -> bool:
    cookies = {COOKIE: secrets[seen.role]} if seen.role in secrets else {}
    with httpx.Client(base_url=address, cookies=cookies, trust_env=False, verify=NO_TLS, timeout=60) as client:
        answer = client.get(seen.path)
        return str(answer.headers.get("content-type", "")).startswith("text/html")


_ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RULES_OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
_RUN = """
axe.run(document, {runOnly: %s, resultTypes: ['violations'], selectors: false}).then(found => JSON.stringify(
  found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 160)).slice(0, 3)])))
"""


def violations(page: Page, *, colours_alone: bool = False) -> str:
    """What axe-core finds wrong on the page that is open, as JSON: rules with some of the elements.

    ``colours_alone``: by the rules of colours, for another theme of what the others were asked about already.
    """
    if not page.read("'axe' in window"):
        page.read(AXE.read_text(encoding="utf-8"))
    run = _RUN % json.dumps(_RULES_OF_COLOURS if colours_alone else _ALL_RULES)
    found = page.command("Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True)
    return str(found["result"].get("value", found))


_MISFITS = """
(() => {
  const found = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [];
  for (const one of document.body.querySelectorAll('*')) {
    const { display, overflowX, textOverflow } = getComputedStyle(one);
    const free = ['auto', 'scroll'].includes(overflowX) || textOverflow === 'ellipsis';
    if (free || display === 'inline' || one.matches('input, select, option, .unseen, .skip, svg, svg *')) continue;
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth) found.push('too wide: ' + one.outerHTML.slice(0, 99));
  }
  return found;
})()
"""


def misfits(page: Page, width: int) -> list[str]:
    """What does not fit into a window of that width: the page, or text that is wider than its box.

    Free to be wider is what scrolls by itself, and what ends in an ellipsis because a page of its own has the whole.
    """
    page.look(width=width)
    return [f"{width}: {one}" for one in page.read(_MISFITS)]


def weigh(page: Page, address: str) -> int:
    """How many bytes came for a page that nothing is kept of."""
    page.command("Network.clearBrowserCache")
    page.arrived.clear()
    page.open(address)
    # Whatever the page still fetches by itself, such as a map.
    page.command(
        "Runtime.evaluate",
        expression="new Promise(done => requestIdleCallback(() => setTimeout(done, 300)))",
        awaitPromise=True,
    )
    return sum(page.arrived)


_SHIFT = """
new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  }).observe({ type: 'layout-shift', buffered: true });
  requestIdleCallback(() => setTimeout(() => done(sum), 300));
})
"""


def shift(page: Page) -> float:
    """How much moved by itself since the page that is open was asked for: the sum of its layout shifts."""
    found = page.command("Runtime.evaluate", expression=_SHIFT, awaitPromise=True, returnByValue=True)
    return float(found["result"]["value"])

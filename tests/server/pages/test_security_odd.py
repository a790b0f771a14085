"""What no page of ours sends is answered, not stumbled over: on every route, by whoever may ask.

Each route meets two of the odd values in turn, and with ``TOCSIN_WHOLE=1`` all of them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.console_users import Browser, browser_of
from support.databases import Cluster
from support.furnished_node import furnish
from support.page_examples import Example, fill
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import START, World, copy_world, make_world
from tocsin.cli.acts import every_act
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application

_LEFT_OUT: Final = {"/today/live", "/sign-out"}  # never ends; ends the session that all others need
_SOURCE: Final = Path(__file__).parents[3] / "src/tocsin/server/pages"
_NAMES: Final = re.compile(
    r'(?:texts?_of\(\w+, |\.text\(|\.get\()"(\w+)"|\b(\w+): (?:Text|str|int|Number|Annotated\[Number)\b'
)

# Beyond any row, beyond what Python reads, no digit of ours, what a database ends a text at, a pair of words.
ODD: Final = ("9" * 25, "9" * 5_000, "²", "a\0b", "x:1")


@dataclass(frozen=True)
class Stage:
    """A furnished node, and people at their browsers."""

    doors: list[Door]
    examples: dict[str, Example]
    browsers: dict[AccountRole, Browser]

    def each(self) -> Iterator[tuple[Door, Browser, Example | None, tuple[str, ...]]]:
        """Every route with the first who may use it, and the odd values that it meets."""
        for at, door in enumerate(self.doors):
            who = [browser for role, browser in self.browsers.items() if door.lets_in(role)]
            if who and door.path not in _LEFT_OUT:
                odd = ODD if WHOLE else (ODD[at % len(ODD)],)
                yield door, who[0], self.examples.get(door.path), odd


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _stage(copy_world(fresh, tmp_path_factory.mktemp("odd"))) as found:
        yield found


@contextmanager
def _stage(world: World) -> Iterator[Stage]:
    examples = furnish(world)
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=START) as administrator,
        browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(4,)) as operator,
        browser_of(application, world.node, AccountRole.NOBODY, now=START) as nobody,
    ):
        browsers = {
            AccountRole.ADMINISTRATOR: administrator,
            AccountRole.OPERATOR: operator,
            AccountRole.NOBODY: nobody,
        }
        yield Stage(doors(application), examples, browsers)


def test_an_address_that_no_thing_has_breaks_nothing(stage: Stage) -> None:
    broken = []
    for door, browser, example, values in stage.each():
        own = example.own.split(" ") if example else []
        for odd in values:
            for place in range(len(own)) if len(odd) < 5_000 else ():
                names = [quote(odd if place == at else name, safe="") for at, name in enumerate(own)]
                answer = _ask(browser, door, fill(door.path, " ".join(names)))
                if answer.status_code >= 500:
                    broken.append((door.method, door.path, odd[:30], answer.status_code))
    assert broken == []


def test_a_query_that_no_page_sends_breaks_nothing(stage: Stage) -> None:
    names, broken = _names(), []
    for door, browser, example, values in stage.each():
        for odd in values if door.method == "GET" else ():
            asked = dict.fromkeys(names, odd) if len(odd) < 100 else dict.fromkeys(names[:3], odd)
            answer = _ask(browser, door, example.at if example else fill(door.path, "x"), params=asked)
            if answer.status_code >= 500:
                broken.append((door.path, odd[:30], answer.status_code))
    assert broken == []


def test_a_form_that_no_page_sends_breaks_nothing(stage: Stage) -> None:
    names, broken = _names(), []
    for door, browser, example, values in stage.each():
        for odd in values if door.method == "POST" and not door.api else ():
            at = example.at if example else fill(door.path, "x")
            answer = _ask(browser, door, at, data=dict.fromkeys(names, odd))
            if answer.status_code >= 500:
                broken.append((door.path, odd[:30], answer.status_code))
    assert broken == []


def test_a_sign_that_postgresql_keeps_in_no_text_breaks_nothing(postgresql: Cluster, tmp_path: Path) -> None:
    names, broken = _names(), []
    url = postgresql.fresh()
    with _stage(make_world(tmp_path, f'[storage]\ndatabase = "{url}"\n')) as stage:
        for door, browser, example, _ in stage.each():
            given = {"params" if door.method == "GET" else "data": dict.fromkeys(names, "a\0b")}
            filled = len(example.own.split(" ")) if example else 0
            for path in {example.at if example else door.path, fill(door.path, " ".join(["a%00b"] * filled))}:
                answer = _ask(browser, door, path, **({} if door.api and door.method != "GET" else given))
                if answer.status_code >= 500:
                    broken.append((door.method, path, answer.status_code))
    assert broken == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", b"http://["),
        ("accept-language", b"en;q=1e999,de;q=nan,;q=,x;q=-inf," + b"9" * 5_000),
        ("cookie", b'tocsin_known="\\000\\377~~~~~"; language=../../x; theme="\\012"; tocsin_session=\xff'),
        ("authorization", b"Bearer \xff"),
        ("x-forwarded-for", b"fe80::1%eth0"),
        ("x-forwarded-for", b"a b, ::ffff:1.2.3.4"),
        ("content-type", b"multipart/form-data"),
        ("content-type", b"multipart/form-data; boundary=\xff"),
        ("content-type", b"application/x-www-form-urlencoded; charset=utf-7"),
        ("idempotency-key", b"\xff"),
        ("prefer", b"wait=" + b"9" * 500),
        ("range", b"bytes=0-,0-,0-"),
        ("host", b"evil.example:99999"),
    ],
)
def test_a_header_that_no_browser_sends_breaks_nothing(stage: Stage, name: str, value: bytes) -> None:
    headers = {name.encode(): value}
    for role, browser in stage.browsers.items():
        for path in (
            "/sign-in",
            "/today",
            "/report",
            "/static/page.css",
            "/api/v1/me",
            "/api/v1/lookup?query=192.0.2.1",
        ):
            assert browser.client.get(path, headers=headers).status_code < 500, (role, path)
        for path in ("/sign-in", "/sign-in/code", "/forgotten", "/report", "/api/v1/reports", "/api/v1/lookup"):
            answer = browser.client.post(path, content=b"--x\r\n", headers=headers)
            assert answer.status_code < 500, (role, path)


_PART: Final = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
_LATIN: Final = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
_FORMS: Final = ("/report", "/report/answer", "/a/x", "/v/x", "/sign-in", "/sign-in/code", "/forgotten", "/welcome/x")


# Starlette leaves a file whose part does not end to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(_FORMS),
    st.lists(
        st.tuples(st.sampled_from([b"what", b"files", b"made", b"half", b"x"]), st.booleans(), st.binary(max_size=60))
    ),
    st.binary(max_size=20),
    st.integers(0, 400),
)
def test_any_form_of_a_stranger_is_answered(
    stage: Stage, path: str, parts: list[tuple[bytes, bool, bytes]], noise: bytes, cut: int
) -> None:
    """Forms in parts, with noise put in at some place and cut off there or not."""
    client = stage.browsers[AccountRole.NOBODY].client
    body = b"".join(_PART % (name, b'; filename="a.txt"' if file else b"", text) for name, file, text in parts)
    body = body[:cut] + noise + body[cut:] + b"--x--\r\n"
    for kind in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        answer = client.post(path, content=body, headers={"content-type": kind})
        assert answer.status_code < 500


@settings(max_examples=60, deadline=None)
@given(_LATIN, _LATIN, _LATIN)
def test_any_language_and_any_cookie_is_answered(stage: Stage, language: str, cookie: str, agent: str) -> None:
    headers = {"accept-language": language, "cookie": f"language={cookie}; theme={cookie}", "user-agent": agent}
    encoded = {name.encode(): value.strip().encode("latin-1") for name, value in headers.items()}
    assert stage.browsers[AccountRole.NOBODY].client.get("/sign-in", headers=encoded).status_code == 200


def _names() -> list[str]:
    """Every name that a query or a form of ours may have."""
    found = {one for path in _SOURCE.rglob("*.py") for pair in _NAMES.findall(path.read_text()) for one in pair if one}
    found |= {name for act in every_act() for name in act.request.model_fields}
    assert {"hours", "alarm", "confidence", "before", "back_to", "session", "passkey", "q"} <= found
    return sorted(found - {"csrf"})


def _ask(browser: Browser, door: Door, path: str, **given: object) -> httpx.Response:
    headers = {"x-csrf-token": browser.csrf} if browser.csrf and door.method != "GET" else {}
    try:
        return browser.client.request(door.method, path, headers=headers, **given)  # type: ignore[arg-type]
    except httpx.TransportError as error:
        return httpx.Response(500, text=str(error))  # the server ended the connection after what it broke at

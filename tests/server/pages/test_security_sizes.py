"""What comes in is bounded before it is read, whoever sends it and whichever door it comes by."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.console_users import Browser, browser_of
from support.routes import doors
from support.world import START, World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application

_FIELD = b"x=" + b"a" * 500_000 + b"&"  # each is small enough, five of them are not
_FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def world(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return copy_world(fresh, tmp_path_factory.mktemp("sizes"))


@pytest.fixture(scope="module")
def browsers(world: World) -> Iterator[dict[AccountRole, Browser]]:
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.NOBODY, now=START) as nobody,
        browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=START) as administrator,
    ):
        yield {AccountRole.NOBODY: nobody, AccountRole.ADMINISTRATOR: administrator}


def endless() -> Iterator[bytes]:
    """A body whose length is not said beforehand."""
    yield from [_FIELD] * 5


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (AccountRole.NOBODY, "/sign-in"),
        (AccountRole.NOBODY, "/forgotten"),
        (AccountRole.NOBODY, "/settings"),
        (AccountRole.NOBODY, "/welcome/x"),
        (AccountRole.ADMINISTRATOR, "/deliveries/act"),
        (AccountRole.ADMINISTRATOR, "/rules/edit"),
        (AccountRole.ADMINISTRATOR, "/account/profile"),
        (AccountRole.ADMINISTRATOR, "/teams/new"),
    ],
)
@pytest.mark.parametrize("said", [True, False], ids=["said", "unsaid"])
def test_a_form_that_is_too_large_is_not_taken(
    browsers: dict[AccountRole, Browser], role: AccountRole, path: str, said: bool
) -> None:
    client = browsers[role].client
    body = _FIELD * 5 if said else endless()
    assert client.post(path, content=body, headers={"content-type": _FORM}).status_code == 413


def test_every_form_is_bounded(world: World, browsers: dict[AccountRole, Browser]) -> None:
    """Whatever a page makes of a form, it answers only one that is no larger; what is not there takes none."""
    client, found = browsers[AccountRole.ADMINISTRATOR].client, doors(make_application(world.node))
    forms = {re.sub(r"{[^}]*}", "1", door.path) for door in found if door.method == "POST" and not door.api}
    answers = {
        path: client.post(path, content=_FIELD * 5, headers={"content-type": _FORM}).status_code
        for path in forms - {"/report", "/reports/new"}  # they take files
    }
    assert len(answers) > 50
    assert {path: status for path, status in answers.items() if status not in {403, 404, 413}} == {}
    assert list(answers.values()).count(413) > len(answers) * 0.8


def test_a_page_that_takes_files_has_its_own_bound(browsers: dict[AccountRole, Browser]) -> None:
    browser = browsers[AccountRole.ADMINISTRATOR]
    files = {"file": ("x.bin", b"a" * 2_500_000)}
    assert browser.client.post("/reports/new", files=files, data={"csrf": browser.csrf}).status_code != 413


@pytest.mark.parametrize("said", [True, False], ids=["said", "unsaid"])
def test_a_large_form_of_a_stranger_is_refused_before_it_is_read(
    browsers: dict[AccountRole, Browser], said: bool
) -> None:
    client = browsers[AccountRole.NOBODY].client
    body = _FIELD * 5 if said else endless()
    answer = client.post("/deliveries/act", content=body, headers={"content-type": _FORM})
    assert answer.status_code == 413 or answer.headers["location"].startswith("/sign-in")


def test_a_multipart_form_of_many_parts_is_refused(browsers: dict[AccountRole, Browser]) -> None:
    for role, path in (
        (AccountRole.NOBODY, "/sign-in"),
        (AccountRole.NOBODY, "/report"),
        (AccountRole.ADMINISTRATOR, "/reports/new"),
    ):
        files = [("x", (f"{number}.txt", b"")) for number in range(1_500)]
        answer = browsers[role].client.post(path, files=files, data={"csrf": browsers[role].csrf})
        assert answer.status_code in {400, 413, 422}, path
    fields = "&".join(f"x{number}=1" for number in range(1_500))
    answer = browsers[AccountRole.NOBODY].client.post("/sign-in", content=fields, headers={"content-type": _FORM})
    assert answer.status_code == 400


def test_deep_json_is_refused(browsers: dict[AccountRole, Browser]) -> None:
    browser = browsers[AccountRole.ADMINISTRATOR]
    headers = {"x-csrf-token": browser.csrf, "content-type": "application/json"}
    for body in ("[" * 400_000, '{"queries":' * 80_000, "9" * 10_000, json.dumps({"queries": ["1"] * 100_000})):
        answer = browser.client.post("/api/v1/lookup", content=body, headers=headers)
        assert answer.status_code in {400, 413, 422}
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_length_that_contradicts_the_body_is_refused(browsers: dict[AccountRole, Browser]) -> None:
    """RFC 9112, 6.3: no request is hidden within another."""
    base = browsers[AccountRole.NOBODY].client.base_url
    raw = (
        f"POST /settings HTTP/1.1\r\nHost: {base.host}\r\nContent-Type: {_FORM}\r\nContent-Length: 5\r\n"
        "Content-Length: 6\r\n\r\nx=1&yGET /health HTTP/1.1\r\n\r\n"
    )
    assert _raw(base, raw).startswith(b"HTTP/1.1 400")


def test_long_headers_are_refused(browsers: dict[AccountRole, Browser]) -> None:
    raw = "GET /help HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "a" * 300_000 + "\r\n\r\n"
    assert _raw(browsers[AccountRole.NOBODY].client.base_url, raw).startswith(b"HTTP/1.1 400")


def test_queries_of_any_length_and_kind_are_answered_quickly_enough(browsers: dict[AccountRole, Browser]) -> None:
    """No pattern of ours takes more than its time for what is made to be slow."""
    client = browsers[AccountRole.ADMINISTRATOR].client
    slow = [
        "a" * 55_000,
        "a" * 30_000,
        "(" * 9_000,
        "1." * 15_000,
        ":" * 9_000,
        "a@" * 9_000,
        " " * 9_000 + "!",
        "%" * 9_000,
    ]
    paths = ["/lookup?query=", "/events?q=", "/events?address=", "/teams?q=", "/deliveries?reference=", "/audit?who=",
             "/directory?q=", "/help?q="]  # fmt: skip
    for path in paths:
        for text in slow:
            answer = client.get(path.partition("?")[0], params={path.partition("?")[2].rstrip("="): text}, timeout=300)
            assert answer.status_code < 500, (path, text[:10])


def _raw(base: httpx.URL, request: str) -> bytes:
    import socket

    with socket.create_connection((base.host, base.port or 80), timeout=300) as connection:
        connection.sendall(request.encode())
        return connection.recv(200)

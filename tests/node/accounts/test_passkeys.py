"""Passkeys, with a real browser and the authenticator that it can play: made, used, refused, removed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import START, World, copy_world, make_world, served
from tocsin.node.accounts import AccountRole, Passkey, Person, Session, site_of
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("passkeys")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    world = copy_world(fresh, tmp_path)
    server = world.node.settings.server.model_copy(update={"url": ""})
    world.node = world.node.__class__(
        **{**vars(world.node), "settings": world.node.settings.model_copy(update={"server": server})}
    )
    return world


class Device:
    """A page at a browser whose device makes passkeys."""

    def __init__(self, page: Page, port: int) -> None:
        self.page, self.url = page, f"http://localhost:{port}"
        page.command("Network.clearBrowserCookies")
        page.command("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        self.device = page.command("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]

    def sign_in(self, secret: str) -> None:
        self.page.command("Network.setCookie", name=COOKIE, value=secret, url=self.url)

    def sign_out(self) -> None:
        self.page.command("Network.clearBrowserCookies")

    def open(self, path: str) -> None:
        self.page.open(self.url + path)

    def submit(self, form: str) -> None:
        """Send a form, and wait for the page that follows or for what the page itself says."""
        before = self.page.loads
        assert self.page.read(f"document.querySelector({json.dumps(form)}).requestSubmit(), true")
        while self.page.loads <= before:
            assert not self.page.read(_FAILED), self.page.read("document.body.innerText")

    @property
    def path(self) -> str:
        return str(self.page.read("location.pathname + location.search"))

    @property
    def title(self) -> str:
        return str(self.page.read("document.querySelector('h1').innerText"))

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page.command("WebAuthn.getCredentials", authenticatorId=self.device)[
            "credentials"
        ]
        return found


_FAILED = "[...document.querySelectorAll('[data-passkey-failed]')].some((one) => !one.hidden)"
MAKE, USE = "form[data-passkey=make]", "form[data-passkey=use]"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One browser for all tests; each has a device of its own."""
    with browser() as page:
        yield page


@contextmanager
def device_of(world: World, page: Page, role: AccountRole = AccountRole.MANAGER) -> Iterator[tuple[Device, int]]:
    """A device and the number of somebody who is signed in there, and has made a passkey."""
    application = make_application(world.node, clock=lambda: world.now)
    with served(application) as port:
        device, number = Device(page, port), person(world.node, role, now=START)
        device.sign_in(session_of(world.node, number, now=START))
        device.open("/account/passkeys")
        device.page.read("document.querySelector('#name').value = 'Blue key'")
        device.submit(MAKE)
        yield device, number
        page.command("WebAuthn.removeVirtualAuthenticator", authenticatorId=device.device)
        page.command("Page.navigate", url="about:blank")  # the page of today is live: it holds a connection


def _words(world: World) -> list[str]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)))


def test_a_passkey_is_made_and_signs_in_with_both_factors(world: World, page: Page) -> None:
    with device_of(world, page) as (device, number):
        assert device.title == "Passkeys"
        assert "Blue key" in device.page.read("document.body.innerText")
        device.sign_out()
        device.open("/sign-in?next=%2Faccount")
        device.submit(USE)
        assert device.path == "/account"
        # A manager needs two factors: the passkey was both.
        device.open("/today")
        assert device.path == "/today"
    with world.node.database.reading() as session:
        key = session.scalars(select(Passkey)).one()
        assert (key.person_id, key.used_at) == (number, START)
        assert key.uses > 0
    assert {AuditAction.FACTOR_CHANGED, AuditAction.SESSION_STARTED} <= set(_words(world))


def test_an_answer_is_taken_once_and_not_late_and_not_from_elsewhere(world: World, page: Page) -> None:
    with device_of(world, page) as (device, _):
        device.sign_out()
        device.open("/sign-in")
        # The browser answers, and we send the answer ourselves.
        answer = device.page.command(
            "Runtime.evaluate",
            expression="""(async () => {
                const form = document.querySelector("form[data-passkey=use]");
                form.submit = () => {};
                form.requestSubmit();
                while (!form.elements.answer.value) await new Promise((done) => setTimeout(done, 20));
                return form.elements.answer.value; })()""",
            awaitPromise=True,
            returnByValue=True,
        )["result"]["value"]
        with httpx.Client(base_url=device.url, trust_env=False, timeout=120) as client:

            def send(answer: str, **headers: str) -> httpx.Response:
                return client.post("/sign-in/passkey", data={"answer": answer}, headers=headers)

            other = json.loads(answer)
            other["response"]["signature"] = other["response"]["signature"][:-8] + "AAAAAAAA"
            assert send(answer, Origin="https://elsewhere.example").status_code == 404
            assert send(json.dumps(other)).status_code == 422
            assert send(answer).status_code == 303
            assert send(answer).status_code == 422
            world.now = START + timedelta(minutes=6)
            assert send(answer).status_code == 422
            for junk in ("", "{}", "[]", "null", '{"id": 1}', '{"id": "' + other["id"] + '"}', "9" * 30_000):
                assert send(junk).status_code == 422


def test_a_copied_device_is_refused(world: World, page: Page) -> None:
    with device_of(world, page) as (device, _):
        with world.node.database.begin() as session:
            session.execute(update(Passkey).values(uses=1_000_000))
        device.sign_out()
        device.open("/sign-in")
        device.submit(USE)
        assert device.title == "Sign-in failed"


def test_a_device_that_its_holder_did_not_unlock_is_refused(world: World, page: Page) -> None:
    with device_of(world, page) as (device, _):
        device.sign_out()
        device.page.command("WebAuthn.setUserVerified", authenticatorId=device.device, isUserVerified=False)
        device.open("/sign-in")
        device.page.read("document.querySelector('form[data-passkey=use]').requestSubmit()")
        device.page.command(
            "Runtime.evaluate",
            expression="""(async () => {
                const failed = document.querySelector("[data-passkey-failed]");
                while (failed.hidden) await new Promise((done) => setTimeout(done, 20)); })()""",
            awaitPromise=True,
        )
        assert device.path == "/sign-in"


def test_a_blocked_account_and_a_removed_passkey_let_nobody_in(world: World, page: Page) -> None:
    with device_of(world, page) as (device, number):
        with world.node.database.begin() as session:
            session.get_one(Person, number).blocked_at = START
        device.sign_out()
        device.open("/sign-in")
        device.submit(USE)
        assert device.title == "Sign-in failed"
        with world.node.database.begin() as session:
            session.get_one(Person, number).blocked_at = None
        device.open("/sign-in")
        device.submit(USE)
        device.open("/account/passkeys")
        device.submit("form[action='/account/passkeys/remove']")
        assert "No passkey yet" in device.page.read("document.querySelector('main').innerText")
        assert device.credentials()
        device.sign_out()
        device.open("/sign-in")
        device.submit(USE)
        assert device.title == "Sign-in failed"


def test_a_password_alone_adds_no_passkey_beside_one_that_is_needed(world: World, page: Page) -> None:
    with device_of(world, page) as (device, number):
        with world.node.database.begin() as session:
            session.execute(update(Session).values(limited=True))
        with httpx.Client(base_url=device.url, trust_env=False, timeout=120) as client:
            with world.node.database.reading() as session:
                assert session.scalars(select(Session.person_id)).one() == number
            cookies = device.page.command("Network.getCookies", urls=[device.url])["cookies"]
            client.cookies.set(COOKIE, next(one["value"] for one in cookies if one["name"] == COOKIE))
            assert client.get("/account").status_code == 200
            assert client.get("/account/passkeys/options").status_code == 404


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://csirt.example", "csirt.example"),
        ("https://csirt.example:8443/tocsin", "csirt.example"),
        ("http://localhost:8080", "localhost"),
        ("http://csirt.example", None),
        ("", None),
    ],
)
def test_passkeys_need_https(url: str, host: str | None) -> None:
    site = site_of(url)
    assert (site and site.host) == host
    assert site is None or site.origin in url

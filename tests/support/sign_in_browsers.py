"""Browsers that come in, sign in and look after their accounts, on a real server."""

import html
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pyotp
from sqlalchemy import select

from support.ports import NO_TLS
from support.world import World, served
from tocsin.node.accounts import AccountRole, SiteConfig, invite, site_config_of
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry
from tocsin.node.tokens import open_tokens
from tocsin.server.server import make_application

PASSWORD = "marmot tunes violet"
OTHER = "seven quiet lanterns"


@dataclass
class Visit:
    """A browser with its own cookies."""

    client: httpx.Client
    world: World

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.client.post(path, data=fields)

    def send(self, page: str, path: str, **fields: str) -> httpx.Response:
        """A form with the hidden fields that its page has."""
        text = self.get(page).text
        form = re.search(rf'<form method="post" action="{path}".*?</form>', text, re.DOTALL)
        found = form[0] if form else "".join(re.findall(r'<input type="hidden" name="csrf"[^>]*>', text)[:1])
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found))
        given = {name: html.unescape(value) for name, value in hidden.items()}
        return self.client.post(path, data={**given, **fields})

    def sign_in(self, mailbox: str, password: str, **fields: str) -> httpx.Response:
        return self.post("/sign-in", mailbox=mailbox, password=password, **fields)

    def is_in(self) -> bool:
        return self.get("/account").status_code == 200


@contextmanager
def visits(world: World) -> Iterator[Visit]:
    """A server and a first browser; `another` gives further ones."""
    application = make_application(world.node, clock=lambda: world.now)
    with (
        served(application) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120, verify=NO_TLS) as client,
    ):
        yield Visit(client, world)


@contextmanager
def another(visit: Visit, address: str = "") -> Iterator[Visit]:
    headers = {"X-Forwarded-For": address} if address else {}
    with httpx.Client(
        base_url=visit.client.base_url, trust_env=False, timeout=120, verify=NO_TLS, headers=headers
    ) as client:
        yield Visit(client, visit.world)


def house(world: World) -> SiteConfig:
    return site_config_of(world.node.settings, open_tokens(world.node.home))


def path_of(link: str) -> str:
    return "/welcome/" + link.rpartition("/")[2]


def invitation(world: World, mailbox: str = "ana@people.example", role: AccountRole = AccountRole.ANALYST) -> str:
    with world.node.database.begin() as transaction:
        teams = [1] if role is AccountRole.OPERATOR else []
        return path_of(invite(transaction, house(world), mailbox, role, teams=teams, actor="person:1", now=world.now))


def joined(
    visit: Visit, mailbox: str = "ana@people.example", role: AccountRole = AccountRole.ANALYST
) -> httpx.Response:
    """Somebody who followed an invitation."""
    return visit.post(invitation(visit.world, mailbox, role), name="Ana", password=PASSWORD)


def words_of(world: World) -> list[str]:
    with world.node.database.reading() as transaction:
        return list(transaction.scalars(select(AuditEntry.word).order_by(AuditEntry.id)))


def letters_to(world: World, mailbox: str) -> list[Letter]:
    with world.node.database.reading() as transaction:
        return list(transaction.scalars(select(Letter).where(Letter.mailbox == mailbox).order_by(Letter.id)))


def awaited(world: World, mailbox: str, number: int, part: str = "/welcome/") -> list[Letter]:
    """The letters to a mailbox that hold some text, once there are so many: some are written after the answer."""
    while len(found := [letter for letter in letters_to(world, mailbox) if part in letter.body]) < number:
        time.sleep(0.02)
    return found


def set_up_device(visit: Visit) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor as a person does; the device and the recovery codes."""
    page = visit.get("/account/second-factor").text
    secret = "".join(re.search(r'<code dir="ltr">([A-Z2-7 ]+)</code>', page)[1].split())  # type: ignore[index]
    device = pyotp.TOTP(secret)
    shown = visit.send("/account/second-factor", "/account/second-factor", code="000000")
    assert shown.status_code == 422
    sealed = re.search(r'name="setup" value="([^"]+)"', page)[1]  # type: ignore[index]
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]  # type: ignore[index]
    done = visit.post("/account/second-factor", csrf=csrf, setup=sealed, code=device.at(visit.world.now))
    assert done.status_code == 200, done.text
    return device, re.findall(r'<li><code dir="ltr">([a-z2-7-]{27})</code>', done.text)

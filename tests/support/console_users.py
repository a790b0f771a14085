"""People of every role who are signed in to one node, as their browsers would be."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from support.ports import NO_TLS
from support.world import World, served
from tocsin.interface.authorization import form_word
from tocsin.node.accounts import AccountRole, Person, read_session, start_session
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


def person(
    node: NodeWithStores, role: AccountRole, *, now: datetime, teams: tuple[int, ...] = (), mailbox: str = ""
) -> int:
    """The number of a person in this role, made where there is none with this mailbox."""
    mailbox = mailbox or "-".join([role.value, *map(str, teams)]) + "@people.example"
    with node.database.begin() as session:
        found = session.scalar(select(Person).where(Person.mailbox == mailbox))
        if found is None:
            found = Person(
                mailbox=mailbox, name=role.value.capitalize(), role=role.value, teams=list(teams), password="",
                language="", theme="", made_at=now, blocked_at=None,
            )  # fmt: skip
            session.add(found)
        found.teams = list(teams)
        session.flush()
        return found.id


def session_of(node: NodeWithStores, number: int, *, now: datetime) -> str:
    """What the cookie of a new session of that person holds."""
    with node.database.begin() as session:
        return start_session(session, session.get_one(Person, number), now=now, agent="test")


@dataclass
class Browser:
    """A signed-in browser without a window: gets pages and sends their forms."""

    client: httpx.Client
    csrf: str = ""
    pages: list[str] = field(default_factory=list)

    def get(self, path: str) -> httpx.Response:
        """One page; redirects are not followed."""
        return self.client.get(path, follow_redirects=False)

    def send(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """One form with the word that its page would carry; redirects are not followed."""
        return self.client.post(path, data={"csrf": self.csrf, **fields}, follow_redirects=False)


@contextmanager
def browser_of(
    application: FastAPI, node: NodeWithStores, role: AccountRole, *, now: datetime, teams: tuple[int, ...] = ()
) -> Iterator[Browser]:
    """The browser of somebody in this role; NOBODY: of the public."""
    with served(application) as port, _opened(application, node, port, role, now=now, teams=teams) as browser:
        yield browser


@contextmanager
def browsers_of(world: World, *roles: AccountRole, teams: tuple[int, ...] = ()) -> Iterator[list[Browser]]:
    """The browsers of people in these roles, who work for these teams, on one server of an open node."""
    application = make_application(world.node, clock=lambda: world.now)
    by: dict[str, Any] = {"now": world.now, "teams": teams}
    with served(application) as port, ExitStack() as opened:
        yield [opened.enter_context(_opened(application, world.node, port, role, **by)) for role in roles]


@contextmanager
def _opened(
    application: FastAPI,
    node: NodeWithStores,
    port: int,
    role: AccountRole,
    *,
    now: datetime,
    teams: tuple[int, ...] = (),
) -> Iterator[Browser]:
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, trust_env=False, verify=NO_TLS, timeout=120) as client:
        if role is AccountRole.NOBODY:
            yield Browser(client)
            return
        secret = session_of(node, person(node, role, now=now, teams=teams), now=now)
        client.cookies.set(COOKIE, secret)
        visitor = read_session(node.database, secret, now=now)
        yield Browser(client, form_word(application.state.tokens, visitor))

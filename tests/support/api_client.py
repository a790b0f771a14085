"""A program that asks the API of a real server, with a token of somebody in a role."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from support.console_users import person
from support.ports import NO_TLS
from support.world import World, served
from tocsin.node.accounts import AccountRole, Permission, Person, make_token, scopes_of
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.server import make_application


def token_of(
    node: NodeWithStores, role: AccountRole, *scopes: Permission, world: World, teams: tuple[int, ...] = ()
) -> str:
    """A token with these scopes, or with all that the role can give."""
    number = person(node, role, now=world.now, teams=teams)
    with node.database.begin() as session:
        owner = session.get_one(Person, number)
        given = scopes or tuple(scopes_of(role))
        return make_token(session, owner, name="test", scopes=given, days=30, now=world.now, actor=f"person:{number}")[
            1
        ]


@contextmanager
def caller(
    world: World, role: AccountRole | None, *scopes: Permission, teams: tuple[int, ...] = (), public: bool = False
) -> Iterator[httpx.Client]:
    """A program with such a token (None: without one) on the API of a server of its own."""
    token = token_of(world.node, role, *scopes, world=world, teams=teams) if role else ""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    application = make_application(world.node, public=public, clock=lambda: world.now)
    with (
        served(application) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, trust_env=False, verify=NO_TLS, timeout=60
        ) as client,
    ):
        yield client

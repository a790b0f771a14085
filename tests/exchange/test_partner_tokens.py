"""Tokens of partners' programs: made, shown once, used at one protocol, revoked."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.partner_examples import do
from support.world import World, make_world
from tocsin.exchange.protocols import AccessProtocol, PartnerToken, TokenScope, program_caller


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    with made.open:
        yield made


def test_a_token_lets_a_partner_in_at_one_face_until_it_is_replaced_or_revoked(world: World) -> None:
    do(world, "add", name="CERT B", mailbox="b@example.com")

    def made(*scopes: str) -> str:
        options = [word for scope in scopes for word in ("--scope", scope)]
        return str(world.tocsin.json("exchange", "token", "make", "CERT B", *options)["secret"])

    def caller(sent: str, protocol: AccessProtocol = AccessProtocol.TAXII) -> frozenset[TokenScope] | None:
        found = program_caller(world.node.database, protocol, sent, world.now)
        return found.scopes if found else None

    first = made()
    basic = base64.b64encode(f"any:{first}".encode()).decode()
    for sent in (first, f"Bearer {first}", f"Token {first}", f"Basic {basic}"):
        assert caller(sent) == frozenset({TokenScope.READ})
    for sent in ("", "Bearer", f"Bearer {first}x", "Basic %%%", f"Digest {first}", "Bearer \udcff"):
        assert caller(sent) is None
    assert caller(first, AccessProtocol.MISP) is None
    second = made("read", "post")
    assert caller(first) is None
    assert caller(second) == frozenset({TokenScope.READ, TokenScope.POST})
    with world.node.database.reading() as session:
        assert all(second not in row.hash for row in session.query(PartnerToken))
    world.tocsin.run("exchange", "token", "revoke", "CERT B", "--protocol", "taxii")
    assert caller(second) is None
    listed = world.tocsin.json("exchange", "token", "list")
    assert [bool(one["revoked_at"]) for one in listed] == [True, True]

"""A partner abroad: its node, its key, its profile; and what a person of this node does with them."""

import zipfile
from datetime import timedelta
from functools import cache
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

from pysequoia import Tsk

from support.world import World
from tocsin.cli.acts import act_of
from tocsin.exchange.partners import find_partner, note_key_notice
from tocsin.exchange.statements import (
    Address,
    Jurisdiction,
    JurisdictionRole,
    KeyAct,
    KeyNotice,
    NodeKey,
    Profile,
    ProfileKey,
    Statement,
    sign_statement,
)
from tocsin.interface import ActContext, read_request

NAME = "CERT Aland"
NODE = UUID(int=7)
CALL = {"way": "telephone", "said_by": "Ada, on duty", "evidence": "+358 555 01, from FIRST"}
"""How its key is confirmed."""


@cache
def tsk(of: str = "team") -> Tsk:
    """A key of the partner; another for each name."""
    return Tsk.generate(f"{NAME} <{of}@cert.aland.example>")


def public(of: str = "team") -> str:
    """The same, as it is given away."""
    return str(tsk(of).extract_certificate())


def fingerprint(of: str = "team") -> str:
    """Of the key."""
    return str(tsk(of).extract_certificate().fingerprint)


def do(world: World, name: str, /, **values: Any) -> Any:
    """Do an act on a partner."""
    act = act_of("partners", name)
    return act.perform(ActContext(world.node, world.now, "test", "Test", act=act), read_request(act, values))


def profile(world: World, *, key: str = "team", brings: tuple[str, ...] = (), **said: Any) -> Statement:
    """What the partner says of itself. ``key``: which signs it; ``brings``: further ones in it."""
    keys = tuple(ProfileKey(fingerprint=fingerprint(one), armored=public(one)) for one in (key, *brings))
    values: dict[str, Any] = {
        "name": NAME, "at": world.now.replace(microsecond=0), "keys": keys,
        "addresses": (Address(kind="mail", value="team@cert.aland.example"),),
        "jurisdictions": (Jurisdiction(country="AX", role=JurisdictionRole.OPERATOR),),
    }  # fmt: skip
    body = Profile(id=uuid4(), by=NodeKey(node=NODE, key=fingerprint(key)), **values | said)
    return sign_statement(body, tsk(key).signer())


def read(world: World, statement: Statement) -> Any:
    """Take a profile in."""
    texts = {"statement": statement.content.decode(), "signature": statement.signature.decode()}
    return do(world, "add-profile", **texts)


def packed(statement: Statement) -> bytes:
    """The invitation that brings it."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("profile.json", statement.content)
        archive.writestr("profile.json.asc", statement.signature)
    return made.getvalue()


def add_partner(world: World, **said: Any) -> World:
    """A partner, of whom nothing but the name is known."""
    do(world, "add", name=NAME, **said)
    return world


def claim(world: World) -> World:
    """A partner with a key that waits for its confirmation."""
    do(add_partner(world, node=NODE, mailbox="team@cert.aland.example"), "add-key", partner=NAME, content=public())
    return world


def pin(world: World) -> World:
    """A partner whose key was confirmed by telephone."""
    do(claim(world), "confirm-key", partner=NAME, key=fingerprint(), **CALL)
    return world


def named_by_the_old_key(world: World) -> World:
    """A partner whose confirmed key named the one that replaces it."""
    new = ProfileKey(fingerprint=fingerprint("new"), armored=public("new"))
    return key_notice(pin(world), act=KeyAct.REPLACE, new=new)


def stopped(world: World) -> World:
    """A partner that stopped its confirmed key."""
    return key_notice(pin(world), act=KeyAct.STOP, code="compromised")


def key_notice(world: World, **said: Any) -> World:
    """What the confirmed key of a partner says of itself."""
    at = world.now.replace(microsecond=0)
    body = KeyNotice(id=uuid4(), by=NodeKey(node=NODE, key=fingerprint()), old=fingerprint(), since=at, at=at, **said)
    notice = sign_statement(body, tsk("team").signer())
    with world.node.database.begin() as session:
        note_key_notice(session, ActContext(world.node, world.now, "test"), find_partner(session, "1"), notice)
    return world


def pin_expiring(world: World) -> World:
    """A partner whose pinned key expires in a few days."""
    pin(world)
    with world.node.database.begin() as session:
        from tocsin.exchange.partners.models import PartnerKey

        session.get_one(PartnerKey, 1).expires_at = world.now + timedelta(days=9)
    return world

"""A key for which nothing can be encrypted is refused at every door, with what to ask its owner for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pysequoia import Tsk
from sqlalchemy import select

from support.mail_keys import Gpg, gnupg
from support.partner_examples import CALL, NAME, NODE, add_partner, do, fingerprint, key_notice, pin, public
from support.taxii_examples import incident
from support.world import World, copy_world, make_world
from tocsin.exchange.ledger import NewDispatch, preview
from tocsin.exchange.partners.key_acts import claim_key, read_key
from tocsin.exchange.partners.models import PartnerKey
from tocsin.exchange.partners.read import find_partner
from tocsin.exchange.statements import KeyAct, NodeKey, Profile, ProfileKey, sign_statement
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError, TocsinError

USER = f"{NAME} <team@cert.aland.example>"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path).after_today(0.1)
    with made.open:
        yield made


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    with gnupg() as gpg:
        yield gpg


@pytest.fixture(scope="module")
def signing(ring: Gpg) -> str:
    """The fingerprint of a key that only signs."""
    return ring.make(USER, encrypts="")


def armored(ring: Gpg, key: str) -> str:
    return ring.run("--armor", "--export", key).decode()


def by_hand(world: World, _key: str, content: str, _: Gpg) -> None:
    do(add_partner(world), "add-key", partner=NAME, content=content)


def by_profile(world: World, key: str, content: str, ring: Gpg, *, beside: tuple[ProfileKey, ...] = ()) -> None:
    keys = (ProfileKey(fingerprint=key.lower(), armored=content), *beside)
    at = world.now.replace(microsecond=0)
    body = Profile(id=uuid4(), by=NodeKey(node=NODE, key=key.lower()), name=NAME, at=at, keys=keys)
    signed = sign_statement(body, Tsk.from_bytes(ring.run("--export-secret-keys", key)).signer())
    do(world, "add-profile", statement=signed.content.decode(), signature=signed.signature.decode())


def by_list(world: World, _key: str, content: str, _: Gpg) -> None:
    org = {"id": 7, "uuid": str(uuid4()), "name": NAME}
    one = {"type": "pgp", "encryption_key": content, "owner_model": "organisation", "owner_id": 7}
    listed = json.dumps({"organisations": [org], "encryptionKeys": [one]}).encode()
    done = do(world, "import-list", source="TI", content=listed)
    assert done.keys == 0
    raise ConflictError(next(iter(done.left)))


def claimed_before(world: World, key: str, content: str, _: Gpg) -> None:
    """It was claimed by an earlier version."""
    add_partner(world)
    context = ActContext(world.node, world.now, "test")
    with world.node.database.begin() as session:
        claim_key(session, context, find_partner(session, NAME), *read_key(content), source="file")
    do(world, "confirm-key", partner=NAME, key=key, **CALL)


def by_the_old_key(world: World, key: str, content: str, _: Gpg) -> None:
    new = ProfileKey(fingerprint=key.lower(), armored=content)
    key_notice(pin(world), act=KeyAct.REPLACE, new=new)
    do(world, "accept-key", partner=NAME, key=key)


DOORS: dict[str, Callable[[World, str, str, Gpg], None]] = {
    "by hand": by_hand,
    "a profile": by_profile,
    "a list": by_list,
    "confirmed": claimed_before,
    "named by the old key": by_the_old_key,
}


def confirmed(world: World) -> list[str]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(PartnerKey.fingerprint).where(PartnerKey.confirmed_at.is_not(None))))


@pytest.mark.parametrize("door", DOORS)
def test_a_key_that_only_signs_is_refused_at_every_door(world: World, ring: Gpg, signing: str, door: str) -> None:
    with pytest.raises(TocsinError) as refused:
        DOORS[door](world, signing, armored(ring, signing), ring)
    said = f"{refused.value} {refused.value.hint}"
    assert "This key cannot be used: It holds no key that encrypts." in said
    assert "--quick-add-key FINGERPRINT cv25519 encr" in said
    assert signing.lower() not in confirmed(world)


def test_beside_a_key_that_encrypts_a_profile_may_name_one_that_only_signs(
    world: World, ring: Gpg, signing: str
) -> None:
    beside = (ProfileKey(fingerprint=fingerprint(), armored=public()),)
    by_profile(world, signing, armored(ring, signing), ring, beside=beside)
    with world.node.database.reading() as session:
        assert list(session.scalars(select(PartnerKey.fingerprint))) == [fingerprint()]


def test_of_one_that_expired_it_is_said_that_it_can_be_prolonged_and_then_it_is_taken(world: World, ring: Gpg) -> None:
    key = ring.make(USER, lasts="1d", at="20240101T000000")
    add_partner(world)
    with pytest.raises(TocsinError, match="It expired on 2024-01-02") as refused:
        do(world, "add-key", partner=NAME, content=armored(ring, key))
    assert "expire, key 1, expire, save" in str(refused.value.hint)
    ring.edit(key, "expire\n2y\nkey 1\nexpire\n2y\nsave\n")
    assert do(world, "add-key", partner=NAME, content=armored(ring, key)).state == "claimed"
    assert do(world, "confirm-key", partner=NAME, key=key, **CALL).state == "pinned"


def test_one_that_its_owner_revoked_has_ended_and_cannot_be_confirmed(world: World, ring: Gpg) -> None:
    key = ring.make(USER)
    ring.run("--import", given=ring.revocation(key))
    assert do(add_partner(world), "add-key", partner=NAME, content=armored(ring, key)).state == "ended"
    with pytest.raises(ConflictError, match="has ended"):
        do(world, "confirm-key", partner=NAME, key=key, **CALL)


def test_a_preview_does_not_say_goes_where_nothing_can_be_encrypted(world: World, ring: Gpg, signing: str) -> None:
    """An earlier version confirmed keys that only sign."""
    pin(world)
    reference = incident(world, "GREEN", "a.example", NAME)
    with world.node.database.begin() as session:
        row = session.get_one(PartnerKey, 1)
        row.content, row.fingerprint = armored(ring, signing), signing.lower()
    request = NewDispatch(partner=NAME, incident=reference)
    assert "No confirmed key" in preview(ActContext(world.node, world.now, "test"), request).keyless
    code, out, said = world.tocsin.call("exchange", "send", NAME, "--incident", reference, "--preview")
    assert code == 0, said
    assert "Would go, with a key" in out
    assert "Ask for a key that encrypts" in out + said

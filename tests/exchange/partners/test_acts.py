"""Partners: what came by a file is a claim, a person confirms keys, and each refusal has its reason."""

import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from support.mail_keys import gnupg
from support.partner_examples import (
    CALL,
    NAME,
    NODE,
    add_partner,
    claim,
    do,
    fingerprint,
    packed,
    pin,
    profile,
    public,
    read,
)
from support.taxii_examples import incident
from support.world import World, copy_world, make_world
from tocsin.exchange.ledger import NewDispatch, preview
from tocsin.exchange.partners import LinkState, ListedPartner, invitation, pinned_keys, read_partner, read_profile_file
from tocsin.exchange.protocols import TaxiiFilter, read_objects
from tocsin.exchange.statements import RefusalError, Statement, read_statement, verify
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError, InputError, TocsinError
from tocsin.sharing.gate import DataClass

MAIL = {"partner": NAME, "way": "signed-mail", "result": "answered"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def partner(world: World) -> ListedPartner:
    with world.node.database.reading() as session:
        return read_partner(session, NAME, world.now)


def trusts(world: World, statement: Statement) -> bool:
    with world.node.database.reading() as session:
        try:
            verify(statement, pinned_keys(session))
        except RefusalError:
            return False
        return True


def two(world: World) -> World:
    """Two partners that say they have the same key, confirmed for the first."""
    pin(world)
    do(world, "add", name="Other")
    do(world, "add-key", partner="Other", content=public())
    return world


def ended(world: World) -> World:
    do(pin(world), "end-key", partner=NAME, key="1", why="lost", reason="Ada rang")
    return world


NDA = {"partner": NAME, "attestation": "NDA"}
CONFIRM = {"partner": NAME, "key": "1", **CALL}
REFUSALS: dict[str, tuple[Callable[[World], World], str, dict[str, Any], str]] = {
    "same name": (add_partner, "add", {"name": NAME.upper()}, "Another partner has this name"),
    "same node": (claim, "add", {"name": "Other", "node": NODE}, "Another partner has this node"),
    "no address": (add_partner, "change", {"partner": NAME, "inbox": "http://plain.example"}, "https://"),
    "no country": (add_partner, "change", {"partner": NAME, "countries": "Aland"}, "codes of countries"),
    "other node": (pin, "change", {"partner": NAME, "node": "1" * 32}, "so it stays"),
    "no key": (add_partner, "add-key", {"partner": NAME, "content": "key"}, "no key that can be read"),
    "no number": (claim, "confirm-key", CONFIRM | {"evidence": ""}, "Write which number was called"),
    "no person": (claim, "confirm-key", CONFIRM | {"said_by": ""}, "who read the fingerprint"),
    "half a fingerprint": (claim, "confirm-key", CONFIRM | {"key": fingerprint()[-16:]}, "no such key"),
    "twice": (pin, "confirm-key", CONFIRM, "confirmed already"),
    "after its end": (ended, "confirm-key", CONFIRM, "has ended"),
    "another's key": (two, "confirm-key", CONFIRM | {"partner": "Other", "key": fingerprint()}, "another partner"),
    "ended twice": (ended, "end-key", {"partner": NAME, "key": "1", "why": "lost", "reason": "x"}, "has ended"),
    "a signature without a key": (claim, "check", MAIL, "proves nothing yet"),
    "to come": (pin, "check", MAIL | {"at": "2040-01-01"}, "still to come"),
    "a history": (pin, "remove", {"partner": NAME}, "has a history"),
    "over": (add_partner, "attest", {**NDA, "issuer": "Ada", "expires": "2020-01-01"}, "has expired already"),
    "no attestation": (add_partner, "unattest", NDA, "no such attestation"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_each_refusal_has_its_reason(world: World, why: str) -> None:
    begin, act, values, said = REFUSALS[why]
    begin(world)
    with pytest.raises(TocsinError) as refused:
        do(world, act, **values)
    assert said in str(refused.value)


def test_a_profile_only_claims_and_a_person_pins(world: World) -> None:
    first = profile(world)
    read(world, first)
    assert (partner(world).state, partner(world).partner.mailbox) == (LinkState.NO_KEY, "team@cert.aland.example")
    assert not trusts(world, first)
    do(world, "confirm-key", partner=NAME, key=fingerprint(), **CALL)
    assert trusts(world, first)
    forged = profile(world, key="forged", hours="never")  # names the same node, and is signed by the key it brings
    read(world, forged)
    assert (partner(world).partner.hours, trusts(world, forged)) == ("", False)
    world.at(2)
    read(world, profile(world, brings=("forged", "next"), hours="8 to 17"))
    assert (partner(world).partner.hours, partner(world).proof) == ("8 to 17", world.now.replace(microsecond=0))
    assert [key.confirmed_at is None for key in partner(world).keys] == [False, True, True]
    with pytest.raises(ConflictError, match="newer profile"):
        read(world, first)


def test_a_profile_that_its_key_did_not_sign_is_refused(world: World) -> None:
    said, other = profile(world), profile(world, hours="never")
    with pytest.raises(RefusalError, match="did not sign"):
        read(world, Statement(said.content, other.signature, said.body))
    add_partner(world)
    with pytest.raises(ConflictError, match="has this name"):  # whoever claims the name of another
        read(world, said)


@pytest.mark.parametrize(("why", "counts"), [("replaced", True), ("lost", True), ("compromised", False)])
def test_what_a_key_signed_before_its_end(world: World, why: str, counts: bool) -> None:
    pin(world)
    said = profile(world)
    world.after_today(400)  # keys sign by the clock of this machine
    do(world, "end-key", partner=NAME, key=fingerprint(), why=why, reason="Ada rang")
    assert trusts(world, said) is counts
    assert partner(world).state is LinkState.NO_KEY


def test_the_link_works_for_half_a_year_after_a_signed_answer(world: World) -> None:
    pin(world)
    states = [partner(world).state]
    silent, forged = MAIL | {"result": "no-answer"}, MAIL | {"result": "wrong-signature"}
    checks: tuple[tuple[int, dict[str, str]], ...] = (
        (0, MAIL),
        (183, {}),
        (184, silent),
        (185, MAIL | {"way": "telephone"}),
        (186, MAIL),
        (187, forged),
    )
    for days, values in checks:
        world.at(days)
        if values:
            do(world, "check", **values)
        states.append(partner(world).state)
    assert states == ["check-due", "works", "check-due", "failing", "check-due", "works", "failing"]


def test_an_invitation_is_read_by_another_node(world: World, tmp_path: Path) -> None:
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    world.after_today(1)  # the key was made by the clock of this machine
    invited = invitation(world.node, world.now)
    statement, signature = read_profile_file(invited)
    with zipfile.ZipFile(BytesIO(invited)) as archive, gnupg() as gpg:  # as its README says
        archive.extractall(tmp_path)
        gpg.run("--import", str(tmp_path / "key.asc"))
        gpg.run("--verify", str(tmp_path / "profile.json.asc"), str(tmp_path / "profile.json"))
        (spelled,) = re.findall(r"(?:[0-9A-F]{4} ?){10}", (tmp_path / "README.txt").read_text())
        assert spelled.replace(" ", "") in gpg.run("--with-colons", "--fingerprint").decode()
    verified = read_statement(statement, signature)
    with pytest.raises(ConflictError, match="profile of this node"):
        read(world, verified)
    for wrong in (b"", b"PK\x03\x04", packed(verified)[:-9], b"x" * 3_000_000):
        with pytest.raises(InputError):
            read_profile_file(wrong)
    file = tmp_path / "invitation.zip"
    file.write_bytes(packed(profile(world)))
    world.tocsin.run("partners", "add-profile", file)
    shown = world.tocsin.json("partners", "show", NAME)
    assert (shown["state"], shown["keys"][0]["state"]) == ("no-key", "claimed")
    assert f"profile {world.now:%Y-%m-%d %H:%M} UTC" in " ".join(world.tocsin.run("partners", "show", NAME).split())
    world.tocsin.run("partners", "confirm-key", NAME, fingerprint(), "--way", "in-person", "--said-by", "Ada")
    assert [one["state"] for one in world.tocsin.json("partners", "list", "--state", "check-due")] == ["check-due"]


def test_what_a_rule_requires_goes_only_to_who_has_shown_it_until_it_expires(world: World, tmp_path: Path) -> None:
    world.now = datetime.now(UTC)  # as commands have it
    pin(world)
    reference = incident(world, "CLEAR", "kit.example")
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[transfer]]\nid = "nda"\nclass = "technical"\nrequires = ["NDA", "ISO 27001"]\nsend = "nothing"\n'
    )
    world.tocsin.run("rules", "set", rules, "--why", "Contract")

    def reads() -> bool:
        """Whether its program reads the indicator."""
        page = read_objects(world.node, 1, TaxiiFilter(types=("indicator",)), world.now)
        return any("kit.example" in one.content for one in page.rows)

    def said() -> set[str]:
        """Why it is not sent what is technical."""
        wanted = NewDispatch(partner=NAME, incident=reference)
        found = preview(ActContext(world.node, world.now, "test"), wanted).decisions
        return {str(one.verdict.words) for one in found if one.item.terms.data is DataClass.TECHNICAL}

    assert (reads(), said()) == (False, {"The partner has not shown what this rule requires: ISO 27001, NDA."})
    do(world, "attest", partner=NAME, attestation="ISO  27001", issuer="TÜV")
    assert (reads(), said()) == (False, {"The partner has not shown what this rule requires: NDA."})
    do(world, "attest", partner=NAME, attestation="nda", issuer="Ada, director", expires=world.now + timedelta(days=40))
    assert (reads(), any("not shown" in one for one in said())) == (True, False)
    world.now += timedelta(days=40)
    assert (reads(), said()) == (False, {"The partner has not shown what this rule requires: NDA."})
    do(world, "attest", partner=NAME, attestation="NDA", issuer="Ada, director")
    assert reads()
    do(world, "unattest", partner=NAME, attestation="iso 27001")
    assert not reads()
    (shown,) = world.tocsin.json("partners", "show", NAME)["attestations"]
    assert (shown["name"], shown["issuer"], shown["expires"]) == ("NDA", "Ada, director", None)

"""Lists of teams become partners with claims beside them: nothing that is known changes, and no key is pinned."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from support.console_users import browser_of
from support.partner_examples import NAME, fingerprint, pin, public
from support.world import World, copy_world, make_world, text_of
from tocsin.cli.acts import act_of
from tocsin.exchange.partners import list_partners, listings_of
from tocsin.exchange.partners.lists import ListEntry, read_list
from tocsin.exchange.partners.models import Partner, PartnerKey
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import InputError
from tocsin.server.server import make_application

ORGANISATION = "5a0e1c1e-0000-4000-8000-000000000001"
OTHER = "5a0e1c1e-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Any:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def bring(world: World, content: bytes, source: str = "FIRST", columns: str = "") -> Any:
    act = act_of("partners", "import-list")
    values = {"source": source, "content": content, "columns": columns}
    return act.perform(ActContext(world.node, world.now, "test", act=act), read_request(act, values))


def shown(world: World, path: str) -> str:
    """What a page says to a manager."""
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as manager:
        return text_of(manager.get(path))


FINGERPRINT = "945C 2808 4340 505C 36CC FA6B CA51 9536 60F3 B29B"
PLAIN = FINGERPRINT.replace(" ", "").lower()


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        (
            "Team,Country,E-mail,PGP fingerprint\r\nCERT B,Kenya,CERT B <cert@b.example>,"
            + FINGERPRINT
            + "\r\n,MU,x@y.example,\r\n",
            {},
            [ListEntry("CERT B", "cert@b.example", ("KE",), fingerprints=(PLAIN,))],
        ),
        (
            "Équipe;Pays;Courriel\nCERT C;mu;mailto:cert@c.example\n",
            {"name": "Équipe", "countries": "Pays", "mailbox": "Courriel"},
            [ListEntry("CERT C", "cert@c.example", ("MU",))],
        ),
        (
            '{"total": 1, "data": [{"team": "CERT D", "country": {"code": "JP"}, "emails": ["a", "b@d.example"]}]}',
            {},
            [ListEntry("CERT D", "b@d.example", ("JP",))],
        ),
        (
            '[{"name": "CERT E", "at": {"mail": "e@e.example"}}]', {"mailbox": "at.mail"},
            [ListEntry("CERT E", "e@e.example")],
        ),
    ],
)  # fmt: skip
def test_lists_of_many_shapes_are_read(content: str, columns: dict[str, str], expected: list[ListEntry]) -> None:
    assert read_list(content.encode(), columns).entries == expected


def test_a_real_list_of_trusted_introducer_is_read(shared_data: Path) -> None:
    content = (shared_data / "csirt" / "trusted_introducer_sample.json").read_bytes()
    first = read_list(content, {"name": "official_name"}).entries[0]
    assert (first.name, first.countries, first.fingerprints) == ("Austrian Energy CERT", ("AT",), (PLAIN,))


@pytest.mark.parametrize("content", ["{", "a,b\n1,2\n", "[1, 2]", "", '{"name": 1'])
def test_what_is_no_list_is_refused(content: str) -> None:
    with pytest.raises(InputError):
        read_list(content.encode(), {})


def test_a_list_makes_partners_and_changes_none(world: World) -> None:
    pin(world)
    rows = f"name,email,country\n{NAME.upper()},other@elsewhere.example,SE\nCERT B,cert@b.example,KE\n"
    done = bring(world, rows.encode())
    assert (done.new, done.known, done.gone) == (1, 1, 0)
    with world.node.database.reading() as session:
        known, new = session.scalars(select(Partner).order_by(Partner.id)).all()
        assert (known.name, known.mailbox) == (NAME, "team@cert.aland.example"), "a list changes nothing that is known"
        (said,) = listings_of(session, known.id)
        assert (said.source, said.mailbox, said.countries) == ("FIRST", "other@elsewhere.example", "SE")
        assert (new.name, new.mailbox, new.countries, new.node) == ("CERT B", "cert@b.example", "KE", None)
        assert {one.state for one in list_partners(session, world.now) if one.partner.id == new.id} == {"no-key"}
    assert bring(world, rows.encode()).new == 0
    assert bring(world, b"name,email\nCERT B,cert@b.example\n").gone == 1
    assert bring(world, b"team,mail\nCERT of B,cert@b.example\n", "APCERT").known == 1, "it has the same address"
    with world.node.database.reading() as session:
        assert {one.source: one.gone_at is None for one in listings_of(session, known.id)} == {"FIRST": False}
        assert [one.source for one in listings_of(session, new.id)] == ["APCERT", "FIRST"]
        assert session.scalar(select(func.count()).select_from(Partner)) == 2


def cerebrate(*organisations: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"organisations": list(organisations), **more}).encode()


def test_a_cerebrate_is_read_by_uuid_and_its_keys_are_claims(world: World) -> None:
    """Numbers are those of one answer; a key belongs to whom the same answer gives this number."""
    org = {"id": 7, "uuid": ORGANISATION, "name": "CERT B", "nationality": "Kenya", "contacts": "cert@b.example"}
    keys = [
        {"type": "pgp", "encryption_key": public(), "owner_model": "organisation", "owner_id": 7, "revoked": False},
        {"type": "pgp", "encryption_key": public("next"), "owner_model": "individual", "owner_id": 7},
        {"type": "pgp", "encryption_key": "no key", "owner_model": "organisation", "owner_id": 7},
    ]
    groups = [{"id": 1, "name": "Region", "uuid": OTHER, "sharing_group_orgs": [{"uuid": ORGANISATION}]}]
    people = [
        {"id": 7, "email": "Ada@b.example", "first_name": "Ada", "last_name": "", "position": "Analyst", "alignments": [
            {"type": "Team lead", "organisation": {"uuid": ORGANISATION.upper()}}, {"organisation": {"uuid": OTHER}},
            {"type": "member"}, 7,
        ]},
        {"id": 9, "email": "no address", "alignments": [{"type": "x", "organisation": {"uuid": ORGANISATION}}]},
    ]  # fmt: skip
    content = cerebrate(
        org, {"id": 8, "name": "No UUID"}, encryptionKeys=keys, sharingGroups=groups, individuals=people
    )
    done = bring(world, content, "Cerebrate of Meridia")
    assert (done.new, done.keys, len(done.left)) == (1, 1, 2)
    page = shown(world, "/partners/1")
    assert "Team lead" in page
    assert "Ada@b.example" in page
    with world.node.database.reading() as session:
        (said,) = listings_of(session, 1)
        assert said.people == [
            {"name": "Ada", "role": "Team lead", "mailbox": "Ada@b.example", "fingerprints": [fingerprint("next")]}
        ], "with the key of who has this number among people"
    renamed = cerebrate({**org, "id": 3, "name": "CERT of B"}, encryptionKeys=[{**keys[1], "owner_id": 3}])
    assert bring(world, renamed, "Cerebrate of Meridia").known == 1, "the UUID names it, whatever its number and name"
    with world.node.database.reading() as session:
        (key,) = session.scalars(select(PartnerKey)).all()
        assert (key.fingerprint, key.confirmed_at, key.source) == (fingerprint(), None, "list")
        (said,) = listings_of(session, key.partner_id)
        assert (said.uuid, said.name, said.people) == (UUID(ORGANISATION), "CERT of B", [])


def test_what_is_offered_in_that_shape_is_read_by_another_node(world: World, tmp_path: Path) -> None:
    pin(world)
    world.tocsin.run("partners", "export-cerebrate", "--out", tmp_path / "out")
    status = json.loads((tmp_path / "out" / "instance" / "status.json").read_text())
    assert status["version"]
    found = json.loads((tmp_path / "out" / "organisations" / "index.json").read_text())
    assert [one["name"] for one in found][1:] == [NAME]
    assert json.loads((tmp_path / "out" / "individuals" / "index.json").read_text()) == []
    done = world.tocsin.json("partners", "import", tmp_path / "out", "--source", "Ours")
    assert (done["known"], done["new"], done["keys"]) == (1, 1, 0), "the key is known here"


def test_what_must_never_be_held_is_in_no_list(world: World) -> None:
    from support.abuse_reports import xarf

    with pytest.raises(InputError):
        bring(world, json.dumps(xarf()).encode())

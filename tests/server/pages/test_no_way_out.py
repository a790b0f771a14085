"""What stays with few: the register of critical assets, and references to what must never be held.

A word is in every field of both, and found in nothing that who may not read it can get. Each role asks for all that
lets it in; that it learns nothing of the rest is in `test_permission_matrix`, and ``TOCSIN_WHOLE=1`` asks for it too.
Looked for as it is, in base64, and in what is compressed; `test_the_search_finds_what_leaks` shows that it can fail.
"""

import base64
import gzip
import io
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from support.abuse_reports import REFERENCE, xarf
from support.assets import Keeper
from support.console_users import browser_of
from support.furnished_node import furnish
from support.mail_keys import gnupg
from support.page_examples import OPERATOR, QUERIES, SECTOR
from support.routes import Door, doors
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.assets import match_observables
from tocsin.assets.register import Asset, AssetChange
from tocsin.directory import teams_by_id
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import extent
from tocsin.node.records import AuditEntry, UndoRecord
from tocsin.operations.backup import make_backup, restore_backup
from tocsin.operations.backup_encryption import GpgKeyring
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

WORD = "Zx9Kanari"
SAID = {
    "name": f"{WORD} name", "sector": f"{WORD} sector", "site": f"{WORD} site", "product": f"{WORD} product",
    "identifiers": f"198.18.77.0/24\n192.0.2.0/28\n{WORD}.example\ncpe:2.3:a:{WORD}:x:1\npkg:npm/{WORD}",
    "needs": f"Cranes; {WORD} kind; {WORD} since", "note": f"{WORD} note", "team": "operator", "impact": "high",
    "contacts": f"{WORD} person; {WORD} phone; {WORD}@x.example; {WORD} hours; {WORD}",
}  # fmt: skip
NEEDLES = {WORD.lower().encode(), b"198.18.77", *(
    base64.b64encode(b"x" * shift + form.encode())[4 if shift else 0 : -4].lower()
    for shift in range(3) for form in (WORD, WORD.lower())
)}  # fmt: skip
NOT_ASKED = {"/today/live"}  # never ends
OF_REPORTS = (REFERENCE, "an-example", "NHR-", "secret-place")
SHAPES = "/api/v1/openapi.json"  # examples of what a reference looks like
OTHERS = [role for role in AccountRole if role not in {AccountRole.MANAGER, AccountRole.ANALYST}]


def leaks(content: bytes) -> bool:
    """Whether the word is in some bytes, or in what is packed in them."""
    found = any(needle in content.lower() for needle in NEEDLES)
    for start, unpack in ((b"\x1f\x8b", gzip.decompress), (b"x\x9c", zlib.decompress)):
        if content.startswith(start):
            found |= leaks(unpack(content))
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found |= any(leaks(archive.read(name)) for name in archive.namelist())
    return found


def test_the_search_finds_what_leaks() -> None:
    word = f"an {WORD} site".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", word)
    for content in (word, gzip.compress(word), zlib.compress(word), packed.getvalue()):
        assert leaks(content)
    assert all(leaks(base64.b64encode(b"y" * shift + word)) for shift in range(3))
    assert not leaks(b"nothing")


@pytest.fixture(scope="module")
def filled(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[tuple[Door, str]]]]:
    """A node with something of every kind, whose register has the word everywhere; all that can be asked for."""
    world = copy_world(fresh, tmp_path_factory.mktemp("filled"))
    with world.open:
        with (world.node.home / "tocsin.toml").open("a") as file:
            file.write("[api]\npublic_a_minute = 1000000\n")
        examples = furnish(world)
        keeper, teams = Keeper(world), {team.key: number for number, team in teams_by_id(world.node.database).items()}
        keeper.do("change", asset=1, **SAID)
        Keeper(world, AccountRole.OPERATOR, (teams[OPERATOR],)).do("change", asset=1, **{**SAID, "needs": ""})
        keeper.do("ask", asset=(1, 2), holder=f"{WORD} holder")
        Keeper(world, AccountRole.ANALYST).do("approve", sheet=2)
        keeper.do("print", sheet=2)
        world.hear("192.0.2.3")
        path = world.folder / "abuse.json"
        path.write_text(json.dumps(xarf(), indent=2))
        abuse = ingest(world.node, [path], clock=lambda: world.now)
        assert abuse.counts.quarantined == 1
        match_observables(world.node, world.now)
        world.tell()
        paths = []
        for door in doors(make_application(world.node, clock=lambda: world.now)):
            if door.method == "GET" and door.path not in NOT_ASKED:
                example = examples.get(door.path)
                paths.append((door, (example.at if example else door.path) + QUERIES.get(door.path, "")))
                if door.path == "/reports/quarantine":
                    (number,) = abuse.ingests
                    paths += [(door, f"{door.path}?ingest={number}"), (door, f"{door.path}/{number}/0")]
                if "search" in door.path:
                    paths.append((door, f"{door.path}?q={WORD[:-2]}"))  # an answer says what was asked for
        yield world, paths


@pytest.mark.parametrize("role", AccountRole)
def test_no_page_and_no_route_of_the_api_says_anything(
    filled: tuple[World, list[tuple[Door, str]]], role: AccountRole
) -> None:
    world, paths = filled
    officer = bool(extent(role, Permission.NEVER_HELD_WORK))
    sector = next(number for number, team in teams_by_id(world.node.database).items() if team.key == SECTOR)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=world.now, teams=(sector,)) as browser:
        wrong = []
        for door, path in paths:
            if not (WHOLE or door.lets_in(role)):
                continue
            answer = browser.get(path)
            if not officer and path != SHAPES and any(word in answer.text for word in OF_REPORTS):
                wrong.append((door.path, path))
            inside = role not in OTHERS and (path.startswith("/assets") or path.endswith("/assets"))
            if not inside and leaks(answer.content + repr(answer.headers.raw).encode()):
                wrong.append((door.path, path))
    assert wrong == []
    assert not [path for _, path in paths if path.startswith("/api/") and "asset" in path]


def test_no_mail_no_file_and_no_log_has_it(
    filled: tuple[World, list[tuple[Door, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = filled
    with caplog.at_level(logging.DEBUG):
        Keeper(world).do("confirm", asset=(1,))
        world.at(1).hear("192.0.2.9")
        world.tell()
    assert not leaks(caplog.text.encode())
    with world.node.database.reading() as session:
        entries = [
            one.detail | {"subject": one.subject, "actor": one.actor} for one in session.scalars(select(AuditEntry))
        ]
        assert {one["subject"] for one in entries} >= {"asset:1", "call-sheet:1", "asset-change:1"}
        assert not leaks(repr(entries).encode())
        assert session.scalars(select(UndoRecord)).all()
    records = {path for path in world.node.home.iterdir() if path.name.startswith("records")}
    files = [path for path in world.node.home.rglob("*") if path.is_file() and path not in records]
    assert len(files) > 10
    assert [path for path in files if leaks(path.read_bytes())] == []


def test_a_readable_backup_leaves_it_out_and_an_encrypted_one_has_it(
    filled: tuple[World, list[tuple[Door, str]]], tmp_path: Path
) -> None:
    world, _ = filled
    copied = make_backup(world.node, tmp_path / "readable", now=world.now)
    assert copied.left_out == "the register of critical assets"
    assert '"left_out": "the register of critical assets"' in (tmp_path / "readable" / "backup.json").read_text()
    assert [path for path in (tmp_path / "readable").rglob("*") if path.is_file() and leaks(path.read_bytes())] == []
    with gnupg() as keys:
        fingerprint = keys.make("keeper@csirt.example")
        (tmp_path / "key.gpg").write_bytes(keys.public(fingerprint))
        encrypted = make_backup(
            world.node, tmp_path / "encrypted", now=datetime.now(UTC), to=[str(tmp_path / "key.gpg")]
        )
        assert encrypted.left_out == ""
        restore_backup(tmp_path / "encrypted", tmp_path / "again", now=world.now, keyring=GpgKeyring(keys.home))
    again = open_node(tmp_path / "again")
    with again.database.reading() as session:
        assert session.get_one(Asset, 1).site == f"{WORD} site"
        assert session.scalars(select(AssetChange)).all()
    again.database.close()

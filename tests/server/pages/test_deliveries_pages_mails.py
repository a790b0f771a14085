"""Mails as their readers see them: encrypted ones, those of several parts, and their files as tables."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.cast import CAST
from support.console_users import browser_of
from support.mail_keys import gnupg
from support.world import World, copy_world
from tocsin.delivery import Delivery
from tocsin.delivery.mime import Attachment, Envelope, assemble
from tocsin.delivery.sealing import KeyRing
from tocsin.directory.keys import KeyFormat, KeySubmission, import_keys
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.notify import tell
from tocsin.server.pages.deliveries.mail_copies import MailFile, copies, is_sealed, kept_mails, read_mail, rows_of
from tocsin.server.server import make_application

ENVELOPE = Envelope(
    "Über alles", "CSIRT Example", "csirt@csirt.example", ("a@b.example",), datetime(2026, 11, 24, tzinfo=UTC), "<1@x>"
)


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    world = copy_world(fresh, tmp_path)
    world.now = datetime.now(UTC) + timedelta(hours=1)  # keys that are made now are good then
    return world


def digest(world: World) -> Delivery:
    with world.node.database.reading() as session:
        return next(iter(session.scalars(select(Delivery).where(Delivery.protection != ""))))


def test_of_an_encrypted_mail_what_it_holds_is_made_again_while_its_events_are_there(world: World) -> None:
    node, team = world.node, world.folder / "team.toml"
    team.write_text(CAST.replace('key = "operator"', 'key = "operator"\nencrypt = true'), encoding="utf-8")
    world.tocsin.run("directory", "import", team)
    KeyRing(node.home, node.settings, node.database, "test").make(KeyFormat.OPENPGP, years=1, now=datetime.now(UTC))
    with gnupg() as gpg:
        content = gpg.public(gpg.make("Operator <abuse@operator.example>"))
    import_keys(node.database, "operator", content, KeySubmission("test", "test"), datetime.now(UTC))
    world.hear("192.0.2.1")
    tell(world.node, now=world.now)
    found = digest(world)
    (kept,) = kept_mails(node, found)
    assert is_sealed(kept)
    assert b"192.0.2.1" not in kept
    application = make_application(node, clock=lambda: world.now)
    with browser_of(application, node, AccountRole.ANALYST, now=world.now) as browser:
        page = browser.get(f"/deliveries/{found.reference}").text
        assert browser.get(f"/deliveries/{found.reference}/mails/1").content == kept
    assert "The mail was sent encrypted. This is its content, rendered again from its events." in page
    assert "192.0.2.1" in page
    node.store.delete_days_before(world.now.date() + timedelta(days=2))
    (copy,) = copies(node, found)
    assert (copy.content, copy.sealed, copy.read) == (kept, True, None)
    assert copy.why


def test_a_mail_is_read_with_its_headers_text_and_files() -> None:
    files = [Attachment("a.csv", "text/csv; charset=utf-8", b"x,y\r\n1,2\r\n"), Attachment("b.bin", "x/y", b"\0\1")]
    read = read_mail(assemble(ENVELOPE, "Grüße\n", files, "=_b"))
    assert dict(read.headers)["Subject"] == "Über alles"
    assert dict(read.headers)["To"] == "a@b.example"
    assert read.text.strip() == "Grüße"
    assert [(file.name, file.content, file.table) for file in read.files] == [
        ("a.csv", b"x,y\r\n1,2\r\n", True),
        ("b.bin", b"\0\1", False),
    ]


def test_a_mail_within_a_mail_stays_one_file() -> None:
    inner = assemble(ENVELOPE, "within\n", [Attachment("a.csv", "text/csv", b"x\r\n")], "=_i")
    read = read_mail(assemble(ENVELOPE, "around\n", [Attachment("TOC-1.eml", "message/rfc822", inner)], "=_o"))
    assert read.text.strip() == "around"
    (file,) = read.files
    assert file.name == "TOC-1.eml"
    assert read_mail(file.content).text.strip() == "within"


def test_the_parts_of_a_digest_come_in_their_order(world: World) -> None:
    folder = world.node.mails / "2026-11-25"
    folder.mkdir(parents=True)
    for part in range(1, 12):
        (folder / f"TOC-2026-0000001-{part}of11.eml").write_bytes(b"%d" % part)
    row = Delivery(path="2026-11-25/TOC-2026-0000001-1of11.eml")
    assert kept_mails(world.node, row) == [b"%d" % part for part in range(1, 12)]
    assert kept_mails(world.node, Delivery(path="../tocsin.toml")) == []


def test_files_are_shown_as_tables_no_further_than_a_person_reads() -> None:
    many = "".join(f"{number},x\r\n" for number in range(500))
    columns, rows, more = rows_of(MailFile("a.csv", "text/csv", f"n,t\r\n{many}".encode()))
    assert (columns, len(rows), rows[-1], more) == (["n", "t"], 200, ["199", "x"], True)
    lines = b'{"a": 1}\n{"b": {"c": [1, 2]}}\n'
    assert rows_of(MailFile("a.jsonl", "x", lines)) == (["a", "b"], [["1", ""], ["", '{"c": [1, 2]}']], False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.csv", "n\r\n1\r\n")
    assert rows_of(MailFile("a.zip", "application/zip", packed.getvalue())) == (["n"], [["1"]], False)
    assert rows_of(MailFile("a.bin", "x", b"\0")) == ([], [], False)

"""Digests leave by SMTP, replies come in by IMAP: each counts once, wherever the reading is killed."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from support.cast import Tocsin
from support.databases import Cluster
from support.delivery_examples import Read, read_mail
from support.imap_server import ImapServer, imap_server
from support.mail_corpus import AUTOMATIC, GONE, RECEIPTS, report
from support.mail_server import post_office
from support.processes import KILLED, command
from support.reply_examples import reply
from support.world import make_world
from tocsin.node.records import open_database, sqlite_url
from tocsin.pipeline.notify import tell
from tocsin.problems.answers import Answer

OPERATOR, SECTOR = "abuse@operator.example", "cert@banks.example"
# At the second of four mails: one is done, one is under way, two wait.
POINTS = ["replies.kept:2", "replies.acting:2", "replies.acted:2", "replies.moved:2"]


@dataclass
class Told:
    """A node that told its teams by SMTP, the mails by mailbox, and its own mailbox that replies come to."""

    tocsin: Tocsin
    mails: dict[str, Read]
    imap: ImapServer
    user: str

    def put(self, *mails: bytes) -> None:
        self.imap.put(*mails, user=self.user)

    def folder(self, name: str = "INBOX") -> list[bytes]:
        return self.imap.mails(name, self.user)


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as server:
        yield server


@pytest.fixture(scope="module")
def first(imap: ImapServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return tell_teams(tmp_path_factory.mktemp("first"), imap, "first")


@pytest.fixture
def told(first: Told, tmp_path: Path, request: pytest.FixtureRequest) -> Told:
    """A copy of the node with a mailbox of its own."""
    home, user = tmp_path / "home", "".join(sign for sign in request.node.name if sign.isalnum())
    shutil.copytree(first.tocsin.home, home)
    settings = home / "tocsin.toml"
    settings.write_text(settings.read_text().replace(str(first.tocsin.home), str(home)).replace('"first"', f'"{user}"'))
    return Told(Tocsin(home, first.tocsin.environment), first.mails, first.imap, user)


def tell_teams(folder: Path, imap: ImapServer, user: str, storage: str = "") -> Told:
    """Hear of three problems and tell of them."""
    password = folder / "home" / "password"
    with post_office() as office:
        settings = (
            f"{storage}[tell]\nhold_first_mail = false\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
            f'[mailbox]\naddress = "csirt@example.org"\nhost = "127.0.0.1"\nport = {imap.port}\nsecurity = "none"\n'
            f'user = "{user}"\npassword_file = "{password}"\nmax_bytes = 100000\n'
        )
        world = make_world(folder, settings)
        password.write_text("secret\n")
        password.chmod(0o600)
        world.hear("192.0.2.1", "192.0.2.2", "192.0.2.200")
        tell(world.node, now=world.now)
        mails = [read_mail(content) for _, content in office.arrived]
        assert office.senders == [mail.headers["Reply-To"] for mail in mails]
    world.node.database.close()
    tocsin = Tocsin(world.node.home, {**os.environ, "NO_COLOR": "1"})
    return Told(tocsin, {mail.to: mail for mail in mails}, imap, user)


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each(request: pytest.FixtureRequest, imap: ImapServer, tmp_path: Path) -> Told:
    """Such a node on either database."""
    if request.param == "sqlite":
        return request.getfixturevalue("told")  # type: ignore[no-any-return]
    cluster: Cluster = request.getfixturevalue("postgresql")
    return tell_teams(tmp_path, imap, "postgresql", f'[storage]\ndatabase = "{cluster.fresh()}"\n')


def test_a_day_of_replies(on_each: Told) -> None:
    told, tocsin = on_each, on_each.tocsin
    digest, other = told.mails[OPERATOR], told.mails[SECTOR]
    mails = {
        ("answer", "applied"): reply(digest, "fixed 192.0.2.1"),
        ("automatic", "kept"): AUTOMATIC[0].raw(digest.headers["Reply-To"]),
        ("receipt", "kept"): RECEIPTS[0].raw(digest.headers["Reply-To"]),
        ("bounce", "applied"): report(GONE.replace("noc@isp.example", SECTOR), original=other.message_id).raw(
            other.headers["Reply-To"]
        ),
        ("answer", "waiting"): reply(digest, "fixed", token=False, sender="x@evil.example"),
        ("unknown", "waiting"): reply(digest, "x" * 200_000),
    }
    told.put(*mails.values())

    dry = tocsin.json("replies", "read", "--dry-run")
    assert (dry["mails"], tocsin.json("replies", "list"), len(told.folder())) == (6, [], 6)
    read = tocsin.json("replies", "read")

    assert Counter((one["kind"], one["state"]) for one in read["read"]) == Counter(mails.keys())
    assert (told.folder(), len(told.folder("tocsin-read")), len(told.folder("tocsin-aside"))) == ([], 5, 1)
    listed = tocsin.json("replies", "list")
    assert [one["number"] for one in listed] == [6, 5, 4, 3, 2, 1]
    assert {one["digest"] for one in listed} == {digest.message_id[1:17], other.message_id[1:17]}
    shown = tocsin.json("replies", "show", "1")
    assert (shown["team"], shown["matched_by"], shown["text"]) == ("operator", "token", "fixed 192.0.2.1")
    assert shown["answers"] == [{"verdict": "fixed", "problems": 1}]
    assert "gone for good (5.1.1)" in tocsin.run("replies", "show", "4")
    assert tocsin.json("replies", "list", "--kind", "receipt")[0]["ticket"] == "#4711"
    assert tocsin.json("deliveries", "show", other.message_id[1:17])["state"] == "bounced"
    token = digest.headers["Reply-To"].partition("+")[2].partition("@")[0]
    assert token not in tocsin.run("replies", "show", "1") + tocsin.run("--json", "replies", "list")
    assert "secret" not in tocsin.run("replies", "read")
    assert "No mail is waiting." in tocsin.run("replies", "read")
    found = {one["what"]: one for one in json.loads(tocsin.call("--json", "doctor")[1])}
    assert found["mail account"]["ok"]
    assert found["mails to review"]["found"] == "2"


def test_a_mailbox_that_cannot_be_read_is_said_in_words(told: Told) -> None:
    tocsin = told.tocsin
    settings = tocsin.home / "tocsin.toml"
    text = settings.read_text()
    for wrong, code, words in (
        (text.replace(f"port = {told.imap.port}", "port = 1"), 1, "refused"),
        (text.replace('"127.0.0.1"', '""'), 2, "No IMAP account is configured"),
    ):
        settings.write_text(wrong)
        found, _, said = tocsin.call("replies", "read")
        assert (found, words in said, "Traceback" in said, "secret" in said) == (code, True, False, False)
    settings.write_text(text)
    (tocsin.home / "password").write_text("wrong one\n")
    found, _, said = tocsin.call("replies", "read")
    assert (found, "cannot be used" in said, "wrong one" in said) == (1, True, False)


def test_a_person_decides_on_what_waits(told: Told, tmp_path: Path) -> None:
    tocsin, digest = told.tocsin, told.mails[OPERATOR]
    stranger = tmp_path / "stranger.eml"
    stranger.write_bytes(reply(digest, "not ours 192.0.2.2", token=False, sender="colleague@other.example"))
    lost = tmp_path / "lost.eml"
    lost.write_bytes(b"From: a@b.example\r\nSubject: hello\r\n\r\nfalse")

    assert "waiting" in tocsin.run("replies", "file", stranger)
    assert tocsin.json("replies", "file", lost)["state"] == "inbox"
    assert tocsin.json("replies", "reclassify", "1", "--as", "answer")["state"] == "applied"
    _, _, refused = tocsin.call("replies", "reclassify", "1", "--as", "automatic")
    _, _, unsaid = tocsin.call("replies", "reclassify", "2", "--as", "answer")
    closed = tocsin.json("replies", "reclassify", "2", "--as", "automatic")
    again = tocsin.json(
        "replies", "reclassify", "2", "--as", "answer", "--digest", digest.message_id[1:17], "--verdict", "accepted"
    )

    assert "counts already" in refused
    assert "Which digest" in unsaid
    assert (closed["state"], again["state"], again["matched_by"]) == ("closed", "applied", "person")
    assert tocsin.json("replies", "list", "--state", "waiting") == []


@pytest.mark.parametrize("point", POINTS)
def test_killed_while_reading_no_answer_is_lost_or_counted_twice(told: Told, point: str) -> None:
    tocsin = told.tocsin
    mails = [reply(told.mails[OPERATOR], text) for text in ("fixed", "not ours 192.0.2.1", "We look at it.")]
    mails.append(
        report(GONE.replace("noc@isp.example", SECTOR), original=told.mails[SECTOR].message_id).raw(
            told.mails[SECTOR].headers["Reply-To"]
        )
    )
    told.put(*mails)

    killed = command(tocsin.home, "replies", "read", environment={**tocsin.environment, "TOCSIN_CUT": point})
    assert killed.wait() == KILLED
    tocsin.run("replies", "read")

    assert (told.folder(), sorted(told.folder("tocsin-read"))) == ([], sorted(mails))
    listed = tocsin.json("replies", "list")
    assert Counter((one["kind"], one["state"]) for one in listed) == {
        ("answer", "applied"): 3,
        ("bounce", "applied"): 1,
    }
    assert [len(one["bounces"]) for one in listed] == [1, 0, 0, 0]
    assert answers_noted(tocsin) == ["acknowledged", "fixed", "not_ours"]


def answers_noted(tocsin: Tocsin) -> list[str]:
    database = open_database(sqlite_url(tocsin.home / "records.sqlite"))
    with database.begin() as session:
        return sorted(session.scalars(select(Answer.verdict)))


def test_what_a_sender_brings_beyond_a_day_and_below_the_reserve_stays_on_its_server(told: Told) -> None:
    settings = told.tocsin.home / "tocsin.toml"
    before = settings.read_text()
    large = [b"From: Loud <loud@noise.example>\r\nSubject: %d\r\n\r\n" % n + b"x" * 90_000 for n in range(13)]
    quiet = b"From: quiet@example.net\r\nSubject: Help\r\n\r\nPlease call me.\r\n"
    told.put(*large, quiet)
    settings.write_text(f"{before}\n[intake]\nreserve_bytes = {2**60}\n")
    told.tocsin.run("replies", "read", code=1)
    assert len(told.folder()) == 14, "the disk is for the node's own work"
    settings.write_text(f"{before}\n[intake]\nsender_bytes_a_day = 1000000\n")
    for _ in range(2):
        told.tocsin.run("replies", "read")
        assert len(told.folder()) == 2, "they wait for tomorrow"
        assert all(b"loud@noise.example" in one for one in told.folder())
    assert quiet in told.folder("tocsin-read")

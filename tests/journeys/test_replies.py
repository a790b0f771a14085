"""Digests leave by SMTP, replies come in by IMAP: each counts once, wherever the reading is killed."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from delivery_cast import Read, read_mail
from imap_server import ImapServer, imap_server
from mailroom_corpus import AUTOMATIC, GONE, RECEIPTS, report
from players import Tocsin
from post_office import PostOffice, post_office
from reply_cast import reply
from tocsin.answers import Answer
from tocsin.records import open_database, sqlite_url

OPERATOR, SECTOR = "abuse@operator.example", "cert@banks.example"
# At the second of four mails: one is done, one is under way, two wait.
POINTS = ["replies.kept:2", "replies.acting:2", "replies.acted:2", "replies.moved:2"]


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as server:
        yield server


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return "".join(sign for sign in request.node.name if sign.isalnum())


@pytest.fixture
def told(
    tocsin: Tocsin, office: PostOffice, imap: ImapServer, user: str, report: Callable[..., Path]
) -> dict[str, Read]:
    """A node that told its teams by SMTP and reads its mailbox by IMAP; the mails by mailbox."""
    password = tocsin.home / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    with (tocsin.home / "tocsin.toml").open("a") as settings:
        settings.write(
            f'[node]\ncontact = "csirt@example.org"\n[tell]\nhold_first_mail = false\n'
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
            f'[mailbox]\naddress = "csirt@example.org"\nhost = "127.0.0.1"\nport = {imap.port}\nsecurity = "none"\n'
            f'user = "{user}"\npassword_file = "{password}"\nmax_bytes = 100000\n'
        )
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.2", "192.0.2.200"))
    tocsin.run("deliver")
    mails = [read_mail(content) for _, content in office.arrived]
    assert office.senders == [mail.headers["Reply-To"] for mail in mails]
    return {mail.to: mail for mail in mails}


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"], indirect=True)
def test_a_day_of_replies(tocsin: Tocsin, told: dict[str, Read], imap: ImapServer, user: str) -> None:
    digest = told[OPERATOR]
    mails = {
        ("answer", "applied"): reply(digest, "fixed 192.0.2.1"),
        ("automatic", "kept"): AUTOMATIC[0].raw(digest.headers["Reply-To"]),
        ("receipt", "kept"): RECEIPTS[0].raw(digest.headers["Reply-To"]),
        ("bounce", "applied"): report(GONE.replace("noc@isp.example", SECTOR), original=told[SECTOR].message_id).raw(),
        ("answer", "waiting"): reply(digest, "fixed", token=False, sender="x@evil.example"),
        ("unknown", "waiting"): reply(digest, "x" * 200_000),
    }
    imap.put(*mails.values(), user=user)

    dry = tocsin.json("replies", "read", "--dry-run")
    assert (dry["mails"], tocsin.json("replies", "list"), len(imap.mails(user=user))) == (6, [], 6)
    read = tocsin.json("replies", "read")

    assert Counter((one["kind"], one["state"]) for one in read["read"]) == Counter(mails.keys())
    assert (imap.mails(user=user), len(imap.mails("tocsin-read", user)), len(imap.mails("tocsin-aside", user))) == (
        [],
        5,
        1,
    )
    listed = tocsin.json("replies", "list")
    assert [one["number"] for one in listed] == [6, 5, 4, 3, 2, 1]
    assert {one["digest"] for one in listed} == {digest.message_id[1:17], told[SECTOR].message_id[1:17]}
    shown = tocsin.json("replies", "show", "1")
    assert (shown["team"], shown["matched_by"], shown["text"]) == ("operator", "token", "fixed 192.0.2.1")
    assert shown["answers"] == [{"verdict": "fixed", "problems": 1}]
    assert "gone for good (5.1.1)" in tocsin.run("replies", "show", "4")
    assert tocsin.json("replies", "list", "--kind", "receipt")[0]["ticket"] == "#4711"
    assert tocsin.json("deliveries", "show", told[SECTOR].message_id[1:17])["state"] == "bounced"
    token = digest.headers["Reply-To"].partition("+")[2].partition("@")[0]
    assert token not in tocsin.run("replies", "show", "1") + tocsin.run("--json", "replies", "list")
    assert "secret" not in tocsin.run("replies", "read")
    assert "No mail is waiting." in tocsin.run("replies", "read")


def test_a_person_decides_on_what_waits(tocsin: Tocsin, told: dict[str, Read], tmp_path: Path) -> None:
    digest = told[OPERATOR]
    stranger = tmp_path / "stranger.eml"
    stranger.write_bytes(reply(digest, "not ours 192.0.2.2", token=False, sender="colleague@other.example"))
    lost = tmp_path / "lost.eml"
    lost.write_bytes(b"From: a@b.example\r\nSubject: hello\r\n\r\nfalse")

    assert "waiting" in tocsin.run("replies", "file", stranger)
    assert tocsin.json("replies", "file", lost)["state"] == "waiting"
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
def test_killed_while_reading_no_answer_is_lost_or_counted_twice(
    tocsin: Tocsin, told: dict[str, Read], imap: ImapServer, user: str, point: str
) -> None:
    mails = [reply(told[OPERATOR], text) for text in ("fixed", "not ours 192.0.2.1", "We look at it.")]
    mails.append(report(GONE.replace("noc@isp.example", SECTOR), original=told[SECTOR].message_id).raw())
    imap.put(*mails, user=user)

    command: list[str | Path] = [Path(sys.executable).parent / "tocsin", "--home", tocsin.home, "replies", "read"]
    killed = subprocess.run(command, env={**tocsin.environment, "TOCSIN_CUT": point}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    tocsin.run("replies", "read")

    assert (imap.mails(user=user), sorted(imap.mails("tocsin-read", user))) == ([], sorted(mails))
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

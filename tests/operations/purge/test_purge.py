"""What was purged is nowhere any more, in no form and by no way back; its reference is, and sums and seals hold."""

import email.policy
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.canary import PICTURE, WORD, files_with, is_in, postgresql_with, rows_with
from support.cast import HEADER, Tocsin
from support.databases import Cluster
from support.homes import copy_home, settle
from support.imap_server import ImapServer, imap_server
from support.processes import KILLED, command
from tocsin.delivery import Delivery
from tocsin.incidents.arrivals import (
    PublicReport,
    ReportAttachment,
    ReportForm,
    ReportKind,
    add_message,
    file_report,
    form_word,
    ticket_of,
)
from tocsin.node.journal import Step, newest_steps
from tocsin.node.records import UndoRecord
from tocsin.node.tokens import open_tokens
from tocsin.operations.purge import finish_purges
from tocsin.pipeline.stores import open_node
from tocsin.pipeline.uploads import arrive

OPERATOR = "abuse@operator.example"
SETTINGS = """
[node]
contact = "csirt@example.org"
[storage]
backups = "{backups}"
{storage}
[mailbox]
address = "csirt@example.org"
host = "127.0.0.1"
port = {port}
security = "none"
user = "{user}"
password_file = "password"
[never_held]
mail_on_server = "{on_server}"
"""


@dataclass
class Node:
    """A node that holds the canary everywhere; ``references``: what is to be purged."""

    tocsin: Tocsin
    imap: ImapServer
    user: str
    references: list[str]

    @property
    def home(self) -> Path:
        return self.tocsin.home

    @property
    def backups(self) -> Path:
        return self.home.parent / "backups"

    def on_server(self) -> dict[str, int]:
        """How many mails with the canary each folder has."""
        folders = ("INBOX", "tocsin-read", "tocsin-aside", "Police")
        return {name: sum(map(is_in, self.imap.mails(name, self.user))) for name in folders}

    def purge(self, *references: str) -> list[dict[str, Any]]:
        return [self.tocsin.json("purge", one, "--reason", "It must not be here") for one in references]


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as server:
        yield server


@pytest.fixture(scope="module")
def first(imap: ImapServer, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return make_node(tmp_path_factory.mktemp("first"), imap, "first")


@pytest.fixture
def node(first: Node, imap: ImapServer, tmp_path: Path, request: pytest.FixtureRequest) -> Node:
    """A copy of the node with a mailbox and backups of its own."""
    user = "".join(sign for sign in request.node.name if sign.isalnum())
    copy_home(first.home.parent, tmp_path)
    settings = tmp_path / "home" / "tocsin.toml"
    settings.write_text(
        settings.read_text().replace(str(first.home.parent), str(tmp_path)).replace('"first"', f'"{user}"')
    )
    imap.put(
        b"From: x@y.example\r\nSubject: other\r\n\r\nstays\r\n", *first.imap.mails("tocsin-read", "first"), user=user
    )
    copied = Node(Tocsin(tmp_path / "home", first.tocsin.environment), imap, user, first.references)
    copied.tocsin.run("replies", "read")  # they are known, and moved
    return copied


def make_node(folder: Path, imap: ImapServer, user: str, *, storage: str = "", on_server: str = "delete") -> Node:
    backups = folder / "backups"
    backups.mkdir()
    text = SETTINGS.format(backups=backups, storage=storage, port=imap.port, user=user, on_server=on_server)
    home = settle(folder / "home", text)
    (home / "password").write_text("secret\n")
    (home / "password").chmod(0o600)
    tocsin = Tocsin(home, {**os.environ, "NO_COLOR": "1"})
    path = folder / "2026-11-23-scan_rdp-test-geo.csv"
    rows = [
        f'"2026-11-23 01:02:03","medium","192.0.2.1","tcp",3389,"{WORD}.example","rdp",64500,"MU",,',
        '"2026-11-23 01:02:04","medium","192.0.2.2","tcp",3389,,"rdp",64500,"MU",,',
        f'"broken","{WORD}","no address"',
        '"broken","","no address"',
    ]
    path.write_text("\n".join([HEADER, *rows, ""]))
    tocsin.run("ingest", path)
    path.unlink()
    tocsin.run("deliver")
    sent = {one["team"]: one["reference"] for one in tocsin.json("deliveries", "list")}
    tocsin.run("deliveries", "repeat", sent["nat-a"])
    tocsin.run("deliveries", "hold", max(one["reference"] for one in tocsin.json("deliveries", "list")))
    tocsin.run("deliver")  # it is written, and waits
    digest = sent["operator"]
    imap.put(_mail(tocsin, digest), user=user)
    tocsin.run("replies", "read")
    references = ["event:1-1", "row:1/0", "mail:1", *_by_function(home)]
    return Node(tocsin, imap, user, references)


def _mail(tocsin: Tocsin, digest: str) -> bytes:
    """An answer to a digest, with free text and a picture."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = OPERATOR, "csirt@example.org", f"Re: {digest} {WORD}"
    mail["Message-ID"] = f"<{WORD}@operator.example>"
    with open_node(tocsin.home).database.reading() as session:
        mail["In-Reply-To"] = session.scalars(select(Delivery.message_id).where(Delivery.reference == digest)).one()
    mail.set_content(f"fixed 192.0.2.1\n\nWe saw {WORD} there.\n")
    mail.add_attachment(PICTURE, maintype="image", subtype="png", filename=f"{WORD}.png")
    return mail.as_bytes(policy=email.policy.SMTP)


def _by_function(home: Path) -> list[str]:
    """A report from the public with a file and more words, and one that was sent in and waits; their references."""
    node = open_node(home)
    now = datetime.now(UTC)
    tokens = open_tokens(home)
    ticket = ticket_of(form_word(tokens, now), tokens, now)
    assert ticket is not None
    form = ReportForm(
        ReportKind.DECEIT, f"I saw {WORD}", place=f"https://{WORD}.example", mailbox=f"{WORD}@home.example"
    )
    assert file_report(node.database, node.inbox, ticket, form, [ReportAttachment(f"{WORD}.png", PICTURE)], now=now)
    with node.database.begin() as session:
        report = session.scalars(select(PublicReport)).one()
        add_message(session, report, f"Once more {WORD}", act="again", now=now)
    with arrive(node) as arrival:
        with arrival.file(f"{WORD}.csv") as writing:
            writing.write(f"nobody,reads,{WORD}\n".encode())
        upload = arrival.keep(source="", feed="", actor="person:1", now=now)
    node.store.compact(min_files=1)
    node.database.close()
    return [f"inbox:{ticket.reference}", f"upload:{upload.uuid}"]


EVERYWHERE = {"events", "inbox", "mailroom", "mails", "quarantine", "records.sqlite", "uploads"}
PLACES = [
    *("purge.noted", "purge.recording", "purge.recorded", "purge.file", "purge.files", "store.part", "purge.written"),
    *("store.committed", "purge.checkpoint", "purge.forgetting", "purge.events", "purge.swept", "purge.server"),
    pytest.param("store.cleaning", marks=pytest.mark.file_times),
]
"""Every point at which a purge of an event may die."""


def outputs(tocsin: Tocsin) -> str:
    """What commands show of all this."""
    shown = [
        tocsin.run("events", "--limit", "0", "--format", "json"),
        *(
            tocsin.run("--json", *words)
            for words in (
                ["quarantine", "list"],
                ["quarantine", "show", "1"],
                ["replies", "list"],
                ["inbox", "list", "--state", "new"],
                ["deliveries", "list"],
                ["deliveries", "letters"],
                ["audit", "list"],
                ["answers", "list"],
            )
        ),
        tocsin.call("replies", "show", "1")[1],
    ]
    return "".join(shown)


def failing(tocsin: Tocsin) -> list[str]:
    """What the doctor finds wrong."""
    return [found["what"] for found in json.loads(tocsin.call("--json", "doctor")[1]) if not found["ok"]]


def check_gone(node: Node) -> None:
    assert (files_with(node.home), rows_with(node.home), is_in(outputs(node.tocsin).encode())) == ([], [], False)


def test_of_what_was_purged_nothing_is_left(node: Node) -> None:
    tocsin, before = node.tocsin, node.tocsin.json("quarantine", "list")
    held, healthy = len(tocsin.json("deliveries", "held")), failing(tocsin)
    assert {path.partition("/")[0] for path in files_with(node.home)} >= EVERYWHERE
    assert set(rows_with(node.home)) >= {"answer", "inbox_entry", "inbox_report", "received_mail", "upload"}
    assert node.on_server()["tocsin-read"] == 1
    tocsin.run("audit", "seal")

    done = node.purge(*node.references)

    assert [one["reference"] for one in done[:3]] == ["event:1-1", "row:1-0", "mail:1"]
    assert [(one["events"], one["rows"], one["mail_on_server"]) for one in done[:3]] == [
        (1, 0, ""),
        (0, 1, ""),
        (0, 0, "deleted"),
    ]
    check_gone(node)
    assert node.on_server() == dict.fromkeys(node.on_server(), 0)
    assert len(node.imap.mails("tocsin-read", node.user)) == 1  # the other one stays
    # What is left: references, sums, and an audit log that verifies.
    assert tocsin.json("quarantine", "list") == [{**before[0], "open": 1}]
    assert [row["raw"] != "" for row in tocsin.json("quarantine", "show", "1")] == [False, True]
    assert len(tocsin.lines("events", "--limit", "0", "--format", "json")) == 1
    tocsin.run("audit", "verify")
    purged = [entry["subject"] for entry in tocsin.json("audit", "list", "--word", "content.purged")]
    assert sorted(purged) == sorted(one["reference"] for one in done)
    assert failing(tocsin) == healthy
    # The digest that waited is made anew, and says what is left of it.
    assert len(tocsin.json("deliveries", "held")) == held == 1
    tocsin.run("deliveries", "release", tocsin.json("deliveries", "held")[0]["reference"])
    tocsin.run("deliver")
    (mail,) = (node.home / "mails").rglob("*.eml")
    assert (b"192.0.2.2" in mail.read_bytes(), b"192.0.2.1" in mail.read_bytes()) == (True, False)
    assert files_with(node.home) == []


def test_a_purge_asks_by_reference_and_is_done_once(node: Node) -> None:
    tocsin = node.tocsin
    assert "event:12-3" in tocsin.call("purge", "what", "--reason", "x")[2]
    assert tocsin.call("purge", "event:1-99", "--reason", "x")[0] == 1
    assert tocsin.call("purge", "7", "--reason", "x")[0] == 1
    assert "mail:1" in tocsin.call("purge", "1", "--reason", "x")[2]  # a mail, or a report
    assert tocsin.call("purge", "event:1-1")[0] == 2  # without a reason
    first, again = node.purge("event:1-1", "1-1")
    assert (again["purged_at"], again["events"]) == (first["purged_at"], 1)
    assert len(tocsin.json("audit", "list", "--word", "content.purged")) == 1


def test_a_whole_report_goes_with_all_that_came_of_it(node: Node) -> None:
    (done,) = node.purge("ingest:1")
    assert (done["events"], done["rows"], len(done["digests"])) == (2, 2, 3)
    assert node.tocsin.run("events", "--limit", "0", "--format", "json") == ""
    assert node.tocsin.json("deliveries", "held") == []  # nothing was left of the digest that waited
    assert [one["open"] for one in node.tocsin.json("quarantine", "list")] == [0]
    node.purge(*node.references[2:])
    check_gone(node)


def test_a_mail_is_moved_for_the_police(node: Node) -> None:
    settings = node.home / "tocsin.toml"
    settings.write_text(settings.read_text().replace('"delete"', '"move:Police"'))
    (done,) = node.purge("mail:1")
    assert (done["mail_on_server"], node.on_server()) == (
        "moved",
        {"INBOX": 0, "tocsin-read": 0, "tocsin-aside": 0, "Police": 1},
    )


def test_a_mail_too_large_to_be_read_is_found_there_too(node: Node) -> None:
    settings = node.home / "tocsin.toml"
    settings.write_text(settings.read_text().replace('"password"', '"password"\nmax_bytes = 10000'))
    head = f"From: x@y.example\r\nMessage-ID: <large@y.example>\r\nSubject: {WORD}\r\n\r\n".encode()
    node.imap.put(head + b"x" * 20_000, user=node.user)
    node.tocsin.run("replies", "read")
    assert node.on_server()["tocsin-aside"] == 1
    (done,) = node.purge("mail:3")
    assert (done["mail_on_server"], node.on_server()["tocsin-aside"], node.on_server()["tocsin-read"]) == (
        "deleted",
        0,
        1,
    )


def test_a_mail_server_that_is_down_is_asked_again(node: Node) -> None:
    settings = node.home / "tocsin.toml"
    right = settings.read_text()
    settings.write_text(right.replace(f"port = {node.imap.port}", "port = 1"))
    (done,) = node.purge("mail:1")
    assert (done["mail_on_server"], node.on_server()["tocsin-read"]) == ("waiting", 1)
    settings.write_text(right)
    with_stores = open_node(node.home)
    assert finish_purges(with_stores) == ""
    with_stores.database.close()
    assert node.on_server()["tocsin-read"] == 0


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_purge_is_finished_by_the_next_command(node: Node, place: str) -> None:
    words = ["purge", "event:1-1", "--reason", "It must not be here"]
    killed = command(node.home, *words, environment={**node.tocsin.environment, "TOCSIN_CUT": place})
    assert killed.wait() == KILLED, f"'{place}' was never reached"

    node.tocsin.run("inbox", "list")

    left = [path for path in files_with(node.home) if path.startswith(("events", "mails", "compiled", "purges"))]
    assert left == []
    assert len(node.tocsin.lines("events", "--limit", "0", "--format", "json")) == 1
    (done,) = node.purge("event:1-1")
    assert (done["events"], done["mail_on_server"]) == (1, "")
    assert len(node.tocsin.json("audit", "list", "--word", "content.purged")) == 1
    assert {entry.step for entry in newest_steps(node.home)} == {Step.DONE}


def test_what_was_purged_does_not_come_back_with_a_backup(node: Node, tmp_path: Path) -> None:
    node.tocsin.run("backup", node.backups / "yesterday")
    done = node.purge(*node.references)
    assert {tuple(one["backups"]) for one in done} == {("yesterday",)}
    assert files_with(node.backups / "yesterday") != []

    other = Node(Tocsin(tmp_path / "other", node.tocsin.environment), node.imap, node.user, [])
    other.tocsin.run("restore", node.backups / "yesterday")

    check_gone(other)
    assert len(other.tocsin.lines("events", "--limit", "0", "--format", "json")) == 1
    other.tocsin.run("audit", "verify")
    assert other.purge("event:1-1")[0]["events"] == 1


@pytest.mark.parametrize("place", ["purge.again", "purge.recorded", "restore.copied"])
def test_a_restore_that_is_killed_brings_nothing_back(node: Node, tmp_path: Path, place: str) -> None:
    node.tocsin.run("backup", node.backups / "yesterday")
    node.purge(*node.references)
    other = Node(Tocsin(tmp_path / "other", node.tocsin.environment), node.imap, node.user, [])
    words = ["restore", str(node.backups / "yesterday")]
    assert command(other.home, *words, environment={**node.tocsin.environment, "TOCSIN_CUT": place}).wait() == KILLED
    if place == "restore.copied":
        assert other.tocsin.call("inbox", "list")[0] == 1  # it does not open at all
        return
    other.tocsin.run("inbox", "list")
    check_gone(other)


def test_another_thing_of_the_same_number_stays(node: Node, tmp_path: Path) -> None:
    """A backup of before, restored, goes on with numbers that were given once more."""
    node.tocsin.run("backup", node.backups / "early")
    report = tmp_path / "2026-11-24-scan_rdp-test-geo.csv"
    row = '"2026-11-24 01:02:03","medium","192.0.2.{}","tcp",3389,,"rdp",64500,"MU",,'
    report.write_text("\n".join([HEADER, row.format(7), ""]))
    node.tocsin.run("ingest", report)
    node.purge("event:2-1")

    other = Tocsin(tmp_path / "other", node.tocsin.environment)
    other.run("restore", node.backups / "early")
    report.write_text("\n".join([HEADER, row.format(8), ""]))
    other.run("ingest", report)
    other.run("backup", node.backups / "late")
    third = Tocsin(tmp_path / "third", node.tocsin.environment)
    third.run("restore", node.backups / "late")
    assert len(third.lines("events", "--limit", "0", "--format", "json")) == 3


def test_on_postgresql_too(imap: ImapServer, tmp_path: Path, postgresql: Cluster) -> None:
    url = postgresql.fresh()
    node = make_node(tmp_path, imap, "postgresql", storage=f"database = '{url}'")
    with open_node(node.home).database.begin() as session:
        row, now = {"subject": WORD}, datetime.now(UTC)  # of an act that can still be undone
        session.add(
            UndoRecord(
                act="holdMail", permission="deliveries.steer", actor="cli", said="", at=now, until=now, subjects=[],
                changes=[{"before": row}], undone_at=None,
            )
        )  # fmt: skip
    assert "public.undo" in postgresql_with(postgresql, url)
    node.purge(*node.references)
    assert (files_with(node.home), postgresql_with(postgresql, url)) == ([], [])
    assert not is_in(outputs(node.tocsin).encode())
    node.tocsin.run("audit", "verify")

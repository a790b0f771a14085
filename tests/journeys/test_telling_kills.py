"""Killed at any moment of its day, a node tells nobody twice and loses no report, no answer and no letter.

The whole loop runs in processes of their own: reports are collected, digests and letters sent by a real SMTP server,
teams reply by mail to a real IMAP server and by the pages. Named points of each part are killed in its own tests.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.cast import Tocsin
from support.collected_reports import report, stored
from support.delivery_examples import Read, read_mail
from support.imap_server import ImapServer, imap_server
from support.mail_server import PostOffice, post_office
from support.reply_examples import reply
from support.world import link_of, serving
from tocsin.node.letters import queue_letter
from tocsin.node.records import open_database, sqlite_url
from tocsin.problems.answers import Answer

TEAMS, ROUNDS = 12, 3
_TOCSIN = Path(sys.executable).parent / "tocsin"


@dataclass
class Loop:
    """A node whose commands are killed. ``kills``: how many runs of delivery were."""

    tocsin: Tocsin
    office: PostOffice
    imap: ImapServer
    user: str
    chance: random.Random
    kills: int = 0
    heard: list[str] = field(default_factory=list)
    replied: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, *command: str, at_mail: int = 0, after: float = 0.0) -> int:
        """One command in its own process, killed when so many mails were taken, or after so many seconds."""
        process = subprocess.Popen(
            [_TOCSIN, "--home", self.tocsin.home, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        until = len(self.office.arrived) + at_mail

        def count() -> None:
            if at_mail and len(self.office.arrived) >= until and process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)

        self.office.after_mail = count
        timer = threading.Timer(after, process.kill)
        if after:
            timer.start()
        try:
            _, said = process.communicate()
        finally:
            timer.cancel()
            self.office.after_mail = None
        assert process.returncode in {0, -signal.SIGKILL}, said.decode()
        return process.returncode

    def report(self, number: int) -> None:
        """A new service at each team, in the folder that is collected."""
        addresses = [f"198.18.{team}.{number + 1}" for team in range(TEAMS)]
        inbox = self.tocsin.home / "inbox"
        (inbox / f"2026-11-23-scan_rdp-round{number}.csv").write_bytes(report(*addresses))
        self.heard += addresses

    def letter(self, number: int) -> None:
        """A letter of another room."""
        with open_database(sqlite_url(self.tocsin.home / "records.sqlite")).begin() as session:
            given = {"kind": "test", "subject": f"Letter {number}", "body": "Hello.", "now": datetime.now(UTC)}
            queue_letter(session, key=f"test:{number}", mailbox=f"noc@t{number}.example", **given)  # type: ignore[arg-type]

    def digests(self) -> dict[str, Read]:
        """The digests that arrived, each once, by Message-ID; a second copy is the same mail."""
        found: dict[str, bytes] = {}
        for _, content in self.office.arrived:
            name = read_mail(content).message_id
            assert found.setdefault(name, content) == content
        read = {name: read_mail(content) for name, content in found.items()}
        return {name: mail for name, mail in read.items() if mail.files}

    def answer_new(self, known: set[str]) -> None:
        """Half of those who were told since reply by mail, for one address each."""
        for name, mail in self.digests().items():
            if name not in known and self.chance.random() < 0.5:
                address = mail.rows()[0]["source.ip"]
                self.imap.put(reply(mail, f"fixed {address}", sender=mail.to), user=self.user)
                self.replied[mail.to, address] += 1
            known.add(name)


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    with imap_server() as server:
        yield server


@pytest.fixture
def loop(tmp_path: Path, imap: ImapServer, request: pytest.FixtureRequest) -> Iterator[Loop]:
    seed = int(request.param)
    home, user = tmp_path / "home", f"loop{seed}"
    (home / "inbox").mkdir(parents=True)
    password = home / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(TEAMS)
    )
    (tmp_path / "teams.toml").write_text(teams)
    with post_office() as office:
        (home / "tocsin.toml").write_text(
            f'[node]\nemergency_number = "112"\n[server]\nurl = "https://csirt.example"\n'
            f"[tell]\nhold_first_mail = false\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
            f'[mailbox]\naddress = "csirt@example.org"\nhost = "127.0.0.1"\nport = {imap.port}\nsecurity = "none"\n'
            f'user = "{user}"\npassword_file = "{password}"\n[collect.drop]\nkind = "folder"\npath = "inbox"\n'
        )
        tocsin = Tocsin(home, {**os.environ, "NO_COLOR": "1"})
        tocsin.run("directory", "import", tmp_path / "teams.toml")
        yield Loop(tocsin, office, imap, user, random.Random(seed))


@pytest.mark.parametrize("loop", [1], indirect=True, ids=["seed-1"])
def test_the_whole_loop_killed_at_random_tells_nobody_twice_and_loses_no_answer(loop: Loop) -> None:
    chance, known = loop.chance, set[str]()
    for number in range(ROUNDS):
        loop.report(number)
        loop.letter(number)
        loop.run("collect", "run", "drop", after=chance.uniform(0.3, 2.0))
        loop.run("collect", "run", "drop")
        loop.kills += loop.run("deliver", at_mail=chance.randint(1, TEAMS - 1)) != 0
        loop.kills += loop.run("deliver", after=chance.uniform(0.3, 1.5)) != 0
        loop.answer_new(known)
        loop.run("replies", "read", after=chance.uniform(0.4, 2.0))
    assert loop.kills >= ROUNDS
    for command in (("collect", "run", "drop"), ("deliver",), ("replies", "read")):
        assert loop.run(*command) == 0
    loop.answer_new(known)
    assert loop.run("replies", "read") == 0
    digest = next(iter(loop.digests().values()))
    answer_by_page(loop, digest)

    told = Counter((mail.to, row["source.ip"]) for mail in loop.digests().values() for row in mail.rows())
    assert told == Counter((f"noc@t{address.split('.')[2]}.example", address) for address in loop.heard)
    assert stored(loop.tocsin) == sorted(loop.heard)
    names = Counter(read_mail(content).message_id for _, content in loop.office.arrived)
    assert sum(names.values()) - len(names) <= loop.kills  # the one in flight, each time
    letters = [mail.subject for _, content in loop.office.arrived if not (mail := read_mail(content)).files]
    assert sorted(set(letters)) == [f"Letter {number}" for number in range(ROUNDS)]
    with open_database(sqlite_url(loop.tocsin.home / "records.sqlite")).begin() as session:
        answers = list(session.scalars(select(Answer)))
    assert Counter(one.said_by for one in answers if one.via == "mail") == Counter(
        {box: sum(count for (whose, _), count in loop.replied.items() if whose == box) for box, _ in loop.replied}
    )
    assert [one.verdict for one in answers if one.via == "page"] == ["acknowledged"]
    assert loop.imap.mails("INBOX", loop.user) == []


def answer_by_page(loop: Loop, digest: Read) -> None:
    """A form is sent until its receipt comes, though the pages are killed while it is on its way."""
    link = f"{link_of(digest)}?state=all"  # it may be answered by mail already
    with serving(loop.tocsin.home) as client:
        made = client.get(link).text.partition('name="made" value="')[2].partition('"')[0]
    form = {"made": made, "verdict": "acknowledged", "every": "found", "note": ""}
    with serving(loop.tocsin.home, "answers.recorded") as client, pytest.raises(httpx.TransportError):
        client.post(link, data=form)
    with serving(loop.tocsin.home) as client:
        assert client.post(link, data=form).status_code == 303

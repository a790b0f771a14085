"""A node's day on a disk whose power may go at any moment, and what must be so when it is opened again.

A disk is a folder with ``home``, the folder ``shared`` of a standby machine, ``backup``, and ``old``, a home of an
older version. Beside it, and not cut with it, are an SMTP server, a mailbox, and the node of a partner.
"""

import email
import random
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from support.cast import Tocsin
from support.collected_reports import report as report_of
from support.delivery_examples import read_mail
from support.homes import copy_home, migrated_home
from support.imap_server import ImapServer, imap_server
from support.mail_keys import Gpg
from support.mail_server import post_office

_TEAMS = 3
_REPORTS = {
    name: [f"198.18.{team}.{host}" for team in range(_TEAMS)] for host, name in enumerate(("one", "two", "three"), 1)
}
_DROPPED = "three"
"""The report that lies in a folder of the node, and is collected."""
_OLD = Path(__file__).parents[1] / "homes" / "2026-11-27.tar.xz"
_READ = "tocsin-read"
_ASKING = "una@shop.example"
_CALL = ("--way", "telephone", "--said-by", "Ada, on duty", "--evidence", "+358 555 01, from FIRST")
_PROGRAM = """
import json, sys
from tocsin.cli import main
for name, words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, (words, end.code)
    with open(sys.argv[2], "a") as out:
        out.write(name + "\\n")
"""
PROGRAM = (sys.executable, "-c", _PROGRAM)
"""Does deeds one after the other, given as JSON, and says in a file what is done."""


@dataclass(frozen=True)
class Beside:
    """What no cut of the disk takes back: each mail that an SMTP server accepted, as a file in order, and a mailbox."""

    folder: Path
    smtp: int
    imap: ImapServer

    @property
    def accepted(self) -> list[bytes]:
        """What the server said 250 to, oldest first."""
        return [path.read_bytes() for path in sorted((self.folder / "accepted").iterdir())]

    def begin(self, mails: Sequence[bytes], *, accepted: Sequence[bytes] = (), moved: int = 0) -> None:
        """As in the morning; or when so many mails were accepted, and so many of those that came were moved."""
        for path in (self.folder / "accepted").iterdir():
            path.unlink()
        for mail in accepted:
            _keep(self.folder / "accepted", mail)
        self.imap.clear("INBOX", _READ)
        self.imap.put(*mails[moved:])
        self.imap.put(*mails[:moved], folder=_READ)


@contextmanager
def beside(folder: Path) -> Iterator[Beside]:
    """The servers, started, and a folder that they have."""
    accepted = folder / "accepted"
    accepted.mkdir()
    with post_office() as office, imap_server() as imap:
        office.after_mail = lambda: _keep(accepted, office.arrived[-1][1])
        yield Beside(folder, office.port, imap)


def _keep(folder: Path, mail: bytes) -> None:
    (folder / f"{sum(1 for _ in folder.iterdir()):04}.eml").write_bytes(mail)


@dataclass(frozen=True)
class Day:
    """A disk as it is in the morning, and ``beside`` it what comes in and what went out."""

    disk: Path
    beside: Beside
    incident: str
    environment: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the reports are that come in, and the partner."""
        return self.beside.folder

    @property
    def deeds(self) -> list[tuple[str, list[str]]]:
        """What each command says once it is done, and its words."""
        deeds = [
            ("copied", ["standby", "copy"]),
            ("heard one", ["ingest", str(self.report("one"))]),
            ("read", ["replies", "read"]),
            ("", ["deliver"]),
            ("copied", ["standby", "copy"]),
            ("told one", ["deliver"]),
            ("case", ["incidents", "open", "The second case"]),
            ("evidence", ["evidence", "add-file", self.incident, f"{self.folder}/evidence.bin"]),
            ("sent", self.send),
            ("", ["exchange", "deliver"]),
            ("heard two", ["ingest", str(self.report("two"))]),
            ("heard three", ["collect", "run", "drop"]),
            ("purged", ["purge", "event:1-1", "--reason", "Case 7"]),
            ("kept", ["retention", "apply"]),
            ("", ["deliver"]),
            ("copied", ["standby", "copy"]),
            ("told two", ["deliver"]),
            ("saved", ["backup", f"{self.disk}/backup"]),
        ]
        old = [
            ("upgraded", ["upgrade", "--without-backup"]),
            ("", ["resume"]),
            ("", ["directory", "import", f"{self.folder}/teams.toml"]),
            ("old heard", ["ingest", str(self.report("one"))]),
            ("old told", ["deliver"]),
        ]
        here = [(name, ["--home", f"{self.disk}/home", *words]) for name, words in deeds]
        return [*here[:4], *((name, ["--home", f"{self.disk}/old", *words]) for name, words in old), *here[4:]]

    @property
    def send(self) -> list[str]:
        """A file goes to the partner: once, however often this is said."""
        return ["exchange", "send", "1", "--document", f"{self.folder}/evidence.bin", "--tlp", "CLEAR", "--once", "7"]

    @property
    def mails(self) -> list[bytes]:
        """What is in the mailbox in the morning: a stranger's report, and a dispatch of the partner."""
        return [(self.folder / name).read_bytes() for name in ("asked.eml", "dispatch.eml")]

    def report(self, name: str) -> Path:
        """A report that comes in."""
        return self.folder / f"2026-11-23-scan_rdp-{name}.csv"


def morning(disk: Path, servers: Beside, ring: Gpg, environment: Mapping[str, str]) -> Day:
    """Fill an empty disk, and what is beside it."""
    folder = servers.folder
    (disk / "shared").mkdir(parents=True)
    home = copy_home(migrated_home(), disk / "home")
    (home / "keys" / "backup").mkdir(parents=True)
    (home / "keys" / "backup" / "standby.pgp").write_bytes(ring.run("--export", "standby@csirt.example"))
    (home / "inbox").mkdir()
    for name, addresses in _REPORTS.items():
        place = home / "inbox" if name == _DROPPED else folder
        (place / f"2026-11-23-scan_rdp-{name}.csv").write_bytes(report_of(*addresses))
    (home / "tocsin.toml").write_text(
        _settings("A", servers)
        + f'[mailbox]\naddress = "csirt@a.example"\nhost = "127.0.0.1"\nport = {servers.imap.port}\nsecurity = "none"\n'
        f'user = "csirt"\npassword_file = "{folder}/password"\n[collect.drop]\nkind = "folder"\npath = "inbox"\n'
        f'[standby]\nfolder = "{disk / "shared"}"\nto = ["standby@csirt.example"]\n'
    )
    (folder / "password").write_text(f"{servers.imap.password}\n")
    (folder / "password").chmod(0o600)
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(_TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    (folder / "evidence.bin").write_bytes(random.Random(1).randbytes(20_000))
    node = Tocsin(home, dict(environment))
    node.run("directory", "import", folder / "teams.toml")
    with tarfile.open(_OLD) as archive:
        archive.extractall(disk / "old", filter="data")
    (disk / "old" / "backup.json").unlink()
    copy_home(home / "networks", disk / "old" / "networks")
    (disk / "old" / "tocsin.toml").write_text(_SENDING)
    partner = copy_home(migrated_home(), folder / "partner")
    (partner / "tocsin.toml").write_text(_settings("B", servers) + '[mailbox]\naddress = "csirt@b.example"\n')
    _meet(node, Tocsin(partner, dict(environment)), folder)
    day = Day(disk, servers, node.json("incidents", "open", "The first case")["reference"], environment)
    asked = EmailMessage()
    asked["From"], asked["To"], asked["Subject"] = _ASKING, "csirt@a.example", "A shop with our logo"
    asked["Message-ID"] = "<1@shop.example>"
    asked.set_content("http://198.18.1.9/shop sells in our name. Who can end it?")
    (folder / "asked.eml").write_bytes(asked.as_bytes(policy=email.policy.SMTP))
    servers.begin(day.mails)
    return day


_SENDING = '[node]\nemergency_number = "112"\n[tell]\nhold_first_mail = false\nmails_a_day = 0\n'


def _settings(name: str, servers: Beside) -> str:
    node = f'[node]\nname = "CSIRT {name}"\ncontact = "csirt@{name.lower()}.example"\n'
    mail = f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {servers.smtp}\nsecurity = "none"\n'
    return _SENDING.replace("[node]\n", node) + mail


def _meet(node: Tocsin, partner: Tocsin, folder: Path) -> None:
    """Two nodes that confirmed each other's keys; a dispatch of the partner is on its way."""
    for one in (node, partner):
        one.run("keys", "node-make", "--format", "openpgp")
        one.run("exchange", "invite", "--out", folder / f"{one.home.name}.zip")
    for one, other in ((node, partner), (partner, node)):
        one.run("partners", "add-profile", folder / f"{other.home.name}.zip")
        (key,) = one.json("partners", "show", "1")["keys"]
        one.run("partners", "confirm-key", "1", key["fingerprint"], *_CALL)
    partner.run("exchange", "send", "1", "--document", folder / "evidence.bin", "--tlp", "CLEAR")
    partner.run("exchange", "deliver")
    partner.run("deliver")
    (mail,) = (folder / "accepted").iterdir()
    mail.rename(folder / "dispatch.eml")


def check(day: Day, disk: Path, done: Sequence[str]) -> None:
    """What was acknowledged is there before anything is done again, and once."""
    node, old = (Tocsin(disk / name, dict(day.environment)) for name in ("home", "old"))
    old.run("upgrade", "--without-backup")  # it may be upgraded already
    events, told = _events(node), _told(day.beside.accepted)
    for name, addresses in _REPORTS.items():
        purged = {addresses[0]} if name == "one" else set()
        if f"heard {name}" in done:
            assert {*addresses} - purged <= set(events), f"report {name} is lost"
        if f"told {name}" in done:
            assert {*addresses} - purged <= {address for _, address in told}, f"mails of {name} are lost"
    assert max(events.values(), default=1) == 1, "events are doubled"
    assert not ("purged" in done and _REPORTS["one"][0] in events), "the purge is lost"
    titles = Counter(one["title"] for one in node.json("incidents", "list"))
    assert titles["The first case"] == 1
    assert int("case" in done) <= titles["The second case"] <= 1, "an incident is lost or doubled"
    items = node.json("evidence", "list", day.incident)["items"]
    assert int("evidence" in done) <= len(items) <= 1, "evidence is lost or doubled"
    node.run("evidence", "verify")
    _check_mails(day, node)
    assert int("sent" in done) <= len(node.json("exchange", "list")["sent"]) <= 1, "a dispatch is lost or doubled"
    assert not ("read" in done and day.beside.imap.mails()), "a mail is not moved"
    _check_old(old, done)


def _check_mails(day: Day, node: Tocsin) -> None:
    """Each mail that came is still where it came, or recorded, or both; it counts once."""
    waiting = day.beside.imap.mails()
    asked, dispatch = _taken(node)
    for mail, count in zip(day.mails, (asked, dispatch), strict=True):
        assert int(mail not in waiting) <= count <= 1, "a mail is lost or doubled"


def _taken(node: Tocsin) -> tuple[int, int]:
    """How often a stranger's report, and the partner's dispatch, were taken in."""
    asked = [one for one in node.json("inbox", "list") if one["who"] == _ASKING]
    return len(asked), len(node.json("exchange", "list")["received"])


def _check_old(old: Tocsin, done: Sequence[str]) -> None:
    """A home that is upgraded has all that it had; the node goes on in it."""
    events = _events(old)
    ours = {address: count for address, count in events.items() if address in _REPORTS["one"]}
    assert sum(events.values()) - sum(ours.values()) == _OLD_EVENTS, "events of the older version are lost or doubled"
    assert len(old.json("directory", "list")) in {_OLD_TEAMS, _OLD_TEAMS + _TEAMS}, "teams are lost or doubled"
    assert old.json("audit", "verify")["good"]
    assert set(ours.values()) <= {1}, "events are doubled"
    assert "old heard" not in done or len(ours) == _TEAMS, "a report is lost"
    assert "old told" not in done or {*_told(_files(old)).values()} == {1}, "mails are lost or doubled"


_OLD_EVENTS, _OLD_TEAMS = 3161, 9


def go_on(day: Day, disk: Path, ring: Path, done: Sequence[str]) -> None:
    """The day goes on to its end; what copies and backups were said to be whole are."""
    node, old = (Tocsin(disk / name, dict(day.environment)) for name in ("home", "old"))
    if "copied" in done:
        second = Tocsin(disk / "second", dict(day.environment))
        found = second.json("takeover", disk / "shared", "--try", "--gpg-home", ring)
        assert found["passed_over"] == [], "the newest copy is damaged"
    if "saved" in done:
        Tocsin(disk / "restored", dict(day.environment)).run("restore", disk / "backup")
    for name in _REPORTS:
        node.run(*("collect", "run", "drop") if name == _DROPPED else ("ingest", day.report(name)))
    copy = ["standby", "copy"]  # nothing leaves before there is one
    for words in (["replies", "read"], day.send, copy, ["exchange", "deliver"], *2 * [copy, ["deliver"]]):
        node.run(*words)
    old.call("resume")  # it may be resumed already
    old.run("directory", "import", day.folder / "teams.toml")
    old.run("ingest", day.report("one"))
    old.run("deliver")
    accepted, events = day.beside.accepted, _events(node)
    told = _told(accepted)
    assert set(told.values()) == {1}, "mails are doubled"
    assert in_flight(accepted) <= 1, "more than the mail in flight is doubled"
    assert set(events.values()) == {1}, "events are doubled"
    expected = {address for addresses in _REPORTS.values() for address in addresses}
    assert expected - set(events) <= {_REPORTS["one"][0]}
    assert expected - {address for _, address in told} <= {_REPORTS["one"][0]}
    assert (_taken(node), day.beside.imap.mails()) == ((1, 1), []), "a mail is lost or doubled"
    _check_old(old, ["old heard", "old told"])
    _check_partner(day, disk, accepted)


def _check_partner(day: Day, disk: Path, accepted: Sequence[bytes]) -> None:
    """What went to the partner, once or twice, is one dispatch and one receipt there."""
    partner = Tocsin(copy_home(day.folder / "partner", disk / "partner"), dict(day.environment))
    for number, mail in enumerate(accepted):
        if read_mail(mail).to == "csirt@b.example":
            (disk / f"{number}.eml").write_bytes(mail)
            partner.run("replies", "file", disk / f"{number}.eml")
    listed = partner.json("exchange", "list")
    assert [one["state"] for one in listed["received"]] == ["offered"], "the dispatch is lost or doubled"
    assert [one["state"] for one in listed["sent"]] == ["received"], "the receipt is lost"


def in_flight(accepted: Sequence[bytes]) -> int:
    """How many mails an SMTP server accepted twice: the same bytes, under the same Message-ID."""
    contents: dict[str, bytes] = {}
    for mail in accepted:
        assert contents.setdefault(str(email.message_from_bytes(mail)["Message-ID"]), mail) == mail
    return len(accepted) - len(contents)


def _events(node: Tocsin) -> Counter[str]:
    return Counter(one["source.ip"] for one in node.lines("events", "--limit", "0", "--format", "json"))


def _files(node: Tocsin) -> list[bytes]:
    return [path.read_bytes() for path in (node.home / "mails").rglob("*.eml")]


def _told(mails: Sequence[bytes]) -> Counter[tuple[str, str]]:
    """How many mails tell which team of which address of the day; a mail that came twice is one."""
    read = {mail.message_id: mail for mail in map(read_mail, mails)}
    told = Counter((mail.to, row["source.ip"]) for mail in read.values() for row in mail.rows())
    return Counter({(to, address): count for (to, address), count in told.items() if to.startswith("noc@t")})

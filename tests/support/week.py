"""A seeded week of a node: feeds, teams, mail servers, scanners and people, driven through the real parts.

What the node does is kept beside it in a `Ledger`, in plain Python; `test_week` compares the two.
"""

import asyncio
import email
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx

from support.cast import HEADER, Tocsin
from support.delivery_examples import Read
from support.mail_corpus import AUTOMATIC, GONE, LATE, RECEIPTS, report
from support.mail_server import PostOffice, post_office
from support.reply_examples import reply
from support.week_ledger import Digest, Ledger, Problem, Team
from support.world import link_of, send
from tocsin.delivery import DeliverySummary, held_digests, release
from tocsin.directory import read_directory
from tocsin.events.alarms import AlarmChanges, FeedState, feed_states, watch_feeds
from tocsin.operations.demo.overview import Overview, overview
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems.replies import file_mail, open_context
from tocsin.server.server import make_application

URL = "https://csirt.example"
DAYS = 8  # one in shadow mode, then seven
# Name, port, and the hour at which it comes.
FEEDS = {
    "scan_rdp": ("Accessible-RDP", 3389, 7),
    "scan_vnc": ("Accessible-VNC", 5900, 7),
    "scan_telnet": ("Accessible-Telnet", 23, 13),
}
SILENT = ("scan_vnc", {3, 4})
HABITS = {
    "silent": 55, "dead": 3, "late": 2, "away": 7, "rt": 3, "otrs": 2, "scanner": 4, "page": 7, "mail": 12,
    "stranger": 1, "refused": 1, "greylisted": 2, "other": 1,
}  # fmt: skip
VERDICTS = {"fixed": 40, "acknowledged": 20, "false": 15, "accepted": 15, "not_ours": 10}
SETTINGS = """
[node]
name = "CSIRT Example"
contact = "csirt@example.org"
emergency_number = "112"
[tell]
mode = "{mode}"
reminders = ["every 3 days for 6 days", "weekly"]
brake_mails = 5000
mails_a_day = 2
[mail]
channel = "{channel}"
host = "127.0.0.1"
port = {port}
security = "none"
[mailbox]
address = "csirt@example.org"
[server]
url = "{url}"
"""


@dataclass
class Week:
    """The node, the world around it, and the ledger. ``now`` is what all parts take for the time."""

    folder: Path
    chance: random.Random
    office: PostOffice
    ledger: Ledger
    node: NodeWithStores
    now: datetime
    runner: asyncio.Runner
    read: int = 0
    replies: Counter[tuple[str, str]] = field(default_factory=Counter)
    answered: Counter[Team] = field(default_factory=Counter)
    alarms: list[AlarmChanges] = field(default_factory=list)
    mails: list[tuple[Digest, Read]] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    seen: dict[int, "Screens"] = field(default_factory=dict)

    @property
    def tocsin(self) -> Tocsin:
        """Its command line."""
        return Tocsin(self.node.home, {"NO_COLOR": "1"}, lambda: self.now)

    def at(self, day: int, hour: float) -> None:
        """Set the time."""
        self.now = self.ledger.begin + timedelta(days=day, hours=hour)

    def browser(self, act: Callable[["Browser"], Any]) -> Any:
        """Let somebody use the pages."""
        application = make_application(self.node, clock=lambda: self.now)
        with Browser(application, self.runner) as browser:
            return act(browser)

    def hear(self, feed: str, day: int) -> None:
        """Take in the report of a day, with a row twice, a broken one, and the same file a second time."""
        port, seen = FEEDS[feed][1], self.ledger.begin + timedelta(days=day, hours=2)
        found = [one for one in self.ledger.problems if one.feed == feed and day in one.days]
        rows = [f'"{seen:%Y-%m-%d %H:%M:%S}","medium","{one.address}","tcp",{port},,"x",64500,"MU",,' for one in found]
        twice = rows[:: max(1, len(rows) // 3)]
        path = self.folder / f"{seen:%Y-%m-%d}-{feed}-week-geo.csv"
        path.write_text("\n".join([HEADER, *rows, *twice, f'"{seen:%Y-%m-%d}","","nowhere"', ""]))
        outcome = ingest(self.node, [path, path], clock=lambda: self.now)
        assert (outcome.failed, outcome.counts.already) == ([], 1)
        before = self.ledger.counts.copy()
        self.ledger.hear(feed, self.now, dict.fromkeys(found, seen), twice=len(twice), broken=1)
        for name, value in (self.ledger.counts - before).items():
            assert getattr(outcome.counts, name) == value, name

    def tell(self) -> tuple[DeliverySummary, Counter[str]]:
        """A run of delivery: what it says it did, and what it must say; the mails are read and compared."""
        self.office.refused = {
            box: f"{code} {'4.7.1 Later' if code < 500 else '5.1.1 No such user'}"
            for box, code in self.ledger.refused.items()
        }
        summary, expected = tell(self.node, now=self.now), self.ledger.deliver(self.now)
        if self.ledger.shadow(self.now):
            paths = sorted((self.node.mails / "shadow").rglob("*.eml"))
            found: list[tuple[list[str] | None, Read]] = [(None, _read(path.read_bytes())) for path in paths]
            sent = [one for one in self.ledger.digests if one.state == "shadow"]
        else:
            found = [(boxes, _read(content)) for boxes, content in self.office.arrived[self.read :]]
            self.read = len(self.office.arrived)
            sent = [one for one in self.ledger.digests if one.state == "sent" and one.sent == self.now]
        by_content = {(_boxes(one.team), _keys(one)): one for one in sent}
        assert len(by_content) == len(sent)
        pairs = [(by_content.pop((_written_to(mail), _rows(mail))), mail) for _, mail in found]
        assert not by_content
        if not self.ledger.shadow(self.now):
            self.mails += pairs
            for one, _ in pairs:
                if self.ledger.refused.get(one.team.mailboxes[0], 0) < 500:
                    self.ledger.refused.pop(one.team.mailboxes[0], None)
            for box in [box for box, code in self.ledger.refused.items() if code < 500]:
                if any(one.state == "retry" and box in one.team.mailboxes for one in self.ledger.digests):
                    self.ledger.refused.pop(box)
        return summary, expected

    def let_go(self) -> None:
        """A person looks at the held mails and lets them go."""
        with self.node.database.begin() as session:
            held = held_digests(session)
            release(session, held, actor="analyst", now=self.now)
        assert len(held) == self.ledger.release()

    def live(self) -> None:
        """The shadow day is over."""
        _configure(self.node.home, self.office, mode="live")
        self.node = open_node(self.node.home)

    def watch(self) -> None:
        """Look at all feeds, as a timer does each evening."""
        self.alarms.append(watch_feeds(self.node.database, now=self.now))

    def look(self, day: int) -> None:
        """Keep what is on screen now, and what the ledger has then."""
        figures = overview(self.node)
        feeds = feed_states(self.node.database)
        listed = self.tocsin.json("problems", "list", "--limit", "100000")
        heard = [one for one in self.ledger.problems if one.heard]
        said = {(one["where"], one["port"].partition("/")[0]): one for one in listed}
        self.seen[day] = Screens(
            figures,
            feeds,
            {key: one["state"] for key, one in said.items()},
            {one.key: self.ledger.state(one) for one in heard},
            {key: one["notification"] for key, one in said.items()},
            {one.key: self.ledger.notification(one) for one in heard},
        )

    def people(self, first: int) -> None:
        """What follows from the mails since the ``first``: servers, programs and people act."""
        desk = open_context(self.node, self.node.store)
        acts: list[Callable[[Browser], None]] = []
        for one, mail in self.mails[first:]:
            if (raw := self._mailed(one, mail)) is not None:
                filed = file_mail(desk, raw, now=self.now)
                self.replies[filed.decision.kind.value, filed.decision.state.value] += 1
            if one.team.habit in {"scanner", "page"}:
                acts.append(self._browsed(one, mail))
        self.browser(lambda browser: [act(browser) for act in acts])

    def _mailed(self, one: Digest, mail: Read) -> bytes | None:
        """The mail that comes back, or none."""
        team, to = one.team, mail.headers["Reply-To"]
        ident = f"<{mail.message_id[1:17]}@{team.key}.example>"
        if team.habit == "dead":
            one.state = "bounced"
        if team.habit in {"dead", "late"}:
            what = (GONE if team.habit == "dead" else LATE).replace("noc@isp.example", team.mailboxes[0])
            return report(what, original=mail.message_id).raw(mail.headers["Reply-To"], ident)
        programs = {"away": AUTOMATIC[0], "rt": RECEIPTS[0], "otrs": RECEIPTS[1]}
        if team.habit in programs:
            return programs[team.habit].raw(to, ident)
        if team.habit == "stranger":
            return reply(mail, "fixed", token=False, sender="somebody@elsewhere.example")
        if team.habit != "mail" or self.answered[team] > 1:
            return None
        verdict, some = self._verdict(one)
        words = {"acknowledged": "received", "not_ours": "not ours"}.get(verdict, verdict)
        if some is not None:
            words += " " + ", ".join(sorted(problem.address for problem in some))
        self._said(one, verdict, some)
        return reply(mail, words, sender=team.mailboxes[0])

    def _browsed(self, one: Digest, mail: Read) -> Callable[["Browser"], None]:
        path = link_of(mail)

        def scan(browser: "Browser") -> None:
            assert [browser.get(path).status_code, browser.head(path).status_code] == [200, 200]

        def answer(browser: "Browser") -> None:
            if self.answered[one.team] < 2:
                verdict, some = self._verdict(one)
                addresses = sorted(problem.address for problem in some or ())
                done = send(browser, path, verdict, *addresses)  # type: ignore[arg-type]
                assert done.status_code == 303, done.text
                self._said(one, verdict, some)

        return scan if one.team.habit == "scanner" else answer

    def _verdict(self, one: Digest) -> tuple[str, set[Problem] | None]:
        """What a person says of a digest, of all or of some; those who mend, mostly do."""
        (verdict,) = self.chance.choices(list(VERDICTS), list(VERDICTS.values()))
        problems = sorted(set(one.problems), key=lambda problem: problem.address)
        if len(problems) < 2 or self.chance.random() < 0.5:  # a page with one problem offers no choice
            return verdict, None
        return verdict, set(self.chance.sample(problems, (len(problems) + 1) // 2))

    def _said(self, one: Digest, verdict: str, some: set[Problem] | None) -> None:
        about = set(one.problems) if some is None else some
        self.answered[one.team] += 1
        self.ledger.answer(one.team, verdict, about, self.now)
        today = (self.now - self.ledger.begin).days
        for problem in sorted(about, key=lambda problem: problem.address):
            if verdict in {"fixed", "false"} and self.chance.random() < 0.7:
                problem.days -= set(range(today + 1, DAYS))


@dataclass(frozen=True)
class Screens:
    """Figures of everything, feeds, states of problems as listed and recounted, and how far teams were notified."""

    figures: Overview
    feeds: Sequence[FeedState]
    listed: dict[tuple[str, str], str]
    states: dict[tuple[str, str], str]
    notified: dict[tuple[str, str], str]
    notifications: dict[tuple[str, str], str]


class Browser:
    """Asks the pages in this process, each request to its end."""

    def __init__(self, application: Any, runner: asyncio.Runner) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=application), base_url=URL, trust_env=False, timeout=120
        )
        self._runner = runner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.aclose())

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._client.get(path))

    def head(self, path: str) -> httpx.Response:
        return self._runner.run(self._client.head(path))

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, **given))


@contextmanager
def open_week(folder: Path, begin: datetime, *, problems: int, teams: int, seed: int) -> Iterator[Week]:
    """A node that has heard nothing yet, its first day in shadow mode."""
    chance = random.Random(seed)
    home = folder / "home"
    home.mkdir(parents=True)
    cast = _cast(teams, chance)
    ledger = Ledger(begin, cast, _world(problems, cast, chance))
    ledger.refused = {
        team.mailboxes[0]: 550 if team.habit == "refused" else 451
        for team in cast
        if team.habit in {"refused", "greylisted"} and len(team.mailboxes) == 1
    }
    with post_office() as office, asyncio.Runner() as runner:
        _configure(home, office, mode="shadow")
        _write_directory(folder, cast)
        for name in ("teams.toml", "rules.csv"):
            Tocsin(home, {}).run("directory", "import", folder / name)
        node = open_node(home)
        numbers = {team.key: team.id for team in read_directory(node.database).teams}
        for team in cast:
            team.number = numbers[team.key]
        yield Week(folder, chance, office, ledger, node, begin, runner)


def _configure(home: Path, office: PostOffice, *, mode: str) -> None:
    channel = "file" if mode == "shadow" else "smtp"
    (home / "tocsin.toml").write_text(SETTINGS.format(mode=mode, channel=channel, port=office.port, url=URL))


def _cast(teams: int, chance: random.Random) -> list[Team]:
    """The teams: a few share a mailbox, have two, have none, or want nothing above green."""
    cast = []
    for number in range(teams):
        boxes: tuple[str, ...] = (f"noc@t{number}.example",)
        (habit,) = chance.choices(list(HABITS), list(HABITS.values()))
        kind, ceiling = chance.random(), "AMBER"
        if number % 40 < 3:  # three teams share one mailbox
            boxes, habit = (f"noc@t{number - number % 40}.example",), "silent"
        elif kind < 0.02:
            boxes, habit = (*boxes, f"cc@t{number}.example"), "silent"
        elif kind < 0.03:
            boxes = ()
        elif kind < 0.04:
            ceiling = "GREEN"
        (interval,) = chance.choices(["at_once", "hourly", "daily"], [35, 10, 55])
        cast.append(Team(f"t{number}", f"Team {number}", boxes, interval, ceiling, habit))
    cast.append(Team("nat", "National team", ("csirt@nat.example",), "daily", "AMBER", "silent"))
    return cast


def _world(problems: int, cast: list[Team], chance: random.Random) -> list[Problem]:
    """The problems: most from the first days on and short, some late or long; a few where nobody answers for it."""
    *teams, national = cast
    used: Counter[int] = Counter()
    first_of = [chance.choice([0, 1, 1, 1]) for _ in teams]
    late = [chance.random() < 0.15 for _ in teams]
    long = [chance.random() < 0.15 for _ in teams]
    feed_of = [chance.choice(list(FEEDS)) for _ in teams]
    found = []
    for number in range(problems):
        of = chance.randrange(len(teams))
        answerable: tuple[Team, ...] = ()
        if number % 100 == 99 or used[of] == 62:  # up to so many hosts in a /26
            address = f"203.0.113.{number // 100 % 256}"
        else:
            used[of] += 1
            address = _address(of, used[of])
            answerable = (teams[of], national) if of % 50 == 0 else (teams[of],)
        feed = feed_of[of]
        first = chance.randrange(2, DAYS) if late[of] and chance.random() < 0.3 else first_of[of]
        days = set(range(first, DAYS if long[of] else first + chance.randint(2, 3))) & set(range(DAYS))
        if chance.random() < 0.1:
            days -= {chance.randrange(DAYS)}  # not found on one day
        found.append(Problem(address, FEEDS[feed][1], feed, answerable, days))
    return found


def _address(team: int, host: int) -> str:
    """A host of a team's own /26 in 198.18.0.0/15 (RFC 2544)."""
    value = team * 64 + host
    return f"198.{18 + (value >> 16)}.{value >> 8 & 255}.{value & 255}"


def _write_directory(folder: Path, cast: list[Team]) -> None:
    texts = [
        f'[[team]]\nkey = "{team.key}"\nname = "{team.name}"\nmailboxes = {list(team.mailboxes)}\n'
        f'interval = "{team.interval}"\nceiling = "{team.ceiling}"\n'
        for team in cast
    ]
    (folder / "teams.toml").write_text("\n".join(texts))
    rules = ["team,kind,value,role"]
    for number, team in enumerate(cast[:-1]):
        rules.append(f"{team.key},prefix,{_address(number, 0)}/26,responsible")
        if number % 50 == 0:
            rules.append(f"nat,prefix,{_address(number, 0)}/26,informed")
    (folder / "rules.csv").write_text("\n".join([*rules, ""]))


def _boxes(team: Team) -> frozenset[str]:
    return frozenset(team.mailboxes)


def _written_to(mail: Read) -> frozenset[str]:
    return frozenset(re.split(r",\s*", mail.to))


def _keys(one: Digest) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(problem.key for problem in one.problems))


def _rows(mail: Read) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((row["source.ip"], row["source.port"]) for row in mail.rows()))


def _read(content: bytes) -> Read:
    """A digest, read by the older and quicker of Python's parsers."""
    message = email.message_from_bytes(content)
    headers = {name: " ".join(str(value).split()) for name, value in message.items()}
    parts = [(part.get_filename(), part.get_payload(decode=True)) for part in message.walk()]
    read = [(name, bytes(part)) for name, part in parts if isinstance(part, bytes)]
    return Read(
        subject=headers["Subject"],
        sender=headers["From"],
        to=headers["To"],
        message_id=headers["Message-ID"],
        headers=headers,
        body=next(part.decode() for name, part in read if name is None),
        files={name: part for name, part in read if name is not None},
    )

"""Two servers over one PostgreSQL behind HAProxy, and people who work there while servers are killed; then a recount.

The servers share one home folder, as two machines share a network folder.
"""

import os
import random
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import select

from support.cast import Tocsin
from support.collected_reports import report, stored
from support.delivery_examples import Read, read_mail
from support.homes import copy_home, migrated_home
from support.mail_server import PostOffice, post_office
from support.ports import NO_TLS, free_port
from support.processes import Running, command, kill_whole
from tocsin.directory import teams_by_id
from tocsin.interface.authorization import form_word
from tocsin.node.accounts import AccountRole, Person, make_token, read_session, scopes_of, start_session
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.pipeline.tables import StaffComment
from tocsin.server.pages.today.figures import state_token
from tocsin.server.security import COOKIE

TEAMS: Final = 12
_PROXY: Final = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "haproxy"
_HANDBOOK: Final = Path(__file__).parents[2] / "docs" / "cluster.md"
_AGAIN: Final = 0.2  # seconds after which somebody whose act was not confirmed asks again
_RETRY: Final = 0.1  # seconds, and up to as many more, after which `static/live.js` opens its stream again


@dataclass
class Somebody:
    """One person at work. ``confirmed``: what was, by its text or address."""

    name: str
    browser: httpx.Client
    token: str
    csrf: str
    confirmed: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    pages: int = 0
    signed_out: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Watcher:
    """A page of today that stays open: when its stream said which state."""

    heard: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    breaks: int = 0
    ended: int = 0


@dataclass
class TwoServers:
    """Two servers, the proxy before them, and what happens there."""

    node: NodeWithStores
    office: PostOffice
    url: str
    ports: tuple[int, int]
    chance: random.Random
    people: list[Somebody]
    watchers: list[Watcher]
    start: Callable[[int], Any]
    servers: list[Any] = field(default_factory=list)
    kills: int = 0
    longest_start: float = 0.0
    states: list[tuple[float, tuple[int, ...]]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 60_000)))
    turn: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def subject(self) -> str:
        """What people comment on."""
        return f"team:{next(iter(teams_by_id(self.node.database).values())).uuid}"

    @property
    def tocsin(self) -> Tocsin:
        """The command line beside the servers."""
        return Tocsin(self.node.home, {})

    def work(self, seconds: float, kill_every: float) -> None:
        """Let all work for so long, and kill one server after the other, once the one before is there again."""
        threads = [threading.Thread(target=self._act, args=(one,), daemon=True) for one in self.people]
        threads += [threading.Thread(target=self._watch, args=(one,), daemon=True) for one in self.watchers]
        threads.append(threading.Thread(target=self._sample, daemon=True))
        for thread in threads:
            thread.start()
        began = time.monotonic()
        while time.monotonic() - began < seconds or self.kills < len(self.servers):
            time.sleep(max(0.0, began + (self.kills + 1) * kill_every - time.monotonic()))
            place = self.kills % 2
            kill_whole(self.servers[place].pid)
            self.servers[place].wait(timeout=120)
            self.kills += 1
            killed = time.monotonic()
            self.servers[place] = self.start(self.ports[place])
            self.until_healthy(self.ports[place])
            self.longest_start = max(self.longest_start, time.monotonic() - killed)
        time.sleep(min(kill_every, 3.0))
        self.ended.set()
        self._comment_by_api(self.people[0])  # so that the pages that are open hear of something, and end
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()

    def until_healthy(self, port: int) -> None:
        """Wait until a server answers."""
        until(lambda: _answers(f"http://127.0.0.1:{port}/api/v1/health"), "a server starts")

    def _act(self, person: Somebody) -> None:
        chance = random.Random(f"{self.chance.random()} {person.name}")
        while not self.ended.is_set():
            try:
                drawn = chance.random()
                if drawn < 0.5:
                    self._look(person, chance.choice(("/today", "/teams", "/reports", "/account")))
                elif drawn < 0.7:
                    self._comment_by_page(person)
                elif drawn < 0.9:
                    self._comment_by_api(person)
                else:
                    self._report(person)
            except Exception as error:  # noqa: BLE001 (it is counted, and ends the test)
                person.wrong.append(repr(error))
            time.sleep(chance.uniform(0.05, 0.3))

    def _until_confirmed(self, person: Somebody, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """What a browser or a program does that was cut off: it asks again, by the same name."""
        while True:
            with suppress(httpx.TransportError):
                answer = ask()
                if answer.status_code < 500 and answer.status_code not in (409, 429):
                    return answer
            person.again += 1
            time.sleep(_AGAIN)

    def _look(self, person: Somebody, path: str) -> None:
        answer = self._until_confirmed(person, lambda: person.browser.get(path))
        person.pages += 1
        if answer.status_code != 200:
            person.signed_out += answer.status_code == 303
            person.wrong.append(f"{path}: {answer.status_code}")

    def _comment_by_page(self, person: Somebody) -> None:
        text = self._text(person)
        form = {"csrf": person.csrf, "once": f"{self.chance.getrandbits(128):032x}", "subject": self.subject,
                "text": text, "back_to": "/today"}  # fmt: skip
        answer = self._until_confirmed(person, lambda: person.browser.post("/comments", data=form))
        if answer.status_code == 303 and "sign-in" not in answer.headers["location"]:
            person.confirmed.append(text)
        else:
            person.signed_out += answer.status_code == 303
            person.wrong.append(f"/comments: {answer.status_code}")

    def _comment_by_api(self, person: Somebody) -> None:
        text = self._text(person)
        body, headers = {"subject": self.subject, "text": text}, self._named(person)
        answer = self._until_confirmed(
            person, lambda: person.browser.post("/api/v1/comments", json=body, headers=headers)
        )
        if answer.is_success:
            person.confirmed.append(text)
        else:
            person.wrong.append(f"api comments: {answer.status_code} {answer.text[:200]}")

    def _report(self, person: Somebody) -> None:
        with self.turn:
            number = next(self.numbers)
        address = f"198.18.{number % TEAMS}.{number // TEAMS + 1}"
        content, headers = report(address, day=f"{datetime.now(UTC):%Y-%m-%d}"), self._named(person)
        query = {"source": "shadowserver", "name": f"{datetime.now(UTC):%Y-%m-%d}-scan_rdp-n{number}-geo.csv"}
        answer = self._until_confirmed(
            person,
            lambda: person.browser.post(
                "/api/v1/reports", params=query, content=content, headers={**headers, "content-type": "text/csv"}
            ),
        )
        if answer.is_success:
            person.reported.append(address)
        else:
            person.wrong.append(f"api reports: {answer.status_code} {answer.text[:200]}")

    def _text(self, person: Somebody) -> str:
        return f"{person.name} {self.chance.getrandbits(64):016x}"

    def _named(self, person: Somebody) -> dict[str, str]:
        return {"authorization": f"Bearer {person.token}", "idempotency-key": f"{self.chance.getrandbits(128):032x}"}

    def _watch(self, watcher: Watcher) -> None:
        """As `static/live.js` does it, with the stream alone."""
        person = self.people[self.watchers.index(watcher)]
        while not self.ended.is_set():
            with (
                suppress(httpx.TransportError),
                httpx.Client(
                    base_url=self.url, cookies=dict(person.browser.cookies), trust_env=False, verify=NO_TLS, timeout=5
                ) as client,
                client.stream("GET", "/today/live", timeout=httpx.Timeout(5, read=30)) as stream,
            ):
                self._listen(watcher, stream)
            watcher.breaks += 1
            self.ended.wait(_RETRY * (1 + random.random()))

    def _listen(self, watcher: Watcher, stream: httpx.Response) -> None:
        if stream.status_code != 200:
            return
        event, buffered = "", b""
        pieces = stream.iter_raw()
        while not self.ended.is_set():
            piece = next(pieces, None)
            if piece is None:
                return
            buffered += piece
            *lines, buffered = buffered.replace(b"\r", b"").split(b"\n")
            for line in lines:
                name, _, value = line.decode().partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "ended":
                    watcher.ended += 1
                    return
                if name == "data" and value:
                    watcher.heard.append((time.monotonic(), tuple(map(int, value.split(".")[:3]))))

    def _sample(self) -> None:
        """Which state the records were in, when."""
        while not self.ended.is_set():
            state = state_token(self.node)
            if not self.states or self.states[-1][1] != state:
                self.states.append((time.monotonic(), state))
            time.sleep(0.02)

    def lags(self) -> list[float]:
        """Seconds from each new state to when each page that is open had heard of it, or of a later one."""
        found = []
        last = max((at for watcher in self.watchers for at, _ in watcher.heard), default=0.0)
        for watcher in self.watchers:
            heard = iter(watcher.heard)
            newest = next(heard, None)
            for at, state in self.states[1:]:
                while newest is not None and not _is_as_new(newest[1], state):
                    newest = next(heard, None)
                if newest is not None:
                    found.append(max(0.0, newest[0] - at))
                elif at < last - 2:
                    found.append(float("inf"))
        return found

    def recount(self) -> dict[str, Any]:
        """What is there in the end, beside what was confirmed; all counts of what went wrong must be 0."""
        reported = sorted(address for one in self.people for address in one.reported)
        until(lambda: len(self._digested()) >= len(set(reported)), "all are notified", 120)
        time.sleep(0.5)
        confirmed = [text for one in self.people for text in one.confirmed]
        with self.node.database.reading() as session:
            kept = Counter(session.scalars(select(StaffComment.text)))
        told, events = self._digested(), stored(self.tocsin)
        arrived = [read_mail(content) for _, content in self.office.arrived]
        retention = self.tocsin.json("audit", "list", "--word", "retention.applied")
        lags = sorted(self.lags())
        return {
            "kills": self.kills,
            "longest start s": round(self.longest_start, 1),
            "pages": sum(one.pages for one in self.people),
            "comments confirmed": len(confirmed),
            "reports confirmed": len(reported),
            "asked again": sum(one.again for one in self.people),
            "states heard of": len(lags),
            "live p50 s": round(lags[len(lags) // 2], 2) if lags else None,
            "live p99 s": round(lags[int(len(lags) * 0.99)], 2) if lags else None,
            "live longest s": round(lags[-1], 2) if lags else None,
            "copies of one mail": len(arrived) - len({mail.message_id for mail in arrived}),
            "daily work done": len(retention),
            "wrong": {
                "lost comments": sum(not kept[text] for text in confirmed),
                "doubled comments": sum(count > 1 for count in kept.values()),
                "lost reports": len(set(reported) - set(events)),
                "doubled events": len(events) - len(set(events)),
                "not notified": len(set(reported) - told.keys()),
                "notified twice": sum(count > 1 for count in told.values()),
                "signed out": sum(one.signed_out for one in self.people) + sum(one.ended for one in self.watchers),
                "answers": [text for one in self.people for text in one.wrong][:5],
                "seals": self.tocsin.call("audit", "verify")[0],
            },
        }

    def _digested(self) -> Counter[str]:
        """How often each address was notified; a second copy of a mail is the same mail."""
        mails: dict[str, Read] = {}
        for _, content in list(self.office.arrived):
            read = read_mail(content)
            mails[read.message_id] = read
        return Counter(row["source.ip"] for read in mails.values() if read.files for row in read.rows())


def _is_as_new(state: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(one >= other for one, other in zip(state, wanted, strict=True))


@contextmanager
def two_servers(
    folder: Path, url: str, *, people: int, watchers: int, seed: int = 1, forks: bool = True
) -> Iterator[TwoServers]:
    """Two servers over the empty PostgreSQL at ``url``; ``forks``: they need not load what tests have loaded."""
    chance = random.Random(seed)
    home, port, ports = folder / "home", free_port(), (free_port(), free_port())
    copy_home(migrated_home() / "networks", home / "networks")
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    with post_office() as office, ExitStack() as opened:
        (home / "tocsin.toml").write_text(
            f'[node]\nemergency_number = "112"\n[storage]\ndatabase = "{url}"\n[server]\n'
            f'url = "https://csirt.example"\ntrusted_proxies = ["127.0.0.1"]\n'
            f"[api]\nrequests_a_minute = 100000\npublic_a_minute = 100000\n"
            f"[tell]\nhold_first_mail = false\nmails_a_day = 0\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
        )
        Tocsin(home, {}).run("directory", "import", folder / "teams.toml")
        node = open_node(home)
        opened.callback(node.database.close)
        start = _forked(home) if forks else _spawned(home, folder)
        made = [opened.enter_context(somebody_at(node, f"http://127.0.0.1:{port}", n)) for n in range(people)]
        both = TwoServers(node, office, f"http://127.0.0.1:{port}", ports, chance, made,
                          [Watcher() for _ in range(watchers)], start)  # fmt: skip
        (folder / "haproxy.cfg").write_text(_proxy_settings(port, ports))
        both.servers = [start(one) for one in ports]
        opened.callback(_end, both.servers)
        for one in ports:
            both.until_healthy(one)
        environment = {**os.environ, "LD_PRELOAD": ""}  # by a clock that is ahead it answers nobody
        proxy = opened.enter_context(
            subprocess.Popen([_PROXY, "-f", folder / "haproxy.cfg", "-db", "-q"], env=environment)
        )
        opened.callback(proxy.kill)
        until(lambda: _answers(f"{both.url}/api/v1/health"), "the proxy answers")
        yield both


def _proxy_settings(port: int, ports: tuple[int, int]) -> str:
    """Those of the handbook, with addresses of this machine, and without TLS."""
    (found,) = re.findall(r"```\n(defaults\n.*?)```", _HANDBOOK.read_text("utf-8"), re.DOTALL)
    there = iter(ports)
    found = re.sub(r"bind .*", f"bind 127.0.0.1:{port}", found).replace(
        "X-Forwarded-Proto https", "X-Forwarded-Proto http"
    )
    return re.sub(r"(server \w+) 10\.0\.0\.1.:8000", lambda match: f"{match[1]} 127.0.0.1:{next(there)}", found)


def _forked(home: Path) -> Callable[[int], Running]:
    environment = {**os.environ, "TOCSIN_SERVER_WORK": "true"}
    return lambda port: command(home, "serve", "--port", str(port), environment=environment)


def _spawned(home: Path, folder: Path) -> Callable[[int], "subprocess.Popen[bytes]"]:
    code = "from tocsin.cli import main; main()"
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}  # as installed, compiled once
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def start(port: int) -> "subprocess.Popen[bytes]":
        words: Mapping[str, Any] = {
            "stdout": subprocess.DEVNULL, "stderr": (folder / f"server-{port}.log").open("ab"), "env": environment,
        }  # fmt: skip
        return subprocess.Popen(["python", "-c", code, "--home", home, "serve", "--port", str(port)], **words)

    return start


def _end(servers: list[Any]) -> None:
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait(timeout=120)


@contextmanager
def somebody_at(node: NodeWithStores, url: str, number: int) -> Iterator[Somebody]:
    """Person NUMBER, signed in on the pages at ``url`` and with a token of the API."""
    now = datetime.now(UTC)
    with node.database.begin() as session:
        person = Person(
            mailbox=f"p{number}@people.example", name=f"Person {number}", role=AccountRole.ANALYST.value, teams=[],
            password="", language="", theme="", made_at=now, blocked_at=None,
        )  # fmt: skip
        session.add(person)
        session.flush()
        secret = start_session(session, person, now=now, agent="test")
        token = make_token(
            session, person, name="work", scopes=scopes_of(AccountRole.ANALYST), days=1, now=now, actor="test"
        )[1]
    csrf = form_word(open_tokens(node.home), read_session(node.database, secret, now=now))
    with httpx.Client(base_url=url, cookies={COOKIE: secret}, trust_env=False, verify=NO_TLS, timeout=60) as browser:
        yield Somebody(f"p{number}", browser, token, csrf)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, verify=NO_TLS, timeout=10).is_success
    return False


def until(true: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for what must happen, and not for ever."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.05)

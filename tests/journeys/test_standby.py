"""A machine is cut off at any moment of its day: the one that stands by takes over, nothing that a copy had is lost,
and no mail comes twice; the first one, back again, sends nothing and takes in nothing.

``TOCSIN_STANDBY_CUTS=50`` cuts it off so many times, each with a seed of its own.
"""

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.cast import Tocsin
from support.collected_reports import report as report_of
from support.collected_reports import stored
from support.databases import Cluster
from support.delivery_examples import Read, read_mail
from support.homes import copy_home, migrated_home
from support.mail_keys import Gpg, gnupg
from support.mail_server import PostOffice, post_office
from support.processes import KILLED, command
from support.world import link_of, served, serving
from tocsin.node.letters import queue_letter
from tocsin.node.records import open_database, sqlite_url
from tocsin.node.standby import SharedFolder
from tocsin.operations.worker import Worker
from tocsin.pipeline.stores import open_node
from tocsin.problems.answers import Answer
from tocsin.server.server import make_application

TEAMS = 5
SEEDS = range(int(os.environ.get("TOCSIN_STANDBY_CUTS", "3")))
CUTS = {
    "hear": ("ingest.synced", "ingest.preparing", "ingest.prepared", "ingest.shown", "ingest.committing"),
    "tell": (
        *("letters.naming", "letters.named", "letters.sent", "letters.noting"),
        *("deliver.claiming", "deliver.claimed", "deliver.rendered:2"),
        *("deliver.begun:2", "deliver.smtp.accepted:2", "deliver.sent:3", "deliver.noting:2", "deliver.noted:4"),
        *("standby.packed", "standby.written", "standby.covered"),
    ),
    "answer": ("answers.recording", "answers.recorded"),
    "work": (),
    "copy": ("standby.packed", "standby.written", "standby.covered"),
}  # and each of them at some time by the clock


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    """The keyring of the standby machine."""
    with gnupg() as ring:
        ring.make("Standby <standby@csirt.example>")
        yield ring


@dataclass
class Pair:
    """A node, the folder of its copies, and what was acknowledged there and when."""

    folder: Path
    first: Tocsin
    office: PostOffice
    chance: random.Random
    acknowledged: list[tuple[datetime, str, str]] = field(default_factory=list)
    reports: list[Path] = field(default_factory=list)

    @property
    def copies(self) -> Path:
        return self.folder / "copies"

    def digests(self) -> list[Read]:
        """All digests that arrived; two of one mail are two."""
        return [mail for _, content in self.office.arrived if (mail := read_mail(content)).files]

    def told(self) -> Counter[tuple[str, str]]:
        """How many mails told which team of which address."""
        return Counter((mail.to, row["source.ip"]) for mail in self.digests() for row in mail.rows())

    def next_report(self) -> tuple[Path, list[str]]:
        number = len(self.reports)
        addresses = [f"198.18.{team}.{number + 1}" for team in range(TEAMS)]
        path = self.folder / f"2026-11-23-scan_rdp-round{number}.csv"
        path.write_bytes(report_of(*addresses))
        self.reports.append(path)
        return path, addresses

    def acknowledge(self, kind: str, *things: str) -> None:
        self.acknowledged += [(datetime.now(UTC), kind, thing) for thing in things]

    def do(self, deed: str) -> None:
        """One deed that is done to its end."""
        if deed == "hear":
            path, addresses = self.next_report()
            self.first.run("ingest", path)
            self.acknowledge("event", *addresses)
        elif deed == "tell":
            self.letter()
            self.first.run("deliver")
        elif deed == "work":
            title = f"Case {len(self.acknowledged)}"
            self.first.run("incidents", "open", title)
            self.acknowledge("case", title)
        elif deed == "answer" and self.digests():
            digest = self.chance.choice(self.digests())
            application = make_application(open_node(self.first.home), public=True)
            with (
                served(application) as port,
                httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client,
            ):
                assert answer(client, digest) == 303
            self.acknowledge("answer", digest.to)
        elif deed == "copy":
            self.first.run("standby", "copy")

    def letter(self) -> None:
        """A letter of another room."""
        number = len(self.acknowledged)
        with open_database(sqlite_url(self.first.home / "records.sqlite")).begin() as session:
            given = {"kind": "test", "subject": f"Letter {number}", "body": "Hello.", "now": datetime.now(UTC)}
            queue_letter(session, key=f"test:{number}", mailbox="noc@t0.example", **given)  # type: ignore[arg-type]

    def cut_off(self, deed: str) -> str:
        """One deed in a process of its own, killed at a named point or at some time; where that was."""
        cut = self.chance.choice([*CUTS[deed], ""])
        after = 0.0 if cut else self.chance.uniform(0.05, 0.9)
        if deed == "answer" and self.digests():
            digest = self.chance.choice(self.digests())
            with serving(self.first.home, cut or "answers.recorded") as client, pytest.raises(httpx.TransportError):
                answer(client, digest)
            return cut or "answers.recorded"
        words: tuple[str | Path, ...] = ("standby", "copy")
        if deed == "hear":
            words = ("ingest", self.next_report()[0])
        elif deed == "tell":
            self.do("hear")
            self.letter()
            words = ("deliver",)
        elif deed == "work":
            words = ("incidents", "open", "The last case")
        environment = {**os.environ, **({"TOCSIN_CUT": cut} if cut else {})}
        process = command(self.first.home, *words, environment=environment)
        if after:
            time.sleep(after)
            process.kill()
        return f"{cut or round(after, 2)}: {process.wait()}"


def answer(client: httpx.Client, digest: Read) -> int:
    link = f"{link_of(digest)}?state=all"
    made = client.get(link).text.partition('name="made" value="')[2].partition('"')[0]
    form = {"made": made, "verdict": "acknowledged", "every": "found", "note": ""}
    return client.post(link, data=form).status_code


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, ring: Gpg) -> Path:
    """A node with some teams and the public key of the standby machine."""
    folder = tmp_path_factory.mktemp("template")
    home = copy_home(migrated_home(), folder / "home")
    (home / "keys" / "backup").mkdir(parents=True)
    (home / "keys" / "backup" / "standby.pgp").write_bytes(ring.run("--export", "standby@csirt.example"))
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    Tocsin(home, {}).run("directory", "import", folder / "teams.toml")
    return home


@pytest.fixture
def pair(template: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    home, folder = copy_home(template, tmp_path / "home"), tmp_path / "shared"
    folder.mkdir()
    with post_office() as office:
        (home / "tocsin.toml").write_text(
            f'[node]\nemergency_number = "112"\n[server]\nurl = "https://csirt.example"\n'
            f"[tell]\nhold_first_mail = false\nmails_a_day = 0\n"
            f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
            f'[standby]\nfolder = "{folder}"\nto = ["standby@csirt.example"]\n'
        )
        first = Tocsin(home, {**os.environ, "NO_COLOR": "1"})
        first.run("standby", "copy")
        yield Pair(folder, first, office, random.Random(request.param))


@pytest.mark.parametrize("pair", SEEDS, indirect=True)
def test_cut_off_at_any_moment_nothing_is_lost_and_no_mail_comes_twice(pair: Pair, ring: Gpg, tmp_path: Path) -> None:
    chance, deeds = pair.chance, [*CUTS]
    pair.do("hear")
    pair.do("tell")
    for _ in range(chance.randint(1, 4)):
        pair.do(chance.choice(deeds))
    deed = deeds[(chance.randrange(len(deeds)) if len(SEEDS) > 3 else len(SEEDS) + chance.randrange(2)) % len(deeds)]
    cut = pair.cut_off(deed)

    second = Tocsin(tmp_path / "second", pair.first.environment)
    started = time.perf_counter()
    done = second.json("takeover", pair.folder, "--gpg-home", ring.home)
    took, before = time.perf_counter() - started, len(pair.office.arrived)
    made = datetime.fromisoformat(done["made"])
    kept = [(kind, thing) for at, kind, thing in pair.acknowledged if at <= made]
    assert {thing for kind, thing in kept if kind == "event"} <= set(stored(second))
    cases = {one["title"] for one in second.json("incidents", "list")}
    assert {thing for kind, thing in kept if kind == "case"} <= cases
    with open_database(sqlite_url(second.home / "records.sqlite")).reading() as session:
        answered = len(list(session.scalars(select(Answer))))
    assert answered >= sum(kind == "answer" for kind, _ in kept)

    for path in pair.reports:  # what was heard since the copy is heard again
        second.run("ingest", path)
    second.run("deliver")
    second.run("deliver")
    held = {one["reference"]: one for one in second.json("deliveries", "held")}
    assert set(held) == set(done["held"])

    told, names = pair.told(), Counter(read_mail(content).message_id for _, content in pair.office.arrived)
    assert max(names.values()) == 1
    assert max(told.values()) == 1
    heard = {(f"noc@t{one.split('.')[2]}.example", one) for one in stored(second)}
    waiting = len([one for one in done["held"] if one.startswith("TOC-")])
    assert len(heard - set(told)) <= waiting * len(pair.reports)  # nothing waits but behind a person

    sent = len(pair.office.arrived)
    assert pair.first.call("deliver")[0] == 1
    assert pair.first.call("ingest", pair.next_report()[0])[0] == 1
    assert pair.first.call("standby", "copy")[0] == 1
    assert pair.first.call("standby", "off")[0] == 1
    assert len(pair.office.arrived) == sent
    figures = {"seconds": round(took, 2), "sent_by_second": sent - before, "held": done["held"], "known": done["sent"]}
    print(json.dumps({"deed": deed, "cut": cut, "lost": len(pair.acknowledged) - len(kept), **figures}))  # noqa: T201 (for -s)
    second.run("standby", "on")
    assert json.loads((pair.copies / "newest.json").read_text())["name"].startswith("000001-")
    second.run("standby", "copy")
    assert json.loads((pair.copies / "newest.json").read_text())["name"].startswith("000002-")


@pytest.mark.parametrize("pair", [0], indirect=True)
def test_a_server_copies_before_it_sends_and_stops_once_another_machine_took_over(pair: Pair) -> None:
    node = open_node(pair.first.home)
    standby = node.standby
    assert standby is not None
    path, addresses = pair.next_report()
    pair.first.run("ingest", path)

    def later() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=1)

    with (
        Worker(open_node(pair.first.home), later).working(),
        served(make_application(node, clock=later)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client,
    ):
        until(lambda: len(pair.digests()) == TEAMS)
        assert set(pair.told()) == {(f"noc@t{one.split('.')[2]}.example", one) for one in addresses}
        assert "out of service" not in client.get("/sign-in").text
        pair.folder.joinpath("terms").rename(pair.folder / "away")
        until(lambda: standby.remembered()[0])
        assert not standby.fenced()
        pair.folder.joinpath("away").rename(pair.folder / "terms")
        SharedFolder(pair.folder).begin_term(2, "?", datetime.now(UTC))
        until(standby.fenced)
        for page in ("/sign-in", "/nothing-is-here"):
            assert "out of service" in client.get(page).text
        refused = client.post("/report", data={"text": "Help"})
        assert (refused.status_code, "out of service" in refused.text) == (503, True)
        told = client.post("/api/v1/reports", content=b"x")
        assert (told.status_code, "out of service" in told.json()["detail"]) == (503, True)
    said = {one["what"]: one for one in pair.first.json("doctor", code=1)}
    assert "took over" in said["standby"]["found"]


@pytest.mark.parametrize("pair", [0], indirect=True)
def test_a_takeover_that_is_killed_leaves_nobody_who_sends_until_another_is_whole(
    pair: Pair, ring: Gpg, tmp_path: Path
) -> None:
    pair.first.run("ingest", pair.next_report()[0])
    pair.first.run("standby", "copy")
    words: list[str | Path] = ["takeover", pair.folder, "--gpg-home", ring.home, "--accept-older"]
    for point in ("takeover.fenced", "takeover.unpacked", "takeover.restored"):
        home = tmp_path / point
        killed = command(home, *words, environment={**pair.first.environment, "TOCSIN_CUT": point})
        assert killed.wait() == KILLED
        for half in (pair.first, Tocsin(home, pair.first.environment)):
            half.call("deliver")
        assert pair.office.arrived == []
    whole = Tocsin(tmp_path / "whole", pair.first.environment)
    assert whole.json(*words)["term"] == 4  # what was killed before it was whole fenced nobody
    whole.run("deliver")
    assert len(pair.digests()) == TEAMS
    assert stored(whole) == stored(pair.first)


@pytest.mark.parametrize("pair", [0], indirect=True)
def test_only_the_copies_of_the_present_node_are_taken_and_only_with_its_key(
    pair: Pair, ring: Gpg, tmp_path: Path
) -> None:
    second = Tocsin(tmp_path / "second", pair.first.environment)

    def refused(*words: str | Path) -> str:
        code, _, said = second.call("takeover", pair.folder, *words)
        assert (code, second.home.exists()) == (1, False)
        return said

    with gnupg() as other:
        assert "No secret key is here" in refused("--gpg-home", other.home)
    assert sorted(path.name for path in (pair.folder / "terms").iterdir()) == ["000001.json"]
    tried = second.json("takeover", pair.folder, "--try", "--gpg-home", ring.home)
    assert (tried["rehearsal"], tried["term"]) == (True, 0)
    assert "rehearsal" in second.call("ingest", pair.next_report()[0])[2]
    assert second.call("standby", "copy")[0] == 1
    shutil.rmtree(second.home)
    assert "takeover tried: 20" in pair.first.run("standby", "status")
    pair.first.run("deliver")

    (pair.folder / "terms" / "000002.json").write_text('{"host": "c", "at": "2026-11-24T06:00:00"}')
    assert "c took over at 2026-11-24T06:00 and has made no copy yet" in refused("--gpg-home", ring.home)
    (newest,) = pair.copies.glob("*.tar.gpg")
    newest.write_bytes(newest.read_bytes()[:-1])
    assert "holds no copy that is whole" in refused("--gpg-home", ring.home, "--accept-older")


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_records_on_postgresql_are_copied_row_by_row_and_taken_over_into_another_database(
    tocsin: Tocsin, report: Callable[..., Path], postgresql: Cluster, ring: Gpg, tmp_path: Path
) -> None:
    key, shared = tmp_path / "standby.pgp", tmp_path / "shared"
    key.write_bytes(ring.run("--export", "standby@csirt.example"))
    shared.mkdir()
    standby = f'[standby]\nfolder = "{shared}"\nto = ["{key}"]\n'
    settings = tocsin.home / "tocsin.toml"
    settings.write_text(settings.read_text() + standby)
    tocsin.run("standby", "copy")
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200"))
    assert tocsin.json("deliver")["digests"] == 3
    assert tocsin.json("standby", "copy")["bytes"] < 2_000_000  # networks and most blocks are there

    second = Tocsin(tmp_path / "second", tocsin.environment)
    second.home.mkdir()
    (second.home / "tocsin.toml").write_text(f"[storage]\ndatabase = '{postgresql.fresh()}'\n{standby}")
    second.run("takeover", shared, "--gpg-home", ring.home)
    assert second.json("deliveries", "list") == tocsin.json("deliveries", "list")
    assert stored(second) == stored(tocsin)
    assert second.json("deliver")["digests"] == 0


def until(true: Callable[[], object]) -> None:
    """Wait for what must happen, and not for ever."""
    for _ in range(1_200):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")

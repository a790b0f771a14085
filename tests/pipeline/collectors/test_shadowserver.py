"""Shadowserver's API: signed requests, the last days, each report once, by either way that its pages describe."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import report, spooled, stored
from support.https_server import Answer, Asked, WebServer
from tocsin.node.errors import SettingError
from tocsin.pipeline.collectors.kinds import Memory
from tocsin.pipeline.collectors.shadowserver import read_key, window

Collect = Callable[..., None]
KEY, SECRET = "0e2f6c1a", "a-secret of ours"


def today() -> date:
    """Of each test: a run may go on past midnight."""
    return datetime.now(UTC).date()


@dataclass
class FakeShadowserver:
    """Knows reports by day and id; refuses what is not signed with the secret."""

    server: WebServer
    reports: dict[str, tuple[date, str, bytes]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server.pages["/api2/reports/list"] = self.listed
        self.server.pages["/api2/reports/download"] = self.downloaded

    def add(self, identity: str, day: date, kind: str, content: bytes) -> str:
        name = f"{day}-{kind}-kestria-geo.csv"
        self.reports[identity] = (day, kind, content)
        self.server.pages[f"/dl/{identity}"] = lambda asked: self.fetched(asked, identity)
        return name

    def signed(self, asked: Asked) -> dict[str, object] | None:
        expected = hmac.new(SECRET.encode(), asked.body, hashlib.sha256).hexdigest()
        request = json.loads(asked.body)
        if asked.method != "POST" or asked.headers.get("hmac2") != expected or request.pop("apikey") != KEY:
            return None
        self.calls.append((asked.path, request))
        return dict(request)

    def listed(self, asked: Asked) -> Answer:
        request = self.signed(asked)
        if request is None:
            return Answer(json.dumps({"error": "Invalid signature"}).encode())
        entries = [
            {
                "id": identity,
                "file": f"{day}-{kind}-kestria-geo.csv",
                "report": "kestria",
                "timestamp": f"{day}",
                "type": kind,
                "url": f"https://dl.example/{identity}",
            }
            for identity, (day, kind, _) in self.reports.items()
            if f"{day}" == request["date"]
        ]
        return Answer(json.dumps(entries).encode())

    def downloaded(self, asked: Asked) -> Answer:
        request = self.signed(asked)
        return Answer(status=401) if request is None else self.fetched(asked, str(request["id"]))

    def fetched(self, asked: Asked, identity: str) -> Answer:
        assert "hmac2" not in asked.headers or asked.method == "POST"
        if identity in self.broken:
            return Answer(status=500)
        return Answer(self.reports[identity][2], headers={"Content-Type": "text/csv"})


@pytest.fixture
def shadowserver(server: WebServer) -> FakeShadowserver:
    fake = FakeShadowserver(server)
    fake.add("one", today() - timedelta(days=2), "scan_rdp", report("192.0.2.1"))
    fake.add("two", today() - timedelta(days=1), "scan_rdp", report("192.0.2.2", day="2026-11-22"))
    return fake


@pytest.fixture
def api(tocsin: Tocsin, collect: Collect, server: WebServer) -> Callable[..., None]:
    """Writes the collector's settings, with its secret file."""
    path = tocsin.home / "shadowserver.api"
    path.touch(0o600)
    path.write_text(f"[api]\nkey = {KEY}\nsecret = {SECRET}\nuri = https://transform.shadowserver.org/api2/\n")

    def write(**settings: object) -> None:
        known = {"secret_file": path.name, "url": server.url("/api2/"), "download_url": server.url("/dl/")}
        collect("shadowserver", **{**known, **settings})

    return write


@pytest.mark.parametrize("by", ["link", "call"])
def test_each_report_is_taken_once(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver, by: str
) -> None:
    api(**({} if by == "link" else {"download_url": ""}))

    [first] = tocsin.json("collect", "run", "it")
    asked = len(shadowserver.server.asked)
    [second] = tocsin.json("collect", "run", "it")
    name = shadowserver.add("three", today(), "scan_rdp", report("192.0.2.3", day="2026-11-24"))
    [third] = tocsin.json("collect", "run", "it")

    assert (first["reports"], second["reports"], third["taken"]) == (2, 0, [name])
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert spooled(tocsin) == []
    assert asked == 4 + 2  # four days listed, two reports fetched; then only lists
    assert {path for path, _ in shadowserver.calls[6 if by == "call" else 4 : -1]} == {"/api2/reports/list"}
    days = [request["date"] for path, request in shadowserver.calls[:4] if path.endswith("list")]
    assert days[0] == f"{today() - timedelta(days=3)}"


def test_only_what_is_asked_for_is_fetched(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver
) -> None:
    shadowserver.add("three", today(), "scan_ssh", report("192.0.2.3"))
    api(types=["scan_ssh", "scan_ftp"], reports=["kestria"])

    [offer] = tocsin.json("collect", "run", "it", "--dry-run")

    assert offer["what"] == f"{today()}-scan_ssh-kestria-geo.csv"
    assert all(request["reports"] == ["kestria"] for _, request in shadowserver.calls)


def test_a_wrong_secret_is_said_and_neither_it_nor_the_key_is_shown(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver
) -> None:
    api()
    (tocsin.home / "shadowserver.api").write_text(f"[api]\nkey = {KEY}\nsecret = something else\n")

    code, out, words = tocsin.call("collect", "run", "it")

    assert code == 1
    assert "Invalid signature" in words
    assert not any(text in out + words for text in (KEY, SECRET, "something else"))
    assert shadowserver.calls == []


def test_one_report_that_cannot_be_fetched_keeps_no_other_from_being_taken(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver
) -> None:
    shadowserver.broken = {"one"}
    api()

    [first] = tocsin.json("collect", "run", "it", code=1)
    assert (first["reports"], "500" in first["error"]) == (1, True)
    assert "/dl/…" in first["error"]  # whoever knows an id can fetch the report
    assert stored(tocsin) == ["192.0.2.2"]

    shadowserver.broken = set()
    [second] = tocsin.json("collect", "run", "it")
    assert second["reports"] == 1
    assert stored(tocsin) == ["192.0.2.1", "192.0.2.2"]


def test_an_empty_download_is_tried_again(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver
) -> None:
    shadowserver.reports["one"] = (today(), "scan_rdp", b"")
    api()

    assert "without content" in tocsin.json("collect", "run", "it", code=1)[0]["error"]
    shadowserver.reports["one"] = (today(), "scan_rdp", report("192.0.2.1"))
    assert tocsin.json("collect", "run", "it")[0]["reports"] == 1


@pytest.mark.parametrize(
    "answer", [b"<html>maintenance</html>", b'"x"', b"[" * 200_000, b'[{"id": "../etc", "file": "a"}, 7, {}]']
)
def test_any_answer_is_survived(
    tocsin: Tocsin, api: Callable[..., None], shadowserver: FakeShadowserver, answer: bytes
) -> None:
    shadowserver.server.pages["/api2/reports/list"] = Answer(answer)
    api()

    code, _, words = tocsin.call("collect", "run", "it")

    assert code == (0 if answer.startswith(b"[{") else 1)
    assert "Traceback" not in words
    assert {asked.path for asked in shadowserver.server.asked} == {"/api2/reports/list"}


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("key = x\nsecret = y\n", 0o600, "no key and secret"),
        ("[api]\nkey = x\n", 0o600, "no key and secret"),
        ("[api]\nkey = x\nsecret = y\n", 0o640, "can be read by others"),
    ],
)
def test_a_secret_file_that_does_not_work_is_said(tmp_path: Path, content: str, mode: int, words: str) -> None:
    path = tmp_path / "api"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(SettingError, match=words):
        read_key(path)


def test_the_window_overlaps_and_reaches_back_over_an_outage() -> None:
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def days(since: int | None) -> list[int]:
        last = None if since is None else now - timedelta(days=since)
        return [(now.date() - day).days for day in window(Memory(now, last_success=last), 2)]

    assert days(None) == [2, 1, 0]
    assert days(0) == [2, 1, 0]
    assert days(5) == [6, 5, 4, 3, 2, 1, 0]
    assert days(400)[0] == 30

"""Reports sent in: in every form, once, whatever comes between; and what is hostile is refused."""

import gzip
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.event import listen

from support.abuse_reports import REFERENCE, canaries, mailed, noted, shapes, traces, xarf
from support.api_client import caller, token_of
from support.cast import HEADER
from support.world import START, World, copy_world, serving
from tocsin.events.models import Ingest
from tocsin.node.accounts import AccountRole, Permission
from tocsin.pipeline.ingest import open_session
from tocsin.pipeline.uploads import Upload

NAME = "2026-11-16-scan_rdp-test-geo.csv"
WAIT = {"prefer": "wait=30"}


def report(*addresses: str, day: str = "2026-11-16") -> bytes:
    rows = [f'"{day} 05:00:00","medium","{a}","tcp",3389,,"rdp",64500,"MU",,' for a in addresses]
    return "\n".join([HEADER, *rows, ""]).encode()


@pytest.fixture(scope="module")
def shared(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, httpx.Client]]:
    """A node and a sender for tests that leave nothing behind."""
    world = copy_world(fresh, tmp_path_factory.mktemp("shared"))
    with caller(world, AccountRole.ANALYST) as client:
        yield world, client


@pytest.fixture
def sender(world: World) -> Iterator[httpx.Client]:
    with caller(world, AccountRole.ANALYST) as client:
        client.headers["content-type"] = "text/csv"
        yield client


def test_a_report_is_taken_in_and_its_sums_balance(world: World, sender: httpx.Client) -> None:
    body = report("192.0.2.1", "192.0.2.2") + b'"nonsense"\n'
    made = sender.post("/reports", params={"name": NAME}, content=body, headers=WAIT)
    assert made.status_code == 201
    assert made.headers["preference-applied"] == "wait"
    said = made.json()
    sums = said["sums"]
    assert (said["state"], sums["rows"], sums["stored"], sums["quarantined"]) == ("taken", 3, 2, 1)
    assert sums["rows"] == sums["stored"] + sums["duplicates"] + sums["quarantined"]
    whole = sender.get(made.headers["location"].removeprefix("/api/v1")).json()
    assert whole["set_aside"][0]["raw"] == '"nonsense"'
    (ingest,) = whole["ingests"]
    assert sender.get(f"/ingests/{ingest}").json()["stored"] == 2
    assert sender.get("/quarantine").json()["items"][0]["rows"] == 1
    assert sender.get(f"/quarantine/{ingest}").json()["items"] == whole["set_aside"]
    assert not list((world.node.home / "uploads").iterdir())


def test_without_waiting_it_is_promised(sender: httpx.Client) -> None:
    made = sender.post("/reports", params={"name": NAME}, content=report("192.0.2.1"))
    assert (made.status_code, made.json()["sums"]) == (202, None)
    said = made.json()
    while said["state"] == "waiting":
        said = sender.get(f"/reports/{said['id']}").json()
    assert said["sums"]["stored"] == 1


def test_the_same_content_again_is_here_already(sender: httpx.Client) -> None:
    first, second = (
        sender.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=WAIT).json()
        for _ in range(2)
    )
    assert first["ingests"] == second["ingests"]
    assert (second["sums"]["already"], second["sums"]["rows"]) == (1, 0)


def test_reports_that_wait_together_are_taken_in_together_each_once(world: World, sender: httpx.Client) -> None:
    first, other = report("192.0.2.1"), report("192.0.2.2", "192.0.2.3")
    with open_session(world.node):  # so that all of them wait
        sent = [
            sender.post("/reports", params={"name": NAME}, content=content).json() for content in (first, other, first)
        ]
    while any(one["state"] == "waiting" for one in sent):
        sent = [sender.get(f"/reports/{one['id']}").json() for one in sent]
    sums = [(one["sums"]["rows"], one["sums"]["stored"], one["sums"]["already"]) for one in sent]
    assert sums == [(1, 1, 0), (2, 2, 0), (0, 0, 1)]
    with world.node.database.reading() as session:
        assert session.execute(select(Ingest.number, Ingest.shown_as).order_by(Ingest.number)).all() == [(1, 2), (2, 2)]


@pytest.mark.parametrize("form", ["gzip on the way", "gzip file", "zip", "multipart", "disposition"])
def test_every_way_of_sending(sender: httpx.Client, form: str) -> None:
    first, second = report("192.0.2.1"), report("192.0.2.2", "192.0.2.3", day="2026-11-15")
    other = NAME.replace("16", "15")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(NAME, first)
        archive.writestr(other, second)
    many = {"file": (NAME, first, "text/csv")}, {"file": (other, second, "text/csv")}
    del sender.headers["content-type"]
    match form:
        case "gzip on the way":
            headers = {"content-encoding": "gzip", "content-type": "text/csv", **WAIT}
            made = sender.post("/reports", params={"name": NAME}, content=gzip.compress(first), headers=headers)
        case "gzip file":
            made = sender.post("/reports", params={"name": f"{NAME}.gz"}, content=gzip.compress(first), headers=WAIT)
        case "zip":
            made = sender.post("/reports", params={"name": "all.zip"}, content=packed.getvalue(), headers=WAIT)
        case "multipart":
            files = [("file", one["file"]) for one in many]
            made = sender.post("/reports", files=files, headers=WAIT)
        case _:
            headers = {"content-disposition": f'attachment; filename="{NAME}"', "content-type": "text/csv", **WAIT}
            made = sender.post("/reports", content=first, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["sums"]["stored"] == (3 if form in {"zip", "multipart"} else 1)


def test_a_report_that_nobody_can_read_is_refused_with_the_reason(sender: httpx.Client) -> None:
    said = sender.post("/reports", content=b"what is this\n", headers=WAIT).json()
    assert (said["state"], said["ingests"], said["sums"]["rows"]) == ("refused", [], 0)
    assert "neither its name nor its first line" in said["failed"][0]["reason"]
    wrong = sender.post("/reports", params={"source": "nonesuch"}, content=b"x")
    assert (wrong.status_code, "There is no source" in wrong.json()["detail"]) == (400, True)


def test_a_mapping_file_with_a_mistake_is_named_where_it_may_be_meant(world: World, sender: httpx.Client) -> None:
    folder = world.node.home / "feeds"
    folder.mkdir(exist_ok=True)
    (folder / "sensor.toml").write_text('files = ["sensor-*"]\n[columns]\na = "source.adress"\n')
    idf = b"source.ip,source.asn\n192.0.2.1,64500\n"
    for name, content in (("other", b"what is this\n"), ("sensor-1", idf)):
        said = sender.post("/reports", params={"name": name}, content=content, headers=WAIT).json()
        assert said["state"] == "refused"
        assert "sensor.toml:3:5: there is no field 'source.adress'" in said["failed"][0]["reason"]
        assert str(folder) not in said["failed"][0]["reason"]


def test_lists_go_on_where_they_ended_while_more_comes(sender: httpx.Client) -> None:
    def send(number: int) -> str:
        body = report(f"192.0.2.{number}")
        return str(sender.post("/reports", params={"name": NAME}, content=body, headers=WAIT).json()["id"])

    sent = [send(number) for number in range(1, 5)]
    page = sender.get("/reports", params={"limit": 3})
    send(5)
    following = sender.get(page.links["next"]["url"]).json()
    assert [one["id"] for one in page.json()["items"] + following["items"]] == sent[::-1]
    assert following["next"] is None
    numbers = sender.get("/ingests", params={"limit": 2}).json()
    rest = sender.get("/ingests", params={"limit": 4, "cursor": numbers["next"]}).json()
    assert [one["number"] for one in numbers["items"] + rest["items"]] == [5, 4, 3, 2, 1]


def test_a_page_of_reports_says_the_alarms_of_each_in_as_many_statements_as_for_one(
    world: World, sender: httpx.Client
) -> None:
    plain, other = NAME.replace("test", "other"), NAME.replace("scan_rdp", "scan_ssh")
    short = b"\n".join(line.rsplit(b",", 2)[0] for line in report("192.0.2.4").splitlines()) + b"\n"
    sent = [(NAME, report("192.0.2.3")), (plain, report("192.0.2.5")), (other, report("192.0.2.6")), (NAME, short)]
    for name, body in sent:
        assert sender.post("/reports", params={"name": name}, content=body, headers=WAIT).json()["state"] == "taken"
    asked = list[str]()
    listen(world.node.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))

    def listed(limit: int) -> tuple[list[dict[str, Any]], int]:
        asked.clear()
        rows = sender.get("/reports", params={"limit": limit}).json()["items"]
        return rows, sum("ingest" in one or "alarm" in one for one in asked)  # and not what runs beside

    (rows, statements), (_, of_one) = listed(4), listed(1)

    alone = [sender.get(f"/reports/{row['id']}").json()["alarms"] for row in rows]
    assert [row["alarms"] for row in rows] == alone
    assert [[one["feed"] for one in row["alarms"]] for row in rows] == [
        ["shadowserver/scan_rdp"], [], ["shadowserver/scan_rdp"], ["shadowserver/scan_rdp"]
    ]  # fmt: skip
    assert statements == of_one


def test_a_request_with_a_name_is_done_once(world: World, sender: httpx.Client) -> None:
    headers = {"idempotency-key": "delivery-1", **WAIT}
    first, again = (
        sender.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers) for _ in range(2)
    )
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["location"] == again.headers["location"]
    other = sender.post("/reports", params={"name": NAME}, content=report("192.0.2.2"), headers=headers)
    assert other.status_code == 422
    with world.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 1
    # another person's name is another name
    with caller(world, AccountRole.MANAGER) as manager:
        headers["content-type"] = "text/csv"
        made = manager.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers)
        assert made.json()["id"] != first.json()["id"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "image/png"}, b"x", 415),
        ({"content-type": "text/csv", "content-encoding": "br"}, b"x", 415),
        ({"content-type": "text/csv; charset=utf-16"}, b"x", 415),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, b"no gzip at all", 422),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, gzip.compress(b"x" * 5_000, mtime=0)[:-6], 422),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, b"", 422),
        ({"content-type": "text/csv", "content-encoding": "gzip"}, gzip.compress(bytes(300_000_000), 9, mtime=0), 422),
        ({"content-type": "text/csv"}, b"", 422),
        ({"content-type": "multipart/form-data"}, b"x", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--y\r\nno part\r\n", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n" + b"A: " + b"b" * 100_000, 400),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno file\r\n--x--\r\n',
            422,
        ),
        ({"content-type": "text/csv", "x-huge": "h" * 40_000}, b"x", 431),
    ],
)
def test_what_is_hostile_is_refused_and_leaves_nothing(
    shared: tuple[World, httpx.Client], headers: dict[str, str], body: bytes, status: int
) -> None:
    world, client = shared
    made = client.post("/reports", content=body, headers=headers)
    assert made.status_code == status, made.text
    assert made.headers["content-type"] == "application/problem+json"
    with world.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 0
    assert not list((world.node.home / "uploads").glob("*"))


def test_too_much_is_refused_while_it_comes(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with (world.node.home / "tocsin.toml").open("a") as settings:
        settings.write("[api]\nmax_upload_bytes = 100000\n[ingest]\nmax_unpacked_bytes = 50000\n")
    world = copy_world(tmp_path, tmp_path / "again")
    with caller(world, AccountRole.ANALYST) as client:
        headers = {"content-type": "text/csv"}
        assert client.post("/reports", content=iter([b"x" * 60_000] * 4), headers=headers).status_code == 413
        packed = gzip.compress(os.urandom(60_000))
        headers["content-encoding"] = "gzip"
        assert client.post("/reports", content=packed, headers=headers).status_code == 422
        files = [("file", (NAME, b"x" * 60_000, "text/csv"))] * 2
        assert client.post("/reports", files=files).status_code == 413
    assert not list((world.node.home / "uploads").glob("*"))


def test_a_name_leads_nowhere(sender: httpx.Client) -> None:
    for name in ("../../etc/passwd", "a/../b.csv", ".hidden", "x.toml", "n\x00ul.csv", "ü" * 200, "-"):
        said = sender.post("/reports", params={"name": name}, content=report("192.0.2.1"), headers=WAIT)
        assert said.status_code == 201
        kept = said.json()["files"][0]["name"]
        assert "/" not in kept
        assert not kept.startswith(".")
        assert not kept.endswith(".toml")


@pytest.mark.parametrize("cut", ["upload.kept", "upload.noted", "upload.ingested"])
def test_a_kill_loses_nothing_that_was_answered_and_doubles_nothing(fresh: Path, tmp_path: Path, cut: str) -> None:
    world = copy_world(fresh, tmp_path)
    world.now = datetime.now(UTC)  # the server has its own clock
    token = token_of(world.node, AccountRole.ADMINISTRATOR, world=world)
    headers = {"authorization": f"Bearer {token}", "content-type": "text/csv"}

    def send(client: httpx.Client) -> httpx.Response:
        return client.post("/api/v1/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers)

    answered = False
    with served_inside(world.node.home, cut) as client:
        try:
            answered = send(client).status_code == 202
            while True:  # until it dies
                client.get("/static/bell.svg")
                time.sleep(0.02)
        except httpx.TransportError:
            pass
    with served_inside(world.node.home) as client:
        if not answered:
            assert send(client).status_code == 202
        found = _listed(client, headers)
        while any(one["state"] == "waiting" for one in found):
            found = _listed(client, headers)
    assert sum(one["sums"]["stored"] for one in found) == 1
    with world.node.database.reading() as session:
        assert [row.stored for row in session.scalars(select(Ingest))] == [1]


def _listed(client: httpx.Client, headers: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/v1/reports", headers=headers).json()["items"]
    return found


@contextmanager
def served_inside(home: Path, cut: str = "") -> Iterator[httpx.Client]:
    with serving(home, cut, public=False) as client:
        yield client


def test_who_may_only_send_may_not_look(world: World) -> None:
    with caller(world, AccountRole.ANALYST, Permission.REPORTS_WRITE) as client:
        headers = {"content-type": "text/csv", **WAIT}
        assert client.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers).is_success
        assert client.get("/reports").status_code == 404
    assert world.now == START


def test_reports_are_sent_and_named_once_on_both_databases(fresh: Path, tmp_path: Path, database_url: str) -> None:
    world = copy_world(fresh, tmp_path / "first")
    with (world.node.home / "tocsin.toml").open("a") as settings:
        settings.write(f'[storage]\ndatabase = "{database_url}"\n')
    world = copy_world(tmp_path / "first", tmp_path / "second")
    with caller(world, AccountRole.ANALYST) as client:
        headers = {"content-type": "text/csv", "idempotency-key": "once", **WAIT}
        first, again = (
            client.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers)
            for _ in range(2)
        )
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        assert first.json()["sums"]["stored"] == 1
        named = {"idempotency-key": "lookup"}
        one, two = (client.post("/lookup", json={"addresses": ["192.0.2.1"]}, headers=named) for _ in range(2))
        assert one.json() == two.json()
        assert client.post("/lookup", json={"addresses": ["192.0.2.2"]}, headers=named).status_code == 422
        assert client.post("/lookup", json={"addresses": []}, headers={"idempotency-key": "x"}).status_code == 422
        assert client.post("/lookup", json={"addresses": ["::1"]}, headers={"idempotency-key": "x"}).is_success
        assert len(client.get("/ingests").json()["items"]) == 1


def test_the_same_request_at_once_is_done_once(world: World, sender: httpx.Client) -> None:
    headers = {"idempotency-key": "race", **WAIT}

    def send(_: int) -> httpx.Response:
        return sender.post("/reports", params={"name": NAME}, content=report("192.0.2.1"), headers=headers)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert all("retry-after" in one.headers for one in answers if one.status_code == 409)
    assert len({one.json()["id"] for one in answers if one.status_code == 201}) == 1
    with world.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Upload)) == 1


@pytest.mark.parametrize("form", ["body", "multipart"])
@pytest.mark.parametrize("name", ["pretty.json", "cut.jsonl", "packed.zip", "packed.json.gz", "mail.eml"])
def test_of_a_report_of_abuse_only_the_reference_is_written(
    world: World, sender: httpx.Client, name: str, form: str
) -> None:
    del sender.headers["content-type"]
    data, kept = {**shapes(xarf()), "mail.eml": mailed(xarf())}[name], world.node.home / "uploads"
    sent = {"content": data} if form == "body" else {"files": [("file", (name, data))]}
    with open_session(world.node):  # nothing is taken in meanwhile
        made = sender.post("/reports", params={"name": name, "source": "xarf", "feed": "abuse"}, **sent)
        assert made.status_code == 202, made.text
        assert [path.name for path in kept.rglob("*") if path.is_file()] == [name]
        assert traces(world.node.home) == []
    said = made.json()
    while said["state"] == "waiting":
        said = sender.get(f"/reports/{said['id']}").json()
    sums = said["sums"]
    assert (sums["stored"], sums["quarantined"]) == (0, sums["rows"])
    assert sums["rows"] >= 1
    assert REFERENCE not in sender.get(f"/reports/{said['id']}").text
    assert set(noted(world.node.home)) == ({("csam", REFERENCE, "upload")} if name != "cut.json" else set())
    assert "secret-place" not in sender.get(f"/quarantine/{said['ingests'][0]}").text
    assert canaries(world.node.home) == []


def test_of_a_refused_report_of_abuse_nothing_stays_either(world: World, sender: httpx.Client) -> None:
    without = {name: value for name, value in xarf().items() if name != "xarf_version"}
    for report in (without, {"reports": [xarf()]}):
        body = json.dumps(report).encode()
        said = sender.post("/reports", content=body, headers={**WAIT, "content-type": "application/json"}).json()
        assert said["state"] in {"refused", "taken"}
        assert traces(world.node.home) == []

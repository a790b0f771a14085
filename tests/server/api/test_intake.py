"""Whatever is sent in, it is taken in or refused, and the next report is taken in."""

import os
import threading
import time
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.api_client import caller
from support.broken_feed import ERRORS, PLACES, install_broken
from support.cast import HEADER
from support.world import World, served
from tocsin.node.accounts import AccountRole
from tocsin.operations.doctor import examine
from tocsin.operations.health_finding import HealthFinding
from tocsin.pipeline.stores import writer
from tocsin.pipeline.uploads import arrive
from tocsin.server.server import make_application

NAME = "2026-11-16-scan_rdp-test-geo.csv"
GOOD = f'{HEADER}\n"2026-11-16 05:00:00","medium","192.0.2.1","tcp",3389,,"rdp",64500,"MU",,\n'.encode()
EVENT = b'{"source.ip": "192.0.2.7", "time.source": "2026-11-16T05:00:00Z"}\n'
DEEP = {
    "an object that never ends": (b'{"a":' + b"[" * 60_000, ""),
    "an object within objects": (EVENT + b'{"source":' * 1_500 + b"1" + b"}" * 1_500 + b"\n", ""),
    "two columns of one name": (b"source.ip,time.source,ip,extra.ip\n192.0.2.8,2026-11-16 05:00:00,a,b\n", "idf_csv"),
}


def send(client: httpx.Client, body: bytes, name: str = "x", source: str = "") -> dict[str, Any]:
    """What became of a report, once it is no longer waiting."""
    headers = {"content-type": "application/octet-stream", "prefer": "wait=60"}
    made = client.post("/reports", params={"name": name, "source": source}, content=body, headers=headers)
    said: dict[str, Any] = made.json()
    assert made.status_code == 201, said
    return said


@pytest.mark.parametrize("what", DEEP)
def test_a_hostile_body_stops_no_later_report(world: World, what: str) -> None:
    body, source = DEEP[what]
    with caller(world, AccountRole.ANALYST) as client:
        said = send(client, body, source=source)
        assert send(client, GOOD, NAME)["sums"]["stored"] == 1
    sums = said["sums"]
    assert sums["rows"] == sums["stored"] + sums["duplicates"] + sums["quarantined"]
    assert said["failed"] or sums["rows"]
    assert "error of Tocsin" not in str(said["failed"])


def test_an_error_that_nobody_expected_refuses_one_report(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_broken(tmp_path, monkeypatch)
    with caller(world, AccountRole.ANALYST) as client:
        for place, error in product(PLACES, ERRORS):
            said = send(client, f"broken {place} {error}\n".encode())
            assert said["state"] == "refused"
            [failed] = said["failed"]
            assert failed["file"] == "x"
            kind = error.partition("(")[0].rpartition(".")[2]
            assert failed["reason"].startswith(f"An error of Tocsin itself: {kind}, ")
            assert "boom" not in failed["reason"]
            assert "Traceback" in capsys.readouterr().err
        assert send(client, GOOD, NAME)["sums"]["stored"] == 1


def test_what_waits_at_a_restart_is_refused_and_what_came_behind_it_taken(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_broken(tmp_path, monkeypatch)
    bodies = [b"broken parse RuntimeError()\n", *(body for body, _ in DEEP.values()), GOOD]
    for body in bodies:
        with arrive(world.node) as arrival:
            with arrival.file(NAME) as writing:
                writing.write(body)
            arrival.keep(source="", feed="", actor="person:1", now=world.now)
    with caller(world, AccountRole.ADMINISTRATOR) as client:
        found = client.get("/reports").json()["items"]
        while any(one["state"] == "waiting" for one in found):
            time.sleep(0.02)
            found = client.get("/reports").json()["items"]
    assert len(found) == len(bodies)
    assert found[0]["sums"]["stored"] == 1


def finding(world: World) -> HealthFinding:
    [found] = [one for one in examine(world.node.home, world.now) if one.what == "reports that were sent in"]
    return found


def test_what_waits_is_seen_by_the_doctor_and_in_the_metrics(world: World) -> None:
    assert finding(world) == HealthFinding("reports that were sent in", True, "none waits")
    with caller(world, AccountRole.ADMINISTRATOR) as client:
        with writer(world.node):  # nobody else takes anything in meanwhile
            client.post("/reports", params={"name": NAME}, content=GOOD, headers={"content-type": "text/csv"})
            world.at(1 / 24)
            lines = client.get("/metrics").text.splitlines()
            found = finding(world)
        assert "tocsin_uploads_oldest_waiting_seconds 3600.0" in lines
        assert (found.ok, "2026-11-16 06:00" in found.found) == (False, True)
        while not finding(world).ok:
            time.sleep(0.02)
        assert "tocsin_uploads_oldest_waiting_seconds 0.0" in client.get("/metrics").text.splitlines()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_health_says_when_nobody_takes_reports_in(world: World) -> None:
    def clock() -> datetime:
        if threading.current_thread().name == "uploads":
            raise SystemExit  # ends the thread, whatever it catches
        return world.now

    with caller(world, None) as client:
        assert client.get("/health").status_code == 200
    application = make_application(world.node, clock=clock)
    with served(application) as port, httpx.Client(trust_env=False, timeout=120) as client:
        while (found := client.get(f"http://127.0.0.1:{port}/api/v1/health")).status_code == 200:
            time.sleep(0.1)
    assert found.status_code == 503


def test_the_answer_names_no_folder_of_the_machine(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        headers = {"content-type": "text/csv", "prefer": "wait=60"}
        query = {"name": "x.csv", "source": "mapped", "feed": "nonesuch"}
        said = [
            send(client, b"what is this\n", "x.csv"),
            send(client, b"PK\x03\x04 no zip", "x.zip"),
            client.post("/reports", params=query, content=b"a,b\n1,2\n", headers=headers).json(),
        ]
    assert [one["failed"][0]["file"] for one in said] == ["x.csv", "x.zip", "x.csv"]
    assert str(world.node.home) not in str(said)
    assert str(said[0]["id"]) not in str(said[0]["failed"])


def test_a_server_removes_files_that_killed_ones_left(world: World) -> None:
    folder = world.node.home / "uploads"
    with arrive(world.node) as arrival:
        with arrival.file("waits.csv") as writing:
            writing.write(b"what is this\n")
        kept = arrival.keep(source="", feed="", actor="person:1", now=world.now)
    orphan, young, half = folder / str(uuid4()), folder / str(uuid4()), folder / f"{uuid4()}.part"
    for one in (orphan, young, half):
        (one / "0").mkdir(parents=True)
        (one / "0" / "x.csv").write_bytes(GOOD)
    for one in (orphan, half, folder / str(kept.uuid)):
        os.utime(one, (time.time() - 90_000,) * 2)
    os.utime(young, (time.time(),) * 2)  # a file system has a clock of its own (`./test --ahead`)
    with caller(world, AccountRole.ADMINISTRATOR) as client:
        while client.get(f"/reports/{kept.uuid}").json()["state"] == "waiting":
            time.sleep(0.02)
    # what was refused is kept for a time, and what came just now may be about to be noted
    assert sorted(one.name for one in folder.iterdir()) == sorted([young.name, str(kept.uuid)])

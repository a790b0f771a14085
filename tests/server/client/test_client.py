"""The client and `--server`: another node says what it would say there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice
from pathlib import Path

import pytest
from fastapi import FastAPI, Response

from support.api_client import token_of
from support.cast import HEADER
from support.world import World, served
from tocsin import Client
from tocsin.directory.claims import Claim
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.errors import ConflictError, NotFoundError, RemoteError, UsageError
from tocsin.server import model
from tocsin.server.client.reading import read
from tocsin.server.server import make_application

NAME = "2026-11-16-scan_rdp-test-geo.csv"


@pytest.fixture
def url(world: World) -> Iterator[str]:
    world.hear("192.0.2.1", "192.0.2.2")
    world.tell()
    with served(make_application(world.node, clock=lambda: world.now)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client(world: World, url: str) -> Iterator[Client]:
    with Client(url, token_of(world.node, AccountRole.ADMINISTRATOR, world=world)) as client:
        yield client


@pytest.fixture
def far(world: World, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command line needs to ask that node."""
    token = tmp_path / "token"
    token.write_text(token_of(world.node, AccountRole.ADMINISTRATOR, world=world))
    token.chmod(0o600)
    monkeypatch.setenv("TOCSIN_TOKEN_FILE", str(token))
    return url


def report(folder: Path, *addresses: str, wrong: str = "") -> Path:
    path = folder / NAME
    rows = [f'"2026-11-16 05:00:00","medium","{a}","tcp",3389,,"rdp",64500,"MU",,' for a in addresses]
    path.write_text("\n".join([HEADER, *rows, wrong, ""]))
    return path


def test_a_claim_of_the_api_is_one_of_the_directory() -> None:
    assert list(model.ClaimOut.model_fields) == [field.name for field in fields(Claim)]


def test_a_node_of_another_version_is_understood() -> None:
    said = {"status": "poorly", "mood": "grey", "checks": [{"what": "disk", "ok": True, "since": "today"}]}
    health = read(model.Health, said)
    assert (health.status, health.version) == ("poorly", None)
    (check,) = health.checks or []
    assert dict(check) == {"what": "disk", "ok": True} | dict.fromkeys(("found", "mend", "teams", "kind"))


def test_the_client_starts_without_a_server() -> None:
    heavy = "polars numpy sqlalchemy fastapi starlette uvicorn jinja2"
    script = "import sys; from tocsin import Client; print(*set(sys.argv[1].split()) & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script, heavy], text=True).split() == []


def test_a_report_and_what_became_of_it(client: Client, tmp_path: Path) -> None:
    made = client.send_report(report(tmp_path, "192.0.2.7", wrong='"nonsense"'), wait=60)
    assert made.sums is not None
    assert (made.state, made.sums.stored, made.sums.quarantined) == ("taken", 1, 1)
    assert client.report(made.id) == made
    assert next(client.reports()) == made
    assert [one.number for one in client.ingests()] == [2, 1]
    assert next(client.quarantine()).open == 1
    assert [row.raw for row in client.set_aside(2)] == ['"nonsense"']
    assert client.replay(2).quarantined == 1
    with pytest.raises(ConflictError, match="were read again"):
        client.replay(2)


def test_lists_go_on_by_themselves(client: Client) -> None:
    assert len(list(client.events(page=1))) == 2
    assert len(list(islice(client.events(page=1, address="192.0.2.1"), 5))) == 1
    assert [team.key for team in client.teams(text="national")] == ["nat-a", "nat-b"]
    assert client.team("operator").rules[0].value == "192.0.2.0/24"
    assert [line.responsible for line in client.look_up_many(["192.0.2.1", "198.51.100.1"])] == [["operator"], []]
    assert client.look_up("192.0.2.1")["teams"][0]["team"] == "operator"
    assert {one.state for one in client.deliveries(team="operator")} == {"sent"}
    assert next(client.problems()).what == "open-rdp"
    assert next(client.audit(word="report.ingested")).subject == "ingest:1"
    assert "tocsin_rows_total" in client.metrics()
    for ask, lines in ((client.events_file, 3), (client.teams_file, 7), (client.ingests_file, 2)):
        with ask("csv") as pieces:
            assert b"".join(pieces).count(b"\r\n") == lines


def test_refusals_are_errors_of_our_own(world: World, client: Client, url: str) -> None:
    with pytest.raises(NotFoundError):
        client.team("nobody")
    with pytest.raises(UsageError, match="Nobody is signed in") as found, Client(url, "tcs_wrong") as stranger:
        stranger.me()
    assert "Bearer" in found.value.hint
    with pytest.raises(ConflictError, match="is not held"):
        client.steer(next(client.deliveries(state="sent")).reference, "release")
    with pytest.raises(UsageError, match="plain http"):
        Client("http://csirt.example")
    with pytest.raises(RemoteError, match="does not answer"):
        Client("http://127.0.0.1:9", timeout=1).me()
    with Client(url, token_of(world.node, AccountRole.ANALYST, Permission.EVENTS_READ, world=world)) as narrow:
        assert narrow.health().checks is None


def test_a_busy_node_is_asked_again_and_one_that_talks_nonsense_is_not_believed() -> None:
    busy = FastAPI()
    later = {"retry-after": "0"}
    answers = [Response("", 429, later), Response("", 503, later), Response('{"status": "ok"}'), Response("<html>")]

    @busy.get("/api/v1/health")
    def health() -> Response:
        return answers.pop(0)

    with served(busy) as port, Client(f"http://127.0.0.1:{port}") as client:
        assert client.health().status == "ok"
        with pytest.raises(RemoteError, match="not as agreed"):
            client.health()
    assert not answers


def test_commands_say_from_afar_what_they_say_here(world: World, far: str, tmp_path: Path) -> None:
    tocsin = world.tocsin
    taken = tocsin.json("--server", far, "ingest", report(tmp_path, "192.0.2.9", wrong='"nonsense"'))
    assert (taken["rows"], taken["stored"], taken["quarantined"]) == (2, 1, 1)
    (tmp_path / "addresses").write_text("192.0.2.1\nnonsense\n")
    lookup = ("directory", "lookup", tmp_path / "addresses")
    for command in (("deliveries", "list"), ("quarantine", "list"), ("quarantine", "show", "2"), lookup):
        assert tocsin.run("--json", *command) == tocsin.run("--json", "--server", far, *command), command
        assert tocsin.run(*command) == tocsin.run("--server", far, *command), command
    reference = tocsin.json("deliveries", "list")[0]["reference"]
    here, there = (tocsin.json(*more, "deliveries", "show", reference) for more in ((), ("--server", far)))
    assert here == there
    here, there = (
        [json.loads(line) for line in tocsin.run(*more, "events", "--format", "json").splitlines()]
        for more in ((), ("--server", far))
    )
    assert sorted(here, key=str) == sorted(there, key=str)
    checks = [{one["what"] for one in tocsin.json(*more, "doctor")} for more in ((), ("--server", far))]
    assert checks[0] == checks[1]


def test_ingest_says_from_afar_which_columns_went_missing(world: World, far: str, tmp_path: Path) -> None:
    tocsin = world.tocsin
    path = report(tmp_path, "192.0.2.9")
    tocsin.run("ingest", path)
    lines = [line.rpartition(",")[0].rpartition(",")[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines).replace("192.0.2.9", "192.0.2.10") + "\n")
    code, out, err = tocsin.call("--json", "--server", far, "ingest", path)
    here = tocsin.json("ingest", path)
    assert (code, bool(here["alarms"])) == (0, True)
    assert json.loads(out)["alarms"] == here["alarms"]
    assert here["alarms"][0]["words"] in err


def test_other_commands_need_the_node_itself(world: World, far: str) -> None:
    code, out, err = world.tocsin.call("--server", far, "directory", "list")
    assert (code, out) == (2, "")
    assert "needs the node itself" in err


def test_standard_input_goes_there_too(world: World, far: str, tmp_path: Path) -> None:
    body = report(tmp_path, "192.0.2.11").read_bytes()
    known = ("--source", "shadowserver", "--feed", "scan_rdp")
    code, out, err = world.tocsin.call("--json", "--server", far, "ingest", "-", *known, stdin=body)
    assert code == 0, err
    assert json.loads(out)["stored"] == 1


def test_what_was_refused_there_is_said_here(world: World, far: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("what is this\n")
    code, out, err = world.tocsin.call("--json", "--server", far, "ingest", tmp_path / "x.csv", tmp_path / "missing")
    assert code == 1
    assert {one["path"].rpartition("/")[2] for one in json.loads(out)["failed"]} == {"x.csv", "missing"}
    assert "neither its name nor its first line" in err

"""Events out: filtered, a page at a time, and never another's."""

import io
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from support.api_client import caller
from support.cast import HEADER
from support.world import World
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.records import AuditEntry
from tocsin.pipeline.ingest import ingest


@pytest.fixture
def told(world: World) -> World:
    """A node that heard of problems in the networks of several teams, and told them."""
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.3")
    world.hear("203.0.113.5")
    world.tell()
    return world


def test_events_by_page_and_filter(told: World) -> None:
    with caller(told, AccountRole.ANALYST) as client:
        page = client.get("/events", params={"limit": 3})
        told.hear("198.51.100.9")
        rest = client.get(page.links["next"]["url"]).json()
        found = page.json()["items"] + rest["items"]
        assert [one["source.ip"] for one in found] == ["203.0.113.5", "192.0.2.3", "192.0.2.2", "192.0.2.1"]
        assert rest["next"] is None
        some = client.get("/events", params={"address": "192.0.2.0/31", "field": "source.ip"}).json()["items"]
        assert [set(one) for one in some] == [{"id", "event", "source.ip", "tlp"}]
        one = client.get(f"/events/{found[0]['id']}").json()
        assert one["classification.identifier"] == "open-rdp"
        assert client.get("/events/9-9").status_code == 404
        assert client.get("/events", params={"field": "nonsense"}).status_code == 400
        wrong = client.get("/events", params={"asn": "x"})
        assert (wrong.status_code, wrong.json()["detail"].startswith("asn:")) == (400, True)
        figures = client.get("/events/figures", params={"asn": "64500"}).json()
        assert figures["total"] == 5
        assert figures["hours"] == [{"hour": "2026-11-16T05:00:00Z", "events": 5}]


def test_a_time_that_cannot_be_read_is_kept_as_text_and_never_guessed(world: World) -> None:
    path = world.folder / "2026-11-16-scan_rdp-odd-geo.csv"
    times = ("31/12/2026 25:00", "", "2026-11-16 05:00:00")
    rows = [f'"{at}","medium","192.0.2.{n}","tcp",3389,,"rdp",64500,"MU",,' for n, at in enumerate(times, 1)]
    path.write_text("\n".join([HEADER, *rows, ""]))
    assert ingest(world.node, [path], clock=lambda: world.now).counts.stored == 3
    with caller(world, AccountRole.ANALYST) as client:
        found = {one["source.ip"]: one for one in client.get("/events").json()["items"]}
        read = client.get("/events", params={"since": "2026-11-16T05:30:00Z"}).json()["items"]
    wrong, without, right = (found[f"192.0.2.{n}"] for n in (1, 2, 3))
    assert ("time.source" in wrong, wrong["extra.time.source"]) == (False, "31/12/2026 25:00")
    assert "invalid" in wrong["flags"].split()
    assert ("time.source" in without, "extra.time.source" in without) == (False, False)
    assert "invalid" not in without["flags"].split()
    assert right["time.source"] == "2026-11-16T05:00:00+00:00"
    assert {one["source.ip"] for one in read} == {"192.0.2.1", "192.0.2.2"}  # by when they were heard of
    assert {one["time.observation"] for one in read} == {"2026-11-16T06:00:00+00:00"}


def test_an_operator_gets_only_the_own_events(told: World) -> None:
    own = read_team(told.node.database, "operator")[0].id
    outsider = read_team(told.node.database, "outsider")[0].id
    with caller(told, AccountRole.ANALYST) as client:
        foreign = client.get("/events", params={"address": "203.0.113.5"}).json()["items"][0]["id"]
    with caller(told, AccountRole.OPERATOR, teams=(own,)) as client:
        found = client.get("/events").json()["items"]
        assert {one["source.ip"] for one in found} == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
        assert client.get("/events/figures").json()["stored"] == 3
        assert client.get(f"/events/{foreign}").status_code == 404
        assert client.get("/events", params={"address": "203.0.113.5"}).json()["items"] == []
    with caller(told, AccountRole.OPERATOR, teams=(outsider,)) as client:
        assert client.get("/events").json() == {"items": [], "next": None}
        assert client.get("/events/figures").json()["total"] == 0


@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "arrow", "parquet"])
def test_events_as_files_hold_the_same(told: World, form: str) -> None:
    with caller(told, AccountRole.ANALYST) as client:
        page = {one["event"] for one in client.get("/events").json()["items"]}
        made = client.get("/events", params={"format": form})
        assert "X-Marking" in made.headers
        again = client.get("/events", headers={"accept": made.headers["content-type"]})
        entries = told.node.database.reading()
    body = io.BytesIO(made.content)
    readers: dict[str, Any] = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "json": pl.read_json, "arrow": pl.read_ipc}
    table = readers.get(form, pl.read_parquet)(body)
    assert set(table["event"]) == page
    assert (form == "json") == (again.headers["content-type"] == "application/json" and "next" in again.json())
    with entries as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.word == "events.exported")).all()
    assert noted[0].detail["form"] == form


def test_a_file_of_an_operator_holds_only_the_own_events(told: World) -> None:
    own = read_team(told.node.database, "operator")[0].id
    with caller(told, AccountRole.OPERATOR, teams=(own,)) as client:
        table = pl.read_parquet(io.BytesIO(client.get("/events", params={"format": "parquet"}).content))
    assert set(table["source.ip"]) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    with caller(told, AccountRole.OPERATOR, Permission.EVENTS_READ, teams=(own,)) as client:
        assert client.get("/events", params={"format": "csv"}).status_code == 404

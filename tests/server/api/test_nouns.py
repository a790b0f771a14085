"""What each noun says, and to whom: what is inside, and what an operator may know of the own networks."""

import csv
import io

import pytest

from support.api_client import caller
from support.world import World
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission


@pytest.fixture
def told(world: World) -> World:
    """A node that heard of two problems and told who must know."""
    world.hear("192.0.2.1", "192.0.2.2")
    world.hear("203.0.113.5")
    world.tell()
    return world


def number_of(world: World, key: str) -> int:
    return read_team(world.node.database, key)[0].id


def test_deliveries_are_seen_and_steered(told: World) -> None:
    with caller(told, AccountRole.ANALYST) as client:
        page = client.get("/deliveries").json()
        digests = {one["team"]: one for one in page["items"]}
        assert {"operator", "nat-a"} <= set(digests)
        reference = digests["operator"]["reference"]
        whole = client.get(f"/deliveries/{reference.lower()}").json()
        assert (whole["subject"], whole["tickets"]) == (digests["operator"]["subject"], [])
        again = client.post(f"/deliveries/{reference}/repeat")
        assert again.status_code == 200
        assert again.json()["reference"] != reference
        refused = client.post(f"/deliveries/{reference}/release")
        assert (refused.status_code, "is not held" in refused.json()["detail"]) == (409, True)
        assert client.post(f"/deliveries/{reference}/drop", json={"reason": ""}).status_code == 422
        held = client.post(f"/deliveries/{again.json()['reference']}/hold", json={"reason": "look"})
        assert held.json()["state"] == "held"
        assert client.post(f"/deliveries/{again.json()['reference']}/drop", json={"reason": "no"}).json() == {
            "reference": again.json()["reference"],
            "state": "dropped",
        }
        assert client.get("/deliveries", params={"state": "dropped"}).json()["items"][0]["team"] == "operator"


def test_conflicts_claims_and_mutes_are_decided(told: World) -> None:
    with caller(told, AccountRole.MANAGER) as client:
        theirs = {"kind": "prefix", "value": "8.8.8.0/24", "reason": "papers seen"}
        assert client.post("/teams/sector/assert", json=theirs).json()["changed"]
        claim = {"value": "8.8.8.0/24", "team": "operator", "mailbox": "abuse@operator.example"}
        number = client.post("/claims", json=claim).json()["number"]
        refused = client.post(f"/claims/{number}/approve", json={"reason": "known"})
        assert (refused.status_code, "Others claim 8.8.8.0/24" in refused.json()["detail"]) == (409, True)
        done = client.post(f"/claims/{number}/approve", json={"reason": "known", "yes": True}).json()
        assert (done["claim"]["state"], done["claim"]["decided_by"]) == ("approved", "Manager")
        assert [rival["team"] for rival in done["rivals"]] == ["sector"]
        decided = client.post("/conflicts/decide", json={"value": "8.8.8.0/24", "teams": ["operator"], "reason": "x"})
        assert decided.json()["teams"] == ["operator"]
        assert client.post("/conflicts/undo", json={"value": "8.8.8.0/24", "reason": ""}).status_code == 422
        undone = client.post("/conflicts/undo", json={"value": "8.8.8.0/24", "reason": "wrong"}).json()
        assert undone == {"withdrawn": decided.json()["number"]}
        merged = client.post("/merges", json={"keep": "nat-a", "team": "green", "reason": "one"}).json()
        assert (merged["team"], merged["into"], merged["said_by"]) == ("green", "nat-a", "Manager")
    own = (number_of(told, "operator"),)
    with caller(told, AccountRole.OPERATOR, teams=own) as client:
        mute = {"kind": "type", "value": "scanner"}
        assert client.post("/teams/operator/mutes", json=mute).status_code == 422  # it has no end
        assert client.post("/teams/operator/mutes", json=mute | {"days": 30}).status_code == 200
        for key in ("nat-a", "nobody"):
            assert client.post(f"/teams/{key}/mutes", json=mute | {"days": 30}).status_code == 404
        assert [one.value for one in read_team(told.node.database, "operator")[0].mutes] == ["scanner"]
        assert client.post("/teams/operator/mutes/end", json=mute).json()["until"] is None
        assert read_team(told.node.database, "operator")[0].mutes == ()


def test_an_operator_sees_only_what_is_theirs(told: World) -> None:
    with caller(told, AccountRole.ANALYST) as client:
        digests = {one["team"]: one["reference"] for one in client.get("/deliveries").json()["items"]}
    with caller(told, AccountRole.OPERATOR, teams=(number_of(told, "operator"),)) as client:
        assert [one["team"] for one in client.get("/deliveries").json()["items"]] == ["operator"]
        assert client.get(f"/deliveries/{digests['operator']}").status_code == 200
        foreign, missing = (client.get(f"/deliveries/{name}") for name in (digests["nat-a"], "TOC-1999-0000001"))
        assert (foreign.status_code, foreign.json()) == (404, missing.json())
        assert [one["key"] for one in client.get("/teams").json()["items"]] == ["operator"]
        assert client.get("/teams/operator").json()["mailboxes"] == ["abuse@operator.example"]
        assert client.get("/teams/nat-a").json() == client.get("/teams/nobody").json()
        assert client.get("/audit").status_code == client.get("/metrics").status_code == 404
        claim = {"value": "operator.example", "team": "nat-a", "mailbox": "abuse@operator.example"}
        assert client.post("/claims", json=claim).status_code == 404
        made = client.post("/claims", json=claim | {"team": "operator"})
        assert made.status_code == 201
        assert client.get("/claims").json()["items"] == [made.json()]
        assert client.post(f"/claims/{made.json()['number']}/code", json={"code": "x"}).status_code == 409
    with caller(told, AccountRole.OPERATOR, teams=(number_of(told, "sector"),)) as client:
        assert client.get("/claims").json()["items"] == []
        assert client.get("/claims/1").status_code == 404


def test_an_operator_answers_for_the_own_problems(told: World) -> None:
    with caller(told, AccountRole.OPERATOR, teams=(number_of(told, "operator"),)) as client:
        problems = client.get("/problems").json()["items"]
        assert {one["where"] for one in problems} == {"192.0.2.1", "192.0.2.2"}
        first = problems[0]["problem"]
        said = {"verdict": "fixed", "problems": [first], "note": "closed"}
        assert client.post("/problems/answers", json=said).json() == {"noted": 1}
        assert client.get("/problems", params={"state": "said-fixed"}).json()["items"][0]["problem"] == first
        assert client.post("/problems/answers", json=said | {"problems": ["0" * 16]}).status_code == 422
        working = {"verdict": "acknowledged", "problems": [problems[1]["problem"]]}
        assert client.post("/problems/answers", json=working).json() == {"noted": 1}
        outcomes = {one["where"]: one["said"][0]["outcome"] for one in client.get("/problems").json()["items"]}
        assert set(outcomes.values()) == {"pending", None}
    with caller(told, AccountRole.ANALYST) as client:
        found = {one["problem"]: one for one in client.get("/problems").json()["items"]}
        assert len(found) == 3
        assert found[first]["state"] == "said-fixed"
        assert found[first]["said"][0]["team"] == "operator"
        assert client.post("/problems/answers", json=said).status_code == 404


@pytest.mark.parametrize("role", [AccountRole.ANALYST, AccountRole.OPERATOR])
def test_problems_are_read_a_page_at_a_time(world: World, role: AccountRole) -> None:
    """Those seen at the same time too are shown once each; what is heard meanwhile moves none of the others."""
    for day, addresses in enumerate((["192.0.2.1", "192.0.2.2", "192.0.2.3"], ["192.0.2.4", "192.0.2.5"])):
        world.at(day).hear(*addresses)
        world.tell()
    with caller(world, role, teams=(number_of(world, "operator"),) if role is AccountRole.OPERATOR else ()) as client:
        whole = [one["where"] for one in client.get("/problems").json()["items"]]
        page = client.get("/problems", params={"limit": 2})
        shown = [one["where"] for one in page.json()["items"]]
        world.at(2).hear("192.0.2.9")
        world.tell()
        while page.json()["next"]:
            page = client.get(page.links["next"]["url"])
            shown += [one["where"] for one in page.json()["items"]]
        assert shown == whole
        assert set(whole[:2]) == {"192.0.2.4", "192.0.2.5"}
        assert set(whole[2:]) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
        assert client.get("/problems", params={"cursor": "x"}).status_code == 400


def test_the_directory_is_read_a_page_at_a_time(world: World) -> None:
    with caller(world, AccountRole.AUDITOR) as client:
        page = client.get("/teams", params={"limit": 4})
        rest = client.get(page.links["next"]["url"]).json()
        keys = [one["key"] for one in page.json()["items"] + rest["items"]]
        assert keys == ["green", "nat-a", "nat-b", "operator", "outsider", "sector"]
        assert client.get("/teams", params={"text": "bank"}).json()["items"][0]["answers_for"] == {"prefix": 1}
        team = client.get("/teams/sector").json()
        assert [rule["value"] for rule in team["rules"]] == ["192.0.2.128/25"]


def test_lists_come_whole_as_files(told: World) -> None:
    """As many as there are, in the words of a page; a spreadsheet runs nothing; an operator's file has the own ones."""
    path = told.folder / "many.csv"
    rows = [f"t{number:04},Team {number},MU,operator" for number in range(1_100)]
    path.write_text("\n".join(["key,name,country,kind", *rows, 't9999,"=HYPERLINK(""x"")",KE,operator']))
    told.tocsin.run("directory", "import", path)
    with caller(told, AccountRole.ANALYST) as client:
        whole = client.get("/teams", params={"format": "json"})
        assert whole.headers["content-type"] == "application/json"
        items: list[dict[str, object]] = []
        cursor = None
        while cursor is not None or not items:
            page = client.get("/teams", params={"limit": 500} | ({"cursor": cursor} if cursor else {})).json()
            items, cursor = items + page["items"], page["next"]
        assert whole.json() == items
        assert len(items) == 1_107
        sheet = client.get("/teams", params={"country": "KE"}, headers={"accept": "text/csv"})
        assert sheet.headers["content-disposition"].endswith('.csv"')
        read = {row["key"]: row for row in csv.DictReader(io.StringIO(sheet.text))}
        assert read["t9999"]["name"] == '\'=HYPERLINK("x")'
        assert set(read) == {one["key"] for one in items if one["country"] == "KE"}
        assert "@" not in sheet.text
        reports = client.get("/ingests", params={"format": "json", "feed": "shadowserver/scan_rdp"}).json()
        assert reports == client.get("/ingests").json()["items"]
        assert client.get("/ingests", params={"format": "json", "feed": "csv/none"}).json() == []
        lines = list(csv.DictReader(io.StringIO(client.get("/ingests", params={"format": "csv"}).text)))
        assert [(one["number"], one["stored"]) for one in lines] == [("2", "1"), ("1", "2")]
        assert client.get("/ingests", params={"format": "xls"}).status_code == 422
    with caller(told, AccountRole.OPERATOR, teams=(number_of(told, "operator"),)) as client:
        assert [one["key"] for one in client.get("/teams", params={"format": "json"}).json()] == ["operator"]
        assert client.get("/ingests", params={"format": "csv"}).status_code == 404


def test_audit_and_metrics(told: World) -> None:
    with caller(told, AccountRole.ADMINISTRATOR) as client:
        entries = client.get("/audit", params={"word": "report.ingested"}).json()["items"]
        assert [one["subject"] for one in entries] == ["ingest:2", "ingest:1"]
        assert client.get("/audit", params={"limit": 1}).links["next"]
        client.get("/lookup", params={"query": "192.0.2.77"})
        text = client.get("/metrics")
        assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = text.text.splitlines()
        told.hear("192.0.2.9")
        later = client.get("/metrics").text.splitlines()
    assert 'tocsin_rows_total{outcome="stored"} 3.0' in lines
    assert {'tocsin_rows_total{outcome="stored"} 4.0', "tocsin_reports_total 3.0"} <= set(later)
    assert "tocsin_quarantine_rows 0.0" in lines
    assert any(line.startswith('tocsin_digests{state="sent"}') for line in lines)
    assert not any(line.startswith("tocsin_news{") for line in lines)  # all of it is in that digest
    timed = 'tocsin_request_seconds_count{method="GET",route="/api/v1/lookup",status="2xx"} 1.0'
    assert timed in lines
    assert "192.0.2.77" not in text.text
    assert "operator" not in text.text


def test_health_shows_each_check_to_those_who_run_the_node(world: World) -> None:
    with caller(world, AccountRole.ADMINISTRATOR) as client:
        health = client.get("/health").json()
    assert {check["what"] for check in health["checks"]} >= {"event table", "disk"}
    with caller(world, AccountRole.ADMINISTRATOR, Permission.EVENTS_READ) as client:
        assert client.get("/health").json()["checks"] is None


def test_set_aside_rows_are_read_again(told: World) -> None:
    with caller(told, AccountRole.ANALYST) as client:
        sent = client.post(
            "/reports",
            params={"name": "2026-11-16-scan_rdp-test-geo.csv"},
            content=b'"timestamp","ip"\n"nonsense"\n',
            headers={"content-type": "text/csv", "prefer": "wait=30"},
        ).json()
        (ingest,) = sent["ingests"]
        assert client.post(f"/quarantine/{ingest}/replay").json()["quarantined"] == 1
        assert client.post(f"/quarantine/{ingest}/replay").status_code == 409
        assert client.post("/quarantine/999/replay").status_code == 404

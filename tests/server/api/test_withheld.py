"""What the gate keeps back is not in problems and rows that were set aside either, whoever asks by whatever door."""

import json

import pytest

from support.api_client import caller
from support.cast import Tocsin
from support.console_users import browser_of
from support.world import START, World
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.ingest import ingest
from tocsin.server.server import make_application

OPEN, BOTH, RED, ODD = "192.0.2.1", "192.0.2.65", "192.0.2.66", "192.0.2.67"
SECRET = ("first-secret", "second-secret", "third-secret", "fourth-secret")
PLAIN = ("first-plain", "second-plain")
WHY = "TLP:RED goes to named people only, never to a role address, a list or a file."


def event(address: str, tlp: str | None = None, **more: str) -> str:
    given = {"source.ip": address, "classification.type": "scanner", "tlp": tlp, "time.source": "2026-11-16T04:00:00Z"}
    return json.dumps({name: value for name, value in {**given, **more}.items() if value})


@pytest.fixture
def heard(world: World) -> World:
    """Four problems, two of them with a marking that keeps them here, one also with another; and rows set aside."""
    lines = [
        event(OPEN),
        event(BOTH),
        event(BOTH, "TLP:RED", **{"event_description.text": "again"}),
        event(RED, "red"),
        event(ODD, "TLP:PURPLE"),
        event("", "TLP:RED", **{"malware.name": SECRET[0]}),
        event("", "TLP:PURPLE", **{"malware.name": SECRET[1]}),
        f'{{"tlp": "RED", "malware.name": "{SECRET[2]}"',
        event("", "GREEN", **{"malware.name": PLAIN[0]}),
        f"no event at all {PLAIN[1]}",
    ]
    rows = ["source.ip,time.source,tlp,malware.name", f"nowhere,never,RED,{SECRET[3]}"]
    for name, content in (("events.jsonl", lines), ("events.csv", rows)):
        (world.folder / name).write_text("\n".join([*content, ""]))
    for source in ("idf", "idf_csv"):
        path = world.folder / ("events.jsonl" if source == "idf" else "events.csv")
        assert not ingest(world.node, [path], source=source, feed="test", clock=lambda: world.now).failed
    return world


@pytest.mark.parametrize("role", [AccountRole.ANALYST, AccountRole.AUDITOR])
def test_problems_with_what_stays_here_are_left_out(heard: World, role: AccountRole) -> None:
    with caller(heard, role) as client:
        assert [one["where"] for one in client.get("/problems").json()["items"]] == [OPEN]
        page = client.get("/problems", params={"limit": 1}).json()
    assert ([one["where"] for one in page["items"]], page["next"]) == ([OPEN], None)


def test_an_operator_sees_none_of_them_and_no_row(heard: World, world: World) -> None:
    teams = tuple(range(1, 10))
    with caller(heard, AccountRole.OPERATOR, teams=teams) as client:
        assert not {one["where"] for one in client.get("/problems").json()["items"]} & {BOTH, RED, ODD}
        assert client.get("/quarantine/1").status_code in {403, 404}
    with browser_of(
        make_application(world.node, clock=lambda: world.now), world.node, AccountRole.OPERATOR, now=START
    ) as one:
        assert one.get("/reports/1").status_code == 404


@pytest.mark.parametrize("role", [AccountRole.ANALYST, AccountRole.AUDITOR])
def test_the_text_of_a_row_that_stays_here_is_left_out_with_the_reason(heard: World, role: AccountRole) -> None:
    with caller(heard, role) as client:
        rows = [row for number in (1, 2) for row in client.get(f"/quarantine/{number}").json()["items"]]
        rows.sort(key=lambda row: (row["ingest"], row["line"]))
        assert [row["withheld"] for row in rows] == [WHY, WHY, WHY, "", "", WHY]
        assert [bool(row["raw"]) for row in rows] == [False, False, False, True, True, False]
        said = json.dumps(rows)
    application = make_application(heard.node, clock=lambda: heard.now)
    with browser_of(application, heard.node, role, now=START) as browser:
        pages = [browser.get(path).text for path in ("/reports/1", "/reports/2", "/reports/quarantine")]
        [place] = [row["place"] for row in rows if (row["ingest"], row["line"]) == (1, 6)]
        single = browser.get(f"/reports/quarantine/1/{place}").text
    for text in (said, *pages):
        assert not [word for word in SECRET if word in text]
    assert all(word in said and word in pages[0] for word in PLAIN)
    assert all(WHY in page for page in pages)
    # One known person who mends it may read it; who only looks may not.
    assert (SECRET[0] in single) is (role is AccountRole.ANALYST)
    assert (WHY in single) is (role is AccountRole.AUDITOR)


def test_a_command_leaves_them_out_too(heard: World) -> None:
    tocsin = Tocsin(heard.node.home, {})
    said = "".join(tocsin.run(*form, "quarantine", "show", number) for form in ((), ("--json",)) for number in "12")
    assert not [word for word in SECRET if word in said]
    assert all(word in said for word in PLAIN)
    assert WHY in said


def test_a_report_that_was_sent_in_shows_no_more(heard: World) -> None:
    body = (heard.folder / "events.jsonl").read_bytes() + event("", "RED", **{"malware.name": SECRET[3]}).encode()
    with caller(heard, AccountRole.ANALYST) as client:
        sent = client.post("/reports", params={"source": "idf", "feed": "other"}, content=body, headers=WAITING).json()
        whole = client.get(f"/reports/{sent['id']}").text
    assert not [word for word in SECRET if word in whole]
    assert PLAIN[0] in whole


WAITING = {"prefer": "wait=30", "content-type": "application/x-ndjson"}

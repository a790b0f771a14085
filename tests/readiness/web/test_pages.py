"""An assessment by pages alone: who may, what is refused, and what is kept of what was typed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry
from tocsin.readiness.assessment import Snapshot, read_snapshot
from tocsin.server.server import make_application

_START = {"of": "c5 1.0", "unit": "FJI", "name": "Fiji", "as_of": "2026-06-30", "groups": "income=low, region=Oceania"}
_QUESTION = "/readiness/1/questions/a.1.1"


@contextmanager
def as_(world: World, role: AccountRole = AccountRole.ASSESSOR) -> Iterator[Browser]:
    made = make_application(world.node, clock=lambda: world.now)
    with browser_of(made, world.node, role, now=world.now) as browser:
        yield browser


@pytest.fixture
def assessor(world: World) -> Iterator[Browser]:
    with as_(world) as browser:
        assert browser.send("/readiness/start", **_START, responsible="Office").status_code == 303
        yield browser


def snapshot(world: World) -> Snapshot:
    with world.node.database.reading() as session:
        return read_snapshot(session, 1)


def test_walk(world: World, assessor: Browser) -> None:
    for path in (
        "/readiness",
        "/readiness/start",
        "/readiness/frameworks",
        "/readiness/frameworks/c5/1.0",
        "/readiness/1",
        _QUESTION,
        "/readiness/1/what-if",
        "/readiness/1/plan",
        "/readiness/1/plan?question=a.1.1",
        "/readiness/1/report",
        "/readiness/1/report.html",
        "/readiness/1/report.csv",
    ):
        got = assessor.get(path)
        assert got.status_code == 200, (path, got.text[:3000])
    done = assessor.send(_QUESTION, level="2", status="declared", assessor_kind="self", comment="So", next="1")
    print(done.status_code, done.headers.get("location"), done.text[-3000:] if done.status_code != 303 else "")
    got = assessor.get(done.headers["location"])
    assert "Answer saved" in got.text
    done = assessor.client.post(
        _QUESTION + "/evidence",
        data={"csrf": assessor.csrf, "name": "Minutes", "language": "en"},
        files={"file": ("a.pdf", b"abc")},
        follow_redirects=False,
    )
    assert done.status_code == 303, done.text
    done = assessor.send(_QUESTION + "/review", kind="dispute", text="No", seen="1")
    assert done.status_code == 303
    assert "a.pdf" not in assessor.get(_QUESTION).text
    done = assessor.send(_QUESTION + "/decide", statement="1", outcome="upheld", text="x")
    assert done.status_code == 409, done.text
    assert assessor.get("/readiness/1").status_code == 200
    assert assessor.get("/readiness/1/what-if?a.1.1=4").status_code == 200
    assert (
        assessor.send(
            "/readiness/1/plan", question="a.1.1", level="4", task="t", owner="o", due="2027-01-01"
        ).status_code
        == 303
    )
    assert (
        assessor.send(
            "/readiness/1/targets", of="overall", kind="reach", goal="40", baseline="2026", end="2029"
        ).status_code
        == 303
    )
    assert assessor.get("/readiness/1/plan").status_code == 200
    assert assessor.send("/readiness/1/plan/done", action="1").status_code == 303
    assert assessor.send("/readiness/1/rank", ranked="true").status_code == 303
    assert assessor.send("/readiness/1/close").status_code == 303
    assert assessor.get("/readiness/1/plan").status_code == 200
    assert assessor.get(_QUESTION).status_code == 200

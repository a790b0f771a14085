"""Two servers over one database: people work on while one after the other is killed, and nothing is lost or doubled."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from support.browser import Page, browser
from support.console_users import person, session_of
from support.databases import Cluster
from support.two_servers import TwoServers, two_servers, until
from tocsin.node.accounts import AccountRole
from tocsin.node.file_locks import patiently
from tocsin.node.records import Database
from tocsin.operations.doctor import examine
from tocsin.operations.machines import list_machines
from tocsin.operations.models import MachineRow
from tocsin.pipeline.term import pass_over, reserve_number, term, writer_state
from tocsin.server.pages.today.figures import state_token
from tocsin.server.security import COOKIE


def test_people_work_on_while_servers_are_killed(postgresql: Cluster, tmp_path: Path) -> None:
    with two_servers(tmp_path, postgresql.fresh(), people=6, watchers=2) as both, browser() as tab:
        tab.command("Network.setCookie", name=COOKIE, value=both.people[0].browser.cookies[COOKIE], url=f"{both.url}/")
        tab.open(f"{both.url}/today")
        loads = tab.loads
        aside = both.node.home / "taken-back" / "20260101-000000"
        aside.mkdir(parents=True)
        os.utime(aside, (0, 0))
        both.work(4.0, 1.0)
        until(lambda: not aside.exists(), "a machine forgets what it put aside")
        found = both.recount()
        until(lambda: _shown(tab) == state_token(both.node), "a page that was open shows what is")
        assert tab.read("document.getElementById('live-state').className") == "state-good"
        assert tab.loads == loads
        assert not any(found["wrong"].values()), json.dumps(found)
        assert found["kills"] >= 2
        assert found["live longest s"] is not None
        assert found["daily work done"] == 1, json.dumps(found)
        assert found["copies of one mail"] <= found["kills"]

        machines = list_machines(both.node.database)
        assert [one.gone for one in machines] == [False, False]
        until(lambda: "q=50000;" in both.people[0].browser.get("/api/v1/me").headers["ratelimit-policy"], "a half each")
        done = [chore for one in machines for chore in one.chores]
        assert len(done) == len(set(done))
        assert "retention" in done
        _one_is_gone(both)


def _shown(tab: Page) -> tuple[int, ...]:
    token = tab.read("document.querySelector('#live-board [data-token]').dataset.token")
    return tuple(map(int, token.split(".")[:3]))


def _one_is_gone(both: TwoServers) -> None:
    """A machine that says nothing any more is missed, and removed by a page; one that is unlike the others is named."""
    database, now = both.node.database, datetime.now(UTC)
    alive = list_machines(database)[0].name
    with database.reading() as session:  # by whose clock machines are seen
        seen = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    long_ago = seen - timedelta(minutes=5)
    other = {"version": "1", "worker": "w", "started_at": long_ago, "tables": {}, "files": {"secret.key": "?"}}
    with database.begin() as session:
        session.add(MachineRow(name="lost:8000", seen_at=long_ago, ahead=0.0, **other))
        session.add(MachineRow(name="odd:8000", seen_at=seen, ahead=7.0, **other))
    browser = both.people[0].browser
    admin = person(both.node, AccountRole.ADMINISTRATOR, now=now)
    browser.cookies.clear()
    browser.cookies.set(COOKIE, session_of(both.node, admin, now=now))
    page = browser.get("/admin/machines").text
    assert "1 machine is gone" in page
    found = [one.found for one in examine(both.node.home, datetime.now(UTC)) if one.what == "machines"]
    assert [words.split(" ")[0] for words in found] == ["lost:8000", "not", "clocks", "versions"]
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    assert browser.post("/admin/machines", data={"csrf": csrf, "name": alive}).status_code == 422
    assert browser.post("/admin/machines", data={"csrf": csrf, "name": "lost:8000"}).status_code == 303
    listed = both.tocsin.run("machines", "list")
    assert "lost:8000" not in listed
    assert "Retention" in listed
    assert "turns so far" in listed
    _one_number_is_passed_over(database)


def _one_number_is_passed_over(database: Database) -> None:
    """Who takes reports in is said: at work while it writes, with its term, and what it passed over."""
    before = writer_state(database)
    assert before is not None
    with term(database, set(), patiently, 30):
        with database.begin() as session:
            reserve_number(session)
        with database.begin() as session:
            pass_over(session)
        now = writer_state(database)
    assert now is not None
    assert now.at_work
    assert now.term > before.term
    assert now.passed > before.passed

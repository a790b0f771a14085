"""Clocks on pages: a text is tried and adopted, a clock is started and met, and what may not be read is not there."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support.api_client import caller
from support.console_users import Browser, browser_of
from support.world import World, copy_world, text_of
from tocsin.node.accounts import AccountRole, Permission
from tocsin.server.server import make_application

Sit = Callable[[AccountRole], Browser]
_MADE = re.compile(r'name="made"[^>]* value="([^"]+)"')


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def sit(world: World) -> Iterator[Sit]:
    """Browsers of people; a role is one person."""
    application = make_application(world.node, clock=lambda: world.now)
    with ExitStack() as stack:
        yield lambda role: stack.enter_context(browser_of(application, world.node, role, now=world.now))


def do(browser: Browser, path: str, form: str, **values: str | list[str]) -> httpx.Response:
    """Send a form as its page has it."""
    found = _MADE.search(browser.get(form).text)
    return browser.send(path, **{**({"made": found[1]} if found else {}), **values})


def opened(browser: Browser, **values: str | list[str]) -> str:
    """The address of an incident that somebody opens."""
    done = do(browser, "/incidents/new", "/incidents/new", title="Ransomware, Lagoon Hospital", **values)
    return done.headers["location"].partition("?")[0]


def adopted(browser: Browser, law: str = "nis2") -> None:
    done = browser.send(f"/clocks/texts/{law}/adopt", checked_by="Legal office", note="Compared line by line")
    assert done.status_code == 303, text_of(done)


def test_a_text_is_tried_and_adopted_by_a_manager(sit: Sit) -> None:
    manager, analyst = sit(AccountRole.MANAGER), sit(AccountRole.ANALYST)
    assert "No text is adopted: no clock runs" in text_of(analyst.get("/clocks/texts"))
    page = text_of(analyst.get("/clocks/texts/nis2?rule=nis2-23-d&at=2026-11-27T10:20"))
    assert "Due 2026-12-28 23:59" in page  # a Sunday goes to the end of Monday
    assert "Starts with the submission of: Incident notification" in page
    assert analyst.send("/clocks/texts/nis2/adopt", checked_by="Me").status_code == 404
    refused = manager.send("/clocks/texts/nis2/adopt", checked_by="", note="Kept")
    assert (refused.status_code, "Say who compared it with the act." in text_of(refused)) == (422, True)
    assert 'value="Kept"' in refused.text
    adopted(manager)
    assert "checked by Legal office" in text_of(analyst.get("/clocks/texts/nis2"))
    assert "1 text is adopted" in text_of(analyst.get("/clocks/texts"))
    assert manager.get("/clocks/texts/nothing").status_code == 404


def test_a_clock_runs_on_the_page_of_its_incident(world: World, sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    at = opened(analyst)
    assert "No clock text is adopted" in text_of(analyst.get(f"{at}/clocks"))
    adopted(sit(AccountRole.MANAGER))
    do(analyst, f"{at}/parties", f"{at}/act?act=parties", role="victim", name="Lagoon Hospital")
    assert "Lagoon Hospital is a party with the role victim." in text_of(analyst.get(f"{at}/clocks"))
    start = (world.now - timedelta(hours=4, minutes=48)).strftime("%Y-%m-%dT%H:%M")
    refused = do(analyst, f"{at}/clocks", f"{at}/act?act=clocks", rule="nis2-23-a", source="The hospital rang")
    assert (refused.status_code, "Choose a milestone, or give a time." in text_of(refused)) == (409, True)
    assert 'value="The hospital rang"' in refused.text
    done = do(analyst, f"{at}/clocks", f"{at}/act?act=clocks", rule="nis2-23-a", at=start, source="The hospital rang")
    assert done.headers["location"].startswith(f"{at}/clocks")
    assert "Early warning due in 19 h 12 min." in text_of(analyst.get(at))
    tab = text_of(analyst.get(f"{at}/clocks"))
    assert "19 h 12 min left" in tab
    assert "The hospital rang" in tab
    assert "24 hours from" in tab
    assert "Early warning" in text_of(analyst.get("/clocks"))
    world.now += timedelta(hours=20)
    analyst = sit(AccountRole.ANALYST)  # the session before ended meanwhile
    assert "1 deadline is overdue" in text_of(analyst.get("/today"))
    assert "Early warning overdue for 0 h 48 min." in text_of(analyst.get(at))
    done = do(analyst, f"{at}/clocks/1/met", f"{at}/act?act=clocks/1/met")
    assert done.status_code == 303
    assert "Met late" in text_of(analyst.get(f"{at}/clocks"))
    assert "Clock met late: Early warning" in text_of(analyst.get(at))
    assert "1 deadline is overdue" not in text_of(analyst.get("/today"))
    with caller(world, AccountRole.ANALYST, Permission.INCIDENTS_READ) as api:
        (clock,) = api.get(f"{at}/clocks").json()
    assert (clock["rule"], clock["state"], clock["due_notice"]) == ("nis2-23-a", "late", "early_warning")


def test_the_calendar_is_set_by_a_manager(sit: Sit) -> None:
    manager = sit(AccountRole.MANAGER)
    refused = manager.send("/clocks/calendar", country="XX")
    assert (refused.status_code, "There are no public holidays of" in text_of(refused)) == (409, True)
    wrong = manager.send("/clocks/calendar", country="MU", holidays="soon")
    assert (wrong.status_code, "Write dates like 2026-12-24." in text_of(wrong)) == (422, True)
    assert ">soon</textarea>" in wrong.text
    done = manager.send(
        "/clocks/calendar", country="mu", time_zone="Indian/Mauritius", holidays="2026-11-27\n2026-11-30"
    )
    assert done.status_code == 303
    page = manager.get("/clocks/calendar").text
    assert "2026-11-27\n2026-11-30</textarea>" in page
    assert "Working days of MU, on the clock of Indian/Mauritius" in text_of(manager.get("/clocks/calendar"))


def test_an_incident_is_rated_on_its_page(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    at = opened(analyst)
    tab = f"{at}/rating"
    answers = {"scheme": "impact-size", "answer-impact": "serious", "answer-victim": "medium"}
    done = do(analyst, tab, tab, **answers, comment="The hospital rang")
    assert done.headers["location"].startswith(tab)
    page = text_of(analyst.get(tab))
    assert "4: Substantial" in page
    assert "The hospital rang" in page
    assert "Severity: Medium" in text_of(analyst.get(at))
    refused = do(analyst, f"{at}/rate", f"{at}/act?act=rate", severity="high")
    assert (refused.status_code, "by the scheme it is medium" in text_of(refused)) == (409, True)
    do(analyst, f"{at}/rate", f"{at}/act?act=rate", severity="high", reason="Patients were moved")
    assert "Patients were moved" in text_of(analyst.get(tab))
    assert do(analyst, tab, tab, scheme="dora").status_code == 404


def test_the_clocks_of_a_restricted_incident_are_not_there_for_others(world: World, sit: Sit) -> None:
    analyst, manager = sit(AccountRole.ANALYST), sit(AccountRole.MANAGER)
    adopted(manager)
    at = opened(analyst, only="1")
    start = (world.now - timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M")
    do(analyst, f"{at}/clocks", f"{at}/act?act=clocks", rule="nis2-23-a", at=start)
    assert "Early warning" in text_of(analyst.get("/clocks"))
    assert [manager.get(f"{at}{end}").status_code for end in ("/clocks", "/rating")] == [404, 404]
    assert "Early warning" not in text_of(manager.get("/clocks"))
    assert "1 deadline is overdue" not in text_of(manager.get("/today"))
    assert manager.send(f"{at}/clocks/1/met").status_code == 404

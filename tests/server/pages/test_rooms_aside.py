"""Assessors and delegates sign in to their work; others read it from the foot of each page."""

from pathlib import Path

import pytest

from support.console_users import browser_of
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_an_assessor_reads_the_scores_of_an_assessment(world: World) -> None:
    by = ("--by", "assessor")
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ASSESSOR, now=world.now) as browser:
        assert browser.get("/").headers["location"] == "/readiness"
        assert "No assessments" in browser.get("/readiness").text
        world.tocsin.run("assessment", "import-framework", "c5", *by)
        world.tocsin.run("assessment", "assign", "c5", "1.0", "all", "--to", "Office", *by)
        world.tocsin.run("assessment", "publish", "c5", "1.0", *by)
        world.tocsin.run("assessment", "start", "MUS", "c5", "1.0", "--as-of", "2026-11-01", "--name", "Mauritius", *by)
        assert '<a href="/readiness/1"><bdi>Mauritius</bdi></a>' in browser.get("/readiness").text
        page = browser.get("/readiness/1").text
        assert "0 of 28 answered" in page
        assert browser.get("/readiness/99").status_code == browser.get("/drafting").status_code == 404


def test_a_delegate_reads_a_text_and_what_was_proposed(world: World, shared_data: Path) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.DELEGATE, now=world.now) as browser:
        assert browser.get("/").headers["location"] == "/drafting"
        world.tocsin.run("drafting", "import", shared_data / "drafting" / "wsis10-c5.txt")
        assert '<a href="/drafting/wsis10-c5">' in browser.get("/drafting").text
        page = browser.get("/drafting/wsis10-c5").text
        assert "provisions are contested" in page
        assert '<a href="/drafting/wsis10-c5/provisions/P.a">' in page
        one = browser.get("/drafting/wsis10-c5/provisions/P.k%20bis").text
        assert "Provision P.k bis" in one
        assert "proposal" in one
        assert browser.get("/drafting/wsis10-c5/export?form=markdown").text.startswith("#")
        assert browser.get("/drafting/wsis10-c5/provisions/none").status_code == 404
        assert browser.get("/drafting/wsis10-c5?page=99").status_code == 404


def test_an_analyst_finds_both_at_the_foot_of_each_page(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        page = browser.get("/reports").text
        assert '<a href="/readiness">' in page
        assert browser.get("/readiness").status_code == browser.get("/drafting").status_code == 200

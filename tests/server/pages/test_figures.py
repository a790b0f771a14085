"""Figures: what a manager reads month against month, and takes away as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from support.console_users import browser_of
from support.world import World, make_world, text_of
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two problems in September and one in October, notified at once."""
    world = make_world(tmp_path)
    october = [(_OCTOBER + timedelta(days=after), ("192.0.2.3",)) for after in (0, 1, 8)]
    for day, addresses in ((_SEPTEMBER, ("192.0.2.1", "192.0.2.2")), *october):
        world.now = day
        world.hear(*addresses)
        world.tell()
    return world.at(0)


_SEPTEMBER = datetime(2026, 9, 7, 6, tzinfo=UTC)
_OCTOBER = datetime(2026, 10, 12, 6, tzinfo=UTC)


def test_a_manager_sees_month_against_month(world: World) -> None:
    with world.open, browser_of(_application(world), world.node, AccountRole.MANAGER, now=world.now) as manager:
        page = text_of(manager.get("/figures"))
        rows = list(csv.DictReader(io.StringIO(manager.get("/figures.csv").text)))
    assert "October 2026: 1 problem, 2 the month before" in page
    months = [(row["month"], row["problems"], row["notified"], row["gone"]) for row in rows if row["by"] == "all"]
    assert months == [("2026-09", "2", "2", "2"), ("2026-10", "1", "1", "0"), ("2026-11", "0", "0", "0")]
    assert {row["group"] for row in rows if row["by"] == "kind"} == {"vulnerable-system"}


def test_a_new_node_says_that_there_are_none(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with browser_of(_application(world), world.node, AccountRole.MANAGER, now=world.now) as manager:
        assert manager.get("/figures").status_code == 200


def test_an_operator_does_not_see_the_figures_of_all(world: World) -> None:
    with world.open, browser_of(_application(world), world.node, AccountRole.OPERATOR, now=world.now) as operator:
        assert operator.get("/figures").status_code == 404


def _application(world: World) -> FastAPI:
    return make_application(world.node, clock=lambda: world.now)

"""A child in danger: help of the country at once, nothing taken, nothing kept, and a way out that leaves no entry."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from support.browser import Page, browser
from support.page_checks import misfits, violations
from support.world import START, World, copy_world, served, text_of
from tocsin.server.server import make_application

LINES = """
[[team]]
key = "listening-line"
name = "Listening Line"
kind = "helpline"
country = "MU"
timezone = "Indian/Mauritius"
languages = ["en", "fr"]
hours = ["mon-fri 08:00-17:00"]
channels = [{ value = "+230 5550 0111", kind = "phone" }, { value = "https://line.example", kind = "website" }]

[[team]]
key = "child-police"
name = "Child Protection Police"
kind = "police"
country = "MU"
hours = ["24x7"]
channels = [{ value = "999", kind = "phone" }]

[[team]]
key = "far-line"
name = "Line of Another Country"
kind = "helpline"
country = "KE"
channels = [{ value = "116", kind = "phone" }]
"""
SETTINGS = '[node]\ncountry = "MU"\nemergency_number = "112"\nexit_page = "{exit}"\n'
LANGUAGES = ("en", "fr", "es", "pt", "ar")
MONDAY = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)  # 10:00 in Mauritius


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    world = copy_world(fresh, tmp_path)
    (tmp_path / "lines.toml").write_text(LINES)
    world.tocsin.run("directory", "import", tmp_path / "lines.toml")
    (world.node.home / "tocsin.toml").write_text(SETTINGS.format(exit="https://neutral.example/"))
    return world


def confirm(world: World, *teams: str) -> None:
    for team in teams:
        world.tocsin.run("directory", "confirm", team, "--said-by", "Ana")


def child(world: World, at: datetime = START, **headers: str) -> httpx.Response:
    with world.open:
        world.now = at
        return world.client(public=True).get("/report/child", headers=headers)


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    confirm(world, "listening-line", "child-police", "far-line")
    with world.open:
        yield world.client(public=True)


def test_only_who_was_called_is_named_and_only_of_the_country(world: World) -> None:
    before = text_of(child(world))
    assert "We have not checked any helpline for your country yet" in before
    assert "Call 112" in before
    assert "Listening Line" not in before
    confirm(world, "listening-line", "far-line")
    shown = child(world)
    assert "Listening Line" in text_of(shown)
    assert 'href="tel:+23055500111"' in shown.text
    assert 'href="https://line.example"' in shown.text
    assert "Child Protection Police" not in shown.text
    assert "Another Country" not in shown.text

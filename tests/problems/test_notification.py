"""One truth for "notified": what a ledger in plain Python says of each problem, every door says, in its own words.

The situations are those that responsible teams can be in. The doors of the API are found in its own description: who
adds one that says how far teams were notified is asked here by itself.
"""

import csv
import html
import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import select

from support.api_client import caller
from support.console_users import browser_of
from support.world import World, copy_world
from tocsin.delivery import Delivery, DeliveryState
from tocsin.directory import Mute, MuteKind, read_team
from tocsin.directory.mutes import mute
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.not_notified import missed_teams
from tocsin.pipeline.notify import tell
from tocsin.problems import (
    NotificationState,
    ProblemSearch,
    ProblemStatus,
    count_unanswered,
    unanswered,
)
from tocsin.server.pages.problems import NOTIFICATIONS, STATUSES
from tocsin.server.server import make_application

TEAMS: Final = """
[[team]]
key = "unreachable"
name = "Lagoon Fibre"
[[team]]
key = "daily"
name = "Hears In The Morning"
mailboxes = ["abuse@daily.example"]
interval = "daily"
timezone = "Etc/GMT{zone:+d}"
""" + "".join(
    f'[[team]]\nkey = "{key}"\nname = "Team {key}"\nmailboxes = ["abuse@{key}.example"]\ninterval = "at_once"\n'
    for key in ("muting", "bounced", "held", "dropped", "failed", "stuck", "trial")
)
RULES: Final = """team,kind,value,role
nat-a,prefix,198.51.100.0/24,informed
unreachable,prefix,198.51.100.1/32,responsible
daily,prefix,198.51.100.2/32,responsible
muting,prefix,198.51.100.3/32,responsible
bounced,prefix,198.51.100.4/32,responsible
held,prefix,198.51.100.5/32,responsible
dropped,prefix,198.51.100.6/32,responsible
unreachable,prefix,198.51.100.7/32,responsible
operator,prefix,198.51.100.9/32,responsible
unreachable,prefix,198.51.100.9/32,responsible
operator,prefix,198.51.100.10/32,responsible
failed,prefix,198.51.100.11/32,responsible
stuck,prefix,198.51.100.12/32,responsible
trial,prefix,198.51.100.13/32,responsible
green,prefix,198.51.100.14/32,responsible
"""
NOBODYS: Final = "233.252.0.9"
BY_PHONE: Final = "198.51.100.7"
LEDGER: Final[dict[str, tuple[str, int, int, str]]] = {
    # address: how far its responsible teams were notified, so many, of how many, and the status that lists name
    "192.0.2.1": ("notified", 1, 1, "notified"),
    NOBODYS: ("no-contact", 0, 0, "not-notified"),
    "203.0.113.5": ("withheld", 0, 1, "not-notified"),
    "198.51.100.1": ("no-address", 0, 1, "not-notified"),
    "198.51.100.2": ("scheduled", 0, 1, "not-notified"),
    "198.51.100.3": ("muted", 0, 1, "muted"),
    "198.51.100.4": ("not-delivered", 0, 1, "not-notified"),
    "198.51.100.5": ("held", 0, 1, "not-notified"),
    "198.51.100.6": ("dropped", 0, 1, "not-notified"),
    BY_PHONE: ("notified", 1, 1, "notified"),
    "198.51.100.8": ("no-contact", 0, 0, "not-notified"),  # only the national team, for information
    "198.51.100.9": ("no-address", 1, 2, "not-notified"),
    "198.51.100.10": ("notified", 1, 1, "in-progress"),
    "198.51.100.11": ("not-delivered", 0, 1, "not-notified"),
    "198.51.100.12": ("no-key", 0, 1, "not-notified"),
    "198.51.100.13": ("trial", 0, 1, "not-notified"),
    "198.51.100.14": ("withheld", 0, 1, "not-notified"),
}
ENDS: Final = {
    "bounced": DeliveryState.BOUNCED, "held": DeliveryState.HELD, "dropped": DeliveryState.DROPPED,
    "failed": DeliveryState.FAILED, "stuck": DeliveryState.STUCK, "trial": DeliveryState.SHADOW,
}  # fmt: skip
"""What became of the one digest of a team."""


@pytest.fixture(scope="module")
def situations(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that heard of one problem in each situation, and sent what it could."""
    world = copy_world(fresh, tmp_path_factory.mktemp("situations")).after_today(
        -0.1
    )  # commands have the clock of today
    noon = world.now.hour - 12  # by the clock of the daily team: its next mail leaves tomorrow
    _directory(world, TEAMS.format(zone=noon), RULES)
    with world.node.database.begin() as session:
        until = world.now + timedelta(days=30)
        mute(session, "muting", Mute(MuteKind.PREFIX, "198.51.100.3/32", until), actor="person:1", now=world.now)
    world.hear(*LEDGER)
    world.tell()
    numbers = {key: read_team(world.node.database, key)[0].id for key in ENDS}
    with world.node.database.begin() as session:
        for key, state in ENDS.items():
            digest = session.scalars(select(Delivery).where(Delivery.team_id == numbers[key])).one()
            digest.state, digest.sent_at = state.value, None
    keys = _keys(world)
    world.tocsin.run("problems", "notified", keys[BY_PHONE], "--way", "telephone")
    world.tocsin.run("problems", "answer", keys["198.51.100.10"], "--verdict", "acknowledged", "--team", "operator")
    return world.folder


@pytest.fixture
def world(situations: Path, tmp_path: Path) -> World:
    return copy_world(situations, tmp_path / "world").after_today(0)


def _directory(world: World, teams: str, rules: str) -> None:
    for name, text in (("more.toml", teams), ("more.csv", rules)):
        path = world.folder / name
        path.write_text(text)
        world.tocsin.run("directory", "import", path)


def _keys(world: World) -> dict[str, str]:
    return {one["where"]: one["problem"] for one in world.tocsin.json("problems", "list")}


def _documents(found: Any) -> Iterator[dict[str, Any]]:
    """All that says how far teams were notified of a problem, wherever it stands in a document."""
    if isinstance(found, dict):
        if {"problem", "notification"} <= found.keys():
            yield found
        found = list(found.values())
    for one in found if isinstance(found, list) else ():
        yield from _documents(one)


def _says(found: Any) -> dict[str, tuple[str, int, int, str]]:
    return {
        one["where"]: (one["notification"], one["notified"], one["responsible"], one["status"])
        for one in _documents(found)
    }


def test_commands_say_what_the_ledger_says(world: World) -> None:
    assert _says(world.tocsin.json("problems", "list")) == LEDGER
    for address, (how, _, _, _) in LEDGER.items():
        (course,) = world.tocsin.json("problems", "show", address)
        assert (address, course["notification"]) == (address, how)
    printed = world.tocsin.run("problems", "list")
    assert "1 of 2 teams" in " ".join(printed.split())


def test_filters_and_counts_agree_with_the_word_in_the_row(world: World) -> None:
    for status in ("not-notified", "notified", "muted", "in-progress", "overdue"):
        listed = {one["where"] for one in world.tocsin.json("problems", "list", "--state", status)}
        assert listed == {address for address, (*_, said) in LEDGER.items() if said == status}, status
    lagoon = world.tocsin.json("problems", "list", "--team", "unreachable", "--state", "not-notified")
    assert {one["where"] for one in lagoon} == {"198.51.100.1", "198.51.100.9"}


def test_every_door_of_the_api_says_what_the_ledger_says(world: World) -> None:
    keys = _keys(world)
    with caller(world, AccountRole.ANALYST) as client:
        doors = list(_doors(client.get("/openapi.json").json()))
        assert {path for path, _ in doors} >= {"/problems", "/problems/{problem}"}
        for path, _ in doors:
            if "{" not in path:
                assert _says(client.get(path, params={"limit": 100}).json()) == LEDGER, path
                continue
            for address, key in keys.items():
                answer = client.get(path.replace("{problem}", key))
                assert _says(answer.json())[address] == LEDGER[address], (path, address)


def _doors(document: Any) -> Iterator[tuple[str, str]]:
    """The reads of the API whose answer says how far teams were notified, by its own description."""
    for path, of in document["paths"].items():
        answer = of.get("get", {}).get("responses", {}).get("200", {})
        if _has(document, answer, frozenset()):
            yield path.removeprefix("/api/v1"), of["get"]["operationId"]


def _has(document: Any, part: Any, seen: frozenset[str]) -> bool:
    if isinstance(part, list):
        return any(_has(document, one, seen) for one in part)
    if not isinstance(part, dict):
        return False
    if "notification" in part.get("properties", {}) and "problem" in part["properties"]:
        return True
    name = part.get("$ref", "").rpartition("/")[2]
    if name and name not in seen and _has(document, document["components"]["schemas"][name], seen | {name}):
        return True
    return any(_has(document, one, seen) for one in part.values())


def test_a_team_reads_of_itself_what_lists_say_of_it(world: World) -> None:
    """Each team that may look at its own problems: none is said to be notified by what came back, or never left."""
    listed = _says(world.tocsin.json("problems", "list"))
    seen = set()
    for key in (*ENDS, "operator", "daily"):
        number = read_team(world.node.database, key)[0].id
        with caller(world, AccountRole.OPERATOR, teams=(number,)) as client:
            own = _says(client.get("/problems", params={"limit": 100}).json())
        for address, (how, notified, _, _) in own.items():
            assert notified == int(how == "notified"), (key, address)
            assert how == listed[address][0] or listed[address][2] > 1, (key, address)
            seen.add(how)
    assert seen >= {"notified", "not-delivered", "trial"}


def _text(page: httpx.Response) -> str:
    assert page.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def test_every_page_and_file_says_what_the_ledger_says(world: World) -> None:
    keys = _keys(world)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        page = browser.get("/problems?state=any").text
        for address, key in keys.items():
            how, notified, asked, status = LEDGER[address]
            row = re.search(rf'id="p{key}".*?</tr>', page, re.DOTALL)
            assert row is not None
            said = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", row[0])).split())
            assert STATUSES[ProblemStatus(status)] in said, (address, said)
            shown = status == "not-notified"
            assert (NOTIFICATIONS[NotificationState(how)][0] in said) or not shown, (address, said)
            assert (f"{notified} of {asked} teams notified" in said) == (shown and notified > 0), (address, said)
            one = _text(browser.get(f"/problems/{key}"))
            assert (NOTIFICATIONS[NotificationState(how)][1] in one) == shown, (address, one)
        phoned = _text(browser.get(f"/problems/{keys[BY_PHONE]}"))
        assert "Notified by telephone" in phoned
        lagoon = _text(browser.get("/teams/unreachable"))
        assert lagoon.count("not notified No email address") == 2, lagoon
        assert lagoon.count("notified, no response") == 1  # by telephone
        file = browser.get("/problems?state=any&format=csv").text
        rows = {one["where"]: (one["notification"], one["status"]) for one in csv.DictReader(StringIO(file))}
        assert rows == {address: (how, status) for address, (how, _, _, status) in LEDGER.items()}


def test_nobody_is_asked_to_answer_what_never_came(world: World) -> None:
    now = world.after_today(60).now
    found = unanswered(world.node.problems, days=30, now=now)
    assert {one.where for one in found} == {"192.0.2.1", BY_PHONE}
    assert count_unanswered(world.node.problems, days=30, now=now) == (2, min(one.first_told_at for one in found))
    overdue = world.node.problems.find(ProblemSearch(state=ProblemStatus.OVERDUE), now=now).rows()
    assert {row.where for row in overdue} == {"192.0.2.1", BY_PHONE, "198.51.100.10"}


def test_a_notification_by_telephone_is_undone_and_stands_in_the_history(world: World) -> None:
    key = _keys(world)["198.51.100.1"]
    said = ("problems", "notified", key, "--way", "post", "--note", "Sent to the owner.", "--spoken-with", "Ms. Roe")
    assert world.tocsin.json(*said)["problems"] == 1
    assert _says(world.tocsin.json("problems", "list"))["198.51.100.1"] == ("notified", 1, 1, "notified")
    (course,) = world.tocsin.json("problems", "show", key)
    assert [step["note"] for step in course["steps"] if step["team"] == "unreachable"] == [
        "Ms. Roe: Sent to the owner."
    ]
    world.tocsin.run("undo")
    assert _says(world.tocsin.json("problems", "list")) == LEDGER
    code, _, error = world.tocsin.call(
        "problems", "notified", key, "--at", f"{world.now + timedelta(days=1):%Y-%m-%d %H:%M}"
    )
    assert (code != 0, "yet to come" in error) == (True, True)
    code, _, error = world.tocsin.call("problems", "notified", _keys(world)[NOBODYS])
    assert (code != 0, "No team is responsible" in error) == (True, True)


def test_what_becomes_of_a_mail_is_seen_at_once(world: World) -> None:
    number = read_team(world.node.database, "held")[0].id
    for state, how in ((DeliveryState.FAILED, "not-delivered"), (DeliveryState.SENT, "notified")):
        with world.node.database.begin() as session:
            digest = session.scalars(select(Delivery).where(Delivery.team_id == number)).one()
            digest.state, digest.sent_at = state.value, world.now if state is DeliveryState.SENT else None
        found = world.node.problems.among([int(_keys(world)["198.51.100.5"], 16)], now=world.now).rows()
        assert [row.notification for row in found] == [how]
    tell(world.node, now=world.now)


def test_no_mail_leaves_for_what_was_never_notified_until_a_person_says_so(world: World) -> None:
    with world.node.database.reading() as session:
        (one,) = missed_teams(world.node, session, world.now)  # what failed lately is an item with its mail
        assert (one.key, len(one.problems)) == ("trial", 1)
    assert world.tell() == {}
    seen = world.tocsin.json("deliveries", "notify-missed", "--preview")
    assert (seen["teams"], seen["problems"], seen["events"]) == (["trial"], 1, 1)
    assert world.tell() == {}
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        assert "Team trial" in _text(browser.get("/today/not-notified"))
        assert browser.send("/today/not-notified", team="trial").status_code == 303
        assert "Nothing waits" in _text(browser.get("/today/not-notified"))
    assert set(world.tell()) <= {"abuse@trial.example"}  # and not the national team once more
    found = _says(world.tocsin.json("problems", "list"))["198.51.100.13"]
    assert found[0] in {"held", "notified"}  # the first mail to a team waits for a person


def test_what_a_person_lets_be_is_asked_no_more(world: World) -> None:
    said = ("directory", "accept", "not-notified", "trial", "--reason", "They know.")
    assert world.tocsin.json(*said)["subject"] == "trial"
    with world.node.database.reading() as session:
        assert missed_teams(world.node, session, world.now) == []
        later = {one.key for one in missed_teams(world.node, session, world.after_today(20).now)}
    assert later == {"bounced", "failed"}


def test_who_was_only_telephoned_has_a_day_until_a_mail_names_one(world: World) -> None:
    (row,) = (one for one in world.node.problems.find(ProblemSearch(), now=world.now).rows() if one.where == BY_PHONE)
    (mailed,) = (
        one for one in world.node.problems.find(ProblemSearch(), now=world.now).rows() if one.where == "192.0.2.1"
    )
    assert row.due is not None
    assert mailed.due is not None
    assert row.due.date() - mailed.due.date() in {timedelta(0), timedelta(days=1)}  # the same days, from either act
    world.tocsin.run("problems", "notified", _keys(world)["198.51.100.4"], "--way", "telephone")
    keys = {_keys(world)["198.51.100.4"]: "list"}
    number = read_team(world.node.database, "bounced")[0].id
    with caller(world, AccountRole.OPERATOR, teams=(number,)) as client:
        (own,) = [one for one in _documents(client.get("/problems").json()) if one["problem"] in keys]
    listed = {one["problem"]: one for one in world.tocsin.json("problems", "list")}
    assert own["due"][:10] == listed[own["problem"]]["due"][:10]
    assert (own["notification"], own["status"]) == ("notified", "notified")

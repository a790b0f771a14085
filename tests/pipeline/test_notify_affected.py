"""The teams of an incident's affected systems are notified at once: ten thousand are few rows, and each hears once."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from support.console_users import browser_of, person
from support.world import World, link_of, make_world, send, text_of
from tocsin.delivery import Delivery
from tocsin.directory import read_directory
from tocsin.incidents import IncidentReader, acts, find_incident
from tocsin.incidents.populations import affected_of, populations_of, tally
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, UsageError
from tocsin.pipeline import notify_affected
from tocsin.problems.answers import told_problems
from tocsin.server.server import make_application

ACTS = {act.operation: act for act in (*acts.ACTS, *notify_affected.ACTS)}
MANY = int(os.environ.get("TOCSIN_AFFECTED", "250"))
"""How many victims; 10000 is the whole size."""

STORY = "Update the router today, and ring us."


def _victims(count: int) -> dict[str, str]:
    """Addresses, each with the key of its team: one has a /26."""
    places = [(3 + number // 250, number % 250 + 1) for number in range(count)]
    return {f"192.0.{third}.{last}": f"t{third}-{last // 64}" for third, last in places}


def _directory(teams: Iterable[str]) -> str:
    """The file that says which team has which addresses."""
    return "".join(
        f'[[team]]\nkey = "{key}"\nname = "Team {key}"\nkind = "operator"\nmailboxes = ["abuse@{key}.example"]\n'
        f'prefixes = ["192.0.{third}.{int(quarter) * 64}/26"]\n'
        for key in sorted(set(teams))
        for third, quarter in [key[1:].split("-")]
    )


def _do(world: World, operation: str, who: int, **values: Any) -> Any:
    act = ACTS[operation]
    context = ActContext(world.node, world.now, f"person:{who}", "One", who, act=act)
    return act.function(context, read_request(act, values))


def _rows(world: World) -> int:
    """All rows of all tables."""
    with world.node.database.reading() as session:
        tables = world.node.database.engine.dialect.get_table_names(session.connection())
        return sum(session.scalar(text(f'SELECT count(*) FROM "{one}"')) or 0 for one in tables)


def _incident(world: World, who: int, matching: str = "kind=open-rdp") -> str:
    reference = str(_do(world, "openIncident", who, title="Routers").reference)
    _do(world, "attachAffectedSystems", who, reference=reference, matching=matching)
    _do(world, "setTextNotificationText", who, reference=reference, text=STORY, tlp="GREEN", tlp_reason="Agreed")
    return reference


def _tally(world: World, who: int, reference: str) -> tuple[int, ...]:
    """Of the affected systems how many there are, are notified, of how many teams, and still seen."""
    reader = IncidentReader(who, world.now)
    with world.node.database.reading() as session:
        found = populations_of(session, reader, [find_incident(session, reader, reference)])
    counted = tally(affected_of(found, world.node.problems, world.now))
    return counted.problems, counted.notified, counted.teams, counted.seen


def test_many_victims_are_few_rows_and_each_team_is_notified_again_with_the_text(
    tmp_path: Path, record_property: Any
) -> None:
    world = make_world(tmp_path)
    victims = _victims(MANY)
    owed = Counter(victims.values())
    (tmp_path / "teams.toml").write_text(_directory(victims.values()))
    world.tocsin.run("directory", "import", tmp_path / "teams.toml")
    with world.open:
        who = person(world.node, AccountRole.ANALYST, now=world.now)
        world.hear(*victims)
        world.at(1.1).tell()
        reference = _incident(world, who)
        assert _tally(world, who, reference) == (MANY, MANY, len(owed), MANY)
        seen = _do(world, "notifyAffectedSystems", who, reference=reference, preview=True)
        before, began = _rows(world), time.monotonic()
        done = _do(world, "notifyAffectedSystems", who, reference=reference, once="a")
        took, written = time.monotonic() - began, _rows(world) - before
        record_property("figures", f"{MANY} victims, {len(done.teams)} teams, {written} rows, {took:.2f} s")
        assert done.notified == seen.notified == MANY
        assert {one.key: one.events for one in done.teams} == owed
        assert [one.model_dump() for one in seen.teams] == [one.model_dump() for one in done.teams]
        assert written <= len(done.teams) + 50
        assert _do(world, "notifyAffectedSystems", who, reference=reference, once="a").number is None, "sent twice"
        mails = world.at(2.2).tell()
        assert set(mails) == {f"abuse@{key}.example" for key in owed}
        assert all(STORY[:20] in mail.body for mail in mails.values())
        keys = {team.id: team.key for team in read_directory(world.node.database).teams}
        with world.node.database.reading() as session:
            digests = [
                (keys[one.team_id], len(told_problems(session, world.node.store, one)))
                for one in session.scalars(select(Delivery).order_by(Delivery.id))
            ]
            assert sorted(digests) == sorted([*owed.items()] * 2), "the first digest keeps what it told"
        assert world.node.store.scan().collect().height == MANY
        assert world.at(3.3).tell() == {}


def test_who_answered_is_left_in_peace_and_a_page_asks_before(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with world.open:
        who = person(world.node, AccountRole.ANALYST, now=world.now)
        world.hear("192.0.2.1", "192.0.2.2", "198.51.100.7")
        link = link_of(world.tell()["abuse@operator.example"])
        send(world.client(public=True), link, "fixed", "192.0.2.1")
        reference = _incident(world, who)
        application = make_application(world.node, clock=lambda: world.now)
        world.tocsin.run(
            "directory", "assert", "outsider", "prefix", "198.51.100.0/24", "--reason", "a", "--said-by", "A"
        )
        with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
            place = f"/incidents/{reference}/act?act=affected/notify"
            assert "Notify teams now" in text_of(browser.get(f"/incidents/{reference}/affected"))
            form = browser.get(place)
            seen, (made,) = text_of(form), re.findall(r'name="made" value="([^"]+)"', form.text)
            assert "Each digest carries the text of the incident." in seen
            assert "Example Operator 1 now" in seen, "what was answered does not count"
            assert "National CSIRT of A 2 now" in seen
            assert world.tell() == {}, "a preview changes nothing"
            for _press in range(2):
                assert browser.send(f"/incidents/{reference}/affected/notify", made=made).status_code == 303
            said = text_of(browser.get(f"/incidents/{reference}"))
            assert said.count("Teams of affected systems notified") == 1, "of two presses the second is the first"
        mails = world.tell()
        assert "192.0.2.2" in mails["abuse@operator.example"].body
        assert "192.0.2.1:" not in mails["abuse@operator.example"].body
        assert "198.51.100.7" in mails["nobody@outsider.example"].body, "what had no contact gets it"
        later = link_of(mails["abuse@operator.example"])
        assert "192.0.2.2" in text_of(world.client(public=True).get(later))
        _do(world, "restrictIncident", who, reference=reference, persons=(str(who),))
        with pytest.raises(ConflictError):
            _do(world, "notifyAffectedSystems", who, reference=reference)
        bare = _do(world, "openIncident", who, title="Bare").reference
        with pytest.raises(UsageError):
            _do(world, "notifyAffectedSystems", who, reference=bare)

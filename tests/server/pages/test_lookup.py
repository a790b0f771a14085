"""The contact lookup: the answer of the command line, and what helps where there is no contact."""

import json
import re
import time
from html import unescape
from pathlib import Path

import pytest

from support.console_users import browser_of
from support.world import START, World, copy_world, text_of
from tocsin.directory import PersonStatement, add_assertion, add_denial
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application
from tocsin.sharing.lookup import ResponsibilityLookup, read_subject


@pytest.fixture
def world(furnished: Path, tmp_path: Path) -> World:
    return copy_world(furnished, tmp_path)


def guide_of(world: World) -> ResponsibilityLookup:
    return ResponsibilityLookup(world.node, lambda: world.now)


def ready(guide: ResponsibilityLookup, query: str) -> None:
    """Ask until the router is open."""
    for _ in range(6_000):
        guide.ask(read_subject(query))
        if guide._opened is not None:
            return
        time.sleep(0.05)
    raise AssertionError("the router was never opened")


def document(guide: ResponsibilityLookup, query: str) -> object:
    return json.loads(json.dumps(guide.ask(read_subject(query)).document()))


@pytest.mark.parametrize(
    "query", ["192.0.2.130", "192.0.2.0/24", "AS64500", "www.two.example", "https://two.example/x", "KE", "203.0.113.9"]
)
def test_the_page_answers_as_the_command_line_does(world: World, query: str) -> None:
    said = world.tocsin.json("explain", query)
    guide = guide_of(world)
    first = document(guide, query)
    ready(guide, query)

    assert first == said  # from the rules on this very thing
    assert document(guide, query) == said  # from the router of all rules


def test_a_word_counts_in_the_very_next_answer(world: World) -> None:
    guide = guide_of(world)
    ready(guide, "192.0.2.1")
    said = PersonStatement("rival", "prefix", "192.0.2.0/24", "Ana", "not theirs")
    add_denial(world.node.database, said, actor="x", now=START)

    answer = guide.ask(read_subject("192.0.2.1"))
    assert [answer.teams[match.team_id].key for match in answer.decision.matches] == ["operator", "nat-a"]
    assert [match.overruled for match in answer.decision.overruled]
    guide.settle()  # it opens the router anew, from files of this test


def test_an_answer_names_reasons_contacts_and_problems(world: World) -> None:
    world.hear("192.0.2.1")
    world.tell()
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        page = browser.get("/lookup?q=192.0.2.1")
    text = text_of(page)

    assert page.status_code == 200
    assert "192.0.2.1: 3 contacts" in text
    assert "responsible network 192.0.2.0/24 registry 2026-11-01 70%" in text
    assert "abuse@rival.example unverified" in text
    assert "Several teams are responsible for the same thing" in text
    assert "1 open problem" in text
    assert "192.0.2.1 3389/tcp open-rdp not notified" in text  # one of the two that are responsible was not, yet
    assert 'href="/events?address=192.0.2.1&amp;last=30d"' in page.text


@pytest.mark.parametrize(
    ("path", "thing"),
    [
        ("/lookup?q=192.0.2.1", "192.0.2.0/24"),
        ("/networks/192.0.2.0/24", "192.0.2.0/24"),
        ("/lookup?q=AS64500", "AS64500"),
        ("/lookup?q=www.three.example", "three.example"),
        ("/lookup?q=MU", "MU"),
    ],
)
def test_what_several_teams_answer_for_leads_to_its_own_conflict(world: World, path: str, thing: str) -> None:
    for team in ("rival", "sector"):
        add_assertion(world.node.database, PersonStatement(team, *_ground(thing), "Ana", "x"), actor="x", now=START)
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.MANAGER, now=START) as browser:
        found = re.search(r'href="([^"]+)">Resolve the conflict<', browser.get(path).text)
        assert found
        decided = text_of(browser.get(unescape(found[1])))
    assert f"Conflict about {thing}" in decided
    assert "Save decision" in decided


def _ground(thing: str) -> tuple[str, str]:
    kind = "asn" if thing.startswith("AS") else "prefix" if "/" in thing else "domain" if "." in thing else "country"
    return kind, thing


def test_where_nobody_is_known_it_says_what_helps(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        text = text_of(browser.get("/lookup?q=233.252.0.1"))
    assert "233.252.0.1: no contact" in text
    assert "tocsin directory rdap 233.252.0.1" in text


def test_what_cannot_be_asked_says_which_forms_it_takes(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        for query in ("999.1.1.1", "://", "<1script>alert(1)</script>", "1@b@c", "{{7*7}} x", "??garbage"):
            page = browser.client.get("/lookup", params={"q": query})
            assert page.status_code == 422, query
            assert "Write it in one of the forms below" in page.text
            assert "2001:db8::/32" in page.text
            assert "<script>alert" not in page.text


def test_operators_ask_within_their_own_networks_and_see_only_themselves(world: World) -> None:
    (operator,) = [team["key"] for team in world.tocsin.json("directory", "list") if team["key"] == "operator"]
    number = guide_of(world).ask(read_subject("192.0.2.1")).decision.matches[0].team_id
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(number,)) as browser:
        own, foreign, unknown = (browser.get(f"/lookup?q={q}") for q in ("192.0.2.1", "198.51.100.1", "233.252.0.1"))
        network, other = browser.get("/networks/192.0.2.0/24"), browser.get("/networks/198.51.100.0/24")

    assert (own.status_code, operator) == (200, "operator")
    for page in (own, network):
        assert page.status_code == 200
        assert "Example Operator" in page.text
        assert "rival" not in page.text.lower()
        assert "National CSIRT" not in page.text
    assert foreign.status_code == unknown.status_code == other.status_code == 404
    assert foreign.text.replace("198.51.100.1", "X") == unknown.text.replace("233.252.0.1", "X")


def test_who_is_asked_next_is_named(world: World) -> None:
    settings = world.node.home / "tocsin.toml"
    settings.write_text(settings.read_text() + '[tell]\nescalate_to = "national"\n')
    again = copy_world(world.folder, world.folder.parent / "again")
    add_assertion(again.node.database, PersonStatement("isp-two", "country", "MU", "Ana", "x"), actor="x", now=START)
    application = make_application(again.node, clock=lambda: START)
    with browser_of(application, again.node, AccountRole.ANALYST, now=START) as browser:
        text = text_of(browser.get("/lookup?q=MU"))
    assert "MU: 1 contact" in text
    assert "Escalation if there is no response: National CSIRT of A" in text


def test_what_has_no_contact_is_searched_for(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        found = browser.client.get("/lookup", params={"q": "bank sector team"})
    assert (found.status_code, found.headers["location"]) == (303, "/search?q=bank+sector+team")

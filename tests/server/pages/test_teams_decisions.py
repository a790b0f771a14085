"""What waits for a decision, on pages: conflicts, teams that may be one, claims; and coverage with its map."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support.browser import browser as chromium
from support.console_users import Browser, browser_of, person, session_of
from support.dns_server import dns_server
from support.world import START, World, copy_world, served, text_of
from tocsin.directory import read_conflicts, read_merges, read_team
from tocsin.directory.claims import make_claim, read_claim, show_dns
from tocsin.networks import Networks, networks_of
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

NOW = START + timedelta(days=12)


@pytest.fixture
def world(furnished: Path, tmp_path: Path) -> World:
    return copy_world(furnished, tmp_path)


@contextmanager
def visiting(world: World, role: AccountRole = AccountRole.MANAGER) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: NOW)
    with browser_of(application, world.node, role, now=NOW) as browser:
        yield browser


def worked_out(browser: Browser, path: str) -> httpx.Response:
    """A page, once what it shows is worked out."""
    while "making" in (page := browser.get(path)).text:
        pass
    return page


def holders(world: World, value: str) -> dict[str, bool]:
    """Of each team that claims a value whether its claim holds."""
    found = next(one for one in read_conflicts(world.node.database) if one.value == value)
    return {claim.team: not claim.overruled for claim in found.claims}


def test_a_conflict_is_seen_decided_and_taken_back(world: World) -> None:
    with visiting(world) as browser:
        listed = worked_out(browser, "/conflicts")
        assert "2 open conflicts" in text_of(listed)
        assert 'href="/conflicts/of?value=AS64500"' in listed.text
        page = text_of(browser.get("/conflicts/of?value=AS64500"))
        assert "Conflict about AS64500 Claimed by 2 teams: all are notified" in page
        assert "Second Operator If chosen alone, no longer notified: Rival Network Ltd." in page
        assert browser.get("/conflicts/of?value=AS64999").status_code == 404

        unsaid = browser.send("/conflicts/decide", value="AS64500", teams="isp-two", reason="")
        assert (unsaid.status_code, "Give a reason, in one line" in unsaid.text) == (422, True)
        nobody = browser.send("/conflicts/decide", value="AS64500", reason="x")
        assert (nobody.status_code, "Choose a team" in nobody.text) == (422, True)
        assert holders(world, "64500") == {"isp-two": True, "rival": True}

        browser.send("/conflicts/decide", value="AS64500", teams="isp-two", reason="the registry says so")
        assert holders(world, "64500") == {"isp-two": True, "rival": False}
        assert "1 open conflict" in text_of(worked_out(browser, "/conflicts"))
        settled = text_of(browser.get("/conflicts/of?value=AS64500"))
        assert "Manager · the registry says so" in settled
        assert "AS64500: 1 contact" in text_of(browser.get("/lookup?q=AS64500"))

        late = browser.send("/conflicts/decide", value="AS64500", teams="rival", reason="I know them", seen="0")
        assert (late.status_code, "answered or changed meanwhile" in late.text) == (422, True)
        assert holders(world, "64500") == {"isp-two": True, "rival": False}

        browser.send("/conflicts/undo", value="AS64500", undo_reason="it was wrong")
        assert holders(world, "64500") == {"isp-two": True, "rival": True}


def test_teams_that_may_be_one_are_compared_merged_unmerged_or_kept_apart(world: World) -> None:
    with visiting(world) as browser:
        assert "1 pair of teams to decide" in text_of(worked_out(browser, "/merges"))
        pair = text_of(browser.get("/merges/pair?one=rival&other=rival-net"))
        assert "Rival Network Ltd Rival Network Limited" in pair
        chosen = {"one": "rival", "other": "rival-net"}
        assert browser.send("/merges/pair", **chosen, reason="same mailbox").status_code == 422
        browser.send("/merges/pair", **chosen, act="one", reason="same mailbox")
        assert [(one.team, one.into) for one in read_merges(world.node.database)] == [("rival-net", "rival")]
        assert browser.get("/teams/rival-net").headers["location"] == "/teams/rival"
        assert "Undo merge of rival-net" in text_of(browser.get("/merges?show=made"))
        browser.send("/merges/undo", team="rival-net")
        assert read_merges(world.node.database) == []
        browser.send("/merges/pair", **chosen, act="apart", reason="two firms")
        assert "No possible duplicates" in text_of(worked_out(browser, "/merges"))


def test_a_claim_is_judged_with_its_rivals_beside_it(world: World) -> None:
    with visiting(world) as browser:
        waiting = text_of(browser.get("/claims"))
        assert "1 claim: control not proved" in waiting
        assert "to decide" not in waiting
        page = text_of(browser.get("/claims/1"))
        assert "Claim to two.example control not proved" in page
        assert "Email address noc@two.example" in page
        unsaid = browser.send("/claims/1/decide", act="approve")
        assert unsaid.status_code == 422
        assert "Control is not proved for claim 1" in text_of(unsaid)
        browser.send("/claims/1/decide", act="approve", reason="I know them")
        assert read_claim(world.node.database, 1, NOW).state == "approved"
        late = browser.send("/claims/1/decide", act="refuse", reason="x")
        assert (late.status_code, "Claim 1 is approved" in text_of(late)) == (422, True)
        assert browser.get("/claims/2").status_code == 404
        assert "No replies yet" in text_of(browser.get("/verifications"))
    sources = {rule.value: rule.source for rule in read_team(world.node.database, "isp-two")[1]}
    assert sources["two.example"] in {"person:Manager", "registry"}


def test_a_claim_waits_for_a_decision_once_control_is_shown(world: World) -> None:
    database = world.node.database
    made = make_claim(
        database, "operator.example", team="operator", mailbox="abuse@operator.example", claimed_by="test",
        sender=world.node.settings.node, now=NOW,
    )  # fmt: skip
    with dns_server() as dns:
        dns.records = {name: [made.dns_value] for name in made.dns_names}
        show_dns(database, made.number, resolver=dns.address, now=NOW)
    with visiting(world) as browser:
        text = text_of(browser.get("/claims"))
    assert "1 claim to decide" in text
    assert "1 claim: control not proved" in text  # the other


def test_lists_are_narrowed_by_text_and_state_and_say_by_what(world: World) -> None:
    def listed(path: str) -> tuple[list[str], list[str]]:
        """The first cells of the rows, and where the crosses of the chips lead."""
        page = worked_out(browser, path).text
        cells = re.findall(r'<tr><th scope="row">(.*?)</th>', page)
        chips = re.findall(r'</span> <a href="([^"]+)" aria-label', page)
        return [re.sub("<[^>]+>", "", cell).strip() for cell in cells], chips

    with visiting(world) as browser:
        whole, none = listed("/conflicts")
        assert (len(whole), none) == (2, [])
        assert listed("/conflicts?q=as64500") == (["AS64500"], ["/conflicts?"])
        assert listed("/conflicts?q=ISP-TWO")[0] == ["AS64500"]
        browser.send("/conflicts/decide", value="AS64500", teams="isp-two", reason="the registry says so")
        assert listed("/conflicts?q=64500&show=settled") == (
            ["AS64500"],
            ["/conflicts?show=settled", "/conflicts?q=64500"],
        )
        assert listed("/conflicts?q=64500")[0] == []
        assert "No matches" in text_of(browser.get("/conflicts?q=64500"))
        assert listed("/claims?state=open") == (["domain two.example"], ["/claims?"])
        assert listed("/claims?state=approved")[0] == []
        assert len(listed("/merges?q=limited")[0]) == 1
        assert listed("/merges?q=bank")[0] == []


def test_analysts_see_what_waits_and_cannot_decide_it(world: World) -> None:
    with visiting(world, AccountRole.ANALYST) as browser:
        for path in ("/conflicts/of?value=AS64500", "/merges/pair?one=rival&other=rival-net", "/claims/1"):
            assert browser.get(path).status_code == 200
            assert "/decide" not in browser.get(path).text
        refused = [
            browser.send("/conflicts/decide", value="AS64500", teams="isp-two", reason="x").status_code,
            browser.send("/merges/pair", one="rival", other="rival-net", act="one", reason="x").status_code,
            browser.send("/claims/1/decide", act="approve", reason="x").status_code,
        ]
    assert refused == [404, 404, 404]
    assert holders(world, "64500") == {"isp-two": True, "rival": True}


def test_coverage_counts_what_the_command_line_counts(world: World) -> None:
    told = world.tocsin.json("directory", "coverage")["total"]
    with visiting(world) as browser:
        page = worked_out(browser, "/coverage")
        text = text_of(page)
        country = text_of(worked_out(browser, "/coverage/MU"))
        empty = text_of(worked_out(browser, "/coverage/AQ"))
        assert browser.get("/coverage/XX").status_code == 404
    assert f"{told['security_answering']} of {told['as_numbers']} AS numbers have a responsive security contact" in text
    row = re.search(r'<tr data-code="MU"[^>]*>(.*?)</tr>', page.text, re.DOTALL)
    assert row is not None
    assert re.findall(r'class="n">([^<]*)<', row[1])[:3] == ["6", "4", "2"]
    assert "AS64502 \N{EN DASH} no contact" in country
    assert "No AS number is registered in this country" in empty
    assert "tocsin directory import-delegations FILE" in empty
    assert country.index("AS64502") < country.index("AS64500")  # those without a contact first


def test_an_as_and_a_network_have_pages(world: World) -> None:
    world.hear("192.0.2.9")
    with visiting(world) as browser:
        asn, network = text_of(browser.get("/networks/AS64500")), text_of(browser.get("/networks/192.0.2.0/24"))
        assert browser.get("/networks/as64500").headers["location"] == "/networks/AS64500"
        assert browser.get("/networks/64500").headers["location"] == "/networks/AS64500"
        assert [browser.get(f"/networks/{bad}").status_code for bad in ("x%20y", "example.org", "..%2f..")] == [404] * 3
        google = text_of(browser.get("/networks/AS15169"))
    assert "AS64500 2 contacts" in asn
    assert "192.0.2.0/24 4 contacts" in network
    assert "1 open problem" in network
    count = len(networks_of(Networks.open(world.node.home), 15169))
    assert f"{count} announced networks" in google


def test_what_an_as_announces_is_what_its_addresses_say(world: World) -> None:
    tables = Networks.open(world.node.home)
    for network in networks_of(tables, 15169):
        assert tables.answer(network.partition("/")[0]).asn == 15169


def test_the_map_says_the_same_as_the_table(world: World) -> None:
    application = make_application(world.node, clock=lambda: NOW)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=NOW), now=NOW)
    with served(application) as port, chromium() as page:
        page.command("Network.enable")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=f"http://127.0.0.1:{port}/")
        page.open(f"http://127.0.0.1:{port}/coverage")
        while page.read("document.querySelector('.making') !== null"):
            page.open(f"http://127.0.0.1:{port}/coverage")
        drawn = "document.querySelectorAll('.map circle, .map path').length"
        while not page.read(drawn):
            pass
        titles = "[...document.querySelectorAll('.map title')].map((title) => title.textContent)"
        assert "Kenya: 0 %" in page.read(titles)
        page.read("document.querySelector('#measure').value = 'structure'")
        page.read("document.querySelector('#measure').dispatchEvent(new Event('change'))")
        shown = page.read(titles)
        assert "Kenya: yes" in shown
        assert "Tuvalu: not known" in shown
        assert page.read("document.querySelector('.map').hidden") is False

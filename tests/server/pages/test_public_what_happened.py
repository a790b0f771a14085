"""What happened? Each answer leads to what to do now, whom to call, and the report form with its kind chosen."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.console_users import browser_of
from support.world import START, World, copy_world, text_of
from tocsin.delivery.texts import public_names
from tocsin.directory import confirm_lines
from tocsin.incidents.arrivals import ReportKind
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

LIVE = '[mail]\nchannel = "smtp"\n'
LINES = """
[[team]]
key = "listening-line"
name = "Listening Line"
kind = "helpline"
country = "KE"
timezone = "UTC"
languages = ["en", "fr"]
hours = ["mon-fri 05:00-17:00"]
channels = [{ value = "+254 5550 0111", kind = "phone" }]

[[team]]
key = "police"
name = "Police of Kenya"
kind = "police"
country = "KE"
channels = [{ value = "999", kind = "phone" }]

[[team]]
key = "cert-ke"
name = "National CSIRT of Kenya"
kind = "national"
country = "KE"
mailboxes = ["cert@cert.example"]
channels = [{ value = "+254 5550 0144", kind = "phone" }]
"""


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with world.open:
        yield world.client(public=True)


def settled(world: World, settings: str) -> World:
    """The same node with other settings."""
    (world.node.home / "tocsin.toml").write_text(settings)
    return World(world.folder, open_node(world.node.home), now=world.now)


def test_there_is_a_text_for_each_kind() -> None:
    assert sorted(ReportKind) == public_names("help")


def test_each_answer_leads_to_the_form_with_its_kind_chosen(client: httpx.Client) -> None:
    first = client.get("/help").text
    assert re.findall(r'href="/help/([a-z-]+)"', first) == [*ReportKind]
    assert 'href="/report/child"' in first
    for kind in ReportKind:
        page = client.get(f"/help/{kind}").text
        form = client.get(re.findall(r'href="(/report\?kind=[^"&]+)', page)[0]).text
        assert re.findall(r'id="kind-([a-z-]+)"[^>]* checked', form) == [kind]
    assert client.get("/help/nothing").status_code == 404
    assert " checked" not in client.get("/report?kind=nothing").text


def test_what_to_do_is_an_example_until_it_is_adopted_and_not_shown_in_live_mode(world: World) -> None:
    with world.open:
        page = text_of(world.client(public=True).get("/help/money"))
        assert "Call your bank now" in page
        assert "has not adopted this text yet" in page
    live = settled(world, f'{LIVE}[node]\nemergency_number = "112"\n')
    with live.open:
        page = text_of(live.client(public=True).get("/help/money"))
        assert "Call your bank now" not in page
        assert "Your bank first." in page
        assert "Report it" in page


def test_a_manager_adopts_a_text_and_the_public_reads_it_as_it_was_adopted(world: World) -> None:
    live = settled(world, f'{LIVE}[node]\nemergency_number = "112"\n')
    code, said, _ = live.tocsin.call("doctor")
    assert code == 1
    assert "not adopted: ransomware, money" in said
    application = make_application(live.node, clock=lambda: START)
    with browser_of(application, live.node, AccountRole.ANALYST, now=START) as analyst:
        assert "Not adopted" in text_of(analyst.get("/reports/help-texts"))
        assert analyst.send("/reports/help-texts", kinds="money").status_code == 404
    with browser_of(application, live.node, AccountRole.MANAGER, now=START) as manager:
        assert manager.send("/reports/help-texts", kinds="money").status_code == 303
        page = text_of(manager.get("/reports/help-texts"))
        assert "10 kinds of incidents have no adopted text" in page
        assert "Adopted Manager" in page
    with live.node.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "helptext.adopted")).one()
        assert (entry.subject, entry.at, entry.actor.startswith("person:")) == ("help-text:money", START, True)
    own = live.node.home / "templates" / "fr" / "help" / "money.txt"
    own.parent.mkdir(parents=True)
    own.write_text("- Un autre texte.\n")
    with live.open:
        client = live.client(public=True)
        assert "Call your bank now" in client.get("/help/money").text
        page = client.get("/help/money?language=fr").text
        assert "Appelez votre banque maintenant" in page
        assert "Example" not in page
    assert "changed since they were adopted: money" in live.tocsin.call("doctor")[1]
    assert "money: adopted." in live.tocsin.run("help-texts", "adopt", "money", "--as", "Ana")
    with live.open:
        assert "Un autre texte." in live.client(public=True).get("/help/money?language=fr").text


def test_an_own_text_that_cannot_be_used_is_not_adopted_and_stops_no_mail(world: World) -> None:
    own = world.node.home / "templates" / "en" / "help" / "leak.txt"
    own.parent.mkdir(parents=True)
    own.write_text("No dash.\n")
    code, _, said = world.tocsin.call("help-texts", "adopt", "leak")
    assert code == 2
    assert "each line starts with '- '" in said
    assert "each line starts with '- '" in world.tocsin.call("doctor")[1]
    assert world.hear("192.0.2.5").stored == 1
    world.tocsin.run("deliver")
    with world.open:
        assert world.client(public=True).get("/help/leak").status_code == 200


def test_whom_to_call_has_numbers_hours_and_languages(world: World) -> None:
    (world.folder / "lines.toml").write_text(LINES)
    world.tocsin.run("directory", "import", world.folder / "lines.toml")
    world = settled(world, '[node]\ncountry = "KE"\nemergency_number = "112"\nfraud_number = "159"\n')
    for key in ("listening-line", "police"):
        confirm_lines(world.node.database, key, (), actor="test", now=START)
    with world.open:
        client = world.client(public=True)
        money, hurt = client.get("/help/money"), client.get("/help/hurt")
        said = text_of(money)
        order = ["Your bank first.", "Call: 159", "Police of Kenya", "+254 5550 0144", "emergency number: 112"]
        assert [said.index(part) for part in order] == sorted(said.index(part) for part in order)
        assert "Listening Line" not in said
        said = text_of(hurt)
        order = ["Call: 112", "Listening Line", "Open now", "English, French", "Police of Kenya", "What to do now"]
        assert [said.index(part) for part in order] == sorted(said.index(part) for part in order)
        assert "Your bank" not in said


def test_the_page_for_threats_is_kept_nowhere_and_can_be_left(client: httpx.Client) -> None:
    page = client.get("/help/hurt")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in page.headers
    assert "<title>Help " in page.text
    assert "data-exit" in page.text
    assert "<form" not in page.text
    assert 'href="/help/hurt" data-replace' in client.get("/help").text


def test_who_does_not_know_is_asked_two_questions_and_can_report_it(client: httpx.Client) -> None:
    led = client.get("/find?about=unknown")
    assert (led.status_code, led.headers["location"]) == (303, "/help/other")
    page = client.get("/help/other").text
    assert set(re.findall(r'href="/help/([a-z-]+)"', page)) <= {*ReportKind}
    assert 'href="/report?kind=other"' in page


def test_the_csirt_of_the_country_says_that_it_is(world: World) -> None:
    world = settled(world, '[node]\ncountry = "KE"\nname = "Our CSIRT"\n')
    with world.open:
        page = text_of(world.client(public=True).get("/find?about=country&value=KE"))
    assert "Our CSIRT can help" in page
    assert "We are the CSIRT for Kenya." in page

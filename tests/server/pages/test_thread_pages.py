"""The page of a party: its mails, the form by which one writes, two people who write at the same time."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from sqlalchemy import update

from support.console_users import Browser, browser_of
from support.incident_mails import SETTINGS, Case, answer_to, answer_to_id, make_case
from support.world import World, make_world
from tocsin.incidents import PartyRole
from tocsin.incidents.threads import IncidentMail
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application

HOSPITAL, OPERATOR = "it@hospital.example", "noc@isp.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("thread-pages"), SETTINGS)
    yield made
    made.open.close()
    made.node.database.close()


@pytest.fixture(scope="module")
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        yield browser


@pytest.fixture(scope="module")
def manager(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as browser:
        yield browser


@pytest.fixture
def case(world: World) -> Case:
    return make_case(world, {"Hospital": HOSPITAL, "Operator": OPERATOR})


def path_of(case: Case, party: str) -> str:
    return f"/incidents/{case.reference}/parties/{case.parties[party]}"


def field_of(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return unescape(found[1]) if found else ""


def send(browser: Browser, case: Case, party: str, **fields: str) -> int:
    page = browser.get(path_of(case, party)).text
    given = {"made": field_of(page, "made"), "seen": field_of(page, "seen"), "subject": "Look", **fields}
    return browser.send(f"{path_of(case, party)}/send", **given).status_code


def text_in(browser: Browser, path: str) -> str:
    page = browser.get(path)
    assert page.status_code == 200
    return unescape(re.sub(r"<[^>]+>", " ", page.text))


def test_a_mail_is_written_and_shown_with_its_answer(analyst: Browser, case: Case) -> None:
    assert "No mails yet" in text_in(analyst, path_of(case, "Hospital"))
    assert send(analyst, case, "Hospital", text="Please look at your server.") == 303
    shown = text_in(analyst, path_of(case, "Hospital"))
    assert "Waiting for the party" in shown
    case.world.now = case.world.now.replace(minute=case.world.now.minute + 2)
    (sent,) = case.world.tell().values()
    case.receive(answer_to(sent, "We did.", sender=HOSPITAL))
    shown = text_in(analyst, path_of(case, "Hospital"))
    assert "We did." in shown
    assert "Ours to answer" in shown
    assert "We did." not in text_in(analyst, path_of(case, "Operator"))


def test_a_template_is_filled_and_what_is_open_stops_it(analyst: Browser, case: Case) -> None:
    page = analyst.get(f"{path_of(case, 'Hospital')}?template=ask").text
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[1])  # type: ignore[index]  # there
    assert "Dear Hospital," in text
    assert case.reference in text
    made = {"made": field_of(page, "made"), "seen": field_of(page, "seen"), "subject": "Ask", "text": text}
    refused = analyst.send(f"{path_of(case, 'Hospital')}/send", **made)
    assert refused.status_code == 422
    assert "{deadline}" in refused.text
    assert "Dear Hospital," in refused.text


def test_quoted_text_is_asked_about_and_sent_once_confirmed(analyst: Browser, case: Case) -> None:
    assert send(analyst, case, "Hospital", text="The tapes lie in the cellar of the old laundry.") == 303
    quoted = {"text": "They say that the tapes lie in the cellar of the old laundry."}
    assert send(analyst, case, "Operator", **quoted) == 422
    assert send(analyst, case, "Operator", **quoted, quotes_checked="1") == 303


def test_an_answer_to_what_came_encrypted_asks_before_it_goes_in_clear(analyst: Browser, case: Case) -> None:
    assert send(analyst, case, "Hospital", text="Please look.") == 303
    case.receive(answer_to_id(case.thread("Hospital")[1][-1].message_id, "We did.", sender=HOSPITAL))
    with case.world.node.database.begin() as session:
        session.execute(update(IncidentMail).where(IncidentMail.ours.is_(False)).values(encrypted="openpgp"))
    page = analyst.get(path_of(case, "Hospital")).text
    assert 'id="in_clear"' not in page
    assert "came encrypted" in page
    form = {"made": field_of(page, "made"), "seen": field_of(page, "seen"), "subject": "a", "text": "Thanks."}
    refused = analyst.send(f"{path_of(case, 'Hospital')}/send", **form)
    assert refused.status_code == 422
    assert "this answer would go in clear" in unescape(refused.text)
    assert 'id="in_clear"' in refused.text
    assert send(analyst, case, "Hospital", text="Thanks.", in_clear="1") == 303


def test_who_writes_second_is_told_and_keeps_the_words(analyst: Browser, manager: Browser, case: Case) -> None:
    before = analyst.get(path_of(case, "Hospital")).text
    assert send(manager, case, "Hospital", text="First.") == 303
    form = {"made": field_of(before, "made"), "seen": field_of(before, "seen"), "subject": "a", "text": "Second."}
    late = analyst.send(f"{path_of(case, 'Hospital')}/send", **form)
    assert late.status_code == 422
    assert "Second." in late.text
    assert len(case.thread("Hospital")[1]) == 1


def test_the_same_form_twice_is_one_mail(analyst: Browser, case: Case) -> None:
    page = analyst.get(path_of(case, "Hospital")).text
    form = {"made": field_of(page, "made"), "seen": field_of(page, "seen"), "subject": "a", "text": "Once."}
    assert {analyst.send(f"{path_of(case, 'Hospital')}/send", **form).status_code for _ in range(2)} == {303}
    assert len(case.thread("Hospital")[1]) == 1


def test_a_draft_stays_and_others_see_that_somebody_writes(analyst: Browser, manager: Browser, case: Case) -> None:
    path = path_of(case, "Hospital")
    assert analyst.send(f"{path}/draft", subject="Half", text="Half a mail").status_code == 303
    assert "Half a mail" in analyst.get(path).text
    seen = manager.get(path).text
    assert "is writing to this party" in seen
    assert "Half a mail" not in seen
    said = manager.client.post(
        f"{path}/draft", data={"csrf": manager.csrf, "text": "I too"}, headers={"Accept": "application/json"}
    ).json()
    assert len(said["writing"]) == 1
    assert send(analyst, case, "Hospital", text="Whole.") == 303
    assert "Half a mail" not in analyst.get(path).text


def test_several_parties_get_a_mail_each(analyst: Browser, case: Case) -> None:
    path = f"/incidents/{case.reference}/announce"
    page = analyst.get(f"{path}?template=closing").text
    assert case.reference in page
    form = {"made": field_of(page, "made"), "subject": "Closed", "text": "It is over."}
    assert analyst.send(path, **form).status_code == 422
    assert analyst.send(path, **form, parties=["9" * 5_000]).status_code == 422
    assert analyst.send(path, **form, parties=[str(one) for one in case.parties.values()]).status_code == 303
    assert [len(case.thread(one)[1]) for one in case.parties] == [1, 1]


def test_what_the_gate_refuses_says_so_at_its_field(analyst: Browser, world: World) -> None:
    case = make_case(world, {"Paper": "desk@paper.example"}, role=PartyRole.PRESS)
    assert send(analyst, case, "Paper", text="No comment.") == 422
    assert send(analyst, case, "Paper", text="No comment.", tlp="CLEAR") == 303


def test_who_is_not_named_finds_nothing(analyst: Browser, world: World) -> None:
    case = make_case(world, {"Hospital": HOSPITAL}, members=(4711,))
    path = path_of(case, "Hospital")
    assert [analyst.get(one).status_code for one in (path, f"/incidents/{case.reference}/announce")] == [404, 404]
    for act in ("send", "draft", "no-answer", "address", "accept", "refuse"):
        fields = {"subject": "a", "text": "b", "mail": "1"}
        assert analyst.send(f"{path}/{act}", **fields).status_code == 404, act

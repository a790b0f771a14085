"""Playbooks on pages: the list, an outline, one that is added, and the tab of an incident."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.console_users import Browser, browser_of
from support.playbook_examples import PLAYBOOK, QUESTION, START, make_playbook
from support.world import World, copy_world, text_of
from tocsin.incidents import add_incident
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def manager(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as found:
        yield found


def incident(world: World, rsit_type: str = "") -> str:
    with world.node.database.begin() as session:
        made = add_incident(session, title="Phishing", rsit_type=rsit_type, actor="person:1", now=world.now)
        return f"/incidents/{made.reference}/playbooks"


def test_a_playbook_is_added_shown_and_given_out(manager: Browser) -> None:
    done = manager.send("/playbooks/add", content=PLAYBOOK)
    assert done.headers["location"].startswith("/playbooks/a-question?undo=")
    assert "Is it ours?" in text_of(manager.get("/playbooks/a-question"))
    assert "A question" in text_of(manager.get("/playbooks"))
    file = manager.get("/playbooks/a-question/file")
    assert (file.text, file.headers["content-disposition"][:10]) == (PLAYBOOK, "attachment")
    assert manager.send("/playbooks/a-question/remove").status_code == 303
    assert manager.get("/playbooks/a-question").status_code == 404


def test_what_is_wrong_is_named_and_what_was_typed_stays(manager: Browser) -> None:
    broken = make_playbook("A question", START, {START: QUESTION[START]})
    answer = manager.send("/playbooks/add", content=broken)
    assert answer.status_code == 422
    assert f"workflow/{START}/on_completion" in text_of(answer)
    assert "A question" in answer.text
    assert manager.send("/playbooks/add", content="[[").status_code == 422
    assert manager.send("/playbooks/add", content="").status_code == 422


def test_nothing_of_a_file_is_markup(manager: Browser, world: World) -> None:
    name = '<img src="x">100 %(name)s %'
    manager.send("/playbooks/add", content=make_playbook(name, START, QUESTION, description=name))
    (key,) = re.findall(r'href="(/playbooks/img[^"]+)"', manager.get("/playbooks").text)
    here = incident(world)
    manager.send(here, playbook=key.rpartition("/")[2])
    for path in ("/playbooks", key, here, here.removesuffix("/playbooks")):
        page = manager.get(path)
        assert (page.status_code, '<img src="x"' in page.text, name in text_of(page)) == (200, False, True), path


def test_it_is_started_answered_and_worked_on_an_incident(manager: Browser, world: World) -> None:
    here = incident(world, "phishing")
    page = text_of(manager.get(here))
    assert "Suggested: it is for incidents of the type phishing" in page
    assert manager.send(here, playbook="phishing-site").headers["location"].startswith(here)
    assert "1 step open" in text_of(manager.get(here))
    manager.send("/playbooks/add", content=PLAYBOOK)
    manager.send(here, playbook="a-question")
    manager.send(f"{here}/2/answer", question="2", answer="no")
    page = text_of(manager.get(here))
    assert "Call the other CSIRT" in page
    again = manager.send(f"{here}/2/answer", question="2", answer="yes")
    assert (again.status_code, "answered already" in text_of(again)) == (409, True)
    assert "Is it ours? No" in text_of(manager.get(here.removesuffix("/playbooks")))

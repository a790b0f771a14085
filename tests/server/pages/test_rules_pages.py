"""Rules on pages: read in plain words, checked by line, tried, put in force in versions, and never overwritten."""

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from support.console_users import Browser, browser_of
from support.world import START, World, copy_world, text_of
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application
from tocsin.sharing.rules import version_in_force

RULE = """
[[share]]
id = "not-to-banks"
to_kind = "sectoral"
feed = "scan_rdp"
refuse = true
"""


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def people() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def come(people: ExitStack, world: World, role: AccountRole) -> Browser:
    application = make_application(world.node, clock=lambda: world.now)
    return people.enter_context(browser_of(application, world.node, role, now=START))


def typed(page: httpx.Response) -> str:
    """What the field of the text holds, as a browser reads it: without the first line feed."""
    found = re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_a_rule_is_written_checked_tried_and_put_in_force(world: World, people: ExitStack) -> None:
    world.hear("192.0.2.1", "192.0.2.130")
    manager = come(people, world, AccountRole.MANAGER)
    assert "No rules of this node" in text_of(manager.get("/rules"))
    text = typed(manager.get("/rules/edit")) + RULE
    tried = manager.send("/rules/edit", text=text.replace("\n", "\r\n"), based_on="0", do="try")
    assert '<h2 id="trial">Events: 1 fewer for 1 team</h2>' in tried.text
    assert "2 events of last week: 2 teams notified with this text, 3 now" in text_of(tried)
    assert "the recipient is a team of kind sectoral" in text_of(tried)
    assert "+id = &#34;not-to-banks&#34;" in tried.text
    with world.node.database.reading() as session:
        assert version_in_force(session) is None
    assert manager.send("/rules/edit", text=text, based_on="0", do="set").status_code == 422
    done = manager.send("/rules/edit", text=text, based_on="0", do="set", why="Their contract")
    assert done.headers["location"] == "/rules"
    said = text_of(manager.get("/rules"))
    assert "1 rule of this node in force" in said
    assert "Such events are not shared." in said
    assert "By Manager" in said


def test_what_is_wrong_is_named_by_line_and_what_was_typed_stays(world: World, people: ExitStack) -> None:
    manager = come(people, world, AccountRole.MANAGER)
    text = "title = 'x'\n" + RULE.replace("sectoral", "<b>bakery</b>")
    page = manager.send("/rules/edit", text=text, based_on="0", do="set", why="x")
    assert page.status_code == 422
    assert "1 error: not saved" in text_of(page)
    assert "Line 5" in page.text
    assert typed(page) == text
    assert "<b>bakery" not in page.text


def test_two_people_do_not_overwrite_each_other(world: World, people: ExitStack) -> None:
    one, other = come(people, world, AccountRole.MANAGER), come(people, world, AccountRole.ADMINISTRATOR)
    first = typed(one.get("/rules/edit")) + RULE
    second = typed(other.get("/rules/edit")) + RULE.replace("not-to-banks", "mine")
    assert one.send("/rules/edit", text=first, based_on="0", do="set", why="First").status_code == 303
    met = other.send("/rules/edit", text=second, based_on="0", do="set", why="Second")
    assert met.status_code == 409
    assert "Another version came into force meanwhile" in text_of(met)
    assert typed(met) == second
    assert "+id = &#34;not-to-banks&#34;" in met.text
    assert 'name="based_on" value="1"' in met.text
    assert other.send("/rules/edit", text=second, based_on="1", do="set", why="Second").status_code == 303
    assert "Rules 2 versions" in text_of(one.get("/rules/versions"))
    old = one.get("/rules/versions/1")
    assert "Rules, version 1 replaced" in text_of(old)
    back = typed(one.get("/rules/edit?back_to=1"))
    assert back == first.rstrip() + "\n"
    assert one.send("/rules/edit", text=back, based_on="2", do="set", why="Back").status_code == 303
    assert "Rules, version 3 in force" in text_of(one.get("/rules/versions/3"))


def test_who_may_read_and_who_may_change(world: World, people: ExitStack) -> None:
    for role in (AccountRole.ANALYST, AccountRole.AUDITOR):
        reader = come(people, world, role)
        assert reader.get("/rules").status_code == reader.get("/rules/versions").status_code == 200
        assert "Edit rules" not in reader.get("/rules").text
        assert reader.get("/rules/edit").status_code == 404
        assert reader.send("/rules/edit", text=RULE, based_on="0", do="set", why="x").status_code == 404
    operator = come(people, world, AccountRole.OPERATOR)
    assert operator.get("/rules").status_code == operator.get("/rules/versions/1").status_code == 404


def test_the_answer_to_who_must_know_names_the_rules(world: World, people: ExitStack) -> None:
    manager = come(people, world, AccountRole.MANAGER)
    inform = '[[route]]\nid = "b-too"\nnetwork = "192.0.2.0/25"\ninform = "nat-b"\n'
    manager.send("/rules/edit", text=RULE + inform, based_on="0", do="set", why="Test")
    said = text_of(manager.get("/lookup?q=192.0.2.1"))
    assert "Also notified, by a rule National CSIRT of B b-too For information" in said
    assert "Rules that may also apply, depending on the event: not-to-banks" in said

"""In a real browser: what is wrong leads to its line, also by keyboard."""

from pathlib import Path

from support.browser import browser
from support.console_users import person, session_of
from support.world import World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


def test_a_fault_leads_to_its_line(fresh: Path, tmp_path: Path) -> None:
    world: World = copy_world(fresh, tmp_path)
    secret = session_of(world.node, person(world.node, AccountRole.MANAGER, now=world.now), now=world.now)
    application = make_application(world.node, clock=lambda: world.now)
    with served(application) as port, browser() as page:
        address = f"http://127.0.0.1:{port}"
        page.command("Network.enable")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=address)
        page.open(f"{address}/rules/edit")
        page.read("document.querySelector('#text').value = 'title = \"x\"\\n\\n[[share]]\\nid = \"a\"\\nfeed = 1.5\\n'")
        before = page.loads
        page.read("document.querySelector('button[value=check]').click()")
        page.wait_for_load(before)
        assert page.read("document.querySelector('.standing').innerText") == "2 errors: not saved"
        page.read("[...document.querySelectorAll('a[data-line]')].find(one => one.dataset.line === '5').focus()")
        page.press("Enter")
        chosen = "const text = document.activeElement; text.value.slice(text.selectionStart, text.selectionEnd)"
        assert page.read(chosen) == "feed = 1.5"


def test_going_back_to_what_answered_a_form_asks_nothing_and_finds_the_text(fresh: Path, tmp_path: Path) -> None:
    world: World = copy_world(fresh, tmp_path)
    secret = session_of(world.node, person(world.node, AccountRole.MANAGER, now=world.now), now=world.now)
    application = make_application(world.node, clock=lambda: world.now)
    with served(application) as port, browser() as page:
        address = f"http://127.0.0.1:{port}"
        page.command("Network.enable")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=address)
        page.open(f"{address}/rules/edit")
        page.read("document.querySelector('#text').value = 'title = \"Mine\"\\n'")
        before = page.loads
        page.read("document.querySelector('button[value=try]').click()")
        page.wait_for_load(before)
        assert page.read("document.querySelector('#trial') !== null")
        page.open(f"{address}/rules")
        page.lead("history.back()")
        assert page.read("location.pathname") == "/rules/edit"
        assert page.read("document.querySelector('#text')?.value") == 'title = "Mine"\n'

"""No page violates WCAG 2.2 AA as far as a machine can tell, from left to right and from right to left.

Nor does any ask the browser for what its own policy forbids, and none breaks: each is opened once for both.
"""

import json
import time

import pytest

from support.browser import Page
from support.linked_pages import ask
from support.page_checks import Gallery, Seen, misfits, violations
from support.sizes import WHOLE
from support.world import World
from tocsin.node.accounts import AccountRole


def wrongs(page: Page) -> list[object]:
    return [*json.loads(violations(page)), *misfits(page, 320), *misfits(page, 1280)]  # 320: reflow, 1.4.10


def press(page: Page, button: str) -> None:
    """Press a button, whether or not the browser finds the form filled in, and wait for the page that follows."""
    page.read("window.before = true")
    assert page.read(f"document.querySelector({button!r}).form.noValidate = true")
    page.read(f"document.querySelector({button!r}).click()")
    until = time.monotonic() + 300
    while page.read("window.before || document.readyState != 'complete'") is not False:
        assert time.monotonic() < until, page.read("document.title")
        time.sleep(0.05)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_page_violates_wcag_or_meets_its_own_policy_or_breaks(rooms: Gallery, language: str) -> None:
    """OWASP ASVS 3.4.3: what the Content-Security-Policy refuses is nothing of ours."""
    wrong: list[tuple[str, object]] = []
    for role, pages in rooms.by_role().items():
        if not pages:
            continue
        with rooms.eyes(role, theme="dark" if language == "ar" else "light") as page:
            page.listen()
            # Each language takes every other page, which is all of them; `scripts/check_pages` takes the whole matrix.
            for seen in pages if WHOLE else pages[language == "ar" :: 2]:
                page.complaints.clear()
                page.open(rooms.at(seen, language))
                page.read("1")  # what was said until here has been heard then
                wrong += [(seen.path, one) for one in page.complaints if "404 (Not Found)" not in one]
                if found := wrongs(page):
                    wrong.append((seen.path, found))
    assert wrong == []


@pytest.mark.parametrize(("language", "team"), [("en", "sector"), ("ar", "green")])
def test_no_page_that_a_form_of_a_link_leads_to_violates_wcag(
    shown: World, rooms: Gallery, language: str, team: str
) -> None:
    answer = next(seen for seen in rooms.pages if seen.called == "answer-in-part")
    question = Seen(ask(shown, team), AccountRole.NOBODY)
    # Nothing chosen; no network selected; and a mailbox confirmed, after which its link is used up.
    presses = [(answer, ".bulk button"), (question, "button[value=not_these]"), (question, "button[value=ours]")]
    with rooms.eyes(AccountRole.NOBODY, theme="dark" if language == "ar" else "light") as page:
        page.command("Network.setCookie", name="language", value=language, url=rooms.address)
        for seen, button in presses:
            page.open(rooms.at(seen, language))
            press(page, button)
            assert page.read("document.documentElement.lang") == language
            assert page.read("!!document.querySelector('main [role=alert]')") == (button != "button[value=ours]")
            assert wrongs(page) == []
        page.open(rooms.at(question, language))
        assert page.read("!!document.querySelector('main h1') && !document.querySelector('main form')")

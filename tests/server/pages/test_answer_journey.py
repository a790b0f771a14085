"""A person answers in a real browser with the keyboard alone, without scripts, on a phone; in either direction."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from support.browser import Page, browser
from support.world import World, copy_world, link_of
from tocsin.problems.answers import Answer

OPERATOR = "abuse@operator.example"
ONE, TWO, THREE = "192.0.2.1", "192.0.2.2", "192.0.2.3"
_FOCUS = "document.activeElement.id || document.activeElement.value || document.activeElement.textContent.trim()"


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def tab_to(page: Page, wanted: str) -> None:
    """Move the focus on until it is at an element, by its id or its words."""
    for _ in range(40):
        page.press("Tab")
        if page.read(_FOCUS) == wanted:
            return
    pytest.fail(f"the keyboard does not reach {wanted}")


def test_with_the_keyboard_alone_and_without_scripts(world: World) -> None:
    world.hear(ONE, TWO, THREE)
    link = link_of(world.tell()[OPERATOR])
    base = str(world.client().base_url).rstrip("/")
    boxes = re.findall(r'id="(p[0-9a-f]{16})"', world.client().get(link).text)

    with browser(width=390, height=844, scripts=False) as page:
        page.open(base + link)
        assert page.read("document.title") == "To fix · CSIRT Example"
        assert page.read("document.documentElement.scrollWidth") <= 390
        tab_to(page, boxes[1])
        page.press("Space")
        tab_to(page, "v-acknowledged")
        page.press("Down")
        assert page.read("document.querySelector('[name=verdict]:checked').value") == "fixed"
        tab_to(page, "Note")
        page.press("Space")
        tab_to(page, "note")
        page.write("patched")
        tab_to(page, "Set the status")
        before = page.loads
        page.press("Enter")
        page.wait_for_load(before)
        assert "Fixed" in page.read("document.querySelector('.done:not([hidden])').textContent")
        assert "Open problems: 2" in page.read("document.querySelector('.standing').textContent")
        assert page.read("document.documentElement.scrollWidth") <= 390

    with world.node.database.begin() as session:
        (answer,) = session.scalars(select(Answer))
    assert (answer.verdict, answer.problems, answer.via) == ("fixed", [boxes[1][1:]], "page")
    assert answer.note == "patched"


def test_a_page_of_a_link_has_no_script_of_its_own_and_is_legible(world: World) -> None:
    world.hear(ONE)
    link = link_of(world.tell()[OPERATOR])
    with browser() as page:
        page.open(str(world.client().base_url).rstrip("/") + link)
        assert page.read("document.querySelectorAll('script:not([src])').length") == 0
        contrast = page.read(_CONTRAST)
    assert min(contrast.values()) >= 4.5, contrast


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_legible_in_light_and_dark(world: World, scheme: str) -> None:
    world.hear(ONE, TWO)
    link = link_of(world.tell()[OPERATOR])
    with browser() as page:
        page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.open(str(world.client().base_url).rstrip("/") + link)
        contrast = page.read(_CONTRAST)
    assert len(contrast) > 10
    assert min(contrast.values()) >= 4.5, contrast  # WCAG 2.2, 1.4.3


# The contrast (WCAG 2.2) of each element with text of its own against the nearest background behind it.
_CONTRAST = """(() => {
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const light = text => rgb(text).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { while (e) { const b = getComputedStyle(e).backgroundColor;
    if (rgb(b).length < 4 || rgb(b)[3] > 0) return b; e = e.parentElement; } return "rgb(255, 255, 255)"; };
  const found = {};
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    found[e.tagName + " " + e.className + " " + e.textContent.trim().slice(0, 20)] = (a + 0.05) / (b + 0.05);
  }
  return found; })()"""


def test_from_right_to_left_nothing_needs_a_second_stylesheet(world: World, tmp_path: Path) -> None:
    world.hear(ONE, TWO)
    link = link_of(world.tell()[OPERATOR])
    base = str(world.client().base_url).rstrip("/")
    with browser(width=390, height=844) as page:
        page.open(base + link)
        page.read("document.documentElement.dir = 'rtl'")
        box, label = (
            page.read(f"document.querySelector('{of}').getBoundingClientRect().left")
            for of in (".problem-list input", ".problem-list label")
        )
        assert box > label
        assert page.read("document.documentElement.scrollWidth") <= 390
        assert page.read("getComputedStyle(document.querySelector('.problem-list code')).direction") == "ltr"
        (tmp_path / "rtl.png").write_bytes(page.screenshot())

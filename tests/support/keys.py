"""Keys as a person strikes them in a real browser: what is focused on the way is always seen."""

import time

from support.browser import Page

_MOST = 200  # stops of the Tab key on one page
SEEN = """(() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 1;
  const line = one.getClientRects()[0] ?? box;  // of a link that is broken into lines the first
  const x = Math.min(Math.max(line.left + line.width / 2, 1), innerWidth - 2);
  const y = Math.min(Math.max(line.top + line.height / 2, 1), innerHeight - 2);
  const over = document.elementsFromPoint(x, y);
  const on = over.includes(one) && (one.contains(over[0]) || over[0].contains(one));
  return `${ringed} ${inside} ${on} ${one.outerHTML.slice(0, 120)}`;
})()"""


def strike(page: Page, letters: str) -> None:
    """Strike keys with letters on them, as shortcuts are."""
    for letter in letters:
        page.command("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
        page.command("Input.dispatchKeyEvent", type="keyUp", key=letter)


def go(page: Page, *, letters: str = "", key: str = "") -> None:
    """The same where another page follows."""
    before = page.loads
    strike(page, letters)
    if key:
        page.press(key)
    page.wait_for_load(before)


def reach(page: Page, selector: str) -> None:
    """Press Tab until that has the focus; each stop on the way is seen."""
    for _ in range(_MOST):
        page.press("Tab")
        seen = page.read(SEEN)
        assert seen == "" or seen.startswith("true true true"), seen
        if page.read(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"{selector} is not reached at {page.read('location.href')}")


def hop(page: Page, selector: str) -> None:
    """Reach it from the start of the content, as who skips what stands above it."""
    reach(page, "a.skip")
    page.press("Enter")
    reach(page, selector)


def await_focus(page: Page, selector: str) -> None:
    """Wait until the page has put the focus there: it does so in a turn of its own after it is loaded."""
    until(page, f"document.activeElement.matches({selector!r})")


def until(page: Page, expression: str) -> None:
    """Wait until it holds in the page."""
    end = time.monotonic() + 300
    while not page.read(f"Boolean({expression})"):
        assert time.monotonic() < end, f"{expression} never came; the page says: {page.read('document.body.innerText')}"
        time.sleep(0.02)


def retype(page: Page, text: str) -> None:
    """Type a text in place of what the field with the focus holds."""
    page.command("Input.dispatchKeyEvent", type="keyDown", key="a", code="KeyA", modifiers=2, commands=["selectAll"])
    page.command("Input.dispatchKeyEvent", type="keyUp", key="a", code="KeyA", modifiers=2)
    page.write(text)


def choose(page: Page, value: str) -> None:
    """Choose an option of the list with the focus by the arrow keys."""
    steps = "document.activeElement.selectedIndex"
    options = "[...document.activeElement.options].map((one) => one.value)"
    away = page.read(options).index(value) - page.read(steps)
    page.press(*["Down" if away > 0 else "Up"] * abs(away))
    until(page, f"document.activeElement.value === {value!r}")


def type_time(page: Page, at: str) -> None:
    """Type a time, such as 2026-11-16T06:00, into the parts of the field with the focus, as the browser orders them."""
    day, _, clock = at.partition("T")
    year, month, date = day.split("-")
    hour, minute = (int(one) for one in clock.split(":"))
    strike(page, f"{month}{date}{year}")
    page.press("Right")  # a year may have more digits
    strike(page, f"{hour % 12 or 12:02d}{minute:02d}{'P' if hour >= 12 else 'A'}")
    until(page, f"document.activeElement.value === {at!r}")


def pick(page: Page, words: str) -> None:
    """Open the command palette, and choose what says exactly this."""
    until(page, "document.getElementById('palette-open')?.parentElement.hidden === false")
    end = time.monotonic() + 300
    while not page.read("document.getElementById('palette').open"):  # the key counts once its library is loaded
        assert time.monotonic() < end
        for kind in ("keyDown", "keyUp"):
            page.command("Input.dispatchKeyEvent", type=kind, key="k", code="KeyK", modifiers=2)
        time.sleep(0.02)
    until(page, "document.activeElement.id === 'palette-field'")
    page.write(words)
    place = f"""(() => {{
      const same = [...document.querySelectorAll('#palette-list [role=option]')]
        .map((one, at) => [at, ...[...one.children].map((part) => part.textContent)])
        .filter(([, , name]) => name === {words!r});
      const here = same.find(([, kind]) => kind === document.getElementById('palette').dataset.onPage);
      return (here ?? same[0])?.[0] ?? null;
    }})()"""
    until(page, f"{place} !== null")
    page.press(*["Down"] * page.read(place))
    page.press("Enter")


def follow(page: Page, words: str) -> None:
    """The same where another page follows."""
    before = page.loads
    pick(page, words)
    page.wait_for_load(before)

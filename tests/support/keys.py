"""Keys as a person strikes them in a real browser: what is focused on the way is always seen."""

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
    raise AssertionError(f"{selector} is not reached")

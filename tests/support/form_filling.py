"""A person's hand in a real browser: goes to pages, fills fields by their labels, presses what a button says."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from support.browser import Page

_BUTTON = "'main button, main a, main summary'"
_LABEL = "'main label'"


class Hand:
    """One tab at one site; ``cookies`` of several people can be put away and taken out again."""

    def __init__(self, page: Page, base: str) -> None:
        self._page, self._base = page, base
        self._kept: dict[str, list[dict[str, Any]]] = {}

    def go(self, path: str) -> None:
        """Open a page of the site, or one by its whole address."""
        self._page.read("window.before = true")
        self._page.command("Page.navigate", url=path if path.startswith("http") else self._base + path)
        self._until_loaded()

    def fill(self, label: str, text: str) -> None:
        """Type a text into the first field with this label."""
        self._on(_LABEL, label, "found.control.value = ''; found.control.focus()")
        self._page.write(text)

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list by its words."""
        says = f"[...list.options].find(one => one.text.trim().startsWith({json.dumps(option)})).value"
        self._on(_LABEL, label, f"const list = found.control; list.value = {says}")

    def tick(self, label: str) -> None:
        """Tick the first box, or take the first choice, whose label holds this."""
        self._on(_LABEL, label, "found.control.click()", part=True)

    def attach(self, label: str, file: Path) -> None:
        """Choose a file."""
        self._on(_LABEL, label, "found.control.id = 'attached'")
        handle = self._page.command("Runtime.evaluate", expression="document.getElementById('attached')")["result"]
        self._page.command("DOM.setFileInputFiles", files=[str(file)], objectId=handle["objectId"])

    def press(self, words: str) -> None:
        """Press the first button or link that says this, and wait for the page that follows."""
        self._page.read("window.before = true")
        self._on(_BUTTON, words, "found.click()")
        self._until_loaded()

    def unfold(self, words: str) -> None:
        """Open what is folded under these words."""
        self._on("'main summary'", words, "found.click()")

    def drag(self, css: str, start: float, end: float) -> None:
        """Press at one share of an element's width, let go at another, and wait for the page that follows."""
        self._page.read(f"window.before = true; document.querySelector({css!r}).scrollIntoView({{block: 'center'}})")
        box = self._page.read(f"document.querySelector({css!r}).getBoundingClientRect().toJSON()")
        y = box["y"] + box["height"] / 2
        places = [box["x"] + box["width"] * (start + (end - start) * step / 4) for step in range(5)]
        moves = ["mousePressed", *["mouseMoved"] * 4, "mouseReleased"]
        for kind, x in zip(moves, [*places, places[-1]], strict=True):
            self._page.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
            )  # fmt: skip
        self._until_loaded()

    def download(self, words: str, folder: Path) -> Path:
        """Press a button that gives a file; the file, once it is there."""
        folder.mkdir(exist_ok=True)
        before = set(folder.iterdir())
        self._page.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self._on(_BUTTON, words, "found.click()")

        def came() -> list[Path]:
            return [path for path in folder.iterdir() if path not in before and path.suffix != ".crdownload"]

        self.until(came)
        return came()[0]

    def read(self, expression: str) -> Any:
        """What an expression says of the page."""
        return self._page.read(expression)

    @property
    def path(self) -> str:
        """Where the page is."""
        return str(self._page.read("location.pathname"))

    @property
    def places(self) -> list[str]:
        """The places of the navigation."""
        return list(self._page.read("[...document.querySelectorAll('nav.places a')].map(a => a.innerText)"))

    @property
    def title(self) -> str:
        """The heading of the page."""
        return str(self._page.read("document.querySelector('h1')?.innerText ?? ''"))

    @property
    def text(self) -> str:
        """What a reader sees of the page."""
        return str(self._page.read("document.querySelector('main')?.innerText"))

    def value(self, css: str) -> str:
        """The text or value of one element."""
        return str(self._page.read(f"(e => e.value ?? e.innerText)(document.querySelector({json.dumps(css)}))"))

    def until(self, true: Callable[[], object], *, again: str = "") -> None:
        """Wait for something, up to half a minute; ``again``: a page that is opened anew each time."""
        end = time.monotonic() + 300
        while not true():
            assert time.monotonic() < end, f"it did not happen; the page says:\n{self.text}"
            time.sleep(0.05)
            if again:
                time.sleep(0.5)
                self.go(again)

    def put_away(self, person: str) -> None:
        """Close the browser of one person; it stays signed in."""
        self._kept[person] = self._page.command("Network.getCookies", urls=[self._base])["cookies"]
        self._page.command("Network.clearBrowserCookies")

    def take_out(self, person: str) -> None:
        """Open the browser of that person again."""
        self._page.command("Network.clearBrowserCookies")
        for cookie in self._kept.get(person, []):
            given = {name: cookie[name] for name in ("name", "value", "path", "httpOnly")}
            self._page.command("Network.setCookie", url=self._base, **given)

    def _until_loaded(self) -> None:
        self.until(self._loaded)

    def _loaded(self) -> bool:
        """Whether the next page is there; not while the browser leaves the one that it was asked about."""
        with suppress(AssertionError):
            there = "!window.before && document.readyState == 'complete' && !!document.querySelector('main')"
            return bool(self._page.read(there))
        return False

    def _on(self, css: str, words: str, act: str, *, part: bool = False) -> None:
        same = "said.includes(words)" if part else "said === words"
        done = self._page.read(
            f"(() => {{ const words = {json.dumps(words)};"
            f"const found = [...document.querySelectorAll({css})].find(one => {{"
            "if (!one.checkVisibility()) return false;"
            f"const said = one.textContent.replace(/\\s+/g, ' ').trim(); return {same} }});"
            f"if (!found) return false; {act}; return true }})()"
        )
        assert done, f"nothing says '{words}'; the page says:\n{self.text}"


class CountingHand(Hand):
    """It counts what it presses; ``clicks`` does not count fields."""

    clicks = 0

    @property
    def tab(self) -> Page:
        """The tab itself."""
        return self._page

    def press(self, words: str) -> None:
        """A link or button."""
        self.clicks += 1
        super().press(words)

    def send(self, css: str) -> None:
        """The button of the form that a field is in."""
        self.clicks += 1
        self._page.read(f"window.before = true; document.querySelector({css!r}).form.requestSubmit()")
        self._until_loaded()

    def press_first(self, css: str) -> None:
        """The first of some links or buttons."""
        self.clicks += 1
        self._page.read(f"window.before = true; document.querySelector({css!r}).click()")
        self._until_loaded()

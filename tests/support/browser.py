"""A real Chromium without a window, driven through the Chrome DevTools Protocol over a pipe."""

import atexit
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import count
from typing import Any, BinaryIO

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server", "--disable-sync")
_RUNNING: "list[Chromium]" = []
_LOADED = "location.href != 'about:blank' && performance.getEntriesByType('navigation')[0]?.loadEventEnd > 0"
_TAB, _ENTER, _SPACE, _DOWN = ("Tab", 9, ""), ("Enter", 13, "\r"), ("Space", 32, " "), ("ArrowDown", 40, "")
_UP, _RIGHT = ("ArrowUp", 38, ""), ("ArrowRight", 39, "")
_PATIENCE = 120  # seconds; a test that waits for ever ends all tests of its process
KEYS = {
    "Tab": _TAB,
    "Enter": _ENTER,
    "Space": _SPACE,
    "Down": _DOWN,
    "ArrowDown": _DOWN,
    "Up": _UP,
    "Right": _RIGHT,
    "Escape": ("Escape", 27, ""),
}


@dataclass(eq=False)
class Chromium:
    """The process, and the pipes to it; every tab of the tests is one of its."""

    process: subprocess.Popen[bytes]
    to_read: BufferedReader
    to_write: BinaryIO
    pages: dict[str, "Page"] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _read: bytearray = field(default_factory=bytearray)
    _waiting: select.poll = field(default_factory=select.poll)  # of descriptors above 1,023 too, unlike select

    def __post_init__(self) -> None:
        self._waiting.register(self.to_read, select.POLLIN)

    def command(self, method: str, session: str = "", **parameters: Any) -> Any:
        """The result of one DevTools command, to a tab where its session is given."""
        number = self.send(method, session, **parameters)
        while (answer := self.read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def send(self, method: str, session: str = "", **parameters: Any) -> int:
        """Give a command without waiting for its result; its number."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self.to_write.write(json.dumps(message).encode() + b"\0")
        self.to_write.flush()
        return number

    def read(self) -> dict[str, Any]:
        """The next message; the tab that it is about has noted it."""
        while (end := self._read.find(b"\0")) < 0:
            if not self._waiting.poll(_PATIENCE * 1000):
                self.process.kill()  # the next test gets another one
                raise AssertionError("the browser does not answer")
            more = self.to_read.read1(1 << 16)
            assert more, "the browser ended"
            self._read += more
        answer: dict[str, Any] = json.loads(self._read[:end])
        del self._read[: end + 1]
        if (page := self.pages.get(answer.get("sessionId", ""))) is not None:
            page.note(answer)
        return answer


@dataclass(eq=False)
class Page:
    """One tab."""

    chromium: Chromium
    session: str
    context: str
    """Its profile; the clipboard's permission is one of a profile."""
    _loaded: int = 0
    arrived: list[int] = field(default_factory=list)
    """How many bytes each answer took on the line, where `Network` is enabled."""
    complaints: list[str] = field(default_factory=list)
    """What the browser complained of since `listen`: refused by a policy, missing, thrown."""

    def listen(self) -> None:
        """Hear what the browser complains of from now on."""
        self.command("Log.enable")
        self.command("Runtime.enable")

    def command(self, method: str, **parameters: Any) -> Any:
        """The result of one DevTools command."""
        return self.chromium.command(method, self.session, **parameters)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        before = self._loaded
        self.command("Page.navigate", url=url)
        self.wait_for_load(before)
        while not self.read(_LOADED):  # the load that was seen may be that of the empty first page
            time.sleep(0.02)

    def wait_for_load(self, before: int) -> None:
        """Wait for the next page after that many."""
        while self._loaded <= before:
            self.chromium.read()

    def lead(self, script: str) -> None:
        """Do what leads to another page, or back to one, and wait until it is there."""
        self.read("window.before = true")
        self.chromium.send("Runtime.evaluate", self.session, expression=script)  # its page may go before it answers
        end, there = time.monotonic() + 60, False
        while not there:
            assert time.monotonic() < end, f"no page after {script} at {self.read('location.href')}"
            time.sleep(0.02)
            with suppress(AssertionError):  # the page that was asked is gone
                there = self.read("!window.before && document.readyState == 'complete' && !!document.body.dataset.page")

    @property
    def loads(self) -> int:
        """How many pages were loaded."""
        return self._loaded

    def press(self, *names: str) -> None:
        """Press keys, as a hand would."""
        for name in names:
            key, code, text = KEYS[name]
            shared = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
            self.command("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **shared)
            self.command("Input.dispatchKeyEvent", type="keyUp", **shared)

    def write(self, text: str) -> None:
        """Type a text where the focus is."""
        self.command("Input.insertText", text=text)

    def read(self, expression: str) -> Any:
        """The value of an expression, worked out by us and not by the page."""
        return self.command("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def look(self, *, width: int, height: int = 900, theme: str = "") -> None:
        """Make the window this wide, and the device light or dark; the page stays."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def paper(self) -> bytes:
        """The page as it is printed on A4, PDF."""
        return base64.b64decode(self.command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])

    def screenshot(self) -> bytes:
        """A picture of the whole page, PNG."""
        # What is no higher than the window is taken as it is: else pages from right to left are moved aside.
        high = self.read("document.documentElement.scrollHeight > innerHeight")
        return base64.b64decode(self.command("Page.captureScreenshot", captureBeyondViewport=bool(high))["data"])

    def note(self, message: dict[str, Any]) -> None:
        """What the browser tells of this tab."""
        method = message.get("method")
        self._loaded += method == "Page.loadEventFired"
        if method == "Network.loadingFinished":
            self.arrived.append(int(message["params"]["encodedDataLength"]))
        if method in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(message["params"])[:400])


@contextmanager
def browser(*, width: int = 1200, height: int = 900, scripts: bool = True) -> Iterator[Page]:
    """A tab with a profile of its own, as fresh as that of a new browser; without ``scripts`` pages may run none."""
    chromium = _chromium()
    context = chromium.command("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"]
    target = chromium.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
    session = chromium.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    page = chromium.pages[session] = Page(chromium, session, context)
    page.command("Page.enable")
    page.command("Emulation.setFocusEmulationEnabled", enabled=True)  # each is in front, whatever else is open
    page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
    page.look(width=width, height=height)
    try:
        yield page
    finally:
        del chromium.pages[session]
        chromium.command("Target.disposeBrowserContext", browserContextId=context)


def _chromium() -> Chromium:
    """The one of this process of tests; a new one where it ended."""
    if _RUNNING and _RUNNING[-1].process.poll() is None:
        return _RUNNING[-1]
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("Chromium is not here: install the Debian package 'chromium'")
    to_read, their_out = os.pipe()
    their_in, to_write = os.pipe()
    profile = tempfile.mkdtemp(prefix="chromium-")
    # Chromium reads commands from file 3 and answers on file 4.
    command = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
    flags = [*_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
    process = subprocess.Popen(
        ["bash", "-c", command, binary, *flags],
        pass_fds=(their_in, their_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_in)
    os.close(their_out)
    _RUNNING.append(Chromium(process, os.fdopen(to_read, "rb"), os.fdopen(to_write, "wb")))
    atexit.register(_end, _RUNNING[-1], profile)
    return _RUNNING[-1]


def _end(chromium: Chromium, profile: str) -> None:
    chromium.process.terminate()
    chromium.process.wait(timeout=120)
    chromium.to_read.close()
    chromium.to_write.close()
    shutil.rmtree(profile, ignore_errors=True)

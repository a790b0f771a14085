"""A real Chromium without a window, driven through the Chrome DevTools Protocol over a pipe."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, BinaryIO

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-proxy-server", "--disable-sync")
_LOADED = "location.href != 'about:blank' && performance.getEntriesByType('navigation')[0]?.loadEventEnd > 0"
_TAB, _ENTER, _SPACE, _DOWN = ("Tab", 9, ""), ("Enter", 13, "\r"), ("Space", 32, " "), ("ArrowDown", 40, "")
KEYS = {"Tab": _TAB, "Enter": _ENTER, "Space": _SPACE, "Down": _DOWN}


@dataclass
class Page:
    """One tab."""

    _in: BinaryIO
    _out: BinaryIO
    _session: str = ""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
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
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while (answer := self._read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

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
            self._read()

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

    def _read(self) -> dict[str, Any]:
        message = bytearray()
        while (letter := self._in.read(1)) != b"\0":
            assert letter, "the browser ended"
            message += letter
        answer: dict[str, Any] = json.loads(message)
        self._loaded += answer.get("method") == "Page.loadEventFired"
        if answer.get("method") == "Network.loadingFinished":
            self.arrived.append(int(answer["params"]["encodedDataLength"]))
        if answer.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(answer["params"])[:400])
        return answer


@contextmanager
def browser(*, width: int = 1200, height: int = 900, scripts: bool = True) -> Iterator[Page]:
    """A tab of a browser of its own; without ``scripts`` pages may run none."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("Chromium is not here: install the Debian package 'chromium'")
    to_read, their_out = os.pipe()
    their_in, to_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
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
        with os.fdopen(to_read, "rb") as answers, os.fdopen(to_write, "wb") as commands:
            try:
                page = Page(answers, commands)
                target = page.command("Target.createTarget", url="about:blank")["targetId"]
                page._session = page.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
                page.command("Page.enable")
                page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
                page.look(width=width, height=height)
                yield page
            finally:
                process.terminate()
                process.wait(timeout=30)

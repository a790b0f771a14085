"""A package of somebody else with a feed and a collector that break in ways that nobody expects."""

from pathlib import Path

import pytest

PLACES = ("recognise", "open", "chunks", "parse")
ERRORS = ("RuntimeError('boom')", "RecursionError()", "MemoryError()", "pl.exceptions.PanicException('boom')")

_CODE = """
from contextlib import contextmanager
from typing import Literal

import polars as pl

from tocsin.pipeline.collectors import CollectedOffer, CollectorKind, CollectorSettings, WaitingReport
from tocsin.events.sources import Chunk, Feed


class Reader:
    header, columns = "", ()

    def __init__(self, place, error):
        self.place, self.error = place, error

    def chunks(self):
        if self.place == "chunks":
            raise self.error
        yield Chunk(b"x", 1, 1)

    def parse(self, chunk):
        raise self.error


class Broken:
    name = "broken"

    def recognise(self, filename, head):
        place, _, error = head.decode("latin-1").partition("\\n")[0].removeprefix("broken ").partition(" ")
        if not head.startswith(b"broken "):
            return None
        if place == "recognise":
            raise eval(error)
        return head.decode().partition("\\n")[0].replace("broken ", "")

    def feed(self, code):
        return Feed("broken", code, "Broken")

    def open(self, code, stream, chunk_bytes, field_limit=0):
        place, _, error = code.partition(" ")
        if place == "open":
            raise eval(error)
        return Reader(place, eval(error))


class Settings(CollectorSettings):
    kind: Literal["broken"]
    at: str


class Collector:
    def __init__(self, settings, home):
        self.at = settings.at

    @contextmanager
    def look(self, memory):
        yield self.offers()

    def offers(self):
        if self.at == "look":
            raise RuntimeError("boom")
        yield CollectedOffer("one", [WaitingReport("one.csv", read=self.read)], "one")

    def read(self):
        raise RuntimeError("boom")
        yield b""


KIND = CollectorKind(Settings, Collector)


def source(folders=()):
    return Broken()
"""


def install_broken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process find the package.

    The feed takes reports whose first line is ``broken PLACE ERROR``, and raises the error at that place of `PLACES`.
    The collector of kind ``broken`` raises where its setting ``at`` says: ``look`` or ``read``.
    """
    metadata = folder / "broken-1.dist-info"
    metadata.mkdir()
    (folder / "broken_feed_package.py").write_text(_CODE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[tocsin.sources]\nbroken = broken_feed_package:source\n"
        "[tocsin.collectors]\nbroken = broken_feed_package:KIND\n"
    )
    monkeypatch.syspath_prepend(folder)

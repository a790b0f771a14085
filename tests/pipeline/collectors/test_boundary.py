"""One report, offer or collector over which we stumble: it is refused with a sentence, and the work goes on."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.broken_feed import ERRORS, PLACES, install_broken
from support.cast import Tocsin
from support.collected_reports import NAME, report, stored
from tocsin.operations.worker import Chore, Worker, read_past
from tocsin.pipeline.collectors import read_collectors, standings
from tocsin.pipeline.stores import open_node

TWO = """
[collect.a]
kind = "broken"
at = "{at}"
[collect.b]
kind = "folder"
path = "in"
"""


@pytest.fixture(autouse=True)
def _broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_broken(tmp_path, monkeypatch)


def fill(folder: Path) -> list[str]:
    """A report for each place and error, and a good one behind them; the names of the bad ones."""
    folder.mkdir()
    names: list[str] = []
    for place in PLACES:
        for error in ERRORS:
            names.append(f"{len(names):02}.csv")
            (folder / names[-1]).write_text(f"broken {place} {error}\n")
    (folder / NAME).write_bytes(report("192.0.2.1"))
    return names


def settle() -> None:
    time.sleep(0.6)  # a file counts as complete when it has not changed for half a second


def test_ingest_says_a_sentence_and_takes_the_rest(tocsin: Tocsin) -> None:
    names = fill(tocsin.home / "in")

    code, _, words = tocsin.call("ingest", tocsin.home / "in")

    assert code == 1
    assert words.count("was not taken in: An error of Tocsin itself: ") == len(names)
    assert "Traceback" not in words
    assert stored(tocsin) == ["192.0.2.1"]


def test_watch_moves_them_to_failed(tocsin: Tocsin) -> None:
    folder = tocsin.home / "in"
    names = fill(folder)
    settle()

    code, _, words = tocsin.call("watch", folder, "--once")

    assert (code, "Traceback" in words) == (0, False)
    assert sorted(path.name for path in (folder / "failed").glob("*.csv")) == names
    assert "An error of Tocsin itself" in (folder / "failed" / f"{names[0]}.reason.txt").read_text()
    assert [path.name for path in (folder / "done").iterdir()] == [NAME]


def test_a_collector_refuses_them_one_by_one(tocsin: Tocsin, collect: Callable[..., None]) -> None:
    names = fill(tocsin.home / "in")
    settle()
    collect("folder", path="in")

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert (run["taken"], run["error"]) == ([NAME], None)
    assert [entry["what"] for entry in run["refused"]] == names
    assert stored(tocsin) == ["192.0.2.1"]
    assert tocsin.json("collect", "run", "it")[0]["refused"] == []


@pytest.mark.parametrize("at", ["look", "read"])
def test_a_collector_that_breaks_stops_no_later_one(tocsin: Tocsin, at: str) -> None:
    (tocsin.home / "in").mkdir()
    (tocsin.home / "in" / NAME).write_bytes(report("192.0.2.1"))
    (tocsin.home / "tocsin.toml").write_text(TWO.format(at=at))
    settle()

    code, _, words = tocsin.call("collect", "run")

    assert (code, "Traceback" in words) == (1, False)
    assert "An error of Tocsin itself" in words
    assert stored(tocsin) == ["192.0.2.1"]


def test_a_collector_whose_failure_cannot_be_noted_stops_no_later_one(tocsin: Tocsin) -> None:
    (tocsin.home / "in").mkdir()
    (tocsin.home / "in" / NAME).write_bytes(report("192.0.2.1"))
    (tocsin.home / "tocsin.toml").write_text(TWO.format(at="look"))
    (tocsin.home / "collected").mkdir()
    (tocsin.home / "collected" / "a").write_text("in the way of its folder")
    node = open_node(tocsin.home)
    settle()

    with Worker(node, lambda: datetime.now(UTC)).working():
        while Chore.COLLECT not in read_past(node.database):
            time.sleep(0.05)

    assert "An error of Tocsin itself: FileExistsError" in read_past(node.database)[Chore.COLLECT].error
    assert stored(tocsin) == ["192.0.2.1"]
    ran = [one.name for one in standings(node.database, read_collectors(node.settings.collect)) if one.last_try_at]
    assert ran == ["b"]

"""What is costly to make is shown a moment longer, and nobody waits; what costs little is always of now."""

import threading
import time
from collections.abc import Callable

import pytest

from tocsin.node import cache
from tocsin.node.cache import PacedValue
from tocsin.node.errors import StorageError


class Source:
    """Something that changes, and what it takes to look at it: seconds of processor."""

    def __init__(self, takes: float) -> None:
        self.takes, self.looks, self.is_away = takes, 0, False

    def look(self) -> int:
        if self.is_away:
            raise StorageError("It is away.")
        end = time.thread_time() + self.takes
        while time.thread_time() < end:
            ...
        self.looks += 1
        return self.looks


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass."""
    passed = [0.0]
    monkeypatch.setattr(cache, "monotonic", lambda: passed[0])

    def let(seconds: float) -> None:
        passed[0] += seconds

    return let


def until_made(paced: PacedValue[int], value: int) -> None:
    end = time.monotonic() + 60
    while paced.value != value or any(thread.name == "paced" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_costs_little_is_always_of_now() -> None:
    source = Source(0)
    paced = PacedValue("team", 1, source.look)
    assert [paced.get("team", may, source.look) for may in (1, 2, 2, 3)] == [1, 2, 2, 3]


def test_what_is_costly_is_shown_a_while_and_then_made_beside(passes: Callable[[float], None]) -> None:
    source = Source(0.11)
    paced = PacedValue("team", 1, source.look)
    passes(1)
    assert paced.get("team", 2, source.look) == 2  # the first cost tells nothing
    passes(1)
    assert paced.get("team", 3, source.look) == 2
    passes(1)  # more than ten times its cost, less than thirty times
    assert paced.get("team", 3, source.look) == 2
    until_made(paced, 3)
    assert paced.get("team", 3, source.look) == 3
    passes(60)
    assert paced.get("team", 3, source.look) == 3  # nothing changed
    assert paced.get("team", 4, source.look) == 4  # nobody is shown what was a minute ago


def test_what_it_must_be_of_is_waited_for(passes: Callable[[float], None]) -> None:
    source = Source(0.11)
    paced = PacedValue("team", 1, source.look)
    passes(1)
    assert paced.get("team", 2, source.look) == 2
    assert paced.get("team and its answer", 2, source.look) == 3


def test_what_cannot_be_made_beside_is_asked_for_again_and_then_said(passes: Callable[[float], None]) -> None:
    source = Source(0.11)
    paced = PacedValue("team", 1, source.look)
    passes(1)
    paced.get("team", 2, source.look)
    source.is_away = True
    passes(2)
    assert paced.get("team", 3, source.look) == 2
    until_made(paced, 2)
    passes(60)
    with pytest.raises(StorageError):
        paced.get("team", 3, source.look)
    source.is_away = False
    assert paced.get("team", 3, source.look) == 3

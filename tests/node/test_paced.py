"""What is large is shown a moment longer, and nobody waits; what is small is always of now."""

import threading
import time

import pytest

from tocsin.node import cache
from tocsin.node.cache import PacedValue
from tocsin.node.errors import StorageError


class Clock:
    """One that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Something that changes, and the seconds that a look at it takes."""

    def __init__(self, clock: Clock, takes: float) -> None:
        self.clock, self.takes, self.looks, self.is_away = clock, takes, 0, False

    def look(self) -> int:
        if self.is_away:
            raise StorageError("It is away.")
        self.clock.now += self.takes
        self.looks += 1
        return self.looks


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(cache, "monotonic", made)
    return made


def is_large(_value: int) -> bool:
    return True


def until_made(paced: PacedValue[int], value: int) -> None:
    end = time.monotonic() + 60
    while paced.value != value or any(thread.name == "paced" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_small_is_always_of_now(clock: Clock) -> None:
    source = Source(clock, takes=5)
    paced = PacedValue("team", 1, source.look, lambda _value: False)
    assert [paced.get("team", may, source.look) for may in (1, 2, 2, 3)] == [1, 2, 2, 3]


def test_what_is_large_is_shown_a_while_and_then_made_beside(clock: Clock) -> None:
    source = Source(clock, takes=0.1)
    paced = PacedValue("team", 1, source.look, is_large)
    assert paced.get("team", 2, source.look) == 2  # how long the first took tells nothing
    clock.now += 0.8
    assert paced.get("team", 3, source.look) == 2
    clock.now += 58  # more than ten times what it took, and less than a minute
    assert paced.get("team", 3, source.look) == 2
    assert not paced.is_of(3)
    until_made(paced, 3)
    assert paced.is_of(3)
    assert paced.get("team", 3, source.look) == 3
    clock.now += 60
    assert paced.get("team", 3, source.look) == 3  # nothing changed
    assert paced.get("team", 4, source.look) == 4  # nobody is shown what was a minute ago


def test_what_took_very_long_is_shown_for_a_minute_at_most(clock: Clock) -> None:
    source = Source(clock, takes=30)
    paced = PacedValue("team", 1, source.look, is_large)
    assert paced.get("team", 2, source.look) == 2
    clock.now += 31
    assert paced.get("team", 3, source.look) == 3


def test_what_it_must_be_of_is_waited_for(clock: Clock) -> None:
    source = Source(clock, takes=0.1)
    paced = PacedValue("team", 1, source.look, is_large)
    assert paced.get("team", 2, source.look) == 2
    assert paced.get("team and its answer", 2, source.look) == 3


def test_what_cannot_be_made_beside_is_asked_for_again_and_then_said(clock: Clock) -> None:
    source = Source(clock, takes=0.1)
    paced = PacedValue("team", 1, source.look, is_large)
    paced.get("team", 2, source.look)
    source.is_away = True
    clock.now += 1
    assert paced.get("team", 3, source.look) == 2
    until_made(paced, 2)
    clock.now += 60
    with pytest.raises(StorageError):
        paced.get("team", 3, source.look)
    source.is_away = False
    assert paced.get("team", 3, source.look) == 3

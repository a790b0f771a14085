"""Delivering as things become due: nothing is sent before, nothing twice, and a stop reaches it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.world import START, World, make_world
from tocsin.delivery import DeliverySummary, resume, stop
from tocsin.delivery.lock import sole_deliverer
from tocsin.pipeline.notify import DeliveryScheduler, tell_as_due


class Day:
    """Time passes by sleeping only; what a test plans happens at its second."""

    def __init__(self) -> None:
        self.seconds, self.plans = 0.0, dict[int, object]()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.seconds >= 180:
            raise KeyboardInterrupt
        plan = self.plans.get(int(self.seconds))
        if callable(plan):
            plan()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def runs(world: World, day: Day) -> Iterator[tuple[float, DeliverySummary]]:
    try:
        for summary in tell_as_due(world.node, every=1, clock=day.now, sleep=day.sleep):
            yield day.seconds, summary
    except KeyboardInterrupt:
        return


def test_what_becomes_due_is_sent_in_the_same_second_and_once(world: World) -> None:
    day = Day()

    def hear(*addresses: str) -> None:
        world.now = day.now()
        world.hear(*addresses)

    day.plans = {5: lambda: hear("192.0.2.1"), 70: lambda: hear("192.0.2.2", "2001:db8::1")}
    done = [(second, summary.digests) for second, summary in runs(world, day)]

    assert done == [(0, 0), (5, 2), (65, 0), (70, 3), (130, 0)]


def test_a_stop_is_obeyed_and_ended_within_the_minute(world: World) -> None:
    day = Day()

    def halt() -> None:
        with world.node.database.begin() as session:
            stop(session, reason="a look", actor="ana", now=day.now())
        world.now = day.now()
        world.hear("192.0.2.1")

    def go_on() -> None:
        with world.node.database.begin() as session:
            resume(session, actor="ana", now=day.now())

    day.plans = {5: halt, 20: go_on}
    done = [(second, summary.digests, bool(summary.problem)) for second, summary in runs(world, day)]

    assert done == [(0, 0, False), (5, 0, True), (65, 2, False), (125, 0, False)]


def test_it_waits_while_another_delivers(world: World) -> None:
    day = Day()
    world.hear("192.0.2.1")
    with sole_deliverer(world.node.database):
        assert list(runs(world, day)) == []
    day.seconds = 0

    assert [summary.digests for _, summary in runs(world, day)] == [2, 0, 0]


def test_what_is_heard_while_mails_leave_is_told_at_the_next_look(world: World) -> None:
    teller, late = DeliveryScheduler(world.node), ["192.0.2.2"]
    world.hear("192.0.2.1")

    def while_mails_leave() -> bool:
        if late:
            world.hear(late.pop())
        return False

    first = teller.look(START, while_mails_leave)
    second = teller.look(START + timedelta(seconds=2))
    assert [first and first.digests, second and second.digests] == [2, 2]
    assert teller.look(START + timedelta(seconds=4)) is None

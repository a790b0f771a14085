"""Budgets of strangers roll: none begins anew at midnight, when the key of the hashes changes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.server.security import ByteLimit, RateLimit

LATE = datetime(2026, 11, 16, 23, 59, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("kind", [RateLimit, ByteLimit])
def test_what_was_taken_before_midnight_counts_after_it(kind: type[RateLimit]) -> None:
    clock = Clock(LATE)
    limit = kind(3, 9, clock)
    assert [limit.take("192.0.2.1") for _ in range(3)] == [0, 0, 0]
    clock.now += timedelta(minutes=2)
    assert limit.left("192.0.2.1") > 0
    assert limit.take("192.0.2.1") > 0
    assert limit.take("192.0.2.2") == 0


def test_no_key_is_kept_longer_than_its_day_and_what_leads_to_it() -> None:
    clock = Clock(LATE - timedelta(hours=12))
    limit = RateLimit(3, 9, clock)
    limit.take("192.0.2.1")
    assert [*limit._drawn] == [clock.now.date()]
    clock.now = LATE
    limit.take("192.0.2.1")
    assert [*limit._drawn] == [LATE.date(), LATE.date() + timedelta(days=1)]
    clock.now += timedelta(hours=2)
    limit.take("192.0.2.1")
    assert [*limit._drawn] == [clock.now.date()]

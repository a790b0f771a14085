"""How often one part of the internet may do something here, without knowing who did.

Counted is by address and by a coarse prefix, each as a keyed hash whose key is drawn anew each day and never leaves
memory: nobody can say later from where something came. Near the end of a day the next day's key is there already, and
what is taken counts by both, so that no budget begins anew at midnight. See docs/public-pages.md.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from math import ceil
from threading import Lock
from typing import Final

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from tocsin.node.accounts import network_of

_BITS: Final = ({"v4_bits": 32, "v6_bits": 64}, {"v4_bits": 24, "v6_bits": 48})
"""One address, and what one household or small office has at most; of IPv4 a network."""


class RateLimit:
    """So many turns an hour for each address, and so many for each network; for all threads of one process."""

    _window = timedelta(hours=1)

    def __init__(self, of_address: int, of_network: int, clock: Callable[[], datetime]) -> None:
        self._items: tuple[RateLimitItem, ...] = RateLimitItemPerHour(of_address), RateLimitItemPerHour(of_network)
        self._limiter: RateLimiter = MovingWindowRateLimiter(MemoryStorage())
        self._clock = clock
        self._drawn = dict[date, bytes]()
        self._lock, self._taking = Lock(), Lock()

    def take(self, address: str, cost: int = 1) -> int:
        """Take a turn: 0; or, where there is none left, after how many minutes there will be one."""
        today, *also = self._hashed(address)
        with self._taking:
            if wait := self._wait(today, cost):
                return wait
            for item, key in [*today, *(one for keys in also for one in keys)]:
                self._limiter.hit(item, key, cost=cost)
        return 0

    def left(self, address: str) -> int:
        """As `take`, without taking one."""
        return self._wait(self._hashed(address)[0], 1)

    def _wait(self, keys: list[tuple[RateLimitItem, str]], cost: int) -> int:
        full = [one for one in keys if not self._limiter.test(*one, cost=cost)]
        resets = [self._limiter.get_window_stats(*one).reset_time for one in full]
        return max((max(1, ceil((at - time.time()) / 60)) for at in resets), default=0)

    def _hashed(self, address: str) -> list[list[tuple[RateLimitItem, str]]]:
        """What is counted, by the key of today, and by that of tomorrow where tomorrow asks for it."""
        with self._lock:
            now = self._clock()
            days = dict.fromkeys((now.date(), (now + self._window).date()))
            self._drawn = {day: self._drawn.get(day) or secrets.token_bytes(32) for day in days}
            drawn = [*self._drawn.values()]
        names = [network_of(address, **bits) for bits in _BITS]
        return [
            [
                (item, hmac.digest(key, name.encode(), hashlib.sha256).hex())
                for item, name in zip(self._items, names, strict=True)
            ]
            for key in drawn
        ]


class ByteLimit(RateLimit):
    """So many bytes a day."""

    _window = timedelta(days=1)

    def __init__(self, of_address: int, of_network: int, clock: Callable[[], datetime]) -> None:
        super().__init__(of_address, of_network, clock)
        self._items = RateLimitItemPerDay(of_address), RateLimitItemPerDay(of_network)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

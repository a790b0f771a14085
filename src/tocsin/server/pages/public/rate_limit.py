"""How often one part of the internet may do something here, without knowing who did.

Counted is by a coarse prefix, as a keyed hash whose key is drawn anew each day and never leaves memory: nobody can say
later from which network something came. See docs/public-pages.md.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime
from math import ceil
from threading import Lock

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from tocsin.node.accounts import network_of

_V6_BITS = 48  # what one household or small office has at most


class RateLimit:
    """So many turns an hour for each coarse prefix; for all threads of one process."""

    def __init__(self, an_hour: int, clock: Callable[[], datetime]) -> None:
        self._item = RateLimitItemPerHour(an_hour)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._clock = clock
        self._key: tuple[date, bytes] | None = None
        self._lock = Lock()

    def take(self, address: str) -> int:
        """Take a turn: 0; or, where there is none left, after how many minutes there will be one."""
        key = self._hashed(address)
        if self._limiter.hit(self._item, key):
            return 0
        return self._wait(key)

    def left(self, address: str) -> int:
        """As `take`, without taking one."""
        key = self._hashed(address)
        return 0 if self._limiter.test(self._item, key) else self._wait(key)

    def _wait(self, key: str) -> int:
        return max(1, ceil((self._limiter.get_window_stats(self._item, key).reset_time - time.time()) / 60))

    def _hashed(self, address: str) -> str:
        with self._lock:
            today = self._clock().date()
            if self._key is None or self._key[0] != today:
                self._key = today, secrets.token_bytes(32)
            return hmac.digest(self._key[1], network_of(address, v6_bits=_V6_BITS).encode(), hashlib.sha256).hex()

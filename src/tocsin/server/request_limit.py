"""How often somebody may ask: counted in memory, by whom, and said in the words of HTTP.

Each of several servers lets its share through, as a proxy spreads requests over all of them.
"""

import time
from math import ceil
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request

from tocsin.node.accounts import network_of
from tocsin.node.settings import ApiSettings
from tocsin.operations.machines import ServersAtWork

PERSON: Final = "person"
"""A person, or a token: `ApiSettings.requests_a_minute`."""

NETWORK: Final = "network"
"""An address of visitors whom nobody knows, or what a program offers: `ApiSettings.public_a_minute`."""

_MANY: Final = 10


def note_refusal(request: Request, limit: str) -> None:
    """Say by which limit this request is refused, for `/metrics` and the log (`Durations`)."""
    request.state.refused = limit


class RequestLimit:
    """Counts the requests of each in a minute."""

    def __init__(self, api: ApiSettings, at_work: ServersAtWork) -> None:
        self._amounts, self._at_work = {PERSON: api.requests_a_minute, NETWORK: api.public_a_minute}, at_work
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count_stranger(self, address: str) -> tuple[bool, dict[str, str]]:
        """As `count`, of somebody whom nobody knows: by address, and all of its network together by ten times as many.

        So one who asks all the time takes nothing from the others of a network.
        """
        allowed, headers = self.count(NETWORK, network_of(address, v4_bits=32, v6_bits=64))
        if not allowed:
            return allowed, headers
        everybody, of_all = self.count(NETWORK, f"all of {network_of(address, v6_bits=48)}", times=_MANY)
        return everybody, headers if everybody else of_all

    def count(self, kind: str, name: str, *, times: int = 1) -> tuple[bool, dict[str, str]]:
        """Whether one request more is allowed, and the headers that say so. ``times``: as many as of one.

        draft-ietf-httpapi-ratelimit-headers, and Retry-After (RFC 9110, 10.2.3) where it is too much.
        """
        limit = RateLimitItemPerMinute(ceil(times * self._amounts[kind] / self._at_work.count))
        allowed = self._counted.hit(limit, kind, name)
        window = self._counted.get_window_stats(limit, kind, name)
        wait = max(1, round(window.reset_time - time.time()))
        headers = {
            "RateLimit-Policy": f'"{kind}";q={limit.amount};w=60',
            "RateLimit": f'"{kind}";r={window.remaining};t={wait}',
        }
        return allowed, headers if allowed else {**headers, "Retry-After": str(wait)}

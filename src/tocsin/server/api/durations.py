"""What became of each request: its line in the log, and how long answers take, for `/metrics`."""

import time
from collections import defaultdict
from collections.abc import Mapping
from logging import getLogger
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.node.accounts import Principal
from tocsin.node.trace import follow, log_line

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

_REFUSED: Final = {429: "requests", 507: "disk"}  # what is refused by a limit that did not say its name
_A_MINUTE: Final = 60.0
_LINES: Final = 60  # of the requests that a limit refuses in a minute so many have a line of their own


class Durations:
    """How long answers took, by method, template of the route and class of the status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._seconds = Histogram(
            "tocsin_request_seconds",
            "Time until an answer had left, by template of its route.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._refusals = Counter(
            "tocsin_refused_requests", "Requests refused by a limit, by its name.", ("limit",), registry=self.registry
        )
        self._said: dict[str, float] = {}
        self._unsaid = defaultdict[str, int](int)

    def timing(self, app: ASGIApp) -> ASGIApp:
        """The application, each of its requests with an id, a line in the log, and its time."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started, status, sent = time.perf_counter(), 500, 0
            state, trace = scope.setdefault("state", {}), follow()  # also what the server says of it afterwards

            async def note(message: Message) -> None:
                nonlocal status, sent
                if message["type"] == "http.response.start":
                    status = message["status"]
                    MutableHeaders(scope=message)["X-Request-ID"] = trace.id
                sent += len(message.get("body", b""))
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                labels, seconds = (
                    (_method(scope), _template(scope), f"{status // 100}xx"),
                    time.perf_counter() - started,
                )
                self._seconds.labels(*labels).observe(seconds)
                limit = state.get("refused") or _REFUSED.get(status, "")
                unsaid = self._refuse(limit, labels[1]) if limit else 0
                if unsaid <= _LINES and (status >= 400 or labels[1] != "static"):
                    refusal = trace.refusal | ({"refused": limit} if limit else {})
                    length = Headers(scope=scope).get("content-length", "")
                    log_line(
                        "request", method=labels[0], route=labels[1], status=status, ms=round(1000 * seconds, 1),
                        who=_who(state), bytes_in=length[:15] if length.isdecimal() else None, bytes_out=sent,
                        **refusal,
                    )  # fmt: skip

        return serve

    def _refuse(self, limit: str, route: str) -> int:
        """Count it, and say so in the log once in a minute for each limit: a flood of requests is none of lines.

        How many this limit has refused since.
        """
        self._refusals.labels(limit).inc()
        self._unsaid[limit] += 1
        if time.monotonic() - self._said.get(limit, -_A_MINUTE) >= _A_MINUTE:
            getLogger("uvicorn.error").warning(
                "Refused by the limit '%s': %d requests since the last such line, the newest of %s.",
                limit, self._unsaid.pop(limit), route,
            )  # fmt: skip
            self._said[limit] = time.monotonic()
        return self._unsaid[limit]


def _who(state: Mapping[str, object]) -> str:
    visitor = state.get("visitor")
    return visitor.actor if isinstance(visitor, Principal) else ""


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"


def _template(scope: Scope) -> str:
    """The template of the route that served it: never what was asked for itself."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None:
        return "static" if scope["path"].startswith("/static/") else "none"
    return f"{scope.get('root_path', '')}{path}"

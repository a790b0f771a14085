"""How long answers take, for `/metrics`."""

import time
from collections import defaultdict
from logging import getLogger
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)

_REFUSED: Final = {429: "requests", 507: "disk"}  # what is refused by a limit that did not say its name
_A_MINUTE: Final = 60.0


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
        """The application, each of its answers timed."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started, status = time.perf_counter(), 500
            state = scope.setdefault("state", {})

            async def note(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                labels = (_method(scope), _template(scope), f"{status // 100}xx")
                self._seconds.labels(*labels).observe(time.perf_counter() - started)
                if (limit := state.get("refused")) or status in _REFUSED:
                    self._refuse(limit or _REFUSED[status], labels[1])

        return serve

    def _refuse(self, limit: str, route: str) -> None:
        """Count it, and say so in the log once in a minute for each limit: a flood of requests is none of lines."""
        self._refusals.labels(limit).inc()
        self._unsaid[limit] += 1
        if time.monotonic() - self._said.get(limit, -_A_MINUTE) >= _A_MINUTE:
            getLogger("uvicorn.error").warning(
                "Refused by the limit '%s': %d requests since the last such line, the newest of %s.",
                limit, self._unsaid.pop(limit), route,
            )  # fmt: skip
            self._said[limit] = time.monotonic()


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"


def _template(scope: Scope) -> str:
    """The template of the route that served it: never what was asked for itself."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None:
        return "static" if scope["path"].startswith("/static/") else "none"
    return f"{scope.get('root_path', '')}{path}"

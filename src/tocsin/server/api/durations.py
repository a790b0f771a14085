"""How long answers take, for `/metrics`."""

import time

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


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

    def timing(self, app: ASGIApp) -> ASGIApp:
        """The application, each of its answers timed."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started, status = time.perf_counter(), 500

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

        return serve


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"


def _template(scope: Scope) -> str:
    """The template of the route that served it: never what was asked for itself."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None:
        return "static" if scope["path"].startswith("/static/") else "none"
    return f"{scope.get('root_path', '')}{path}"

"""A TAXII 2.1 server on a real HTTPS server, that pages as the standard says, or as servers do that do not."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.https_server import Answer, Asked, WebServer

MEDIA = "application/taxii+json;version=2.1"


def indicator(number: int, value: str, **said: Any) -> dict[str, Any]:
    """An indicator of an address or a domain."""
    at = "2026-11-20T00:00:00.000Z"
    what = "ipv4-addr" if value[0].isdecimal() else "domain-name"
    return {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": at, "modified": at, "valid_from": at, "pattern_type": "stix",
        "indicator_types": ["malicious-activity"], "pattern": f"[{what}:value = '{value}']", **said,
    }  # fmt: skip


@dataclass
class FakeTaxii:
    """``objects``: with when each was added, in seconds of one minute.

    ``inclusive``: it gives what was added at ``added_after`` too. ``silent``: it says no dates. ``blind``: it gives no
    ``next``. ``endless``: there is always more, the last page again. ``roots``: where it says that its API root is.
    """

    server: WebServer
    objects: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    inclusive: bool = False
    silent: bool = False
    blind: bool = False
    endless: bool = False
    roots: tuple[str, ...] = ("/data/",)
    asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.otherwise = self.answer

    def answer(self, asked: Asked) -> Answer:
        """What it says."""
        parts = urlsplit(asked.path)
        if asked.headers.get("authorization") != "Bearer s3cret" or asked.headers.get("accept") != MEDIA:
            return _answer({"title": "Who are you?"}, status=401)
        collection = {"id": "c1", "title": "Indicators", "can_read": True, "can_write": False}
        pages: dict[str, dict[str, Any]] = {
            "/taxii2/": {"title": "Fake", "api_roots": list(self.roots)},
            "/data/": {"title": "Root", "versions": [MEDIA], "max_content_length": 1},
            "/data/collections/": {"collections": [collection, {"id": "c2", "can_read": False}]},
        }
        if parts.path in pages:
            return _answer(pages[parts.path])
        if parts.path != "/data/collections/c1/objects/":
            return _answer({"title": "Not here"}, status=404)
        return self._objects({name: values[0] for name, values in parse_qs(parts.query).items()})

    def _objects(self, query: dict[str, str]) -> Answer:
        self.asked.append(query)
        after = query.get("added_after", "")
        rows = [(at, one) for at, one in self.objects if _at(at) > after or (self.inclusive and _at(at) == after)]
        if not query.get("next", "0").isdecimal():
            return _answer({"title": "That is no place of this server"}, status=400)
        start, limit = int(query.get("next", 0)), int(query["limit"])
        if self.endless and start >= len(rows):
            start = max(0, len(rows) - limit)
        shown = rows[start : start + limit]
        more = self.endless or start + limit < len(rows)
        body: dict[str, Any] = {"more": more, "objects": [one for _, one in shown]} if shown else {}
        if more and not self.blind:
            body["next"] = str(start + limit)
        dates = (
            {"X-TAXII-Date-Added-First": _at(shown[0][0]), "X-TAXII-Date-Added-Last": _at(shown[-1][0])}
            if shown
            else {}
        )
        return _answer(body, {} if self.silent else dates)


def _at(second: int) -> str:
    return f"2026-11-20T00:00:{second:02d}.000000Z"


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None, *, status: int = 200) -> Answer:
    return Answer(json.dumps(body).encode(), status, {"Content-Type": MEDIA, **(headers or {})})

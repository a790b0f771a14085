"""A MISP on a real HTTPS server: the calls that its client makes, in the shapes and by the rules of MISP 2.5.

Ids and times are texts, an event comes wrapped in ``Event``, errors have ``name``, ``message`` and ``url``. What its
rules do not take it drops without a word, as MISP does.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from support.https_server import Answer, Asked, WebServer

Event = dict[str, Any]
_ORG = {"id": "1", "name": "CERT of Meridia", "uuid": "5a0e1c1e-0000-4000-8000-000000000001"}
_NO_KEY = "Authentication failed. Please make sure you pass the API key of an API enabled user along in the header."


@dataclass
class FakeMisp:
    """``may_tag``: its user may. ``refused``: types of attributes that it drops. ``distribution``: that of every event.

    ``paged``: called after each page of the list. ``calls``: paths that were asked for.
    """

    server: WebServer
    key: str = "s3cret"
    events: dict[str, Event] = field(default_factory=dict)
    may_tag: bool = True
    refused: frozenset[str] = frozenset()
    distribution: str = ""
    paged: Callable[[], object] = lambda: None
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.otherwise = self.answer

    def viewed(self) -> list[str]:
        """The UUIDs of events that were read, in order."""
        return [path.split("/")[3] for path in self.calls if path.startswith("/events/view/")]

    def put(self, at: int, *values: str, uuid: str = "", published: bool = True, tags: Iterable[str] = ()) -> str:
        """An event with addresses that was changed and published then; its UUID."""
        uuid = uuid or str(uuid4())
        given = [{"type": "ip-src", "category": "Network activity", "to_ids": True, "value": one} for one in values]
        told = {"uuid": uuid, "info": f"Scans {uuid}", "distribution": "1", "Tag": [{"name": one} for one in tags]}
        self.events[uuid] = self._event({**told, "published": published, "timestamp": str(at), "Attribute": given})
        return uuid

    def change(self, uuid: str, at: int, *values: str, deleted: str = "") -> None:
        """Add addresses to an event, or delete one of it softly, and publish it again."""
        event = self.events[uuid]
        event["Attribute"] += [
            self._attribute({"type": "ip-src", "category": "Network activity", "to_ids": True, "value": one}, str(at))
            for one in values
        ]
        for one in event["Attribute"]:
            one["deleted"] = one["deleted"] or one["value"] == deleted
        event |= {"timestamp": str(at), "publish_timestamp": str(at)}

    def answer(self, asked: Asked) -> Answer:
        """What MISP says."""
        path = unquote(asked.path)
        self.calls.append(path)
        if asked.headers.get("authorization") != self.key:
            return _error(403, _NO_KEY, path)
        _, place, act, *names = path.split("/")
        if place != "events" or asked.headers.get("accept") != "application/json":
            return _error(404, "Not Found", path)
        body = json.loads(asked.body) if asked.method == "POST" else {}
        uuid = names[0].lower() if names else ""
        acts: dict[tuple[str, str], Callable[[], Answer]] = {
            ("POST", "index"): lambda: self._index(body),
            ("GET", "view"): lambda: self._view(uuid, names, path),
            ("POST", "add"): lambda: self._add(body["Event"], path),
            ("POST", "edit"): lambda: self._edit(uuid, body["Event"], path),
        }
        return acts.get((asked.method, act), lambda: _error(405, "Method Not Allowed", path))()

    def _index(self, asked: dict[str, Any]) -> Answer:
        by = asked["sort"]
        assert (asked["direction"], by in {"timestamp", "publish_timestamp"}) == ("asc", True)
        found = [
            one
            for one in self.events.values()
            if int(one[by]) >= int(asked[by])
            and (not asked.get("published") or one["published"])
            and (not asked.get("tags") or {tag["name"] for tag in one["Tag"]} & set(asked["tags"]))
        ]
        found.sort(key=lambda one: int(one[by]))
        start = (int(asked["page"]) - 1) * int(asked["limit"])
        rows = [
            {name: value for name, value in one.items() if name not in {"Attribute", "Tag"}}
            | {"EventTag": [{"Tag": tag} for tag in one["Tag"]]}
            for one in found[start : start + int(asked["limit"])]
        ]
        answer = _json(rows)
        self.paged()
        return answer

    def _view(self, uuid: str, names: list[str], path: str) -> Answer:
        event = self.events.get(uuid)
        if event is None:
            return _error(404, "Invalid event", path)
        shown = [one for one in event["Attribute"] if "deleted[]:1" in names or not one["deleted"]]
        return _json({"Event": {**event, "Attribute": shown}})

    def _add(self, told: Event, path: str) -> Answer:
        if told["uuid"] in self.events:
            words = "Event already exists, if you would like to edit it, use the url in the location header."
            place = {"Location": self.server.url(f"/events/edit/{told['uuid']}")}
            return _error(404, words, path, headers=place)
        if not told.get("info"):
            return _error(403, "Could not add Event", path, saved=False, errors={"info": ["Info cannot be empty."]})
        self.events[told["uuid"]] = self._event(told)
        return _json({"Event": self.events[told["uuid"]]})

    def _edit(self, uuid: str, told: Event, path: str) -> Answer:
        event = self.events.get(uuid)
        if event is None:
            return _error(404, "Invalid event", path)
        if int(told["timestamp"]) <= int(event["timestamp"]):
            words = "Event could not be saved: Event in the request not newer than the local copy."
            return _error(403, words, path, saved=False, errors=words)
        new = self._event(told)
        kept = {one["uuid"]: one for one in event["Attribute"]} | {one["uuid"]: one for one in new["Attribute"]}
        tags = {one["name"]: one for one in [*event["Tag"], *new["Tag"]]}
        self.events[uuid] = {**event, **new, "Attribute": list(kept.values()), "Tag": list(tags.values())}
        return _json({"Event": self.events[uuid]})

    def _event(self, told: Event) -> Event:
        published = bool(told.get("published"))
        attributes = [self._attribute(one, told["timestamp"]) for one in told.get("Attribute", ())]
        return {
            "id": str(len(self.events) + 1), "orgc_id": "1", "org_id": "1", "date": told.get("date", "2026-11-20"),
            "threat_level_id": told.get("threat_level_id", "4"), "info": told["info"], "published": published,
            "uuid": told["uuid"], "attribute_count": str(len(attributes)), "analysis": told.get("analysis", "0"),
            "timestamp": told["timestamp"], "distribution": self.distribution or told["distribution"],
            "proposal_email_lock": False, "locked": False, "sharing_group_id": "0", "disable_correlation": False,
            "publish_timestamp": told["timestamp"] if published else "0", "sighting_timestamp": "0", "extends_uuid": "",
            "Org": _ORG, "Orgc": _ORG, "Tag": self._tags(told),
            "Attribute": [one for one in attributes if one["type"] not in self.refused],
        }  # fmt: skip

    def _attribute(self, told: Event, at: str) -> Event:
        return {
            "id": "7", "event_id": "1", "object_id": "0", "object_relation": None, "category": told["category"],
            "type": told["type"], "to_ids": bool(told.get("to_ids")), "uuid": told.get("uuid") or str(uuid4()),
            "timestamp": at, "distribution": told.get("distribution", "5"), "sharing_group_id": "0",
            "comment": told.get("comment", ""), "deleted": bool(told.get("deleted")), "disable_correlation": False,
            "first_seen": None, "last_seen": None, "value": told["value"], "Galaxy": [], "ShadowAttribute": [],
            "Tag": self._tags(told),
        }  # fmt: skip

    def _tags(self, told: Event) -> list[dict[str, Any]]:
        names = [one["name"] for one in told.get("Tag", ())] if self.may_tag else []
        return [{"id": str(n), "name": name, "colour": "#ffc000", "local": 0} for n, name in enumerate(names, 1)]


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def _error(status: int, words: str, path: str, *, headers: dict[str, str] | None = None, **more: object) -> Answer:
    return _json({**more, "name": words, "message": words, "url": path}, status, headers)

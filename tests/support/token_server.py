"""A provider of access tokens (RFC 6749) that also says whose one is (RFC 7662), on the pages of a web server."""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from support.https_server import Answer, Asked, WebServer


@dataclass
class TokenProvider:
    """What it gave to whom; ``lasts``: seconds that a token is said to be good for."""

    server: WebServer
    user: str = "csirt@example.org"
    lasts: object = 3600
    refresh: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    active: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server.pages["/token"] = self._token
        self.server.pages["/introspect"] = self._introspect

    @property
    def url(self) -> str:
        return self.server.url("/token")

    def forms(self) -> list[dict[str, str]]:
        """What it was asked for tokens."""
        asked = [one for one in self.server.asked if one.path == "/token"]
        return [{name: values[0] for name, values in parse_qs(one.body.decode()).items()} for one in asked]

    def _token(self, asked: Asked) -> Answer:
        form = parse_qs(asked.body.decode())
        if form["grant_type"] == ["refresh_token"] and form["refresh_token"] != self.refresh[-1:]:
            return _said(400, error="invalid_grant")
        self.given.append(f"access-{len(self.given)}")
        self.active.add(self.given[-1])
        more = {}
        if form["grant_type"] == ["refresh_token"]:
            self.refresh.append(f"refresh-{len(self.refresh)}")
            more = {"refresh_token": self.refresh[-1]}
        return _said(200, access_token=self.given[-1], token_type="Bearer", expires_in=self.lasts, **more)

    def _introspect(self, asked: Asked) -> Answer:
        active = parse_qs(asked.body.decode())["token"][0] in self.active
        return _said(200, active=active, username=self.user, scope="mail")


def _said(status: int, **answer: object) -> Answer:
    return Answer(json.dumps(answer).encode(), status, {"Content-Type": "application/json"})

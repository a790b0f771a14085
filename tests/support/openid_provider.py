"""A small OpenID provider on 127.0.0.1 that signs real tokens, and can be told to get one thing wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from support.world import served

CLIENT, SECRET = "tocsin", "shared secret/1"


@dataclass
class OpenIDProvider:
    """What it says of whoever comes next; ``claims`` stand over what the token says otherwise."""

    now: datetime
    issuer: str = ""
    subject: str = "s-1"
    email: str = "analyst@people.example"
    verified: object = True
    claims: dict[str, Any] = field(default_factory=dict)
    unsigned: bool = False
    shared_key: bool = False
    rotate: bool = False
    in_userinfo: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}, private=True))
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def person(self) -> dict[str, Any]:
        return {"email": self.email, "email_verified": self.verified, "name": "Some Body"}

    def token(self, nonce: str) -> str:
        at = int(self.now.timestamp())
        said = {
            "iss": self.issuer, "aud": CLIENT, "sub": self.subject, "nonce": nonce, "iat": at, "exp": at + 300,
            **({} if self.in_userinfo else self.person()), **self.claims,
        }  # fmt: skip
        if self.unsigned:
            return jwt.encode({"alg": "none"}, said, OctKey.generate_key(), algorithms=["none"])
        if self.shared_key:
            return jwt.encode({"alg": "HS256"}, said, OctKey.import_key(SECRET * 3), algorithms=["HS256"])
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, said, self.key)


def _routes(provider: OpenIDProvider) -> FastAPI:
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, Any]:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        places = {name: f"{provider.issuer}/{path}" for name, path in names.items()}
        more = {"userinfo_endpoint": f"{provider.issuer}/me"} if provider.in_userinfo else {}
        return {"issuer": provider.issuer, **places, **more}

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        provider.calls.append("keys")
        return {"keys": [provider.key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        code = token_hex(8)
        provider.asked[code] = dict(request.query_params)
        return RedirectResponse(
            f"{request.query_params['redirect_uri']}?code={code}&state={request.query_params['state']}"
        )

    @app.post("/token")
    async def token(request: Request) -> Response:
        body = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = provider.asked.pop(body.get("code", ""), None)
        fine = (
            asked is not None
            and request.headers.get("authorization") == _basic()
            and create_s256_code_challenge(body["code_verifier"]) == asked["code_challenge"]
            and body["redirect_uri"] == asked["redirect_uri"]
        )
        if not fine or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if provider.rotate:
            provider.key = RSAKey.generate_key(2048, {"kid": "two"}, private=True)
        return JSONResponse({"id_token": provider.token(asked["nonce"]), "access_token": "at", "token_type": "Bearer"})

    @app.get("/me")
    def me(request: Request) -> dict[str, Any]:
        assert request.headers["authorization"] == "Bearer at"
        return {"sub": provider.subject, **provider.person()}

    return app


def _basic() -> str:
    from base64 import b64encode
    from urllib.parse import quote

    return "Basic " + b64encode(f"{CLIENT}:{quote(SECRET, safe='')}".encode()).decode()


@contextmanager
def openid_provider(now: datetime) -> Iterator[OpenIDProvider]:
    """One that runs as long as the block."""
    provider = OpenIDProvider(now)
    with served(_routes(provider)) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider


def code_of(location: str) -> dict[str, str]:
    """What an address asks."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

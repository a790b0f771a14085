"""An OpenID provider: where it is, what it signs with, and whom it says somebody is (OpenID Connect Core 1.0).

Only the authorization code flow with PKCE (RFC 7636), only signatures with public keys.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from tocsin.node.accounts.weak_keys import why_weak
from tocsin.node.errors import RemoteError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures that are taken: never ``none``, and none whose key both sides share (RFC 8725, 3.1)."""

_KEPT = 3600.0  # seconds that what a provider says of itself is used again
_RENEWED = 60.0  # seconds before its keys are fetched again for one that is not among them
_PATIENCE = 10.0  # seconds
_LARGEST = 500_000  # bytes of an answer
_SKEW = 60  # seconds that clocks may differ


@dataclass(frozen=True)
class Claims:
    """Whom the provider says somebody is. ``mailbox``: empty unless it was verified there; ``strong``: two factors."""

    subject: str
    mailbox: str
    name: str
    strong: bool


@dataclass
class Provider:
    """One provider, as the settings name it. May be used by many threads."""

    issuer: str
    client: str
    secret: str = field(repr=False, default="")
    _lock: Lock = field(default_factory=Lock, repr=False)
    _known: dict[str, tuple[float, Any]] = field(default_factory=dict, repr=False)

    def address(self, *, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where somebody is sent to sign in, to come back to ``back``.

        Raises:
            RemoteError: the provider does not answer as agreed.

        """
        from authlib.common.urls import add_params_to_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": back,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        return str(add_params_to_uri(self._endpoint("authorization_endpoint"), list(asked.items())))

    def claims(self, code: str, *, back: str, nonce: str, verifier: str, now: datetime) -> Claims:
        """Whom the holder of a code is (Core 1.0, 3.1.3.7).

        Raises:
            RemoteError: the provider does not take the code, or what it says does not hold.

        """
        answer = self._exchange(code, back, verifier)
        said = self._verified(str(answer.get("id_token", "")), nonce, now)
        if "email" not in said and "userinfo_endpoint" in self._metadata():
            said = {**said, **self._more(str(answer.get("access_token", "")), str(said["sub"]))}
        verified = said.get("email_verified") is True
        mailbox = str(said.get("email", "")).strip().lower() if verified else ""
        methods = said.get("amr")
        strong = isinstance(methods, list) and "mfa" in methods  # RFC 8176
        return Claims(str(said["sub"]), mailbox, str(said.get("name", ""))[:100], strong)

    def check(self) -> None:
        """Nothing, where the provider answers, and has a key that can be used.

        Raises:
            RemoteError: so it is not.

        """
        self._keys()

    def _exchange(self, code: str, back: str, verifier: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        auth = None
        if not self.secret:
            form["client_id"] = self.client
        elif "client_secret_basic" in self._metadata().get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            auth = (quote(self.client, safe=""), quote(self.secret, safe=""))  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": self.client, "client_secret": self.secret}
        return self._ask("POST", self._endpoint("token_endpoint"), data=form, auth=auth)

    def _verified(self, token: str, nonce: str, now: datetime) -> dict[str, Any]:
        from joserfc.errors import InvalidKeyIdError, JoseError
        from joserfc.jwt import JWTClaimsRegistry, decode

        try:
            try:
                said = decode(token, self._keys(), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                said = decode(token, self._keys(fresh=True), algorithms=ALGORITHMS).claims
            JWTClaimsRegistry(
                now=int(now.timestamp()),
                leeway=_SKEW,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client},
                nonce={"essential": True, "value": nonce},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
            ).validate(said)
        except (JoseError, ValueError, TypeError) as error:
            raise self._failure("what it says of who signed in does not hold") from error
        if said.get("azp", self.client) != self.client:
            raise self._failure("it speaks of who signed in elsewhere")
        return dict(said)

    def _more(self, access: str, subject: str) -> dict[str, Any]:
        """What the provider says besides, of the same person only (Core 1.0, 5.3.2)."""
        headers = {"Authorization": f"Bearer {access}"}
        said = self._ask("GET", self._endpoint("userinfo_endpoint"), headers=headers)
        if said.get("sub") != subject:
            raise self._failure("it is about another person")
        return {name: said[name] for name in ("email", "email_verified", "name") if name in said}

    def _metadata(self) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0, 4)."""

        def fetch() -> dict[str, Any]:
            said = self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != self.issuer:
                raise self._failure("it names itself otherwise")
            return said

        found: Mapping[str, Any] = self._remembered("metadata", fetch, _KEPT)
        return found

    def _keys(self, *, fresh: bool = False) -> "KeySet":
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        def fetch() -> KeySet:
            said = self._ask("GET", self._endpoint("jwks_uri"))
            try:
                found = KeySet.import_key_set({"keys": [key for key in said["keys"] if key.get("kty") != "oct"]})
                weak = [why_weak(key.raw_value) for key in found.keys]
            except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise self._failure("its keys cannot be read") from error
            if weak and all(weak):
                raise self._failure(f"it signs with {weak[0]}")
            return KeySet([key for key, why in zip(found.keys, weak, strict=True) if not why])

        found: KeySet = self._remembered("keys", fetch, _RENEWED if fresh else _KEPT)
        return found

    def _remembered(self, name: str, fetch: Callable[[], Any], seconds: float) -> Any:
        with self._lock:
            at, value = self._known.get(name, (0.0, None))
        if value is None or monotonic() - at > seconds:
            value = fetch()
            with self._lock:
                self._known[name] = (monotonic(), value)
        return value

    def _endpoint(self, name: str) -> str:
        address = self._metadata().get(name)
        if not isinstance(address, str) or not _is_safe(address):
            raise self._failure(f"it names no {name} that can be used")
        return address

    def _ask(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        import httpx

        try:
            with httpx.Client(timeout=_PATIENCE) as client, client.stream(method, url, **given) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LARGEST:
                        raise self._failure("its answer is too long")
                fine = answer.status_code == 200
            said = json.loads(body) if fine else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise self._failure("it does not answer") from error
        if not isinstance(said, dict):
            raise self._failure("its answer is not as agreed")
        return said

    def _failure(self, why: str) -> RemoteError:
        return RemoteError(
            f"The OpenID provider {self.issuer} cannot be used: {why}.", hint="Try again, or sign in another way."
        )


def _is_safe(address: str) -> bool:
    """Nothing is sent over the network in the clear."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})

"""Access tokens for mail accounts that take no password, by OAuth 2.0.

Sources: RFC 6749 (2.3.1 who asks, 4.4 client credentials, 5 answers, 6 refresh tokens), RFC 7628 (OAUTHBEARER), and
XOAUTH2, as Google and Microsoft describe it alike.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from tocsin.node.errors import RemoteError, SettingError
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.oauth_settings import SECRET_FILES, OAuthSettings
from tocsin.node.sentences import say
from tocsin.node.settings import read_secret

_TIMEOUT: Final = 30.0  # seconds
_LONGEST: Final = 100_000  # bytes of an answer
_EARLY: Final = 60.0  # seconds before its end in which a token is no longer used


class AccessTokens:
    """Tokens by whom they are for, until shortly before they end; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], tuple[str, float]] = {}

    def get(self, settings: OAuthSettings) -> str:
        """A token that can be used now.

        Raises:
            SettingError: a file of the settings cannot be used.
            RemoteError: the provider gives none.
            StorageError: a new refresh token cannot be written.

        """
        with self._lock:
            kept = self._kept.get(_key(settings))
            if kept is None or kept[1] <= monotonic():
                answer = _ask(settings)
                lasts = answer.get("expires_in")
                seconds = float(lasts) if isinstance(lasts, int | float | str) and str(lasts).isdecimal() else 0.0
                kept = self._kept[_key(settings)] = (answer["access_token"], monotonic() + seconds - _EARLY)
            return kept[0]

    def forget(self, settings: OAuthSettings) -> None:
        """Ask anew next time: a server did not take the token."""
        with self._lock:
            self._kept.pop(_key(settings), None)


TOKENS: Final = AccessTokens()
"""Those of this process."""


def _key(settings: OAuthSettings) -> tuple[str, ...]:
    return (settings.token_url, settings.client_id, settings.scope, *(getattr(settings, name) for name in SECRET_FILES))


def _ask(settings: OAuthSettings) -> dict[str, Any]:
    """The provider's answer, with a token in it; a new refresh token is kept first (RFC 6749, 6)."""
    given, refresh = (read_secret(getattr(settings, name), setting=name) for name in SECRET_FILES)
    if settings.refresh_token_file and not refresh:
        raise SettingError(say("The file %(path)s holds no refresh token.", path=settings.refresh_token_file))
    form = (
        {"grant_type": "refresh_token", "refresh_token": refresh} if refresh else {"grant_type": "client_credentials"}
    )
    if settings.scope:
        form["scope"] = settings.scope
    auth = (quote(settings.client_id, safe=""), quote(given, safe="")) if given else None
    if auth is None:
        form["client_id"] = settings.client_id
    answer = _answer(settings.token_url, form, auth)
    following = answer.get("refresh_token")
    if refresh and isinstance(following, str) and following not in {"", refresh}:
        with disk_failures(f"The new refresh token could not be written into {settings.refresh_token_file}"):
            write_whole(Path(settings.refresh_token_file), f"{following}\n".encode())
    return answer


def _answer(url: str, form: dict[str, str], auth: tuple[str, str] | None) -> dict[str, Any]:
    said: str
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, trust_env=False) as client,
            client.stream("POST", url, data=form, auth=auth, headers={"Accept": "application/json"}) as response,
        ):
            answer: Any = httpx.Response(response.status_code, content=_bounded(response.iter_bytes())).json()
        found: dict[str, Any] = answer if isinstance(answer, dict) else {}
        token = found.get("access_token")
        if isinstance(token, str) and token and token.isascii() and token.isprintable():
            return found
        said = str(found.get("error") or f"HTTP {response.status_code}")
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, httpx.HTTPError) else say("its answer cannot be read")
    raise RemoteError(
        say("%(host)s gives no access token: %(said)s.", host=urlsplit(url).hostname or "", said=_line(said)),
        hint=say("Check token_url, client_id, client_secret_file, refresh_token_file and scope."),
    )


def _bounded(pieces: Iterable[bytes]) -> bytes:
    found = b""
    for piece in pieces:
        found += piece
        if len(found) > _LONGEST:
            raise ValueError
    return found


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200].rstrip(". ")


def bearer_answer(mechanism: str, user: str, token: str, host: str, port: int) -> str:
    """What is said to a server that knows XOAUTH2 or OAUTHBEARER (RFC 7628, 3.1)."""
    if mechanism == "OAUTHBEARER":
        name = user.replace("=", "=3D").replace(",", "=2C")  # RFC 5801, 4
        return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def bearer_mechanism(offered: Iterable[str]) -> str:
    """Which of the two is taken; XOAUTH2 where a server names neither."""
    return "OAUTHBEARER" if "OAUTHBEARER" in {word.upper() for word in offered} else "XOAUTH2"


def refusal_answer(mechanism: str) -> str:
    """What is said to a server that explains why it refuses, so that it ends (RFC 7628, 3.2.3)."""
    return "\x01" if mechanism == "OAUTHBEARER" else ""

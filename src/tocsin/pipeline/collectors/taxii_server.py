"""The calls of a TAXII 2.1 server that its client needs, within limits, at an address that is judged before anything.

Source: OASIS TAXII 2.1. What a server says of another host is not followed, since it would be sent our password.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from pydantic import Field

from tocsin.exchange.formats import parse_foreign_json
from tocsin.networks import host_address
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.sentences import say
from tocsin.pipeline.collectors.https import web_client
from tocsin.pipeline.collectors.misp_server import MispServerSettings
from tocsin.pipeline.collectors.trust import secret
from tocsin.pipeline.collectors.web import body, check, requested, where

MEDIA: Final = "application/taxii+json;version=2.1"
_PAGE_BYTES: Final = 64_000_000
_NAME: Final = re.compile(r"[0-9a-zA-Z_-]{1,100}")


class TaxiiServerSettings(MispServerSettings):
    """Where a TAXII server is, and how it knows us."""

    url: str = Field(
        pattern=r"^https://[^\s/?#@]+(/[^\s?#]*)?$",
        description="The address of the discovery or of an API root, such as https://taxii.example/taxii2/.",
    )
    user: str = Field("", description="The user name; with it the secret is a password, else a token (Bearer).")
    secret_file: str = Field(
        "", description="File that holds the password or token, readable by this user only; empty: none is needed."
    )


@dataclass(frozen=True)
class ObjectsPage:
    """A page: its objects, whether and where more is, and when the last one was added; empty: the server is silent."""

    objects: list[dict[str, Any]]
    more: bool = False
    following: str = ""
    last: str = ""


@dataclass(frozen=True)
class TaxiiClient:
    """A TAXII server that is reached. ``address``: of its host; empty behind a proxy, which resolves names itself."""

    client: httpx.Client
    settings: TaxiiServerSettings
    headers: Mapping[str, str]
    address: str

    def collections(self) -> dict[str, list[str]]:
        """What can be read: the address of each collection, with all that it is called.

        Raises:
            RemoteError: there is no answer, or it is not that of a TAXII server.

        """
        url = f"{self.settings.url}/"
        found, _ = self._ask(url)
        roots = [url] if "api_roots" not in found else [urljoin(url, str(one)) for one in _list(found, "api_roots")]
        named: dict[str, list[str]] = {}
        for root in dict.fromkeys(one.rstrip("/") + "/" for one in roots if _authority(one) == _authority(url)):
            listed, _ = self._ask(f"{root}collections/")
            for one in _list(listed, "collections"):
                if isinstance(one, dict) and one.get("can_read") is True and _NAME.fullmatch(str(one.get("id"))):
                    names = [str(one.get(name)) for name in ("id", "title", "alias") if one.get(name)]
                    named[f"{root}collections/{one['id']}/"] = names
        if not named and "api_roots" not in found and "versions" not in found:
            raise self._odd(url)
        return named

    def page(self, collection: str, *, after: str, following: str, limit: int) -> ObjectsPage:
        """Some objects of a collection. ``after``, ``following``: where to go on, empty: from the beginning."""
        asked = {"limit": str(limit), "added_after": after, "next": following}
        query = urlencode({name: value for name, value in asked.items() if value})
        found, headers = self._ask(f"{collection}objects/?{query}")
        objects = [one for one in _list(found, "objects") if isinstance(one, dict) and isinstance(one.get("id"), str)]
        last = headers.get("X-TAXII-Date-Added-Last", "").strip()
        return ObjectsPage(objects, found.get("more") is True, str(found.get("next") or "")[:4_000], last[:100])

    def _ask(self, url: str) -> tuple[dict[str, Any], httpx.Headers]:
        limits = replace(self.settings.bounds, size=min(_PAGE_BYTES, self.settings.max_bytes))
        with requested(self.client, url, headers=self.headers, address=self.address) as response:
            check(response, url)
            content = b"".join(body(response, limits))
        try:
            found = parse_foreign_json(content)
        except InputError:
            found = None
        if not isinstance(found, dict):
            raise self._odd(url)
        return found, response.headers

    @staticmethod
    def _odd(url: str) -> RemoteError:
        return RemoteError(
            say("%(where)s does not answer as a TAXII 2.1 server.", where=where(url)), hint=say("Check the address.")
        )


@contextmanager
def open_taxii(settings: TaxiiServerSettings, home: Path) -> Iterator[TaxiiClient]:
    """The server of these settings.

    Raises:
        SettingError: its secret cannot be used, or it is in a private network that the settings do not name.
        RemoteError: its host has no address.

    """
    headers = {"Accept": MEDIA}
    if settings.secret_file:
        given = secret(home, settings.secret_file, "secret_file")
        pair = base64.b64encode(f"{settings.user}:{given}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}" if settings.user else f"Bearer {given}"
    hint = say("If that is right, name its network in 'networks' of this collector.")
    address = "" if settings.proxy else host_address(settings.url, settings.networks, hint)
    with web_client(settings, home) as opened:
        yield TaxiiClient(opened, settings, headers, address)


def _list(found: Mapping[str, Any], name: str) -> list[Any]:
    listed = found.get(name)
    return listed if isinstance(listed, list) else []


def _authority(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()

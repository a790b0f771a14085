"""A report behind an address: fetched when it changed."""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator, model_validator

from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport
from tocsin.pipeline.collectors.trust import TrustSettings, secret, trust
from tocsin.pipeline.collectors.web import Credentials, DownloadLimits, answer_to, body, client, name_in, size_of, where


class WebSettings(TrustSettings):
    """How servers are reached and trusted."""

    proxy: str = Field("", pattern=r"^(http://[^\s/@]+/?)?$", description="The HTTP proxy, as http://HOST:PORT.")
    proxy_secret_file: str = Field("", description="File that holds USER:PASSWORD for the proxy.")
    timeout: int = Field(60, ge=1, le=600, description="Seconds for one answer of the server.")
    longest: int = Field(3_600, ge=1, description="Seconds for a whole report.")
    max_bytes: int = Field(1_000_000_000, ge=1, description="A larger report is refused.")

    @property
    def bounds(self) -> DownloadLimits:
        """How long and how large an answer may be."""
        return DownloadLimits(self.timeout, self.longest, self.max_bytes)


class HttpsSettings(WebSettings):
    """A report behind an https address."""

    kind: Literal["https"]
    url: str = Field(
        pattern=r"^https://[^\s/?#@]+(/[^\s#]*)?$",
        description="The address; {today} and {yesterday} in it become a date such as 2026-11-24 (UTC).",
    )
    auth: Literal["none", "basic", "bearer", "header"] = Field("none", description="How the server knows us.")
    user: str = Field("", description="The user name, with 'basic'.")
    header: str = Field("", pattern=r"^[A-Za-z0-9-]*$", description="The name of the header, with 'header'.")
    secret_file: str = Field("", description="File that holds the password or token, readable by this user only.")
    name: str = Field("", description="How the report is called here; empty: as the server calls it.")

    @field_validator("url")
    @classmethod
    def _url_is_one(cls, url: str) -> str:
        if not urlsplit(url).hostname or urlsplit(url).port == 0:  # raises for other wrong ones
            raise ValueError("it is no address")
        return url

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if self.auth != "none" and not self.secret_file:
            raise ValueError(f"auth = '{self.auth}' needs secret_file")
        if self.auth == "basic" and not self.user:
            raise ValueError("auth = 'basic' needs user")
        if self.auth == "header" and not self.header:
            raise ValueError("auth = 'header' needs header")
        return self


@dataclass(frozen=True)
class Https:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: HttpsSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The report, where it changed since it was last fetched (RFC 9110, 13.1)."""
        with web_client(self.settings, self.home) as opened:
            yield self._offers(opened, memory)

    def _offers(self, opened: httpx.Client, memory: Memory) -> Iterator[CollectedOffer]:
        url = dated(self.settings.url, memory)
        with answer_to(opened, url, self._credentials(), headers=_conditions(url, memory)) as response:
            if response.status_code == 304:
                return
            name = self.settings.name or name_in(response) or "report"
            cursor = {
                "url": url,
                "etag": response.headers.get("ETag", ""),
                "modified": response.headers.get("Last-Modified", ""),
            }
            item = WaitingReport(name, size_of(response), read=lambda: body(response, self.settings.bounds))
            yield CollectedOffer(where(url), [item], cursor=cursor)

    def _credentials(self) -> Credentials:
        settings = self.settings
        given = secret(self.home, settings.secret_file, "secret_file")
        if settings.auth == "basic":
            pair = base64.b64encode(f"{settings.user}:{given}".encode()).decode()
            return Credentials({"Authorization": f"Basic {pair}"})
        if settings.auth == "bearer":
            return Credentials({"Authorization": f"Bearer {given}"})
        return Credentials({settings.header: given} if settings.auth == "header" else {})


def web_client(settings: WebSettings, home: Path) -> AbstractContextManager[httpx.Client]:
    """A client as the settings say."""
    proxy_secret = secret(home, settings.proxy_secret_file, "proxy_secret_file")
    return client(trust(settings, home), settings.bounds, proxy=settings.proxy, proxy_secret=proxy_secret)


def dated(url: str, memory: Memory) -> str:
    """An address with the days filled in."""
    today = memory.now.date()
    return url.replace("{today}", f"{today}").replace("{yesterday}", f"{today - timedelta(days=1)}")


def _conditions(url: str, memory: Memory) -> dict[str, str]:
    cursor = memory.cursor
    if cursor.get("url") != url:
        return {}
    conditions = {"If-None-Match": cursor.get("etag", ""), "If-Modified-Since": cursor.get("modified", "")}
    return {name: value for name, value in conditions.items() if value}


KIND: Final = CollectorKind(HttpsSettings, Https)

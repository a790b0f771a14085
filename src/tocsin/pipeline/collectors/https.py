"""A report behind an address: fetched when it changed, or page by page."""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator, model_validator

from tocsin.node.section import Zone
from tocsin.node.settings import load_settings
from tocsin.pipeline.collectors.dates import check_dates, dated
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport
from tocsin.pipeline.collectors.paging import PagedRequest
from tocsin.pipeline.collectors.trust import TrustSettings, secret, trust
from tocsin.pipeline.collectors.web import (
    Credentials,
    DownloadLimits,
    answer_to,
    body,
    client,
    name_in,
    posted,
    size_of,
    where,
)

_PAGE_BYTES = 64_000_000


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


class AddressSettings(WebSettings):
    """An address on the web, and how we say who we are."""

    url: str = Field(
        pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$",
        description="The address; {today} and {yesterday} become a date such as 2026-11-24, {today:%Y%m%d} one "
        "in another form. http:// only with 'source' and 'feed', and without a secret.",
    )
    zone: Zone = Field("", description="The IANA time zone of these dates; empty: time_zone of [node].")
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
        return check_dates(url)

    @model_validator(mode="after")
    def _credentials_are_whole(self) -> Self:
        if self.auth != "none" and not self.secret_file:
            raise ValueError(f"auth = '{self.auth}' needs secret_file")
        if self.auth == "basic" and not self.user:
            raise ValueError("auth = 'basic' needs user")
        if self.auth == "header" and not self.header:
            raise ValueError("auth = 'header' needs header")
        if self.url.startswith("http:") and not (self.source and self.feed and self.auth == "none"):
            raise ValueError("http:// needs 'source' and 'feed', so that it can bring no other, and takes no secret")
        return self

    def credentials(self, home: Path) -> Credentials:
        """What says who we are."""
        given = secret(home, self.secret_file, "secret_file")
        if self.auth == "basic":
            pair = base64.b64encode(f"{self.user}:{given}".encode()).decode()
            return Credentials({"Authorization": f"Basic {pair}"})
        if self.auth == "bearer":
            return Credentials({"Authorization": f"Bearer {given}"})
        return Credentials({self.header: given} if self.auth == "header" else {})


class HttpsSettings(AddressSettings):
    """A report behind an address, fetched when it changed, or by requests that ask for page after page."""

    kind: Literal["https"]
    post: str = Field(
        "",
        description="What is sent by POST: JSON where it begins with { or [, else a form (a=1&b=2). {page} and "
        "{cursor} in it or in the address become those of the page.",
    )
    records: str = Field(
        "", description="Where an answer has its list, such as data.items; a page with an empty one is the last."
    )
    next: str = Field("", description="Where an answer has the cursor of the next page; the page without is the last.")
    first_page: int = Field(1, ge=0, description="The number of the first page.")
    pages: int = Field(100, ge=1, le=10_000, description="So many pages are asked for at most.")

    @property
    def request(self) -> PagedRequest:
        """What is asked for."""
        return PagedRequest(self.url, self.post, self.records, self.next)

    @model_validator(mode="after")
    def _pages_end(self) -> Self:
        self.request.check()
        check_dates(self.post)
        return self


@dataclass(frozen=True)
class Https:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: HttpsSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The report, where it changed since it was last fetched (RFC 9110, 13.1); or its pages."""
        settings, zone = self.settings, zone_of(self.settings, self.home)
        request = replace(
            settings.request, url=dated(settings.url, memory.now, zone), post=dated(settings.post, memory.now, zone)
        )
        with web_client(settings, self.home) as opened:
            if request.is_paged or request.post:
                yield self._pages(opened, request)
            else:
                yield self._report(opened, request.url, memory)

    def _report(self, opened: httpx.Client, url: str, memory: Memory) -> Iterator[CollectedOffer]:
        credentials = self.settings.credentials(self.home)
        with answer_to(opened, url, credentials, headers=_conditions(url, memory)) as response:
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

    def _pages(self, opened: httpx.Client, request: PagedRequest) -> Iterator[CollectedOffer]:
        """Each page as a report of its own; a server that gives the same page again has no more."""
        cursor, before = "", b""
        for page in count(self.settings.first_page):
            url, asked, headers = request.at(page, cursor)
            name, answer = self._page(opened, url, asked, headers)
            holds, following = request.look_at(answer)
            if not holds or answer == before:
                return
            stem, dot, ending = name.rpartition(".")
            label = f"{stem or name}-{page}{dot if stem else ''}{ending if stem else ''}" if request.is_paged else name
            yield CollectedOffer(
                f"{where(url)} {label}", [WaitingReport(label, len(answer), read=partial(iter, [answer]))]
            )
            if not request.is_paged or following is None or page - self.settings.first_page + 1 >= self.settings.pages:
                return
            cursor, before = following, answer

    def _page(self, opened: httpx.Client, url: str, asked: bytes, headers: dict[str, str]) -> tuple[str, bytes]:
        settings, credentials = self.settings, self.settings.credentials(self.home)
        bounds = replace(settings.bounds, size=min(settings.max_bytes, _PAGE_BYTES))
        way = (
            posted(opened, url, asked, headers={**headers, **credentials.headers})
            if settings.post
            else answer_to(opened, url, credentials)
        )
        with way as response:
            return settings.name or name_in(response) or "report.json", b"".join(body(response, bounds))


def zone_of(settings: AddressSettings, home: Path) -> str:
    """The time zone of the dates in an address."""
    return settings.zone or load_settings(home).node.time_zone


def web_client(settings: WebSettings, home: Path) -> AbstractContextManager[httpx.Client]:
    """A client as the settings say."""
    proxy_secret = secret(home, settings.proxy_secret_file, "proxy_secret_file")
    return client(trust(settings, home), settings.bounds, proxy=settings.proxy, proxy_secret=proxy_secret)


def _conditions(url: str, memory: Memory) -> dict[str, str]:
    cursor = memory.cursor
    if cursor.get("url") != url:
        return {}
    conditions = {"If-None-Match": cursor.get("etag", ""), "If-Modified-Since": cursor.get("modified", "")}
    return {name: value for name, value in conditions.items() if value}


KIND: Final = CollectorKind(HttpsSettings, Https)

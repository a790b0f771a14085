"""Shadowserver's reports API: what is listed for the last days, each report once.

Sources: Shadowserver's pages "API: Documentation" (requests are JSON by POST; the header HMAC2 is the HMAC-SHA-256 of
the body with the secret, in hex) and "API: Reports Query" (reports/list, reports/download); its program report-manager,
which fetches reports by their id from another address.
"""

import configparser
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from pydantic import Field

from tocsin.node.errors import InputError, RemoteError, SettingError
from tocsin.node.sentences import change_values, say
from tocsin.node.settings import read_secret
from tocsin.pipeline.collectors.https import WebSettings, web_client
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport, place
from tocsin.pipeline.collectors.web import Credentials, answer_to, body, posted, printable, where

_LIST_BYTES = 20_000_000
_LONGEST_WINDOW = 30  # days; Shadowserver keeps reports about so long
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")


class ShadowserverSettings(WebSettings):
    """The reports that Shadowserver makes for you."""

    kind: Literal["shadowserver"]
    secret_file: str = Field(
        min_length=1, description="File with [api], key = … and secret = …, readable by this user only."
    )
    reports: list[str] = Field([], description="Only of these subscriptions; empty: all.")
    types: list[str] = Field([], description="Only these types, such as scan_rdp; empty: all.")
    days: int = Field(3, ge=1, le=_LONGEST_WINDOW, description="So many past days are looked at each time.")
    url: str = Field(
        "https://transform.shadowserver.org/api2/", pattern=r"^https://[^\s?#@]+/$", description="The API."
    )
    download_url: str = Field(
        "https://dl.shadowserver.org/",
        pattern=r"^(https://[^\s?#@]+/)?$",
        description="Where reports are fetched by their id; empty: by the call reports/download of the API.",
    )


@dataclass(frozen=True)
class ShadowserverReport:
    """A report as the API lists it."""

    id: str
    file: str
    type: str

    @property
    def key(self) -> str:
        """What it is remembered by; whoever knows an id can fetch the report, so it is not kept."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Shadowserver:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: ShadowserverSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The reports of the last days that are not known yet, the oldest first."""
        key = read_key(place(self.home, self.settings.secret_file))
        with web_client(self.settings, self.home) as opened:
            yield self._offers(_Api(opened, self.settings, key), memory)

    def _offers(self, api: "_Api", memory: Memory) -> Iterator[CollectedOffer]:
        seen = set(memory.known)
        for day in window(memory, self.settings.days):
            for listed in api.listed(day):
                if listed.key not in seen:
                    seen.add(listed.key)
                    item = WaitingReport(listed.file, read=partial(api.report, listed))
                    yield CollectedOffer(listed.file, [item], listed.key)


def window(memory: Memory, days: int) -> list[date]:
    """The days to look at, the oldest first: the last ones, and those since the last success where it is longer ago."""
    today = memory.now.date()
    first = today - timedelta(days=days)
    if memory.last_success is not None:
        first = min(first, memory.last_success.date() - timedelta(days=1))
    first = max(first, today - timedelta(days=_LONGEST_WINDOW))
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


@dataclass(frozen=True)
class ApiKey:
    """What Shadowserver gave us."""

    key: str
    secret: bytes

    def signed(self, request: Mapping[str, object]) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of a request."""
        content = json.dumps({**request, "apikey": self.key}).encode("ascii")
        signature = hmac.new(self.secret, content, hashlib.sha256).hexdigest()
        return content, {"HMAC2": signature, "Content-Type": "application/json"}


def read_key(path: Path) -> ApiKey:
    """The key and the secret in a file, which may be the ``.shadowserver.api`` of Shadowserver's own programs.

    Raises:
        SettingError: it cannot be read, others may read it, or it has no key and secret.

    """
    read_secret(str(path), setting="secret_file")  # refuses a file that others may read
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        return ApiKey(parser["api"]["key"].strip(), parser["api"]["secret"].strip().encode("latin-1"))
    except (configparser.Error, KeyError, ValueError):  # its words may repeat a line of the file
        hint = say("It holds a line [api], a line key = … and a line secret = …")
        raise SettingError(say("The file %(path)s has no key and secret.", path=path), hint=hint) from None


@dataclass(frozen=True)
class _Api:
    """The calls that are needed."""

    client: httpx.Client
    settings: ShadowserverSettings
    key: ApiKey

    def listed(self, day: date) -> list[ShadowserverReport]:
        """The reports of one day that the settings ask for."""
        request: dict[str, object] = {"date": day.isoformat()}
        if self.settings.reports:
            request["reports"] = self.settings.reports
        found = _entries(self._call("reports/list", request), where(self.settings.url))
        return [one for one in found if not self.settings.types or one.type in self.settings.types]

    def report(self, listed: ShadowserverReport) -> Iterator[bytes]:
        """The bytes of one report."""
        size = 0
        with _hiding(listed.id), self._report(listed) as response:
            for piece in body(response, self.settings.bounds):
                size += len(piece)
                yield piece
        if not size:
            raise RemoteError(
                say("%(printable)s came without content.", printable=printable(listed.file)),
                hint=say("It is tried again later."),
            )

    @contextmanager
    def _report(self, listed: ShadowserverReport) -> Iterator[httpx.Response]:
        if self.settings.download_url:
            with answer_to(self.client, self.settings.download_url + listed.id, Credentials()) as response:
                yield response
            return
        content, headers = self.key.signed({"id": listed.id})
        with posted(self.client, f"{self.settings.url}reports/download", content, headers=headers) as response:
            yield response

    def _call(self, method: str, request: Mapping[str, object]) -> Any:
        content, headers = self.key.signed(request)
        url = self.settings.url + method
        with posted(self.client, url, content, headers=headers) as response:
            answer = b"".join(body(response, replace(self.settings.bounds, size=_LIST_BYTES)))
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise RemoteError(
                say("%(where)s does not answer with JSON.", where=where(url)), hint=say("It is tried again later.")
            ) from error


@contextmanager
def _hiding(id_: str) -> Iterator[None]:
    """What goes wrong in words without an id: whoever knows one can fetch the report."""
    try:
        yield
    except (RemoteError, InputError) as error:
        words = change_values(str(error), lambda value: value.replace(id_, "…"))
        raise type(error)(words, hint=error.hint) from None


def _entries(answer: Any, place: str) -> list[ShadowserverReport]:
    """What a list holds that can be fetched."""
    if not isinstance(answer, list):
        said = printable(str(answer.get("error", ""))) if isinstance(answer, dict) else ""
        raise RemoteError(
            say(
                "%(place)s gives no list of reports: %(printable)s.",
                place=place,
                printable=said or say("something else"),
            ),
            hint=say("Check the API key."),
        )
    entries = [
        ShadowserverReport(*(str(one.get(name, "")) for name in ("id", "file", "type"))) for one in _objects(answer)
    ]
    return [one for one in entries if _ID.fullmatch(one.id) and one.file]


def _objects(answer: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (one for one in answer if isinstance(one, dict))


KIND: Final = CollectorKind(ShadowserverSettings, Shadowserver)

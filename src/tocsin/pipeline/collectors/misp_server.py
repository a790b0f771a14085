"""The calls of a MISP that its client needs, within limits, at an address that was judged before anything is sent.

Sources: the OpenAPI document of MISP 2.5, and MISP's own calls when it pulls (``events/index``, ``events/view``).
Numbers come as text, an event comes wrapped in ``Event``, an error has ``name``, ``message`` and ``url``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import Field, field_validator

from tocsin.networks import host_address
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.sentences import say
from tocsin.pipeline.collectors.https import WebSettings, web_client
from tocsin.pipeline.collectors.trust import secret
from tocsin.pipeline.collectors.web import DownloadLimits, body, printable, requested, where

_ANSWER_BYTES: Final = 64_000_000
_ERROR_BYTES: Final = 100_000
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER: Final = re.compile(r"[0-9]{1,11}")


class MispServerSettings(WebSettings):
    """Where a MISP is, and how it knows us."""

    url: str = Field(
        pattern=r"^https://[^\s/?#@]+(/[^\s?#]*)?$",
        description="The address of the MISP, such as https://misp.example.",
    )
    secret_file: str = Field(
        min_length=1, description="File that holds the API key of a user there, readable by this user only."
    )
    networks: list[str] = Field(
        [], description="Private networks where it may be, such as 10.1.0.0/16; empty: at public addresses only."
    )

    @field_validator("url")
    @classmethod
    def _url_is_one(cls, url: str) -> str:
        if not urlsplit(url).hostname or urlsplit(url).port == 0:  # raises for other wrong ones
            raise ValueError("it is no address")
        return url.rstrip("/")

    @field_validator("networks")
    @classmethod
    def _networks_are_some(cls, networks: list[str]) -> list[str]:
        for one in networks:
            ip_network(one)
        return networks


class MispError(RemoteError):
    """A MISP refused a request; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True)
class ListedEvent:
    """An event as a MISP lists it; in Unix seconds when it last was changed, and published there."""

    uuid: str
    changed: int
    published: int = 0


@dataclass(frozen=True)
class MispServer:
    """A MISP that is reached. ``address``: of its host; empty behind a proxy, which resolves names itself."""

    client: httpx.Client
    settings: MispServerSettings
    key: str
    address: str

    def listed(self, filters: Mapping[str, object], by: str, since: int, *, page: int, limit: int) -> list[ListedEvent]:
        """A page of the events since then, the oldest first. ``by``: which time, ``timestamp``, ``publish_timestamp``.

        Raises:
            RemoteError: the answer is no such list, or has another order: then one could be passed over.

        """
        order = {"sort": by, "direction": "asc", "limit": limit, "page": page}
        answer = self.ask("events/index", {**filters, **order, by: since})
        rows = answer.get("response") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            raise self._odd(say("%(where)s gives no list of events.", where=where(self.settings.url)))
        found = [one for one in map(_listed, rows) if one is not None]
        times = [one.changed if by == "timestamp" else one.published for one in found]
        if times != sorted(times):
            raise self._odd(
                say("%(where)s does not list events in the order asked for.", where=where(self.settings.url))
            )
        return found

    def event(self, uuid: str) -> dict[str, Any] | None:
        """An event with what was deleted of it, without its files; None: it is not there, or not for us."""
        try:
            with self.answer(event_path(uuid)) as response:
                answer = _json(body(response, self._limits(_ANSWER_BYTES)), where(self.settings.url))
        except MispError as error:
            if error.status == 404:
                return None
            raise
        found = answer.get("Event") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise self._odd(say("%(where)s gives no event.", where=where(self.settings.url)))
        return found

    def read(self, path: str) -> Any:
        """What is answered to a GET. Raises as `ask`."""
        with self.answer(path) as response:
            return _json(body(response, self._limits(_ANSWER_BYTES)), where(self.settings.url))

    def ask(self, path: str, content: object) -> Any:
        """What is answered to a POST.

        Raises:
            MispError: it is refused.
            RemoteError: there is no answer, or no JSON.

        """
        with self.answer(path, json.dumps(content).encode("ascii")) as response:
            return _json(body(response, self._limits(_ANSWER_BYTES)), where(self.settings.url))

    @contextmanager
    def answer(self, path: str, content: bytes | None = None) -> Iterator[httpx.Response]:
        """The answer to a request, its body not yet read. Raises as `ask`."""
        headers = {"Authorization": self.key, "Accept": "application/json", "Content-Type": "application/json"}
        url = f"{self.settings.url}/{path}"
        with requested(self.client, url, headers=headers, content=content, address=self.address) as response:
            if response.status_code != 200:
                raise self._refusal(url, response)
            yield response

    def _refusal(self, url: str, response: httpx.Response) -> MispError:
        status = response.status_code
        try:
            said = _reason(_json(body(response, self._limits(_ERROR_BYTES)), where(url)))
        except (RemoteError, InputError):
            said = response.reason_phrase
        hint = say("Check the API key, and what its user may do there.") if status in {401, 403} else ""
        words = say(
            "%(where)s answers %(status)s: %(said)s.",
            where=where(url), status=status, said=printable(said.replace(self.key, "…")),
        )  # fmt: skip
        return MispError(words, status, hint=hint or say("Try again later."))

    def _limits(self, size: int) -> DownloadLimits:
        return replace(self.settings.bounds, size=min(size, self.settings.max_bytes))

    @staticmethod
    def _odd(said: str) -> RemoteError:
        return RemoteError(said, hint=say("Check the address."))


def event_path(uuid: str) -> str:
    """Where an event is read: with what was deleted of it, without files that are attached."""
    return f"events/view/{uuid}/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeAttachments:0"


@contextmanager
def open_misp(settings: MispServerSettings, home: Path) -> Iterator[MispServer]:
    """The MISP of these settings.

    Raises:
        SettingError: its key cannot be used, or it is in a private network that the settings do not name.
        RemoteError: its host has no address.

    """
    key = secret(home, settings.secret_file, "secret_file")
    hint = say("If that is right, name its network in 'networks' of this collector.")
    address = "" if settings.proxy else host_address(settings.url, settings.networks, hint)
    with web_client(settings, home) as opened:
        yield MispServer(opened, settings, key, address)


def _listed(row: object) -> ListedEvent | None:
    """A row of a list, where it names an event; other keys are passed over."""
    row = row.get("Event", row) if isinstance(row, dict) else None
    if not isinstance(row, dict):
        return None
    uuid, *times = (str(row.get(name) or 0) for name in ("uuid", "timestamp", "publish_timestamp"))
    whole = _UUID.fullmatch(uuid) and all(_NUMBER.fullmatch(one) for one in times)
    return ListedEvent(uuid.lower(), *map(int, times)) if whole else None


def _json(pieces: Iterator[bytes], place: str) -> Any:
    try:
        return json.loads(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise RemoteError(
            say("%(where)s does not answer with JSON.", where=place), hint=say("It is tried again later.")
        ) from error


def _reason(error: object) -> str:
    """What an error says: its message, and of which fields."""
    if not isinstance(error, dict):
        return str(error)
    fields = error.get("errors")
    return " ".join(str(one) for one in (error.get("message") or error.get("name"), fields) if one)

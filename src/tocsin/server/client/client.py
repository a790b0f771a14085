"""The client: asks, waits where it must, and goes through lists."""

import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel

from tocsin.node.errors import RemoteError, UsageError
from tocsin.server import model
from tocsin.server.client.failures import error_of
from tocsin.server.client.reading import read

T = TypeVar("T", bound=BaseModel)

_TRIES: Final = 5
_LONGEST_WAIT: Final = 60.0  # seconds between two tries
_BLOCK: Final = 1 << 18
_LOOKUP: Final = 10_000  # addresses that one request takes
_PACKED: Final = (b"\x1f\x8b", b"PK")
_HERE: Final = {"127.0.0.1", "::1", "localhost"}


class Client:
    """A node at ``url`` (such as ``https://csirt.example.org``), asked with an API token.

    It waits and asks again where the node says that it is busy, and where a connection fails; what changes something is
    sent under a name of its own, so that it is done once. It is not for several threads at once.

    Raises, from every method:
        RemoteError: the node does not answer, or not as it should.
        UsageError, InputError, NotFoundError, ConflictError, WithheldError: as the node says.

    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 120.0) -> None:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"'{url}' is not the address of a node.", hint="Write it like https://csirt.example.org.")
        if parts.scheme == "http" and parts.hostname not in _HERE:
            raise UsageError("A token must not travel over plain http.", hint="Write the address with https.")
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._is_here = parts.hostname in _HERE
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    # --- the node, and who asks ---

    def health(self) -> model.Health:
        """Whether it works."""
        return read(model.Health, self._get("/health"))

    def me(self) -> model.Me:
        """Who asks, and what they may do."""
        return read(model.Me, self._get("/me"))

    def metrics(self) -> str:
        """Its figures as Prometheus text."""
        return self._ask("GET", "/metrics").text

    # --- reports ---

    def send_report(
        self, path: Path, *, name: str = "", source: str = "", feed: str = "", wait: float = 0
    ) -> model.Report:
        """Send a file in and wait so many seconds (at most a minute) for what becomes of it.

        It is packed for the way, unless it is packed already or the node is on this machine.
        """
        with path.open("rb") as file:
            packed = file.read(2) not in _PACKED and not self._is_here
        query = {"name": name or path.name, "source": source, "feed": feed}
        headers = {
            "Content-Type": "application/octet-stream",
            "Idempotency-Key": str(uuid4()),
            **({"Content-Encoding": "gzip"} if packed else {}),
            **({"Prefer": f"wait={int(wait)}"} if wait else {}),
        }

        def body() -> Iterator[bytes]:
            with path.open("rb") as file:
                yield from _gzipped(file) if packed else iter(lambda: file.read(_BLOCK), b"")

        return read(model.Report, _document(self._ask("POST", "/reports", params=query, headers=headers, body=body)))

    def report(self, id: UUID) -> model.Report:  # noqa: A002
        """What became of a report."""
        return read(model.Report, self._get(f"/reports/{id}"))

    def reports(self, *, state: str = "") -> Iterator[model.Report]:
        """What was sent in, newest first."""
        return self._each(model.Report, "/reports", state=state)

    def ingests(self, *, feed: str = "", set_aside: bool = False) -> Iterator[model.Ingest]:
        """What was taken in, newest first."""
        return self._each(model.Ingest, "/ingests", feed=feed, set_aside=set_aside or None)

    def ingests_file(self, form: str, **conditions: object) -> AbstractContextManager[Iterator[bytes]]:
        """A file of all that was taken in and fits, as csv or json, piece by piece."""
        return self._file("/ingests", form, conditions)

    def ingest(self, number: int) -> model.Ingest:
        """One report that was taken in."""
        return read(model.Ingest, self._get(f"/ingests/{number}"))

    def quarantine(self) -> Iterator[model.QuarantineOut]:
        """The ingests that set rows aside, newest first."""
        return self._each(model.QuarantineOut, "/quarantine")

    def set_aside(self, number: int) -> Iterator[model.SetAsideOut]:
        """The rows that one ingest set aside."""
        return self._each(model.SetAsideOut, f"/quarantine/{number}")

    def replay(self, number: int) -> model.Sums:
        """Read the rows of an ingest again."""
        return read(model.Sums, self._post(f"/quarantine/{number}/replay"))

    # --- events and lookups ---

    def events(self, *, page: int = 1_000, fields: Iterable[str] = (), **conditions: Any) -> Iterator[dict[str, Any]]:
        """Events under their IDF names, the newest report first; ``conditions`` as `/events` takes them."""
        return self._pages("/events", limit=page, field=list(fields), **conditions)

    def events_file(self, form: str, **conditions: object) -> AbstractContextManager[Iterator[bytes]]:
        """A file of all events that fit, in ``form`` (csv, jsonl, json, arrow, parquet), piece by piece."""
        return self._file("/events", form, conditions)

    def look_up(self, query: str, *, tlp: str = "AMBER", pap: str = "AMBER") -> dict[str, Any]:
        """Who must know of something, and why: the document of ``tocsin explain``."""
        return self._get("/lookup", query=query, tlp=tlp, pap=pap)

    def search(self, text: str) -> dict[str, Any]:
        """What is known of anything: the document of ``tocsin search``."""
        return self._get("/search", q=text)

    def look_up_many(self, addresses: Iterable[str]) -> Iterator[model.AddressOut]:
        """Who is responsible for each address, in their order."""
        block: list[str] = []
        for address in addresses:
            block.append(address)
            if len(block) == _LOOKUP:
                yield from self._look_up_block(block)
                block = []
        if block:
            yield from self._look_up_block(block)

    def _look_up_block(self, block: list[str]) -> list[model.AddressOut]:
        return [read(model.AddressOut, one) for one in self._post("/lookup", {"addresses": block})["items"]]

    # --- the directory ---

    def teams(self, *, text: str = "", kind: str = "", country: str = "") -> Iterator[model.TeamInList]:
        """Teams by key."""
        return self._each(model.TeamInList, "/teams", text=text, kind=kind, country=country)

    def teams_file(self, form: str, **conditions: object) -> AbstractContextManager[Iterator[bytes]]:
        """A file of all teams that fit, as csv or json, piece by piece."""
        return self._file("/teams", form, conditions)

    def team(self, key: str) -> model.TeamOut:
        """One team."""
        return read(model.TeamOut, self._get(f"/teams/{_part(key)}"))

    def claims(self, *, state: str = "") -> Iterator[model.ClaimOut]:
        """Claims, the latest first."""
        return self._each(model.ClaimOut, "/claims", state=state)

    def make_claim(self, value: str, *, team: str, mailbox: str) -> model.ClaimOut:
        """Say that a network, AS or domain is a team's."""
        return read(model.ClaimOut, self._post("/claims", {"value": value, "team": team, "mailbox": mailbox}))

    def prove_claim(self, number: int, code: str) -> model.ClaimOut:
        """Give back the code from the letter."""
        return read(model.ClaimOut, self._post(f"/claims/{number}/code", {"code": code}))

    # --- telling and answering ---

    def deliveries(self, *, state: str = "", team: str = "") -> Iterator[model.Digest]:
        """Digests, newest first."""
        return self._each(model.Digest, "/deliveries", state=state, team=team)

    def delivery(self, reference: str) -> model.WholeDigest:
        """All that is known of one digest."""
        return read(model.WholeDigest, self._get(f"/deliveries/{_part(reference)}"))

    def steer(self, reference: str, act: str, *, reason: str = "") -> tuple[str, str]:
        """Release, hold, drop, retry or repeat a mail; the reference and state of what it then is."""
        body = {"reason": reason} if act in {"hold", "drop"} else None
        done = self._post(f"/deliveries/{_part(reference)}/{_part(act)}", body)
        return done["reference"], done["state"]

    def problems(self, *, team: str = "", state: str = "") -> Iterator[model.Problem]:
        """What is wrong, seen last first."""
        return self._each(model.Problem, "/problems", team=team, state=state)

    def answer(self, verdict: str, problems: Iterable[str], *, team: str = "", note: str = "", days: int = 90) -> int:
        """Say what a team does about problems; for how many it was noted."""
        said = {"verdict": verdict, "problems": list(problems), "team": team, "note": note, "days": days}
        return int(self._post("/problems/answers", said)["noted"])

    def audit(self, *, word: str = "", actor: str = "", subject: str = "") -> Iterator[model.AuditEntryOut]:
        """Who did what, newest first."""
        return self._each(model.AuditEntryOut, "/audit", word=word, actor=actor, subject=subject)

    # --- asking ---

    def _each(self, of: type[T], path: str, /, **query: object) -> Iterator[T]:
        return (read(of, one) for one in self._pages(path, **query))

    def _pages(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._get(path, **_given({**query, "cursor": cursor}))
            yield from page["items"]
            cursor = page["next"]
            if not cursor:
                return

    @contextmanager
    def _file(self, path: str, form: str, conditions: Mapping[str, object]) -> Iterator[Iterator[bytes]]:
        try:
            with self._http.stream("GET", path, params=_given({"format": form, **conditions})) as response:
                if response.is_error:
                    response.read()
                    raise error_of(response)
                yield response.iter_bytes()
        except httpx.HTTPError as error:
            raise _unreachable(self.url, error) from error

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return _document(self._ask("GET", path, params=query))

    def _post(self, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid4())}
        return _document(self._ask("POST", path, headers=headers, document=document))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """The answer to a request, asked again where that may help."""
        for left in reversed(range(_TRIES)):
            try:
                response = self._http.request(
                    method, path, params=params, headers=headers, json=document, content=body() if body else None
                )
            except httpx.HTTPError as error:
                if not left:
                    raise _unreachable(self.url, error) from error
                wait = 2.0 ** (_TRIES - left) / 4
            else:
                if not response.is_error:
                    return response
                if not left or not _is_passing(response):
                    raise error_of(response)
                wait = _asked_wait(response)
            time.sleep(min(wait, _LONGEST_WAIT))
        raise AssertionError


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RemoteError(f"{response.url.host} answers, but not as agreed.", hint="Check that a node is served there.")
    return found


def _gzipped(file: IO[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, wbits=31)
    while block := file.read(_BLOCK):
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, "", [])}


def _part(text: str) -> str:
    """A word as one part of a path."""
    return quote(text, safe="")


def _is_passing(response: httpx.Response) -> bool:
    """Whether the same may be answered later: too many requests, busy, or the first one is still worked on."""
    return response.status_code in {429, 502, 503} or (
        response.status_code == 409 and "retry-after" in response.headers
    )


def _asked_wait(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 1.0


def _unreachable(url: str, error: httpx.HTTPError) -> RemoteError:
    return RemoteError(f"The node at {url} does not answer: {error}.", hint="Check the address, and that it is served.")

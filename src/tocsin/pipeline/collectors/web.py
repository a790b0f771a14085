"""Requests over HTTP: redirects to https only, credentials for one host only, sizes and times bounded.

Sources: RFC 9110 (13.1.2 and 13.1.3 conditional requests, 15.4 redirects), RFC 7617 (Basic), RFC 6750 (Bearer),
RFC 6266 (names of files).
"""

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from time import monotonic
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from tocsin import __version__
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.sentences import say

_REDIRECTS = 5
_SAID = 200  # characters of an answer that a message repeats


@dataclass(frozen=True)
class Credentials:
    """What says who we are: headers, for one host only."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class DownloadLimits:
    """How long and how large an answer may be: seconds for each step, seconds in all, bytes."""

    answer: float
    whole: float
    size: int


@contextmanager
def client(
    tls: ssl.SSLContext, bounds: DownloadLimits, *, proxy: str = "", proxy_secret: str = ""
) -> Iterator[httpx.Client]:
    """A client that follows nothing by itself and takes nothing from the environment.

    ``proxy_secret``: user and password for it, as ``user:password``.
    """
    user, _, password = proxy_secret.partition(":")
    way = httpx.Proxy(proxy, auth=(user, password) if proxy_secret else None) if proxy else None
    headers = {"User-Agent": f"Tocsin/{__version__}", "Accept-Encoding": "identity"}
    with httpx.Client(verify=tls, proxy=way, trust_env=False, timeout=bounds.answer, headers=headers) as opened:
        yield opened


@contextmanager
def answer_to(
    opened: httpx.Client, url: str, credentials: Credentials, *, headers: Mapping[str, str] | None = None
) -> Iterator[httpx.Response]:
    """The answer to a GET, its body not yet read; redirects are followed to https only, credentials stay at home.

    Raises:
        RemoteError: there is none, or it is neither 200 nor 304.

    """
    home = _authority(url)
    for _ in range(_REDIRECTS + 1):
        own = credentials.headers if _authority(url) == home else {}
        with _streamed(opened, "GET", url, headers={**(headers or {}), **own}) as response:
            if not response.has_redirect_location:
                check(response, url)
                yield response
                return
            url = _following(url, response.headers["Location"])
    raise RemoteError(
        say("%(where)s redirects more than %(redirects)s times.", where=where(url), redirects=_REDIRECTS),
        hint=say("Ask whoever runs the server."),
    )


@contextmanager
def posted(opened: httpx.Client, url: str, content: bytes, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
    """The answer to a POST, its body not yet read; redirects are not followed.

    Raises:
        RemoteError: there is none, or it is not 200.

    """
    with _streamed(opened, "POST", url, headers=headers, content=content) as response:
        check(response, url)
        yield response


@contextmanager
def requested(
    opened: httpx.Client, url: str, *, headers: Mapping[str, str], content: bytes | None = None, address: str = ""
) -> Iterator[httpx.Response]:
    """The answer to a GET, or with ``content`` a POST, whatever its status, its body not yet read; nothing is followed.

    ``address``: where the host is, as somebody resolved and judged it; the certificate must be that of its name.

    Raises:
        RemoteError: there is no answer.

    """
    method = "GET" if content is None else "POST"
    place, extensions = url, dict[str, str]()
    if address:
        host = urlsplit(url).hostname or ""
        place, extensions = str(httpx.URL(url).copy_with(host=address)), {"sni_hostname": host}
        headers = {**headers, "Host": urlsplit(url).netloc}
    with _streamed(opened, method, url, at=place, headers=headers, content=content, extensions=extensions) as response:
        yield response


@contextmanager
def _streamed(opened: httpx.Client, method: str, url: str, *, at: str = "", **request: Any) -> Iterator[httpx.Response]:
    with ExitStack() as stack:
        with failures(url):  # not around the yield: what goes wrong with whoever reads the answer is another matter
            response = stack.enter_context(opened.stream(method, at or url, **request))
        yield response


def check(response: httpx.Response, url: str) -> None:
    """Raise `RemoteError` where an answer is neither 200 nor 304."""
    status = response.status_code
    if status in {200, 304}:
        return
    hint = say("It is tried again later.")
    if status in {401, 403}:
        hint = say("Check the credentials.")
    elif status == 404:
        hint = say("Check the address.")
    raise RemoteError(
        say(
            "%(where)s answers %(status)s %(printable)s.",
            where=where(url),
            status=status,
            printable=printable(response.reason_phrase),
        ),
        hint=hint,
    )


def body(response: httpx.Response, bounds: DownloadLimits) -> Iterator[bytes]:
    """The body in pieces, as it was sent.

    Raises:
        RemoteError: it breaks off, or takes too long.
        InputError: it is too large.

    """
    url = str(response.url)
    with failures(url):
        yield from bounded(response.iter_raw(), where(url), bounds)


def too_large(place: str, bounds: DownloadLimits) -> InputError:
    """The error of what has more bytes than it may."""
    return InputError(
        say("%(where)s sends more than %(size)s bytes, so it was refused.", where=place, size=f"{bounds.size:,}"),
        hint=say("If it is genuine, raise max_bytes of this collector in tocsin.toml."),
    )


def bounded(pieces: Iterable[bytes], place: str, bounds: DownloadLimits) -> Iterator[bytes]:
    """The same pieces, as long as they are within the bounds; ``place``: where they come from.

    Raises:
        RemoteError: they take too long.
        InputError: they are too many.

    """
    begun, size = monotonic(), 0
    for piece in pieces:
        size += len(piece)
        if size > bounds.size:
            raise too_large(place, bounds)
        if monotonic() - begun > bounds.whole:
            raise RemoteError(
                say("%(where)s takes longer than %(whole)s s.", where=place, whole=f"{bounds.whole:,.0f}"),
                hint=say("Raise longest."),
            )
        yield piece


@contextmanager
def failures(url: str) -> Iterator[None]:
    """What goes wrong on the way, as the error that people are told; addresses without what may be secret in them."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        said = printable(str(error)) or type(error).__name__
        raise RemoteError(
            say("%(where)s cannot be reached: %(said)s.", where=where(url), said=said),
            hint=say("Check the address, the network and the certificate."),
        ) from error


def where(url: str) -> str:
    """An address as it may be shown: without user, query and fragment, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{printable(parts.path)}"


def printable(text: str) -> str:
    """A text from elsewhere as part of a sentence."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_SAID]).strip().rstrip(".")


def name_in(response: httpx.Response) -> str:
    """The name that the server gives its answer, else the end of its address; may be empty."""
    header = Message()
    header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    return header.get_filename("") or unquote(urlsplit(str(response.url)).path).rpartition("/")[2]


def size_of(response: httpx.Response) -> int | None:
    """How many bytes the server says it will send."""
    given = response.headers.get("Content-Length", "")
    return int(given) if re.fullmatch(r"\d{1,15}", given) else None


def _authority(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _following(url: str, location: str) -> str:
    try:
        following = urljoin(url, location)
        if urlsplit(following).scheme == "https" and _authority(following)[0]:
            return following
    except ValueError:  # no address at all
        pass
    raise RemoteError(
        say("%(where)s redirects to what is not https.", where=where(url)), hint=say("Ask whoever runs the server.")
    )

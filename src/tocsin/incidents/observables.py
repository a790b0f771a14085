"""What a text names that can be compared: addresses, names, hashes …, refanged, each with its line. Pure.

People write them so that nothing opens by a click (``hxxp://``, ``[.]``, ``(at)``); here they are as programs compare
them. A bare word is a domain where the Public Suffix List knows its end and no program names its files so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tocsin.directory import canonical
from tocsin.incidents.states import ObservableKind
from tocsin.networks import format_address, parse_address, parse_network

MOST: Final = 2_000
"""Of one text; what comes after is left out."""

_LONGEST: Final = 2_000  # characters of one value
_REFANGED: Final = (
    (re.compile(r"\b(?:hxxp|h\*\*p|hXXp|meow)(s?)(?=\W)", re.IGNORECASE), r"http\1"),
    (re.compile(r"\bfxp(s?)(?=://|\[:)", re.IGNORECASE), r"ftp\1"),
    (re.compile(r"\s?[\[({<]\s?(?:\.|dot|punkt|punto|ponto|point)\s?[\])}>]\s?", re.IGNORECASE), "."),
    (re.compile(r"\\\."), "."),
    (re.compile(r"\s?[\[({]\s?(?:@|at)\s?[\])}]\s?", re.IGNORECASE), "@"),
    (re.compile(r"[\[({]\s?(:|://|/)\s?[\])}]"), r"\1"),
    (re.compile(r"[\[({]www[\])}]", re.IGNORECASE), "www"),
)
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_WORD: Final = re.compile(r"[^\s<>\"'`,;|{}«»“”‘’„\u3000]+")  # noqa: RUF001 (quotation marks)
_AROUND: Final = ".,:;!?()[]*_=>\\،؛؟…-–—"  # noqa: RUF001 (marks of other scripts)
_URL: Final = re.compile(r"(?:https?|ftps?)://\S+", re.IGNORECASE)
_HASHES: Final = {32: ObservableKind.MD5, 40: ObservableKind.SHA1, 64: ObservableKind.SHA256}
_HASH: Final = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE)
_CVE: Final = re.compile(r"\bCVE-\d{4}-\d{4,10}\b", re.IGNORECASE)
_ASN_IN_LINE: Final = re.compile(r"\bASN?\s?:?\s?(\d{1,10})\b", re.IGNORECASE)
_EMAIL: Final = re.compile(r"(?:mailto:)?([\w.+%=&'-]{1,64}@[\w.-]{1,253})")
_IPV6: Final = re.compile(r"\[([0-9a-f:.]{2,45})\]", re.IGNORECASE)  # in brackets, as before a port
_PORT: Final = re.compile(r"(.+):\d{1,5}(?:/(?:tcp|udp))?", re.IGNORECASE)
_FILES: Final = frozenset(
    """7z apk asp aspx bat bin cab cfg chm cmd conf cpl csv dat dll dmg doc docm docx dotm elf eml exe gif gz hta htm
    html img ini iso jar jpeg jpg js jse json jsp lnk log mp3 mp4 msg msi odt pdf php png pps ppt pptm pptx ps1 psm1 py
    pyc rar rtf scr sh so svg sys tar tgz tmp txt vbe vbs vhd vhdx wsf xls xlsb xlsm xlsx xml yaml yml zip""".split()
)
"""By these ends a bare word is the name of a file; ``com`` and ``app`` are domains first."""


@dataclass(frozen=True, slots=True)
class FoundObservable:
    """One value as it is compared, and the line (from 1) where it stands first."""

    kind: ObservableKind
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class ExtractedObservables:
    """What a text names, each once, in order; ``junk``: lines, by number, in which nothing was found."""

    found: tuple[FoundObservable, ...]
    junk: tuple[tuple[int, str], ...]


def extract_observables(text: str) -> ExtractedObservables:
    """What a text names."""
    found: dict[tuple[ObservableKind, str], int] = {}
    junk: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        some = False
        for kind, value in _in_line(refang(line)):
            some = True
            if len(found) < MOST:
                found.setdefault((kind, value), number)
        if not some:
            junk.append((number, line.strip()))
    return ExtractedObservables(tuple(FoundObservable(*key, line) for key, line in found.items()), tuple(junk))


def refang(text: str) -> str:
    """The text as programs read it: ``hxxps://a[.]example`` is ``https://a.example``."""
    text = _INVISIBLE.sub("", text)
    for pattern, plain in _REFANGED:
        text = pattern.sub(plain, text)
    return text


def defang(value: str) -> str:
    """The value as nothing opens it by a click."""
    scheme, mark, rest = value.partition("://")
    if mark:
        host, slash, path = rest.partition("/")
        return f"{scheme.replace('http', 'hxxp').replace('ftp', 'fxp')}://{host.replace('.', '[.]')}{slash}{path}"
    return value.replace("@", "[@]").replace(".", "[.]")


def registered_domain(name: str) -> str:
    """The name that somebody registered, of a name below it: ``example.co.uk`` of ``www.example.co.uk``."""
    return canonical.public_suffixes().privatesuffix(name, accept_unknown=False) or ".".join(name.split(".")[-2:])


def host_of(kind: str, value: str) -> str:
    """The address, network, AS number or name that a team may answer for, or empty."""
    match kind:
        case ObservableKind.URL:
            return urlsplit(value).hostname or ""
        case ObservableKind.ASN:
            return f"AS{value}"
        case ObservableKind.IP | ObservableKind.NETWORK | ObservableKind.DOMAIN:
            return value
    return ""


def _in_line(line: str) -> Iterator[tuple[ObservableKind, str]]:
    for one in _ASN_IN_LINE.finditer(line):
        if 0 < int(one[1]) < 2**32:
            yield ObservableKind.ASN, str(int(one[1]))
    for word in _WORD.findall(line):
        yield from _in_word(word)


def _in_word(word: str) -> Iterator[tuple[ObservableKind, str]]:
    if (url := _URL.search(word)) is not None:
        if (value := _url(url.group())) is not None:
            yield ObservableKind.URL, value
        return
    for one in _CVE.findall(word):
        yield ObservableKind.CVE, one.upper()
    for one in _HASH.findall(word):
        yield _HASHES[len(one)], one.lower()
    for one in _IPV6.findall(word):
        if (address := parse_address(one)) is not None:
            yield ObservableKind.IP, format_address(*address)
            return
    bare = word.strip(_AROUND)
    if (email := _EMAIL.fullmatch(bare.rpartition(":")[2])) is not None:
        name, _, domain = email[1].rpartition("@")
        if _is_domain(domain):
            yield ObservableKind.EMAIL, f"{name}@{domain}".lower()
        return
    yield from _named(bare) or _named(bare.rpartition("=")[2].strip(_AROUND))


def _named(bare: str) -> list[tuple[ObservableKind, str]]:
    """The address, network, file or domain that a word is."""
    for text in (bare, *_without_port(bare), bare.rstrip("/")):
        if (address := parse_address(text)) is not None and ("." in text or text.count(":") > 1):
            return [(ObservableKind.IP, format_address(*address))]
        if "/" in text and (network := parse_network(text)) is not None:
            return [(ObservableKind.NETWORK, str(network))]
    where, slash, path = bare.partition("/")
    host = next(iter(_without_port(where)), where).rstrip(".")
    if path and _is_domain(host):
        return [(ObservableKind.URL, f"http://{where.lower()}{slash}{path}")]
    name = bare.replace("\\", "/").rpartition("/")[2]
    if _is_file(name):
        return [(ObservableKind.FILENAME, name)]
    return [(ObservableKind.DOMAIN, canonical.host(host))] if _is_domain(host) else []


def _without_port(text: str) -> list[str]:
    match = _PORT.fullmatch(text)
    return [match[1]] if match is not None and ":" not in match[1] else []


def _url(text: str) -> str | None:
    """A URL with its scheme and host in small letters; None where it has no host."""
    text = text.rstrip(".,:;!?*_>\\،؛؟…'\"")
    for closes, opens in ((")", "("), ("]", "[")):
        while text.endswith(closes) and text.count(closes) > text.count(opens):
            text = text[:-1]
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        if not (parse_address(host) or _is_domain(host)):
            return None
    except ValueError:
        return None
    scheme, _, rest = text.partition("://")
    where = rest[: len(parts.netloc)]
    return f"{scheme.lower()}://{where.lower()}{rest[len(where) :]}"[:_LONGEST]


def _is_file(name: str) -> bool:
    stem, dot, ending = name.rpartition(".")
    return bool(dot and stem and ending.lower() in _FILES and re.fullmatch(r"[\w.()+$~-]{1,120}", name))


def _is_domain(text: str) -> bool:
    if "." not in text or len(text) > 253 or text.rpartition(".")[2].isdecimal():
        return False
    try:
        name = canonical.host(text)
    except ValueError:
        return False
    return (
        canonical.public_suffixes().privatesuffix(name, accept_unknown=False) is not None
        or name.rpartition(".")[2] in _RESERVED
    )


_RESERVED: Final = frozenset(("example", "test", "invalid", "onion"))  # RFC 2606, RFC 7686

"""Observables in a pasted text: what each line says, refanged; and how a value is shown so that nobody follows it.

Kinds and their values are those of MISP's attribute types. Everything here is pure.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from tocsin.incidents.states import ObservableKind
from tocsin.networks import format_address, parse_address, parse_network
from tocsin.node.errors import UsageError
from tocsin.sharing.lookup import read_subject, refanged

_INVISIBLE: Final = dict.fromkeys(map(ord, "\N{SOFT HYPHEN}\u200b\u200c\u200d\u2060\ufeff"))  # as PDFs have them
_URL: Final = re.compile(r"\b(?:h(?:xx|tt)ps?|s?ftp|wss?)(?:://|\[:\]//|\[://\])[^\s\"'<>|]+", re.IGNORECASE)
_SPLIT: Final = re.compile(r"[\s,;|\"'<>]+")
_LABELLED: Final = re.compile(r"^(?:md5|sha-?1|sha-?256|ip|domain|url|e?mail|cve|file(?:name)?)[:=]", re.IGNORECASE)
_EDGES: Final = "()[]{}*-!?.:\N{BULLET}\N{MIDDLE DOT}\N{EN DASH}\N{EM DASH}"  # around a value in a sentence or a list
_AS: Final = re.compile(r"ASN?([1-9][0-9]{0,9})", re.IGNORECASE)
_CVE: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.IGNORECASE)
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_HASHES: Final = {32: ObservableKind.MD5, 40: ObservableKind.SHA1, 64: ObservableKind.SHA256}
_MAIL: Final = re.compile(r"[^\s@:/]+@[^\s@:/]+\.[^\s@:/.]+")
_TOP: Final = re.compile(r"\.(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})", re.IGNORECASE)  # the last label of a name
_FILE: Final = re.compile(
    r"[^\s/\\:*?]+\.(?:exe|dll|docx?|docm|xlsx?|xlsm|pptx?|pdf|zip|rar|7z|gz|iso|img|lnk|js|jse|vbs|vbe|ps1|bat|cmd|scr|"
    r"hta|msi|apk|jar|php|aspx?|txt|html?|elf|bin|dat|tmp|one|chm|cab)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReadObservable:
    """One value, as it is compared."""

    kind: ObservableKind
    value: str


@dataclass(frozen=True, slots=True)
class PastedObservables:
    """What a text has, each once, in its order; ``unread``: the lines that have none."""

    found: tuple[ReadObservable, ...]
    unread: tuple[str, ...]


def read_observables(text: str) -> PastedObservables:
    """The observables of a text, line by line: several in one, between other words, defanged or not."""
    found: dict[ReadObservable, None] = {}
    unread = []
    for line in text.splitlines():
        plain = unicodedata.normalize("NFKC", line).translate(_INVISIBLE).strip()
        values = _in_line(plain)
        found |= dict.fromkeys(values)
        if plain and not values:
            unread.append(plain[:500])
    return PastedObservables(tuple(found), tuple(unread))


def read_observable(word: str) -> ReadObservable | None:
    """What one word is; None where it is no observable."""
    plain = refanged(word)
    plain = _LABELLED.sub("", plain.strip(_EDGES)).strip(_EDGES) if "://" not in plain else plain.rstrip(")].,;:!?")
    for read in (_url, _fingerprint, _numbered, _network, _mail, _name):
        if (found := read(plain)) is not None:
            return found
    return None


def defanged(value: str) -> str:
    """A value as it may stand in a text: no program makes a link of it."""
    shown = re.sub(r"^http", "hxxp", value, flags=re.IGNORECASE)
    return shown.replace("@", "[@]").replace(".", "[.]")


def _in_line(line: str) -> list[ReadObservable]:
    words = [found[0] for found in _URL.finditer(line)] + _SPLIT.split(_URL.sub(" ", line))
    return [one for one in map(read_observable, words) if one is not None]


def _url(word: str) -> ReadObservable | None:
    scheme, mark, rest = word.partition("://")
    if not mark:
        host, slash, path = word.partition("/")
        named = _name(host) if slash and path and not parse_network(word) else None
        named = named if named and named.kind is ObservableKind.DOMAIN else None
        return ReadObservable(ObservableKind.URL, f"{named.value}/{path}") if named else None
    host, slash, path = rest.partition("/")
    fine = scheme.isalpha() and host and host.isprintable()
    return ReadObservable(ObservableKind.URL, f"{scheme.lower()}://{host.lower()}{slash}{path}") if fine else None


def _fingerprint(word: str) -> ReadObservable | None:
    kind = _HASHES.get(len(word))
    return ReadObservable(kind, word.lower()) if kind and _HEXADECIMAL.fullmatch(word) else None


def _numbered(word: str) -> ReadObservable | None:
    if _CVE.fullmatch(word):
        return ReadObservable(ObservableKind.CVE, word.upper())
    found = _AS.fullmatch(word)
    return ReadObservable(ObservableKind.ASN, f"AS{found[1]}") if found and int(found[1]) < 1 << 32 else None


def _network(word: str) -> ReadObservable | None:
    host, colon, port = word.rpartition(":")
    for text in (word, host.strip("[]") if colon and port.isdecimal() else ""):
        if address := parse_address(text):
            return ReadObservable(ObservableKind.IP, format_address(*address))
    network = parse_network(word) if "/" in word else None
    return ReadObservable(ObservableKind.NETWORK, str(network)) if network else None


def _mail(word: str) -> ReadObservable | None:
    return ReadObservable(ObservableKind.EMAIL, word.lower()) if _MAIL.fullmatch(word) else None


def _name(word: str) -> ReadObservable | None:
    """A file by its ending, else a domain; ``.com`` and the like are domains."""
    if _FILE.fullmatch(word):
        return ReadObservable(ObservableKind.FILENAME, word)
    host, colon, port = word.rpartition(":")
    name = (host if colon and port.isdecimal() else word).rstrip(".").lower()
    if not _TOP.search(name, name.rfind(".") if "." in name else len(name)):
        return None
    try:
        domain = read_subject(name).domain
    except UsageError:
        return None
    return ReadObservable(ObservableKind.DOMAIN, domain) if domain else None

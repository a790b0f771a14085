"""What people write when asked for their networks: prefixes, ranges, AS numbers and domains among prose.

Nothing is guessed: what is no network, number or name as it stands is left over, with a reason.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from tocsin.directory import canonical
from tocsin.directory.registry.rpsl import take_asns, take_ipv4, take_ipv6

if TYPE_CHECKING:
    import polars as pl

ListName: TypeAlias = Literal["prefixes", "asns", "domains"]

_MOST_ASNS = 1_000
_TOKENS: Final = re.compile(
    r"""
    (?P<url> https?://\S+ )
  | (?P<range> \d{1,3}(?:\.\d{1,3}){3} \s*-\s* \d{1,3}(?:\.\d{1,3}){3} )
  | (?P<ipv6> [0-9A-Fa-f]{1,4} (?: : [0-9A-Fa-f]{0,4} ){2,7} (?: \s*/\s*\d{1,3} )? )
  | (?P<ipv4> \d{1,3}(?:\.\d{1,3}){3} (?: /\d{1,2} )? (?![\d.]) )
  | (?P<short> \d{1,3}(?:\.\d{1,3}){0,2} /\d{1,2} (?!\d) )
  | (?P<open> \d{1,3}(?:\.(?:\d{1,3}|[xX*])){3} )
  | (?P<asns> AS\s?\d{1,10} (?: \s*-\s* AS\s?\d{1,10} )? )
  | (?P<stub> \*\.[A-Za-z0-9.-]+\.\* )
  | (?P<domain> (?: \*\.|\. )? (?: [A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\. ){0,9} [a-z]{2,24} )
  | (?P<number> \d{2,10} )
    """,
    re.VERBOSE,
)
_NOTHING: Final = re.compile(r"(?:N/?A\s*)+|none|[-.\s]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ConstituencyItem:
    """One thing found in a text: for which list, its value; or with ``why``, a part that cannot be taken."""

    into: ListName | None
    value: str
    why: str = ""


def read_text(text: str) -> Iterator[ConstituencyItem]:
    """What a text names, in its order, and every other part of it with the reason why it is not taken."""
    for piece in re.split(r"\.\s+-\s+|[\n\t]+|\s{2,}|;\s*", text):
        yield from _read_piece(piece.strip())


def read_asn(text: str) -> Iterator[ConstituencyItem]:
    """An AS number, or the numbers from one to another as ``AS64500-AS64510``."""
    first, _, last = (part.strip() for part in text.upper().replace("AS", "").partition("-"))
    if not (first.isdecimal() and (last or first).isdecimal()) or int(last or first) - int(first) not in range(
        _MOST_ASNS
    ):
        yield ConstituencyItem(None, text, "not an AS number, or from one to another that is not below it")
        return
    for number in range(int(first), int(last or first) + 1):
        yield from _numbers("asns", take_asns, f"AS{number}")


def read_network(text: str) -> Iterator[ConstituencyItem]:
    """A network, or the networks of a range; shortened ones (``192.0/16``) where all that is meant is there."""
    compact = re.sub(r"\s+", "", text)
    if ":" in compact:
        yield from _numbers("prefixes", take_ipv6, compact)
        return
    start, slash, length = compact.partition("/")
    octets = start.split(".")
    if slash and "-" not in start and len(octets) < 4:
        if not length.isdecimal() or int(length) > 8 * len(octets):
            yield ConstituencyItem(
                None, text, "a shortened network that does not say all its bits; write all four numbers"
            )
            return
        compact = f"{'.'.join([*octets, *['0'] * (4 - len(octets))])}/{length}"
    elif not slash and "-" not in start:
        compact = f"{start}/32"
    yield from _numbers("prefixes", take_ipv4, compact)


def read_domain(text: str) -> Iterator[ConstituencyItem]:
    """A domain; ``*.example.org`` and ``.org`` are all names under it."""
    name = text.strip().removeprefix("*")
    if name.endswith(".*"):
        yield ConstituencyItem(None, text, "a name that is open at its end is not one domain")
    elif canonical.public_suffixes().publicsuffix(name.strip(".").lower(), accept_unknown=False) is None:
        yield ConstituencyItem(None, text, "not a domain name under a top-level domain that exists")
    else:
        try:
            yield ConstituencyItem("domains", canonical.domain(name))
        except ValueError as error:
            yield ConstituencyItem(None, text, str(error))


def _read_piece(piece: str) -> Iterator[ConstituencyItem]:
    rest, at = "", 0
    for token in _TOKENS.finditer(piece):
        kind, text = token.lastgroup or "", token.group()
        if not _is_token(kind, text, piece, token.start(), token.end()):
            continue
        rest, at = f"{rest} {piece[at : token.start()]}", token.end()
        yield from _READERS[kind](text)
    rest = f"{rest} {piece[at:]}".strip(" .,-*()")
    if not _NOTHING.fullmatch(rest):
        yield ConstituencyItem(None, rest, "prose; it names no network, number or domain")


def _is_token(kind: str, text: str, piece: str, start: int, end: int) -> bool:
    """Whether it stands for itself: words are not domains, and numbers in a sentence are not AS numbers."""
    if kind == "domain":
        return "." in text
    if kind == "number":
        alone = not re.search(r"[A-Za-z]\s*$", piece[:start])
        return alone and (end == len(piece) or bool(re.match(r"\s*(?:[*,A-Z]|$)", piece[end:])))
    return True


def _numbers(into: ListName, take: "Callable[[pl.Series], pl.DataFrame]", text: str) -> Iterator[ConstituencyItem]:
    import polars as pl

    for value, why in take(pl.Series([text])).select("value", "why").iter_rows():
        yield ConstituencyItem(None, text, why) if value is None else ConstituencyItem(into, value)


def _open(text: str) -> Iterator[ConstituencyItem]:
    yield ConstituencyItem(None, text, "a network that is open at its end; write it as ADDRESS/LENGTH")


def _url(text: str) -> Iterator[ConstituencyItem]:
    yield ConstituencyItem(None, text, "a page, not a network")


_READERS: Final[dict[str, Callable[[str], Iterator[ConstituencyItem]]]] = {
    "url": _url,
    "range": read_network,
    "ipv6": read_network,
    "ipv4": read_network,
    "short": read_network,
    "open": _open,
    "asns": read_asn,
    "number": read_asn,
    "domain": read_domain,
    "stub": read_domain,
}

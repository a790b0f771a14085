"""What is asked about: an address, a network, an AS, a domain (also as part of a URL) or a country."""

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tocsin.node.errors import UsageError

if TYPE_CHECKING:
    from tocsin.networks import NetworkLookup

_AS = re.compile(r"(?:ASN?\s*)?([0-9]+)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST = 253  # letters of a domain name, RFC 1035, 2.3.4
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_WITH_PORT = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s:/@]+)):[0-9]{1,5}", re.IGNORECASE)
_RANGE = re.compile(r"([0-9a-f.:]{2,45})\s*[-\N{EN DASH}]\s*([0-9a-f.:]{2,45})", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@]+@([^\s@]+)")
_DEFANGED = (
    (re.compile(r"[\[({](?:\.|dot)[\])}]", re.IGNORECASE), "."),
    (re.compile(r"[\[({](:|:?//)[\])}]"), r"\1"),
    (re.compile(r"[\[({](?:@|at)[\])}]", re.IGNORECASE), "@"),
    (re.compile(r"^h(?:xx|tt)p(s?)(?=://)", re.IGNORECASE), r"http\1"),
)
"""How analysts write what must not be followed by accident, and what it stands for."""


@dataclass(frozen=True)
class Subject:
    """What is asked about, as far as known; ``address`` in its halves, ``country`` in capitals (ISO 3166-1 alpha-2).

    ``network`` of a range that is no prefix is the narrowest one around it. ``mailbox``: an email address, whose
    ``domain`` is given too.
    """

    query: str
    address: tuple[int, int] | None = None
    network: str | None = None
    asn: int | None = None
    domain: str | None = None
    country: str | None = None
    identifier: str = ""
    type_: str = ""
    feed: str = ""
    mailbox: str = ""


def read_subject(query: str) -> Subject:
    """What a query means: an address, else a network or range, an AS number, a country, a domain; of a URL, its host.

    It may be defanged (``hxxps://a[.]example``), and have a port; of an email address its domain counts. A country
    is asked for by its two letters in capitals, or by its English name; ``mu`` is a domain.

    Raises:
        UsageError: it is none of these.

    """
    from tocsin.networks import parse_address, parse_network

    text = query.strip()
    plain = refanged(text)
    if inner := _host_of(plain) or (plain if plain != text else ""):
        is_mail = _MAIL.fullmatch(plain) and not _URL.fullmatch(plain)
        return replace(read_subject(inner), query=text, mailbox=plain.lower() if is_mail else "")
    if address := parse_address(text):
        return Subject(text, address=address)
    if network := parse_network(text) or _range(text):
        return Subject(text, network=str(network))
    found = _AS.fullmatch(text)
    if found and len(found[1]) <= 10 and 1 <= int(found[1]) <= 4_294_967_295:
        return Subject(text, asn=int(found[1]))
    if code := _country(text):
        return Subject(text, country=code)
    if not found and (domain := _domain(text)):
        return Subject(text, domain=domain)
    raise UsageError(
        f"'{text[:100]}' is no address, network, domain, AS or country.",
        hint="Ask as in: 192.0.2.1, 192.0.2.0/24, example.org, https://example.org/page, AS64500, MU.",
    )


def values_of(subject: Subject, facts: "NetworkLookup") -> dict[str, list[str]]:
    """The values, by kind of rule, of which a rule would hold the subject; ``facts``: what is known of its address."""
    from tocsin.directory import same_and_wider

    network = facts.address or subject.network
    country = subject.country or facts.country
    values = {
        "prefix": same_and_wider("prefix", network) if network else [],
        "asn": [str(facts.asn)] if facts.asn else [],
        "domain": same_and_wider("domain", subject.domain) if subject.domain else [],
        "country": [country] if country else [],
    }
    return {kind: of for kind, of in values.items() if of}


def refanged(text: str) -> str:
    """What analysts wrote so that nobody follows it by accident (``hxxps://a[.]example``), as it is meant. Pure."""
    for pattern, plain in _DEFANGED:
        text = pattern.sub(plain, text)
    return text


def _host_of(text: str) -> str:
    """The host of a URL, of what has a port or of an email address, IPv6 without its brackets; empty for the rest."""
    if not _URL.fullmatch(text):
        found = _WITH_PORT.fullmatch(text) or _MAIL.fullmatch(text)
        return next(filter(None, found.groups())) if found else ""
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def _range(text: str) -> str:
    """The narrowest network around a range of addresses; empty where the text is none."""
    from tocsin.networks import format_address, parse_address

    found = _RANGE.fullmatch(text)
    ends = [parse_address(end) for end in found.groups()] if found else []
    first, last = (end and ip_address(format_address(*end)) for end in ends or (None, None))
    if not first or not last or first.version != last.version or int(first) > int(last):
        return ""
    length = first.max_prefixlen - (int(first) ^ int(last)).bit_length()
    return str(ip_network(f"{first}/{length}", strict=False))


def _domain(text: str) -> str:
    """A domain name in A-labels (RFC 1035, 2.3.1; RFC 5890), lower-case; empty where the text can be none.

    A dot before it, as rules on all names under a public suffix have it, is taken. A name that poses as another is
    too: whoever asks about it needs the answer most.
    """
    dot = text[: text.startswith(".")]
    try:
        name = text.lower().removeprefix(".").removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    can_be = len(name) <= _LONGEST and all(_LABEL.fullmatch(label) for label in name.split("."))
    return dot + name if can_be and not name.rpartition(".")[2].isdecimal() else ""


def _country(text: str) -> str:
    from tocsin.networks import country_names

    names = country_names()
    if len(text) == 2:
        return text if text in names else ""
    wanted = text.casefold()
    return next((code for code, name in names.items() if name.casefold() == wanted), "")

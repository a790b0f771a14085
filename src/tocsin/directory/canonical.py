"""The one way in which each value of the directory is written, and why a value is not taken.

Each function gives the canonical form of a text or raises ``ValueError`` whose message says what is wrong with it and
what is expected.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from email.utils import getaddresses
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.directory.homoglyphs import deceptive
from tocsin.directory.model import MuteKind, RuleKind
from tocsin.networks import parse_network
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ADDRESS = re.compile(_LOCAL.pattern + r"@[^@\s<>()]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_AS_RANGE = re.compile(r"[0-9]+\s*(?:-|\.\.|:)\s*(?:AS)?[0-9]+")
_RESERVED_AS = {"0": "RFC 7607", "23456": "RFC 6793", "65535": "RFC 7300", "4294967295": "RFC 7300"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_CEILINGS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")

E = TypeVar("E", bound=StrEnum)


def key(text: str) -> str:
    """A team's short name: 1 to 64 of a-z, 0-9 and inner hyphens."""
    found = text.strip().lower()
    if not _KEY.fullmatch(found):
        raise ValueError(say("a key is 1 to 64 of a-z, digits and inner hyphens"))
    return found


def line(text: str) -> str:
    """One line of text, without blanks at both ends; it may come to stand in a mail header."""
    found = text.strip()
    if _CONTROL.search(found):
        raise ValueError(say("a line break or control character is not allowed here"))
    if len(found) > 500:
        raise ValueError(say("at most 500 characters"))
    return found


def name(text: str) -> str:
    """A line that is not empty."""
    found = line(text)
    if not found:
        raise ValueError(say("it is empty"))
    return found


def uuid(text: str) -> UUID:
    """A UUID (RFC 9562)."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise ValueError("not a UUID") from None


def prefix(text: str) -> str:
    """A network as ``ADDRESS/LENGTH``; a bare address is the network of itself alone.

    Bits behind the length are refused, since either the address or the length is then a slip.
    """
    network = parse_network(text)
    if network is None:
        raise ValueError(say("not an IPv4 or IPv6 network such as 192.0.2.0/24 or 2001:db8::/32"))
    whole = parse_network(text.strip().partition("/")[0])
    if whole is None or (whole.hi, whole.lo) != (network.hi, network.lo):
        raise ValueError(say("the address has bits behind the length; did you mean %(network)s?", network=network))
    return str(network)


def asn(text: str) -> str:
    """An AS number, 1 to 4294967294, with or without ``AS`` before it (RFC 5396 asplain).

    Numbers that are nobody's are refused; those for private use and for documentation are taken.
    """
    digits = text.strip().upper().removeprefix("AS")
    if _AS_RANGE.fullmatch(digits):
        raise ValueError(say("a range of AS numbers; write each number on its own, since each is one claim"))
    if digits in _RESERVED_AS:
        raise ValueError(
            say(
                "AS%(digits)s is nobody's: it is reserved (%(reserved_as)s)",
                digits=digits,
                reserved_as=_RESERVED_AS[digits],
            )
        )
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 10 and 1 <= int(digits) <= 4_294_967_295):
        raise ValueError(say("not an AS number from 1 to 4294967295, such as AS64500"))
    return str(int(digits))


def domain(text: str) -> str:
    """A domain name in A-labels, lower-case, no final dot; ``.SUFFIX`` for all names under a public suffix.

    A name that is itself a public suffix (``org``, ``co.uk``, by the Public Suffix List) is refused without the dot
    before it: nobody answers for all of it by accident.
    """
    found = host(text.strip().removeprefix("."))
    if public_suffixes().is_public(found):
        if not text.strip().startswith("."):
            raise ValueError(
                say(
                    "'%(found)s' is a public suffix; write '.%(found2)s' if every name under it is meant",
                    found=found,
                    found2=found,
                )
            )
        return f".{found}"
    return found


def host(text: str) -> str:
    """A domain name in A-labels (RFC 5890), lower-case, without a final dot; none that poses as another."""
    found = text.strip().lower().removesuffix(".")
    try:
        found = found.encode("idna").decode("ascii")
        why = deceptive(found, text) if "xn--" in found else ""
    except UnicodeError:
        raise ValueError(say("not a domain name")) from None
    if why:
        raise ValueError(why)
    if len(found) > 253 or not all(_LABEL.fullmatch(label) for label in found.split(".")):
        raise ValueError(say("not a domain name"))
    if found.rpartition(".")[2].isdecimal():
        raise ValueError(say("not a domain name, since it ends in a number"))
    return found


def country(text: str) -> str:
    """A country code of two letters (ISO 3166-1 alpha-2), upper-case."""
    found = text.strip().upper()
    if not (len(found) == 2 and found.isascii() and found.isalpha()):
        raise ValueError(say("not a country code such as MU (ISO 3166-1)"))
    return found


def mailbox(text: str) -> str:
    """An e-mail address ``LOCAL@DOMAIN`` alone (RFC 5321, section 4.1.2): no name, no comment, no list."""
    local, at, where = text.strip().rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > 64 or not where.isprintable() or set(where) & set(" ()<>"):
        raise ValueError(_why_no_mailbox(text.strip()))
    return f"{local}@{host(where)}"


def _why_no_mailbox(text: str) -> str:
    """What a text has beside or instead of a plain address, by the words of RFC 5322, section 3.4."""
    plain = say("not a plain e-mail address such as cert@example.org")
    if not text.isprintable():
        return say("%(plain)s (it has a control character)", plain=plain)
    found = [address for _, address in getaddresses([text]) if _ADDRESS.fullmatch(address)]
    if len(found) > 1:
        return say("%(plain)s: there are %(found)s; give each on its own", plain=plain, found=len(found))
    if len(found) == 1 and text.count("@") == 1:
        beside = say("a display name") if "<" in text else say("a comment") if "(" in text else say("something")
        return say(
            "%(plain)s: it has %(beside)s beside it; write '%(found)s' alone",
            plain=plain,
            beside=beside,
            found=found[0],
        )
    return say("%(plain)s (no name, comment or quotes)", plain=plain)


def language(text: str) -> str:
    """A language tag (BCP 47)."""
    found = text.strip()
    if not _LANGUAGE.fullmatch(found):
        raise ValueError(say("not a language tag such as en or pt-BR (BCP 47)"))
    return found


def timezone(text: str) -> str:
    """The name of a time zone in the IANA database."""
    found = text.strip()
    try:
        return found if found == "UTC" else ZoneInfo(found).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(say("not a time zone of the IANA database such as Africa/Nairobi")) from None


def ceiling(text: str) -> str:
    """A TLP 2.0 label, with or without ``TLP:`` before it."""
    found = text.strip().upper().removeprefix("TLP:")
    if found not in _CEILINGS:
        raise ValueError(f"not one of {', '.join(_CEILINGS)}")
    return found


def confidence(text: str) -> int:
    """A whole number from 0 to 100."""
    found = text.strip()
    if not (found.isascii() and found.isdecimal() and int(found) <= 100):
        raise ValueError("not a whole number from 0 to 100")
    return int(found)


def day(text: str) -> date:
    """A date as YYYY-MM-DD (ISO 8601)."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("not a date such as 2026-11-01") from None


def moment(text: str) -> datetime:
    """A time with its offset, as UTC; a date alone is its first moment in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("not a date or time such as 2026-12-31 or 2026-12-31T18:00:00Z") from None
    if found.tzinfo is None:
        if found.time() != time.min:
            raise ValueError("a time needs its offset, such as 2026-12-31T18:00:00Z")
        return found.replace(tzinfo=UTC)
    return found.astimezone(UTC)


def flag(text: str) -> bool:
    """True or false."""
    found = text.strip().lower()
    if found not in {"true", "false"}:
        raise ValueError("not 'true' or 'false'")
    return found == "true"


def choice(kind: type[E]) -> Callable[[str], E]:
    """The reader of one word of a closed list."""
    words = ", ".join(kind)

    def read(text: str) -> E:
        try:
            return kind(text.strip().lower())
        except ValueError:
            raise ValueError(say("not one of %(words)s", words=words)) from None

    return read


def lower(text: str) -> str:
    """A line in lower case that is not empty."""
    return name(text).lower()


RULE_VALUES: dict[RuleKind, Callable[[str], str]] = {
    RuleKind.PREFIX: prefix,
    RuleKind.ASN: asn,
    RuleKind.DOMAIN: domain,
    RuleKind.COUNTRY: country,
}

MUTE_VALUES: dict[MuteKind, Callable[[str], str]] = {
    MuteKind.PREFIX: prefix,
    MuteKind.IDENTIFIER: lower,
    MuteKind.TYPE: lower,
}


@cache
def public_suffixes() -> "PublicSuffixList":
    """Ends of names that anybody can have; ``accept_unknown=False`` when it is asked: none that nobody has."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()

"""What people write of an asset, a line each: how it is known, whom to call, what it needs. Pure.

A line is its parts between semicolons, the first of which is needed. Forms, CSV files and what operators send are read
by the same functions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tocsin.assets.register.kinds import IdentifierKind
from tocsin.directory import canonical
from tocsin.networks import parse_network
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

CONTACT: Final = ("name", "phone", "mailbox", "hours", "language")
_MOST: Final = 200  # lines of one field
_LONGEST: Final = 300  # characters of one part


def read_identifiers(text: str) -> list[dict[str, str]]:
    """Networks, AS numbers, domains, CPE names and package URLs, each once.

    Raises:
        InputError: a line is none of these; it says which.

    """
    found = {}
    for number, line in _lines(text):
        try:
            kind, value = _identifier(line)
        except ValueError:
            raise _unread(number, say("Write a network, an AS number, a domain, a CPE name or a purl.")) from None
        found[kind, value] = {"kind": kind.value, "value": value}
    return list(found.values())


def read_contacts(text: str) -> list[dict[str, str]]:
    """Whom to call, in order: name, phone number, email address, hours, language.

    Raises:
        InputError: a line has no name, or more parts than these.

    """
    return [dict(zip(CONTACT, _parts(number, line, len(CONTACT)), strict=True)) for number, line in _lines(text)]


def read_needs(text: str, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """What an asset depends on: the name of another, or its number, the kind of dependency, since when.

    ``numbers``: by name in small letters; a name that several have is -1.

    Raises:
        InputError: a line names no asset, or several.

    """
    known, found = set(numbers.values()), {}
    for number, line in _lines(text):
        name, kind, since = _parts(number, line, 3)
        digits = name.removeprefix("#")
        by_number = int(digits) if name.startswith("#") and digits.isdecimal() and len(digits) < 10 else 0
        on = by_number if by_number in known else numbers.get(name.casefold(), 0)
        if on <= 0:
            why = say("Several assets have this name: write # and a number.") if on else say("There is no such asset.")
            raise _unread(number, why)
        found[on] = {"on": on, "kind": kind, "since": since}
    return list(found.values())


def numbers_by_name(names: Sequence[tuple[int, str]]) -> dict[str, int]:
    """The number of each name, as `read_needs` takes them."""
    numbers: dict[str, int] = {}
    for number, name in names:
        key = name.casefold()
        numbers[key] = number if key not in numbers else -1
        numbers[f"#{number}"] = number
    return numbers


def as_lines(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The same as people write it; ``names``: of the parts, in their order."""
    return "\n".join("; ".join(str(row.get(name, "")) for name in names).rstrip("; ") for row in rows)


def _identifier(line: str) -> tuple[IdentifierKind, str]:
    if line.startswith("cpe:2.3:"):
        return IdentifierKind.CPE, line.lower()
    if line.startswith("pkg:") and "/" in line:
        return IdentifierKind.PURL, line
    if line[:2].upper() == "AS" and line[2:].isdecimal():
        return IdentifierKind.ASN, canonical.asn(line)
    if "/" in line or ":" in line or parse_network(line) is not None:
        return IdentifierKind.NETWORK, canonical.prefix(line)
    dot = "." if line.startswith(".") else ""
    return IdentifierKind.DOMAIN, dot + canonical.host(line.removeprefix("."))


def _lines(text: str) -> list[tuple[int, str]]:
    found = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(found) > _MOST:
        raise InputError(say("At most %(n)s lines.", n=_MOST))
    return found


def _parts(number: int, line: str, most: int) -> list[str]:
    parts = [part.strip() for part in line.split(";")]
    if not parts[0] or len(parts) > most or any(len(part) > _LONGEST for part in parts):
        raise _unread(number, say("Write at most %(n)s parts, with semicolons between them.", n=most))
    return [*parts, *[""] * (most - len(parts))]


def _unread(number: int, why: str) -> InputError:
    return InputError(say("Line %(n)s was not understood. %(why)s", n=number, why=why))

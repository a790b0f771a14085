"""How each kind of fact is written, in TOML, in a cell of CSV and on the command line, and its one canonical form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from tocsin.directory import canonical
from tocsin.directory.facts import (
    AttestationKind,
    Authority,
    ChannelKind,
    ContactPurpose,
    FactKind,
    ProfileTopic,
    Status,
)
from tocsin.directory.hours import read_hours
from tocsin.directory.services import service_name

# Short ones, such as 112 or 15, are helplines and the police.
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,}(?: ?(?:x|ext\.?) ?\d{1,6})?")
_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BARE_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_LONGEST = 20_000


@dataclass(frozen=True)
class FactSchema:
    """How a fact is written.

    ``value`` is what its value is called in a table; ``bare`` makes such a table of a text that stands alone. ``needs``
    are the details that must be there. A cell of CSV holds several, between semicolons, or blanks too with ``words``.
    """

    kind: FactKind
    read: Callable[[str], str]
    value: str = "value"
    details: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    bare: Callable[[str], dict[str, str]] | None = None
    needs: tuple[str, ...] = ()
    words: bool = False
    single: bool = False

    def table(self, values: Mapping[str, str]) -> dict[str, str]:
        """The fields of an item; a text that stands alone is under ``value``."""
        if self.bare is None or "value" not in values or (self.value == "value" and self._complete(values)):
            return dict(values)
        rest = {name: text for name, text in values.items() if name != "value"}
        whole = {self.value: values["value"]} if self._complete(values) and self.needs else self.bare(values["value"])
        return {name: text.strip() for name, text in whole.items()} | rest

    def _complete(self, values: Mapping[str, str]) -> bool:
        return all(name in values for name in self.needs)

    def take(self, values: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The canonical value and details of a table without its assertion fields.

        Raises:
            ValueError: something is missing, unknown or wrong; the message names it.

        """
        for name in values:
            if name != self.value and name not in self.details:
                raise ValueError(f"no such field '{name}' here; docs/directory.md lists them")
        for name in (self.value, *self.needs):
            if not values.get(name, "").strip():
                raise ValueError(f"'{name}' is missing" if self.details else "it is empty")
        value = self._named(self.value, self.read, values)
        details = {name: self._named(name, read, values) for name, read in self.details.items() if values.get(name)}
        _check(self.kind, value, details)
        return value, tuple(sorted(details.items()))

    def _named(self, name: str, read: Callable[[str], str], values: Mapping[str, str]) -> str:
        try:
            return read(values[name])
        except ValueError as error:
            raise ValueError(f"{name} '{values[name]}': {error}" if self.details else str(error)) from None


def paragraphs(text: str) -> str:
    """Prose: paragraphs with one blank line between, each on one line, no blanks doubled.

    A paragraph does not begin with a hyphen and a blank, since that is how the items of a list are written.
    """
    if _TEXT.search(text.replace("\r", "")):
        raise ValueError("a control character is not allowed here")
    if len(text) > _LONGEST:
        raise ValueError(f"at most {_LONGEST:,} characters")
    found = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))
    return "\n\n".join(f"\N{EN DASH} {part[2:]}" if part.startswith("- ") else part for part in found if part)


def lines(text: str) -> str:
    """A postal address: lines without blanks at their ends, no empty ones."""
    if _TEXT.search(text.replace("\r", "")):
        raise ValueError("a control character is not allowed here")
    found = "\n".join(part for line in text.splitlines() if (part := " ".join(line.split())))
    if len(found) > 1_000:
        raise ValueError("at most 1,000 characters")
    return found


def url(text: str) -> str:
    """An http or https URL without blanks."""
    found = text.strip()
    try:
        parts = urlsplit(found)
        good = bool(parts.hostname) and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        good = False
    if not good or not found.isprintable() or " " in found or len(found) > 500:
        raise ValueError("not a URL such as https://cert.example.org/report")
    canonical.host(parts.hostname or "")
    return found


def phone(text: str) -> str:
    """A telephone number, best as ``+COUNTRY NUMBER``, possibly with an extension; single blanks."""
    found = " ".join(text.strip().removeprefix("tel:").split())
    if not _PHONE.fullmatch(found) or len(found) > 40:
        raise ValueError("not a telephone number such as +230 201 0000")
    return found


def _word(kind: type[StrEnum]) -> Callable[[str], str]:
    read = canonical.choice(kind)
    return lambda text: read(text).value


def _day(text: str) -> str:
    return canonical.day(text).isoformat()


def _service(text: str) -> str:
    return service_name(canonical.name(text))


def _prose(text: str) -> str:
    found = paragraphs(text)
    if not found:
        raise ValueError("it is empty")
    return found


def _bare_hours(text: str) -> dict[str, str]:
    return {"hours": text}


def _bare_channel(text: str) -> dict[str, str]:
    """A URL is a form, since a website alone takes no report; anything else is a telephone number."""
    kind = ChannelKind.FORM if _BARE_URL.fullmatch(text.strip()) else ChannelKind.PHONE
    return {"value": text, "kind": kind.value}


def _bare_membership(text: str) -> dict[str, str]:
    body, _, status = text.rpartition(":") if ":" in text else (text, "", Status.MEMBER.value)
    return {"body": body, "status": status}


def _bare_attestation(text: str) -> dict[str, str]:
    kind, _, issuer = text.partition(":")
    return {"kind": kind, "issuer": issuer}


def _bare_statement(text: str) -> dict[str, str]:
    about, _, value = text.partition(":")
    return {"about": about, "value": value}


def _check(kind: FactKind, value: str, details: Mapping[str, str]) -> None:
    """What holds between the fields of one fact."""
    if kind is FactKind.CHANNEL:
        {"phone": phone, "fax": phone, "other": canonical.name}.get(details["kind"], url)(value)
    if details.get("since", "") > details.get("until", "9999"):
        raise ValueError("'until' lies before 'since'")


_CHANNEL = {"kind": _word(ChannelKind), "purpose": _word(ContactPurpose)}
_MEMBERSHIP = {"status": _word(Status), "since": _day, "until": _day}
_ATTESTATION = {"kind": _word(AttestationKind), "scope": canonical.line, "expires": _day, "evidence": url}

SHAPES: Final[dict[str, FactSchema]] = {
    "authority": FactSchema(FactKind.AUTHORITY, _word(Authority), single=True),
    "languages": FactSchema(FactKind.LANGUAGE, canonical.language, words=True),
    "services": FactSchema(FactKind.SERVICE, _service),
    "hours": FactSchema(FactKind.HOURS, read_hours, value="hours", bare=_bare_hours),
    "channels": FactSchema(FactKind.CHANNEL, canonical.name, details=_CHANNEL, bare=_bare_channel, needs=("kind",)),
    "memberships": FactSchema(
        FactKind.MEMBERSHIP,
        canonical.name,
        value="body",
        details=_MEMBERSHIP,
        bare=_bare_membership,
        needs=("status",),
    ),
    "attestations": FactSchema(
        FactKind.ATTESTATION,
        canonical.name,
        value="issuer",
        details=_ATTESTATION,
        bare=_bare_attestation,
        needs=("kind",),
    ),
    "established": FactSchema(FactKind.ESTABLISHED, _day, single=True),
    "address": FactSchema(FactKind.ADDRESS, lines, single=True),
    "statements": FactSchema(
        FactKind.STATEMENT, _prose, details={"about": _word(ProfileTopic)}, bare=_bare_statement, needs=("about",)
    ),
}
"""Each list or value of a team that holds facts, by its name in a file."""

LISTS: Final[dict[FactKind, str]] = {shape.kind: name for name, shape in SHAPES.items()}
"""The name in a file of each kind of fact."""

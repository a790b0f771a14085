"""Reads a profile, ours exactly and others' as far as they can be read, and says what was not read and who signed."""

import re
from dataclasses import dataclass
from pathlib import Path

from tocsin.directory.profile.exact import read_exactly
from tocsin.directory.profile.free_form import Unread, read_freely
from tocsin.directory.profile.model import TeamProfile, profile_of
from tocsin.node.errors import InputError

_SIGNED = re.compile(
    r"\s*-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Za-z-]+: [^\n]*\n)*\n(.*?)\n-----BEGIN PGP SIGNATURE-----\n.*",
    re.DOTALL,
)
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class ParsedProfile:
    """A profile that was read: ``exact`` when it is written as Tocsin writes, so that nothing is missing.

    ``signed``: the bytes of the whole cleartext-signed document, None where it is not signed.
    """

    profile: TeamProfile
    exact: bool
    unread: tuple[Unread, ...] = ()
    signed: bytes | None = None


def read_profile(content: bytes) -> ParsedProfile:
    """The profile in a plain-text document, signed (RFC 9580, section 7) or not.

    Raises:
        InputError: it is no such document.

    """
    if len(content) > _MOST_BYTES:
        raise InputError("It is too large for a profile.", hint="A profile is a few pages of text.")
    text, signed = unsigned(_decoded(content))
    profile = read_exactly(text)
    if profile:
        return ParsedProfile(profile, exact=True, signed=content if signed else None)
    lines, prose, unread = read_freely(text)
    if not lines and not prose:
        raise InputError(
            "No section of RFC 2350 was found in it.",
            hint="It is read as plain text with numbered headings, such as '2.1 Name of the Team'.",
        )
    return ParsedProfile(
        profile_of(lines, prose), exact=False, unread=tuple(unread), signed=content if signed else None
    )


def read_profile_file(path: Path) -> ParsedProfile:
    """The same of a file.

    Raises:
        InputError: it cannot be read, or is no such document.

    """
    try:
        return read_profile(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except InputError as error:
        raise InputError(f"{path}: {error}", hint=error.hint) from error


def unsigned(text: str) -> tuple[str, bool]:
    """The text inside a cleartext signature, its dash-escapes undone, and whether there was one."""
    found = _SIGNED.fullmatch(text)
    if not found:
        return text, False
    return "\n".join(row.removeprefix("- ") for row in found[1].split("\n")), True


def _decoded(content: bytes) -> str:
    """The text with LF line ends: UTF-8, or Latin-1 as older documents are."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\x00" in text:
        raise InputError("It is not a text.", hint="Save the document as plain text (UTF-8) first.")
    return text.replace("\r\n", "\n").replace("\r", "\n")

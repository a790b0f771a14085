"""Texts that people write (TOML, or JSON): read into a model, or all that is wrong with them."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say

MOST_BYTES: Final = 2_000_000
"""Of one file."""

_MOST_DOTS: Final = 300  # of one line: the time of `tomllib` grows with the square of the parts of a dotted key

_YEARS: Final = (1900, 9900)
"""Of all times, so that what is reckoned from them is a time too."""

_BLOCK: Final = re.compile(r"^\s*\[\[\s*([\w.-]+)\s*\]\]")
_Model = TypeVar("_Model", bound="TextPart")


class TextPart(BaseModel):
    """A part of such a text: unknown keys are faults, and nothing changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, arbitrary_types_allowed=True)


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]*$", max_length=60)]


@dataclass(frozen=True, slots=True)
class TextFault:
    """One thing that is wrong. ``place``: as in ``rule 'final' (line 12): within``; empty: the text as a whole."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


class TextFaultError(InputError):
    """The text can be read but not be used; ``faults`` says why."""

    def __init__(self, faults: list[TextFault], *, hint: str = "") -> None:
        self.faults = faults
        super().__init__(" ".join(f"{fault}." if str(fault)[-1] != "." else str(fault) for fault in faults), hint=hint)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UsageError: it is not there, or larger than `MOST_BYTES`.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read.", hint="Name a file.") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} has more than {MOST_BYTES:,} bytes.")
    return content


def parse_document(content: bytes, name: str) -> tuple[dict[str, Any], str]:
    """The tables of a file, and its text. JSON is what begins with a brace, everything else TOML.

    Raises:
        UsageError: it is neither.

    """
    try:
        text = content.decode("utf-8-sig")
        read = json.loads(text) if text.lstrip().startswith("{") else _parse_toml(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{name} is neither TOML nor JSON: {error}.", hint="Correct what is said.") from None
    return read, text


def _parse_toml(text: str) -> dict[str, Any]:
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ValueError(f"a line has more than {_MOST_DOTS} dots")
    return tomllib.loads(text)


def read_model(model: type[_Model], read: dict[str, Any], text: str, *, hint: str) -> _Model:
    """The tables as a model.

    Raises:
        TextFaultError: they are none; names all faults.

    """
    try:
        return model.model_validate(read)
    except ValidationError as error:
        faults = [TextFault(place_of(found["loc"], read, text), _reason(found)) for found in error.errors()]
        raise TextFaultError(faults, hint=hint) from None


def shipped_in(package: str, folder: str) -> dict[str, bytes]:
    """The texts that come along in a folder of a package, by id."""
    found = files(package) / folder
    return {one.name.removesuffix(".toml"): one.read_bytes() for one in found.iterdir() if one.name.endswith(".toml")}


def text_named(name: str, shipped: Mapping[str, bytes]) -> bytes:
    """The text in a file, or the shipped one of this id.

    Raises:
        UsageError: it cannot be read.

    """
    return shipped[name] if name in shipped and not Path(name).exists() else read_bytes(Path(name))


def place_of(path: tuple[int | str, ...], read: dict[str, Any], text: str) -> str:
    """Where something is: the block by its id and line, then the key."""
    found = read.get(str(path[0])) if path else None
    if len(path) > 1 and isinstance(path[1], int) and isinstance(found, list):
        block, place = str(path[0]), path[1]
        one = found[place] if place < len(found) else None
        called = one.get("id") if isinstance(one, dict) else None
        line = next((number for at, number in enumerate(_lines(block, text)) if at == place), 0)
        named = f"{block} '{called}'" if isinstance(called, str) else f"{block} {place + 1}"
        head = f"{named} (line {line})" if line else named
        return ": ".join(filter(None, [head, ".".join(map(str, path[2:]))]))
    return ".".join(str(part) for part in path if part != 0)


def _lines(block: str, text: str) -> Iterator[int]:
    """The line of each ``[[block]]``."""
    for number, line in enumerate(text.splitlines(), start=1):
        if (found := _BLOCK.match(line)) and found[1] == block:
            yield number


def _reason(found: Any) -> str:
    """What Pydantic says, with our own words where a validator of ours spoke."""
    raised = found.get("ctx", {}).get("error")
    if found["type"] == "extra_forbidden":
        return say("There is no such key.")
    if found["type"] == "missing":
        return say("It is missing.")
    return str(raised) if isinstance(raised, ValueError) else str(found["msg"])


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: there is none of this name.

    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(say("'%(name)s' is no time zone; write it like Europe/Brussels.", name=name)) from None


def read_moment(text: object) -> datetime:
    """A date and time of TOML, or from its text, with the offset that it may have.

    Raises:
        ValueError: it is none.

    """
    try:
        found = text if isinstance(text, datetime) else datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise ValueError(say("'%(text)s' is no date and time; write it like 2026-11-27T10:20.", text=text)) from None
    if not _YEARS[0] <= found.year < _YEARS[1]:
        raise ValueError(say("%(text)s is not in the years 1900 to 9899.", text=found))
    return found


def read_instant(text: object, zone: ZoneInfo) -> datetime:
    """An instant in UTC; without an offset it is on the clock of ``zone``.

    A local time that the clock shows twice is the first one; one that it skips counts by the offset before (RFC 5545,
    section 3.3.5).

    Raises:
        ValueError: it is no date and time.

    """
    found = read_moment(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UTC_ZONE: Final = ZoneInfo("UTC")
Zone = Annotated[ZoneInfo, BeforeValidator(lambda name: name if isinstance(name, ZoneInfo) else read_zone(str(name)))]


def _day_name(name: str) -> str:
    if name[:3].lower() not in DAYS:
        raise ValueError(say("'%(name)s' is no day; days are mon, tue, wed, thu, fri, sat, sun.", name=name))
    return name[:3].lower()


DayName = Annotated[str, AfterValidator(_day_name)]

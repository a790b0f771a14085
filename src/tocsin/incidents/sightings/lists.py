"""Warning lists: values that are often false positives, as files in the format of MISP's warning lists.

A file has ``name``, ``version``, ``type`` (string, hostname, cidr, substring or regex) and ``list``. A person adopts
one; then it is a file of the home. What is on one is shown as such, and never dropped. The format:
https://github.com/MISP/misp-warninglists, schema.json.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocsin.incidents.observables import host_of
from tocsin.networks import Network, parse_network
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.files import write_whole
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say

_MOST_BYTES: Final = 64 << 20
_MOST_PATTERNS: Final = 1_000
_LONGEST: Final = 500  # characters of a pattern
_ENDS: Final = re.compile(r"^/(.*)/(i?)$", re.DOTALL)  # as MISP writes a pattern
_TYPES: Final = ("string", "hostname", "cidr", "substring", "regex")


class _Document(BaseModel):
    """A file, as far as it is read."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1, max_length=200)
    version: int = 0
    type: str = "string"
    entries: tuple[str, ...] = Field(min_length=1, alias="list")


@dataclass(frozen=True)
class WarningList:
    """One list, compiled. ``file``: what it is called here."""

    file: str
    name: str
    version: int
    kind: str
    entries: int
    values: frozenset[str] = frozenset()
    networks: Mapping[int, frozenset[tuple[int, int]]] = field(default_factory=dict)
    patterns: tuple[str, ...] = ()

    def has(self, kind: str, value: str) -> bool:
        """Whether an observable is on it."""
        lower, host = value.lower(), host_of(kind, value).lower()
        match self.kind:
            case "string":
                return lower in self.values
            case "hostname":
                labels = host.split(".")
                return any(".".join(labels[at:]) in self.values for at in range(len(labels)))
            case "cidr":
                network = parse_network(host)
                return network is not None and self._holds(network)
            case "substring":
                return any(one in lower for one in self.values)
        return bool(pl.select(pl.any_horizontal([pl.lit(value).str.contains(one) for one in self.patterns])).item())

    def _holds(self, network: Network) -> bool:
        whole = network.hi << 64 | network.lo
        for length, starts in self.networks.items():
            if length <= network.length:
                first = whole >> (128 - length) << (128 - length)
                if (first >> 64, first % 2**64) in starts:
                    return True
        return False


def read_warning_list(file: Path) -> WarningList:
    """A list from its file.

    Raises:
        UsageError: it is none, or something in it is not understood; says what.

    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UsageError(say("%(file)s is too large for a warning list.", file=file.name))
        of = _Document.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    except ValidationError as error:
        place = ".".join(str(one) for one in error.errors()[0]["loc"]) or "JSON"
        raise UsageError(
            say("%(file)s is no warning list: %(place)s.", file=file.name, place=place),
            hint=say("Name a file in the format of MISP's warning lists."),
        ) from None
    return _compiled(file.stem, of)


def _compiled(name: str, of: _Document) -> WarningList:
    if of.type not in _TYPES:
        raise UsageError(say("There is no type %(type)s of warning lists.", type=of.type[:50]))
    values = frozenset(one.strip().lower().removeprefix("." if of.type == "hostname" else "") for one in of.entries)
    networks: dict[int, set[tuple[int, int]]] = {}
    for value in values if of.type == "cidr" else ():
        if (network := parse_network(value)) is None:
            raise UsageError(say("%(value)s is no network.", value=value[:100]))
        networks.setdefault(network.length, set()).add((network.hi, network.lo))
    return WarningList(
        name, of.name, of.version, of.type, len(of.entries),
        values if of.type in {"string", "hostname", "substring"} else frozenset(),
        {length: frozenset(starts) for length, starts in networks.items()},
        tuple(map(_pattern, of.entries)) if of.type == "regex" and _few(of.entries) else (),
    )  # fmt: skip


def _few(patterns: Sequence[str]) -> bool:
    if len(patterns) > _MOST_PATTERNS:
        raise UsageError(say("A warning list has at most %(n)s patterns.", n=_MOST_PATTERNS))
    return True


def _pattern(text: str) -> str:
    """A pattern, as the engine of Polars reads it: its time is linear in the text, whoever wrote the pattern."""
    found = _ENDS.match(text.strip())
    pattern = text.strip() if found is None else f"(?i){found[1]}" if found[2] else found[1]
    if len(pattern) <= _LONGEST:
        with suppress(pl.exceptions.PolarsError):
            pl.select(pl.lit("").str.contains(pattern))
            return pattern
    raise UsageError(
        say("The pattern %(pattern)s is too long, or cannot be used.", pattern=text[:100]),
        hint=say("Patterns with look-around or back references are not supported."),
    )


# The lists of a node.


def add_warning_list(home: Path, file: Path) -> WarningList:
    """Keep a list as a file of the home; one of the same name is replaced."""
    found = read_warning_list(file)
    name = re.sub(r"[^a-z0-9]+", "-", found.name.lower()).strip("-")[:80] or "list"
    kept = home / HomeFolder.WARNING_LISTS / f"{name}.json"
    write_whole(kept, file.read_bytes())
    return read_warning_list(kept)


def remove_warning_list(home: Path, name: str) -> None:
    """Delete a list by its name here."""
    path = home / HomeFolder.WARNING_LISTS / f"{name}.json"
    if Path(name).name != name or not path.is_file():
        raise NotFoundError(say("There is no warning list %(name)s.", name=name[:80]))
    path.unlink()


def read_warning_lists(home: Path) -> list[WarningList]:
    """The lists of a node, by name."""
    files = sorted((home / HomeFolder.WARNING_LISTS).glob("*.json"))
    return [_read(one, one.stat().st_mtime_ns) for one in files]


@lru_cache(maxsize=200)
def _read(file: Path, _changed: int) -> WarningList:
    return read_warning_list(file)


def warnings_of(home: Path, observables: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """By kind and value, the names of the lists that an observable is on; those on none are left out."""
    lists = read_warning_lists(home)
    found = {one: [of.name for of in lists if of.has(*one)] for one in observables} if lists else {}
    return {one: names for one, names in found.items() if names}

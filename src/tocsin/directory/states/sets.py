"""Sets of states and of the bodies in which CSIRTs work together: dated files that anybody can edit."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

from tocsin.networks import country_names
from tocsin.node.errors import InputError, NotFoundError

GROUPS: Final = ("ldc", "lldc", "sids")
"""Least developed countries, landlocked developing countries, small island developing States."""

_HEAD: Final = re.compile(r"^#\s*(title|as_of|source)\s*+:(.*)$")
_YES: Final = {"yes", "true", "1", "x"}
_NO: Final = {"", "no", "false", "0"}


@dataclass(frozen=True, slots=True)
class CountryState:
    """A state; ``groups`` of `GROUPS`. ``no_cirt_as_of``: somebody found on that day that it has no CIRT."""

    code: str
    name: str
    groups: frozenset[str] = frozenset()
    no_cirt_as_of: date | None = None
    no_cirt_source: str = ""


@dataclass(frozen=True)
class StateSet:
    """The states that are counted, in the order of the file; its title, day and source."""

    title: str
    as_of: date
    source: str
    states: tuple[CountryState, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A body; ``reach`` is ``regional`` or ``international``."""

    name: str
    reach: str
    region: str = ""


def read_states(path: Path | None = None) -> StateSet:
    """The states of a file, or without one those that come along: the members of the United Nations.

    Raises:
        NotFoundError: there is no such file.
        InputError: a line cannot be read; it is named.

    """
    head, rows = _read(path, "un-members.csv", ("code",))
    states = tuple(_state(where, row) for where, row in rows)
    for place, state in enumerate(states):
        if state.code in {other.code for other in states[:place]}:
            raise InputError(f"{rows[place][0]}: {state.code} occurs twice.")
    return StateSet(head["title"], _day(head["as_of"], "as_of"), head["source"], states)


def read_bodies(path: Path | None = None) -> Mapping[str, Body]:
    """The bodies of a file, or those that come along, by each of their names in small letters.

    Raises:
        NotFoundError: there is no such file.
        InputError: a line cannot be read; it is named.

    """
    found: dict[str, Body] = {}
    for where, row in _read(path, "bodies.csv", ("body", "reach"))[1]:
        if row["reach"] not in {"regional", "international"}:
            raise InputError(f"{where}: '{row['reach']}' is neither regional nor international.")
        body = Body(row["body"], row["reach"], row.get("region", ""))
        names = [row["body"], *row.get("other_names", "").split("|")]
        found |= {name.strip().casefold(): body for name in names if name.strip()}
    return found


def alpha3_codes() -> Mapping[str, str]:
    """The three letters of each country by its two (ISO 3166-1)."""
    return {row["code"]: row["alpha3"] for row in csv.DictReader(_shipped("alpha3.csv").splitlines())}


def _read(
    path: Path | None, shipped: str, needed: Iterable[str]
) -> tuple[dict[str, str], list[tuple[str, dict[str, str]]]]:
    """What the lines with # at the top say, and the rows with where they stand."""
    name = path.name if path else shipped
    lines = (_text(path) if path else _shipped(shipped)).splitlines()
    matches = [_HEAD.match(line) for line in lines if line.startswith("#")]
    head = {match[1]: match[2].strip() for match in matches if match}
    if missing := {"title", "as_of", "source"} - head.keys():
        raise InputError(
            f"{name}: its head does not say '{min(missing)}'.",
            hint="Begin the file with lines such as '# as_of: 2026-01-31'; docs/coverage.md shows one.",
        )
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    reader = csv.DictReader((line for _, line in numbered), restval="")
    if lacking := [column for column in needed if column not in (reader.fieldnames or ())]:
        raise InputError(f"{name}: there is no column '{lacking[0]}'.")
    rows = [{key: (cell or "").strip() for key, cell in row.items() if key is not None} for row in reader]
    return head, [(f"{name}, line {number}", row) for (number, _), row in zip(numbered[1:], rows, strict=True)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Save it as UTF-8.") from error


def _shipped(name: str) -> str:
    return (files("tocsin.directory.states") / name).read_text(encoding="utf-8")


def _state(where: str, row: Mapping[str, str]) -> CountryState:
    code = row["code"].upper()
    if code not in country_names():
        raise InputError(f"{where}: '{row['code']}' is no country.", hint="Use the two letters of ISO 3166-1.")
    groups = frozenset(group for group in GROUPS if _flag(where, group, row.get(group, "")))
    none = row.get("no_cirt_as_of", "")
    source = row.get("no_cirt_source", "")
    if none and not source:
        raise InputError(f"{where}: it says that there is no CIRT, and not who found that.", hint="no_cirt_source")
    name = row.get("name", "") or country_names()[code]
    return CountryState(code, name, groups, _day(none, where) if none else None, source)


def _flag(where: str, column: str, text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise InputError(f"{where}, column '{column}': '{text}' is neither yes nor empty.")
    return text.lower() in _YES


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: '{text}' is no day.", hint="Write it as YYYY-MM-DD.") from None

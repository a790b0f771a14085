"""The compiled form as a folder of plain ``.npy`` files and one JSON file, opened in milliseconds."""

import json
import shutil
import tempfile
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import numpy as np

from tocsin.directory import Format, Interval, Mute, MuteKind, Team, TeamKind
from tocsin.errors import StorageError
from tocsin.networks import IntervalTable
from tocsin.routing.compiled import Compiled

DRAFT = ".draft-"
_FORMAT = 2  # raised when the files change, so that files of another release are made anew
_ARRAYS = (
    "prefix_hi",
    "prefix_lo",
    "prefix_length",
    "asns",
    "parent",
    "responsible",
    "informed",
    "rule_start",
    "rule_team",
    "rule_role",
    "rule_basis",
    "set_start",
    "set_team",
)


class _Mute(TypedDict):
    kind: str
    value: str
    until: str | None
    reason: str


class _Team(TypedDict):
    id: int
    uuid: str
    key: str
    name: str
    organisation: str
    kind: str
    country: str
    language: str
    timezone: str
    mailboxes: list[str]
    interval: str
    formats: list[str]
    ceiling: str
    encrypt: bool
    mutes: list[_Mute]


class _Names(TypedDict):
    format: int
    domains: list[str]
    countries: list[str]
    bases: list[tuple[str, str | None, int | None, str, str]]
    teams: list[_Team]


def save_compiled(compiled: Compiled, folder: Path) -> None:
    """Write the folder beside and rename it into place, durably.

    Raises:
        StorageError: it cannot be written.

    """
    from tocsin.records.durable import sync_file, sync_folder

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.parent))
        _write(compiled, draft)
        for path in draft.iterdir():
            sync_file(path)
        sync_folder(draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"The compiled rules cannot be written to {folder}: {error.strerror}.") from error


def _write(compiled: Compiled, folder: Path) -> None:
    compiled.prefixes.save(folder, "prefixes")
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(compiled, name))
    plain = {
        "format": _FORMAT,
        "domains": compiled.domains,
        "countries": compiled.countries,
        "bases": compiled.bases,
        "teams": [asdict(team) for team in compiled.teams.values()],
    }
    (folder / "names.json").write_text(json.dumps(plain, default=str), encoding="utf-8")


def open_compiled(folder: Path) -> Compiled:
    """The compiled form that ``save_compiled`` wrote.

    Raises:
        StorageError: the folder is not there, not whole, or of another release.

    """
    try:
        names: _Names = json.loads((folder / "names.json").read_bytes())
        if names["format"] != _FORMAT:
            raise StorageError(f"{folder} was written by another release.")
        return Compiled(
            prefixes=IntervalTable.open(folder, "prefixes"),
            **{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS},
            domains=tuple(names["domains"]),
            countries=tuple(names["countries"]),
            bases=tuple(
                (source, date.fromisoformat(day) if day else None, confidence, said_by, overruled)
                for source, day, confidence, said_by, overruled in names["bases"]
            ),
            teams={team["id"]: _team(team) for team in names["teams"]},
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"The compiled rules in {folder} cannot be read: {error}.") from error


def _team(plain: _Team) -> Team:
    return Team(
        id=plain["id"],
        uuid=UUID(plain["uuid"]),
        key=plain["key"],
        name=plain["name"],
        organisation=plain["organisation"],
        kind=TeamKind(plain["kind"]),
        country=plain["country"],
        language=plain["language"],
        timezone=plain["timezone"],
        mailboxes=tuple(plain["mailboxes"]),
        interval=Interval(plain["interval"]),
        formats=tuple(Format(word) for word in plain["formats"]),
        ceiling=plain["ceiling"],
        encrypt=plain["encrypt"],
        mutes=tuple(_mute(mute) for mute in plain["mutes"]),
    )


def _mute(plain: _Mute) -> Mute:
    until = datetime.fromisoformat(plain["until"]) if plain["until"] else None
    return Mute(MuteKind(plain["kind"]), plain["value"], until, plain["reason"])

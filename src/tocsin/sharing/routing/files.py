"""The compiled form as a folder of plain ``.npy`` files and one JSON file, opened in milliseconds."""

import json
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import TypedDict

import numpy as np

from tocsin.networks import IntervalTable
from tocsin.node.errors import StorageError
from tocsin.node.sentences import decode_sentence, encode_sentence
from tocsin.sharing.routing.table import RoutingTable
from tocsin.sharing.routing.team_files import StoredTeams, save_teams

DRAFT = ".draft-"
_FORMAT = 3  # raised when the files change, so that files of another release are made anew
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
    "muting",
)


class _Names(TypedDict):
    format: int
    domains: list[str]
    countries: list[str]
    bases: list[tuple[str, str | None, int | None, str, str]]


def save_compiled(compiled: RoutingTable, folder: Path) -> None:
    """Write the folder beside and rename it into place, durably.

    Raises:
        StorageError: it cannot be written.

    """
    from tocsin.node.files import sync_file, sync_folder

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


def _write(compiled: RoutingTable, folder: Path) -> None:
    compiled.prefixes.save(folder, "prefixes")
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(compiled, name))
    plain = {
        "format": _FORMAT,
        "domains": compiled.domains,
        "countries": compiled.countries,
        "bases": [(*basis, encode_sentence(overruled)) for *basis, overruled in compiled.bases],
    }
    save_teams(compiled.teams.values(), folder)
    (folder / "names.json").write_text(json.dumps(plain, default=str), encoding="utf-8")


def open_compiled(folder: Path) -> RoutingTable:
    """The compiled form that ``save_compiled`` wrote.

    Raises:
        StorageError: the folder is not there, not whole, or of another release.

    """
    try:
        names: _Names = json.loads((folder / "names.json").read_bytes())
        if names["format"] != _FORMAT:
            raise StorageError(f"{folder} was written by another release.")
        return RoutingTable(
            prefixes=IntervalTable.open(folder, "prefixes"),
            **{name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS},
            domains=tuple(names["domains"]),
            countries=tuple(names["countries"]),
            bases=tuple(
                (source, date.fromisoformat(day) if day else None, confidence, said_by, decode_sentence(overruled))
                for source, day, confidence, said_by, overruled in names["bases"]
            ),
            teams=StoredTeams.open(folder),
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"The compiled rules in {folder} cannot be read: {error}.") from error

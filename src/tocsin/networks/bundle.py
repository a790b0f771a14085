"""The network tables that come with Tocsin, packed small: written by ``scripts/build_networks.py``, unpacked once.

The file is a ``.npz`` of the same arrays that a table folder holds, the sorted ones as differences, which deflate
to a quarter. Its licences and sources stand in ``data/NOTICE``.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tocsin.networks.intervals import IntervalTable
from tocsin.networks.tables import AddressTable, AsRegister, Networks

DATA = Path(__file__).parent / "data"
_SORTED = {"v4_starts", "v6_hi", "named", "name_ends"}


def bundle_name() -> str:
    """The name of the folder that the bundled tables are unpacked to; it changes with their content."""
    return f"bundled-{json.loads((DATA / 'networks.json').read_text(encoding='utf-8'))['sha256'][:12]}"


def pack(tables: Networks, path: Path) -> None:
    """Write the tables as one packed file; the same tables make the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in _arrays(tables).items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, _packed(name, array), allow_pickle=False)


def unpack(folder: Path) -> None:
    """Write the bundled tables into an existing folder, ready to open."""
    with np.load(DATA / "networks.npz", allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            plain = np.cumsum(array, dtype=array.dtype) if _is_sorted(name) else array
            np.save(folder / f"{name}.npy", plain)


def _arrays(tables: Networks) -> dict[str, npt.NDArray[np.generic]]:
    found: dict[str, npt.NDArray[np.generic]] = {}
    for name, table in (("routes", tables.routes), ("countries", tables.countries)):
        found |= {f"{name}-{part}": getattr(table.pieces, part) for part in IntervalTable.parts}
        found |= {f"{name}-{part}": getattr(table, part) for part in AddressTable.parts}
    return found | {f"register-{part}": getattr(tables.register, part) for part in AsRegister.parts}


def _packed(name: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.diff(array, prepend=array.dtype.type(0)) if _is_sorted(name) else array


def _is_sorted(name: str) -> bool:
    return name.partition("-")[2] in _SORTED

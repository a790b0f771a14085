"""The network tables that come with Tocsin, packed small: written by ``scripts/build_networks.py``, unpacked once.

The file is a ``.npz`` of the same arrays that a table folder holds, the sorted ones as differences, which deflate
to a quarter. Its licences and sources stand in ``data/NOTICE``.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

DATA = Path(__file__).parent / "data"
_SORTED = {"v4_starts", "v6_hi", "named", "name_ends"}


def bundle_name() -> str:
    """The name of the folder that the bundled tables are unpacked to; it changes with their content."""
    return f"bundled-{json.loads((DATA / 'networks.json').read_text(encoding='utf-8'))['sha256'][:12]}"


def pack(folder: Path, path: Path) -> None:
    """Write a folder of tables as one packed file; the same tables make the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for table in sorted(folder.glob("*.npy")):
            member = zipfile.ZipInfo(table.name)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, _packed(table.stem, np.load(table)), allow_pickle=False)


def unpack(folder: Path) -> None:
    """Write the bundled tables into an existing folder, ready to open."""
    with np.load(DATA / "networks.npz", allow_pickle=False) as archive:
        for name in archive.files:
            array = archive[name]
            plain = np.cumsum(array, dtype=array.dtype) if _is_sorted(name) else array
            np.save(folder / f"{name}.npy", plain)


def _packed(name: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.diff(array, prepend=array.dtype.type(0)) if _is_sorted(name) else array


def _is_sorted(name: str) -> bool:
    return name.partition("-")[2] in _SORTED

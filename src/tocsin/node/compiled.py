"""The compiled pass over reports, where it was built (`scripts/build-scan`); without it everything is read as before.

Its source is ``scan/``. It takes what it can prove, with the same result as what it stands in for, and nothing else.
"""

import ctypes
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

LIBRARY: Final = Path(__file__).with_name("libtocsin_scan.so")
HASH: Final = "hash"
"""The column of `scan` with the hashes."""

_ARRAY, _SCHEMA = ctypes.c_void_p * 10, ctypes.c_void_p * 9  # structs of Arrow's C data interface
_NEW_CAPSULE = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_POINTER_OF = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_Halves = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.bool_]]


def library_place() -> Path | None:
    """Where it lies: in the package ``tocsin-scan`` of a release, or where `scripts/build-scan` puts it."""
    with suppress(ImportError):
        import tocsin_scan

        return Path(tocsin_scan.LIBRARY)
    return LIBRARY if LIBRARY.is_file() else None


@cache
def library() -> ctypes.CDLL | None:
    """The library; None where it was not built, or for another version or machine."""
    if (place := library_place()) is None:
        return None
    try:
        found = ctypes.CDLL(str(place))
        scan_chunk, read_addresses = found.tocsin_scan_1, found.tocsin_addresses_1
    except (OSError, AttributeError):
        return None
    number, byte, address = ctypes.c_size_t, ctypes.c_uint8, ctypes.c_void_p
    scan_chunk.argtypes = (ctypes.c_char_p, number, byte, number, number, byte, address, address, address)
    read_addresses.argtypes = (address, number, address, address, address)
    return found


@dataclass(frozen=True)
class _ArrowCapsule:
    """An array from the library, in Arrow's PyCapsule interface; it is taken once."""

    array: "ctypes.Array[ctypes.c_void_p]"
    schema: "ctypes.Array[ctypes.c_void_p]"

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return (
            _NEW_CAPSULE(ctypes.addressof(self.schema), b"arrow_schema", None),
            _NEW_CAPSULE(ctypes.addressof(self.array), b"arrow_array", None),
        )


def scan(
    data: bytes, width: int, separator: str, longest: int, *, portable: bool = False
) -> "tuple[pl.DataFrame, bool] | None":
    """A chunk of delimited text as ``width`` text columns and `HASH`, and whether all values are plain (see `Batch`).

    `HASH`: XXH3 (64 bits) of each record's text. None when the result cannot be proved to be exact, when a value is
    longer than ``longest`` bytes, or without the library. ``portable``: without what only some processors have.
    """
    import polars as pl

    if (built := library()) is None:
        return None
    given = _ArrowCapsule(_ARRAY(), _SCHEMA())
    plain = ctypes.c_uint8()
    shape = len(data), ord(separator), width, longest, portable
    if not built.tocsin_scan_1(data, *shape, ctypes.byref(plain), given.array, given.schema):
        return None
    return pl.Series(given).struct.unnest(), bool(plain)


def addresses(texts: "pl.Series") -> _Halves | None:
    """``(hi, lo, ok)`` as `tocsin.networks.parse_addresses`, ``ok`` of plain ones only; None without the library."""
    if (built := library()) is None or not len(texts):
        return None
    hi, lo = np.zeros(len(texts), np.uint64), np.zeros(len(texts), np.uint64)
    ok = np.zeros(len(texts), np.bool_)
    capsule = texts.__arrow_c_stream__()
    stream = _POINTER_OF(capsule, b"arrow_array_stream")
    done = built.tocsin_addresses_1(stream, len(texts), hi.ctypes.data, lo.ctypes.data, ok.ctypes.data)
    return (hi, lo, ok) if done else None

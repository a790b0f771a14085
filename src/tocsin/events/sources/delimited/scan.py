"""The compiled pass over a chunk, where it was built (`scripts/build-scan`); without it everything is read as before.

Its source is ``scan/``: one pass finds the ends of fields, proves that quotes are as RFC 4180 says, makes the text
columns and the keys of the records. It takes what `parse_fast` takes, with the same result, and nothing else.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from tocsin.events.sources.delimited.exact import Dialect

LIBRARY: Final = Path(__file__).with_name("libtocsin_scan.so")
_HASH: Final = "hash"

FastChunk: TypeAlias = tuple[pl.DataFrame, bool, pl.Series | None]
"""Text columns, empty values as null; whether all values are plain (see `Batch`); XXH3 of each record's text."""


class _Found(ctypes.Structure):
    _fields_ = (("rows", ctypes.c_uint64), ("plain", ctypes.c_uint8))


_Array, _Schema = ctypes.c_void_p * 10, ctypes.c_void_p * 9  # structs of Arrow's C data interface


@dataclass(frozen=True)
class _Given:
    """An array from the library, in Arrow's PyCapsule interface; it is taken once."""

    schema: "ctypes.Array[ctypes.c_void_p]"
    array: "ctypes.Array[ctypes.c_void_p]"

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return _capsule(self.schema, b"arrow_schema"), _capsule(self.array, b"arrow_array")


def _capsule(struct: "ctypes.Array[ctypes.c_void_p]", name: bytes) -> object:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return new(ctypes.addressof(struct), name, None)


@cache
def library() -> ctypes.CDLL | None:
    """The library; None where it was not built."""
    if not LIBRARY.is_file():
        return None
    found = ctypes.CDLL(str(LIBRARY))
    number, flag, address = ctypes.c_size_t, ctypes.c_uint8, ctypes.c_void_p
    found.tocsin_scan.argtypes = (ctypes.c_char_p, number, flag, number, number, flag, address, address, address)
    return found


def scanned(
    data: bytes, columns: Sequence[str], dialect: Dialect, *, portable: bool = False
) -> FastChunk | None:
    """The chunk; None where that cannot be proved to be exact, or the library is not there.

    ``portable``: without what only some processors have.
    """
    if (built := library()) is None or (dialect.comment and dialect.comment.encode() in data):
        return None
    found, given = _Found(), _Given(_Schema(), _Array())
    arguments = len(data), ord(dialect.separator), len(columns), dialect.field_limit, portable
    if not built.tocsin_scan(data, *arguments, ctypes.byref(found), given.array, given.schema):
        return None
    frame = pl.Series(given).struct.unnest()
    hashes = frame.drop_in_place(_HASH)
    frame.columns = list(columns)
    return frame, bool(found.plain), hashes

"""Keys of problems as one text: ten thousand of them are some 100 kB. Pure."""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Collection

import numpy as np
import numpy.typing as npt


def pack(keys: Collection[int] | npt.NDArray[np.uint64]) -> str:
    """The keys, each once, in order: little-endian numbers of 64 bits, compressed, in letters."""
    every = np.unique(np.asarray(list(keys), dtype="<u8"))
    return b85encode(zlib.compress(every.tobytes())).decode()


def unpack(text: str) -> npt.NDArray[np.uint64]:
    """What `pack` packed; of an empty text none."""
    if not text:
        return np.zeros(0, dtype=np.uint64)
    return np.frombuffer(zlib.decompress(b85decode(text)), dtype="<u8").astype(np.uint64)

"""Gzip data to the last byte before any damage."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from tocsin.node.sentences import say


class DamageError(Exception):
    """Packed data that cannot be unpacked further; what came before it is good."""


def gunzip(stream: IO[bytes]) -> Iterator[bytes]:
    """What a gzip file holds, to the last byte before any damage (RFC 1952; several members in a row)."""
    unpacker = zlib.decompressobj(wbits=31)
    started = False
    while packed := stream.read(1 << 12):
        while packed:
            if unpacker.eof:
                if not packed.strip(b"\0"):
                    break  # padding, as tapes leave it
                unpacker = zlib.decompressobj(wbits=31)
            before = unpacker.copy()
            try:
                yield unpacker.decompress(packed)
            except zlib.error as error:
                yield from _bytewise(before, packed)
                raise DamageError(say("the gzip data is damaged: %(error)s", error=error)) from error
            started, packed = True, unpacker.unused_data
    if started and not unpacker.eof:
        yield unpacker.flush()
        raise DamageError(say("the gzip data ends too early"))


def _bytewise(unpacker: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    with suppress(zlib.error):
        for value in packed:
            yield unpacker.decompress(bytes((value,)))

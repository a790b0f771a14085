"""What an address is set aside for, when it is not one of the internet's ordinary addresses; `special.toml` has it."""

import tomllib
from functools import cache
from pathlib import Path

import numpy as np

from tocsin.networks.addresses import UInt8s, UInt64s, parse_network
from tocsin.networks.intervals import IntervalTable

_BLOCKS = tomllib.loads(Path(__file__).with_name("special.toml").read_text(encoding="utf-8"))

SPECIAL_USE = ("", *list(_BLOCKS)[1:])


def special_use(hi: UInt64s, lo: UInt64s) -> UInt8s:
    """For each address the place of its special use in ``SPECIAL_USE``; 0 for an ordinary address."""
    return np.maximum(_table().lookup(hi, lo), 0).astype(np.uint8)


@cache
def _table() -> IntervalTable:
    blocks = [
        (network, use) for use, texts in enumerate(_BLOCKS.values()) for network in map(parse_network, texts) if network
    ]
    return IntervalTable.from_networks(
        np.array([network.hi for network, _ in blocks], dtype=np.uint64),
        np.array([network.lo for network, _ in blocks], dtype=np.uint64),
        np.array([network.length for network, _ in blocks], dtype=np.uint8),
        np.array([use for _, use in blocks], dtype=np.int32),
    )

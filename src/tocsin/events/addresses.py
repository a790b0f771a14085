"""Conditions on the columns of an address, whose halves are signed numbers of 64 bits."""

from collections.abc import Iterable

import polars as pl

from tocsin.events.compaction import ADDRESS
from tocsin.networks import AddressRange


def within(ranges: Iterable[AddressRange]) -> pl.Expr:
    """Rows whose address lies in one of the ranges; see `Network.ranges`."""
    return pl.any_horizontal([_between(*bounds) for bounds in ranges])


def _between(first_hi: int, first_lo: int, last_hi: int, last_lo: int) -> pl.Expr:
    hi, lo = (pl.col(name) for name in ADDRESS)
    of_one = (hi == signed(first_hi)) & _spans(lo, first_lo, last_lo)
    return of_one if first_hi == last_hi else _spans(hi, first_hi, last_hi)


def _spans(half: pl.Expr, first: int, last: int) -> pl.Expr:
    low, high = signed(first), signed(last)
    return half.is_between(low, high) if low <= high else (half >= low) | (half <= high)  # it turns around at 8000::


def signed(value: int) -> int:
    """The signed number of the same 64 bits."""
    return value - 2**64 if value >= 2**63 else value

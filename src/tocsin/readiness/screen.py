"""Step 3: which units have enough data to be in the index."""

from dataclasses import dataclass

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness.table import BoolArray, DataTable, FloatArray, IntArray


@dataclass(frozen=True)
class Availability:
    """Per row of a table: counts of missing and zero values and their shares."""

    missing: IntArray
    zero: IntArray
    available: FloatArray
    nonzero: FloatArray


def availability(table: DataTable) -> Availability:
    """Data availability of each row; the share of non-zeros is of the values that are there."""
    gaps = np.isnan(table.values)
    missing = gaps.sum(axis=1)
    zero = (table.values == 0).sum(axis=1)
    present = table.values.shape[1] - missing
    nonzero = np.divide(present - zero, present, out=np.zeros(len(present)), where=present > 0)
    return Availability(missing, zero, present / table.values.shape[1], nonzero)


def kept(
    table: DataTable,
    *,
    by: str,
    min_available: float,
    min_nonzero: float,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> BoolArray:
    """True for each row that stays in.

    ``by`` is "none", "missing", "zeros" or "missing_or_zeros"; a row goes when its share of available values is
    below ``min_available``, or of non-zero values below ``min_nonzero``. ``include`` and ``exclude`` overrule.
    Raises InputError when nobody is left or a forced unit is unknown.
    """
    for unit in (*include, *exclude):
        if unit not in table.units:
            raise InputError(f"Recipe, [screen]: unit {unit} is not in the data.")
    found = availability(table)
    stay = np.ones(len(table.units), dtype=np.bool_)
    if by in {"missing", "missing_or_zeros"}:
        stay &= found.available >= min_available
    if by in {"zeros", "missing_or_zeros"}:
        stay &= found.nonzero >= min_nonzero
    units = np.array(table.units)
    stay |= np.isin(units, include)
    stay &= ~np.isin(units, exclude)
    if not stay.any():
        raise InputError("Screening: no unit has enough data.", hint="Lower min_available or min_nonzero in [screen].")
    return stay

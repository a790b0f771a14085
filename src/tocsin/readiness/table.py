"""The numbers of one stage: a row for each unit (and year), a column for each indicator or aggregate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tocsin.node.errors import NotFoundError, UsageError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.intp]
BoolArray: TypeAlias = NDArray[np.bool_]


def number_or_none(number: float) -> float | None:
    """The number as files and documents have it: None for NaN."""
    return None if np.isnan(number) else float(number)


def lowest(values: FloatArray) -> FloatArray:
    """The smallest of each column, gaps left out; NaN for a column of gaps."""
    least = np.where(np.isnan(values), np.inf, values).min(axis=0, initial=np.inf)
    return np.where(np.isinf(least), np.nan, least)


def highest(values: FloatArray) -> FloatArray:
    """The largest of each column, gaps left out; NaN for a column of gaps."""
    return -lowest(-values)


@dataclass(frozen=True)
class DataTable:
    """Values of shape (rows, codes), float64; NaN is missing, never zero.

    Rows are sorted by year, then by unit code. ``years`` is None when the data are one cross-section.
    """

    units: tuple[str, ...]
    codes: tuple[str, ...]
    values: FloatArray
    years: tuple[int, ...] | None = None

    def with_values(self, values: FloatArray) -> "DataTable":
        """The same rows and columns with other numbers."""
        return replace(self, values=values)

    def column(self, code: str) -> FloatArray:
        """The numbers of one indicator or aggregate; raises NotFoundError when it is not in the table."""
        return self.values[:, self.position(code)]

    def position(self, code: str) -> int:
        """The column index of ``code``."""
        if code not in self.codes:
            raise NotFoundError(f"{code} is not a column of this table.", hint=f"It has {', '.join(self.codes)}.")
        return self.codes.index(code)

    def columns(self, codes: Sequence[str]) -> "DataTable":
        """Only these columns, in this order."""
        return replace(self, codes=tuple(codes), values=self.values[:, [self.position(code) for code in codes]])

    def rows(self, keep: Sequence[int] | IntArray | BoolArray) -> "DataTable":
        """Only these rows."""
        index = np.flatnonzero(keep) if np.asarray(keep).dtype == np.bool_ else np.asarray(keep, dtype=np.intp)
        return replace(
            self,
            units=tuple(self.units[i] for i in index),
            years=None if self.years is None else tuple(self.years[i] for i in index),
            values=self.values[index],
        )

    def of_year(self, year: int | None) -> "DataTable":
        """The rows of one year of a panel, the latest by default; a cross-section as it is. Raises UsageError."""
        if self.years is None:
            return self
        wanted = max(self.years) if year is None else year
        if wanted not in self.years:
            years = ", ".join(map(str, sorted(set(self.years))))
            raise UsageError(f"The run has no year {wanted}.", hint=f"It has {years}.")
        return self.rows([i for i, y in enumerate(self.years) if y == wanted])

    def slices(self) -> Iterator[IntArray]:
        """Row indexes of each year in turn; all rows at once for a cross-section."""
        if self.years is None:
            yield np.arange(len(self.units))
            return
        years = np.asarray(self.years)
        for year in np.unique(years):
            yield np.flatnonzero(years == year)

    def keys(self) -> "dict[str, tuple[object, ...]]":
        """The columns that say which row is which in a file: uCode and, of a panel, Time."""
        return {"uCode": self.units} if self.years is None else {"uCode": self.units, "Time": self.years}

    def key(self, row: int) -> dict[str, object]:
        """``keys`` of one row."""
        return {name: column[row] for name, column in self.keys().items()}

    def row_name(self, row: int) -> str:
        """How an error names this row."""
        unit = f"unit {self.units[row]}"
        return unit if self.years is None else f"{unit}, year {self.years[row]}"

"""Step 2: extensive indicators divided by a denominator, such as population or GDP."""

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.table import DataTable


def denominate(data: DataTable, denominators: DataTable, hierarchy: Hierarchy, scale: dict[str, float]) -> DataTable:
    """X / d · s for each indicator whose meta names a denominator d; s is 1 unless ``scale`` gives it.

    A missing denominator makes the value missing. Raises InputError for a denominator of zero or below.
    Source: OECD/JRC Handbook on Constructing Composite Indicators (2008), step 5, "scaling".
    """
    values = data.values.copy()
    for element in hierarchy.indicators:
        if element.denominator is None:
            continue
        divisor = denominators.column(element.denominator)
        bad = np.flatnonzero(divisor <= 0)
        if bad.size:
            raise InputError(
                f"Data, {denominators.row_name(int(bad[0]))}, column {element.denominator}: "
                f"{divisor[bad[0]]:g}; a denominator must be above 0."
            )
        column = data.position(element.code)
        values[:, column] = values[:, column] / divisor * scale.get(element.code, 1.0)
    return data.with_values(values)

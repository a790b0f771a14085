"""How a report is cut into batches."""

from math import ceil

import pytest

from tocsin.pipeline.parse import even_bytes

BATCH = 16_000_000


@pytest.mark.parametrize("size", [1, BATCH, 20_750_000, 27_900_000, 28_000_000, 41_500_000, 10**9, 10**9 + 1])
def test_batches_are_alike_and_about_as_large_as_asked_for(size: int) -> None:
    of_each = even_bytes(size, BATCH)
    batches = ceil(size / of_each)

    assert of_each <= BATCH * 7 / 4
    assert batches == 1 or size - (batches - 1) * of_each >= BATCH * 7 / 8 - batches

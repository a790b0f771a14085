"""When a collector looks again. Pure."""

from datetime import datetime, timedelta
from typing import Final

FIRST_RETRY: Final = timedelta(minutes=1)
"""How long a collector waits after its first failure; each further one doubles it."""

LONGEST_RETRY: Final = timedelta(hours=1)
"""The longest it waits after failures, or its own period where that is longer."""


def next_try(*, started: datetime, every: timedelta, failures: int) -> datetime:
    """When a collector that started then, and failed so often in a row (0: it worked), looks again."""
    if not failures:
        return started + every
    longest = max(every, LONGEST_RETRY)
    doubled = FIRST_RETRY * int(2 ** min(failures - 1, 20))
    return started + min(doubled, longest)

"""How long to wait before something that failed is tried again."""


def pause(failures: int, *, longest: float = 30.0) -> float:
    """Seconds after so many failures in a row: one at first, then twice as long each time.

    A database that starts anew is back in seconds; one that is gone is not asked all the time.
    """
    return min(longest, 2.0 ** min(failures - 1, 20))

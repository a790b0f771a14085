"""How long to wait before something that failed is tried again."""


def pause(failures: int, *, longest: float = 4.0) -> float:
    """Seconds after so many failures in a row: one at first, then twice as long each time.

    So work goes on within seconds of the return of what was away, and what is gone is not asked all the time.
    """
    return min(longest, 2.0 ** min(failures - 1, 20))

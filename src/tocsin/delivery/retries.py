"""When a mail that did not leave is tried again."""

from datetime import datetime, timedelta

FULL_WAIT = timedelta(hours=1)
"""How long a mail waits for a mailbox that has had its mails for a day."""

_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)
_GIVE_UP = timedelta(days=5)  # RFC 5321, 4.5.4.1: at least four to five days


def next_try(attempts: int, created: datetime, now: datetime) -> datetime | None:
    """When to try again after so many refusals: 5 minutes, doubled each time up to 6 hours; None after 5 days."""
    if now - created >= _GIVE_UP:
        return None
    return now + min(_FIRST_WAIT * int(2 ** min(attempts - 1, 16)), _LONGEST_WAIT)

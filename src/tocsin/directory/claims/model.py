"""A claim as people see it, and how it stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

OPEN_FOR: Final = timedelta(days=30)
"""A claim that nobody decided ends after this."""


class ClaimState(StrEnum):
    """How a claim stands."""

    OPEN = "open"  # control is not shown yet
    PROVED = "proved"  # control is shown; waits for a person
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"  # nobody decided it in time


class Proof(StrEnum):
    """How control was shown."""

    MAIL = "mail"  # the code that went to a mailbox that imports name for it came back
    DNS = "dns"  # the TXT records are there
    JUDGEMENT = "judgement"  # a person here knows


@dataclass(frozen=True, slots=True)
class Claim:
    """``team`` is a key. ``dns_names`` must all have a TXT record that says ``dns_value``; empty: DNS cannot show it.

    ``asked``: mailboxes that a code went to. ``proof``, ``evidence``: how control was shown, or empty.
    """

    number: int
    team: str
    kind: str
    value: str
    mailbox: str
    claimed_by: str
    state: ClaimState
    made_at: datetime
    expires_at: datetime
    dns_names: tuple[str, ...]
    dns_value: str
    asked: tuple[str, ...]
    proof: str
    evidence: str
    decided_by: str
    decided_at: datetime | None
    reason: str


def claim_state(stored: str, proof: str, expires_at: datetime, now: datetime) -> ClaimState:
    """How a claim stands now; ``stored``: ``open``, ``approved`` or ``refused``."""
    if stored != ClaimState.OPEN:
        return ClaimState(stored)
    if now >= expires_at:
        return ClaimState.EXPIRED
    return ClaimState.PROVED if proof else ClaimState.OPEN

"""The closed lists of duty."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class ChangeKind(StrEnum):
    """How a roster is changed for a time."""

    OVERRIDE = "override"
    SWAP = "swap"


class RosterChangeState(StrEnum):
    """Whether a change counts."""

    ASKED = "asked"  # a swap waits for the other person
    IN_FORCE = "in-force"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class CallChannel(StrEnum):
    """How a person is called."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    SMS = "sms"


CHANNELS: Final[Mapping[str, str]] = {
    CallChannel.MAIL: N_("Email"),
    CallChannel.SMS: N_("SMS"),
    CallChannel.WEBHOOK: N_("Webhook"),
}


class CallState(StrEnum):
    """Where one call is."""

    OWED = "owed"
    SENDING = "sending"  # begun; after a kill nobody knows whether it left
    SENT = "sent"
    FAILED = "failed"


class CallOutState(StrEnum):
    """Where a call-out is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"  # nobody of the chain acknowledged it
    ENDED = "ended"  # what it was about ended before

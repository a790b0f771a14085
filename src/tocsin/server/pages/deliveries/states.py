"""The states of digests and letters in words, each with the kind of its mark; their groups; what each allows."""

from typing import Final

from tocsin.delivery import Delivery, DeliveryState, StateGroup, can_hold, can_repeat
from tocsin.node.letters import Letter, LetterState
from tocsin.server.pages.words import N_

STATES: Final[dict[str, tuple[str, str]]] = {
    DeliveryState.QUEUED: (N_("queued"), "busy"),
    DeliveryState.RETRY: (N_("deferred, tried again"), "busy"),
    DeliveryState.SENT: (N_("sent"), "good"),
    DeliveryState.FAILED: (N_("failed"), "wrong"),
    DeliveryState.WITHHELD: (N_("withheld by the release gate"), "wrong"),
    DeliveryState.HELD: (N_("held for review"), "busy"),
    DeliveryState.DROPPED: (N_("dropped"), "quiet"),
    DeliveryState.EXPIRED: (N_("expired, never sent"), "quiet"),
    DeliveryState.SHADOW: (N_("written in shadow mode"), "quiet"),
    DeliveryState.STUCK: (N_("cannot be encrypted"), "wrong"),
    DeliveryState.BOUNCED: (N_("bounced"), "wrong"),
    DeliveryState.REDIRECTED: (N_("sent to the redirect address"), "quiet"),
    LetterState.CANCELLED: (N_("no longer needed"), "quiet"),
}
"""By state: the words, and ``good``, ``busy``, ``wrong`` or ``quiet``."""

GROUP_WORDS: Final[dict[StateGroup, str]] = {
    StateGroup.WAITING: N_("Queued"),
    StateGroup.HELD: N_("Held"),
    StateGroup.TROUBLE: N_("Not delivered"),
    StateGroup.GONE: N_("Sent"),
    StateGroup.ENDED: N_("Dropped or expired"),
}
"""The headings of groups."""

_RETRIED: Final = frozenset({
    DeliveryState.FAILED.value, DeliveryState.BOUNCED.value, DeliveryState.RETRY.value,
    DeliveryState.EXPIRED.value, DeliveryState.WITHHELD.value, DeliveryState.STUCK.value,
})  # fmt: skip


def acts_of(one: Delivery | Letter) -> list[str]:
    """What a person can do to it now: ``release``, ``drop``, ``hold``, ``retry``, ``repeat``."""
    allowed = {
        "release": one.state == DeliveryState.HELD,
        "drop": one.state == DeliveryState.HELD,
        "hold": can_hold(one),
        "retry": isinstance(one, Delivery) and one.state in _RETRIED,
        "repeat": can_repeat(one),
    }
    return [act for act, may in allowed.items() if may]

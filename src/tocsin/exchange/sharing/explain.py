"""Why a partner has a thing, or has it not: for each thing and partner one state, and one reason. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tocsin.exchange.dispatches import OutgoingDispatch, OutgoingState
from tocsin.exchange.sharing.packages import ItemDecision
from tocsin.node.sentences import say
from tocsin.sharing.gate import ItemSource, TransferCode, TransferLevel


class SharingState(StrEnum):
    """Where a thing is that is in no message to the partner; else the state of the message says it."""

    NOT_CHOSEN = "not-chosen"
    ASK_SOURCE = "ask-source"
    WITHHELD = "withheld"
    HASH_ONLY = "hash-only"
    METADATA_ONLY = "metadata-only"
    UNREACHABLE = "unreachable"
    READY = "ready"


class SharingHop(StrEnum):
    """The stage that a reason comes from, in the order that a thing passes them."""

    SELECTION = "selection"
    GATE = "gate"
    SOURCE = "source"
    POLICY = "policy"
    LINK = "link"
    TRANSPORT = "transport"
    PARTNER = "partner"


@dataclass(frozen=True)
class LinkFault:
    """Why nothing can go to a partner now: ``rule`` is its short name, as key-expired, and ``words`` say it."""

    rule: str
    words: str


@dataclass(frozen=True)
class SharingExplanation:
    """One state and one reason. ``ask``: whom one asks, so that it may go."""

    state: SharingState | OutgoingState
    hop: SharingHop
    rule: str
    reason: str
    ask: ItemSource | None = None


_LEVELS: Final = {
    TransferLevel.NOTHING: SharingState.WITHHELD,
    TransferLevel.HASH: SharingState.HASH_ONLY,
    TransferLevel.METADATA: SharingState.METADATA_ONLY,
}
_BY_RULE: Final = frozenset({TransferCode.POLICY, TransferCode.AGREEMENT, TransferCode.LAW})
_AT_PARTNER: Final = frozenset({OutgoingState.RECEIVED, OutgoingState.REFUSED, OutgoingState.ANSWERED})
_STATES: Final = {
    OutgoingState.DRAFTED: say("The message is a draft."),
    OutgoingState.HELD: say("The message is held."),
    OutgoingState.SEALED: say("The message is sealed and was not sent yet."),
    OutgoingState.TRYING: say("The message could not be handed over, and is tried again."),
    OutgoingState.HANDED_OVER: say("The message was handed over; there is no receipt yet."),
    OutgoingState.STUCK: say("The message cannot be sent."),
    OutgoingState.RECEIVED: say("The partner has given a receipt."),
    OutgoingState.REFUSED: say("The partner has refused the message."),
    OutgoingState.ANSWERED: say("The partner has answered."),
    OutgoingState.EXPIRED: say("The message expired before it was sent."),
}


def explain(
    decision: ItemDecision, *, fault: LinkFault | None = None, dispatch: OutgoingDispatch | None = None
) -> SharingExplanation:
    """Where a thing is for a partner, and why. ``dispatch``: the newest that has its content.

    What has left has left: a message counts before what the gate would say now.
    """
    if dispatch is not None:
        return explain_dispatch(dispatch)
    verdict = decision.verdict
    if not decision.chosen:
        words = say("Its class of data was not selected: %(data)s.", data=decision.item.terms.data.value)
        return SharingExplanation(SharingState.NOT_CHOSEN, SharingHop.SELECTION, decision.item.terms.data.value, words)
    if verdict.code is TransferCode.CONSENT:
        state = SharingState.ASK_SOURCE if verdict.ask else SharingState.WITHHELD
        return SharingExplanation(state, SharingHop.SOURCE, verdict.rule, verdict.words, verdict.ask)
    if verdict.code is not None:
        hop = SharingHop.POLICY if verdict.code in _BY_RULE else SharingHop.GATE
        hop = SharingHop.LINK if verdict.code in {TransferCode.SIZE, TransferCode.CHANNEL} else hop
        return SharingExplanation(_LEVELS[verdict.level], hop, verdict.rule, verdict.words)
    if fault is not None:
        return SharingExplanation(SharingState.UNREACHABLE, SharingHop.LINK, fault.rule, fault.words)
    return SharingExplanation(SharingState.READY, SharingHop.GATE, verdict.rule, verdict.words)


def explain_dispatch(dispatch: OutgoingDispatch) -> SharingExplanation:
    """Where all is that a message brings."""
    hop = SharingHop.PARTNER if dispatch.state in _AT_PARTNER else SharingHop.TRANSPORT
    return SharingExplanation(dispatch.state, hop, dispatch.state.value, dispatch.reason or _STATES[dispatch.state])

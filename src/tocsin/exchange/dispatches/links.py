"""A link, one direction at a time: numbers without gaps, each dispatch bound to the one before. All of it is pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from tocsin.exchange.statements import (
    Dispatch,
    NodeKey,
    Receipt,
    ReceiptVerdict,
    RefusalCode,
    RefusalError,
    Statement,
    hash_of,
)


def genesis(sender: NodeKey, recipient: NodeKey) -> str:
    """What the first dispatch of a direction names as the one before: who they are, by their first keys."""
    lines = ("tocsin exchange 1", f"{sender.node} {sender.key}", f"{recipient.node} {recipient.key}", "")
    return hash_of("\n".join(lines).encode("ascii"))


@dataclass(frozen=True)
class IncomingLink:
    """What came from a partner. ``number``: the highest without a gap; ``head``: the hash of that dispatch.

    ``hashes``: of the dispatches that came, by number; those that were refused for what is in them, too.
    """

    head: str
    number: int = 0
    hashes: Mapping[int, str] = field(default_factory=dict)


class DispatchVerdict(StrEnum):
    """What becomes of a dispatch that is authentic."""

    TAKEN = "taken"
    REPEATED = "repeated"  # it was taken before, and gets the same receipt
    GAP = "gap"
    REFUSED = "refused"


@dataclass(frozen=True)
class DispatchOutcome:
    """The verdict, and the link after it. ``counts``: its number is used up now, also where it was refused."""

    verdict: DispatchVerdict
    link: IncomingLink
    code: RefusalCode | None = None
    reason: str = ""
    counts: bool = False


def decide(link: IncomingLink, statement: Statement, now: datetime) -> DispatchOutcome:
    """What becomes of an authentic dispatch by its number, the one before it, and the time.

    One that is refused for its time or its contents has its number all the same: else all that follow would wait.
    """
    dispatch = statement.said(Dispatch)
    if dispatch.number <= link.number:
        if link.hashes.get(dispatch.number) == statement.hash:
            return DispatchOutcome(DispatchVerdict.REPEATED, link)
        return _refused(link, RefusalCode.NUMBER_REUSED, f"Number {dispatch.number} was another dispatch.")
    if dispatch.number > link.number + 1:
        reason = f"Number {dispatch.number} came, and {link.number + 1} did not yet."
        return DispatchOutcome(DispatchVerdict.GAP, link, RefusalCode.GAP, reason)
    if dispatch.before != link.head:
        return _refused(link, RefusalCode.BAD_CHAIN, "It does not follow the dispatch that came before it.")
    hashes = {**link.hashes, dispatch.number: statement.hash}
    after = replace(link, head=statement.hash, number=dispatch.number, hashes=hashes)
    if dispatch.expires is not None and dispatch.expires <= now:
        reason = f"It expired on {dispatch.expires:%Y-%m-%d %H:%M} UTC."
        return DispatchOutcome(DispatchVerdict.REFUSED, after, RefusalCode.EXPIRED, reason, counts=True)
    return DispatchOutcome(DispatchVerdict.TAKEN, after, counts=True)


def refuse_contents(outcome: DispatchOutcome, error: RefusalError) -> DispatchOutcome:
    """The outcome where what is in a dispatch that would be taken is not good: the number stays used."""
    return replace(outcome, verdict=DispatchVerdict.REFUSED, code=error.code, reason=str(error))


def _refused(link: IncomingLink, code: RefusalCode, reason: str) -> DispatchOutcome:
    return DispatchOutcome(DispatchVerdict.REFUSED, link, code, reason)


def receipt_verdict(outcome: DispatchOutcome) -> ReceiptVerdict:
    """What a receipt says of an outcome that is not a repetition, whose receipt exists."""
    return ReceiptVerdict(outcome.verdict.value)


class OutgoingState(StrEnum):
    """Where a dispatch to a partner is."""

    HELD = "held"  # sealed, and can be undone: nothing of it leaves until that is over
    SEALED = "sealed"  # number, hash and bytes are fixed
    TRYING = "trying"  # an address did not take it, and is tried again
    HANDED_OVER = "handed-over"  # the transport said yes
    STUCK = "stuck"  # why, and since when, is said
    RECEIVED = "received"  # the receipt was verified
    REFUSED = "refused"  # by a receipt, with its code


_UNDER_WAY = frozenset({
    OutgoingState.TRYING, OutgoingState.HANDED_OVER, OutgoingState.STUCK, OutgoingState.RECEIVED, OutgoingState.REFUSED,
})  # fmt: skip
_NEXT: dict[OutgoingState, frozenset[OutgoingState]] = {
    OutgoingState.HELD: _UNDER_WAY,
    OutgoingState.SEALED: _UNDER_WAY,  # by a stick there is a receipt, and nobody who said yes
    OutgoingState.TRYING: _UNDER_WAY,
    OutgoingState.HANDED_OVER: _UNDER_WAY - {OutgoingState.TRYING},
    OutgoingState.STUCK: _UNDER_WAY - {OutgoingState.TRYING},
    OutgoingState.RECEIVED: frozenset(),
    OutgoingState.REFUSED: frozenset(),
}
"""What may follow. What is sealed does not expire unsent: those that follow are bound to it."""


OPEN_STATES: Final = frozenset(
    {OutgoingState.HELD, OutgoingState.SEALED, OutgoingState.TRYING, OutgoingState.HANDED_OVER, OutgoingState.STUCK}
)
"""What is sealed and has no receipt yet."""


def may_become(state: OutgoingState, then: OutgoingState) -> bool:
    """Whether a dispatch in this state can be in that one next."""
    return then in _NEXT[state]


@dataclass(frozen=True)
class OutgoingDispatch:
    """A dispatch of ours that has its number. ``reason``: why it is stuck or refused."""

    number: int
    hash: str
    state: OutgoingState
    reason: str = ""


@dataclass(frozen=True)
class OutgoingLink:
    """What goes to a partner. ``head``: hash of the newest; ``number``: its number.

    ``dispatches``: those that are looked at; the stored link has only those that a receipt can say something new of.
    """

    head: str
    number: int = 0
    dispatches: tuple[OutgoingDispatch, ...] = ()


def add_sealed(link: OutgoingLink, statement: Statement) -> OutgoingLink:
    """The link with a dispatch that was signed for it.

    Raises:
        ValueError: it has not the next number, or does not follow the newest; such bytes must never leave.

    """
    dispatch = statement.said(Dispatch)
    if (dispatch.number, dispatch.before) != (link.number + 1, link.head):
        raise ValueError("the dispatch does not follow the newest of its link")
    made = OutgoingDispatch(dispatch.number, statement.hash, OutgoingState.SEALED)
    return OutgoingLink(statement.hash, dispatch.number, (*link.dispatches, made))


def note_receipt(link: OutgoingLink, receipt: Receipt) -> OutgoingLink:
    """The link after a verified receipt of the partner, which also covers all below its highest number.

    Raises:
        RefusalError: we did not send that, so this node was restored (`resume`), or a log was written anew.

    """
    ours = {one.number: one.hash for one in link.dispatches}
    if ours.get(receipt.number) != receipt.of:
        raise RefusalError(RefusalCode.HASH_MISMATCH, f"The receipt of number {receipt.number} is of other bytes.")

    def after(one: OutgoingDispatch) -> OutgoingDispatch:
        said = OutgoingState.RECEIVED
        if one.number == receipt.number and receipt.verdict is ReceiptVerdict.REFUSED:
            said = OutgoingState.REFUSED
        reached = one.number <= receipt.had or said is OutgoingState.REFUSED
        if not (reached and may_become(one.state, said)):
            return one
        return replace(one, state=said, reason=receipt.code or "" if said is OutgoingState.REFUSED else "")

    return replace(link, dispatches=tuple(after(one) for one in link.dispatches))


def resume(link: OutgoingLink, receipt: Receipt) -> OutgoingLink:
    """The link of a node that was restored from a backup, after the partner's receipt of the newest that it has.

    What was sent since the backup is known by that receipt alone: numbers go on after it, and none is used twice.
    """
    if receipt.had <= link.number or receipt.had != receipt.number:
        return link
    lost = OutgoingDispatch(receipt.number, receipt.of, OutgoingState.RECEIVED, "sent before this node was restored")
    return OutgoingLink(receipt.of, receipt.number, (*link.dispatches, lost))

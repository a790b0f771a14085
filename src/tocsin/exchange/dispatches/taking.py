"""A file that came, from its bytes to what becomes of it and the receipt for it. Nothing is stored here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tocsin.delivery.sealing import OpeningKey
from tocsin.exchange.dispatches.links import (
    DispatchOutcome,
    DispatchVerdict,
    IncomingLink,
    decide,
    genesis,
    receipt_verdict,
    refuse_contents,
)
from tocsin.exchange.dispatches.packing import RECEIPT, SIGNATURE, Limits, open_file, seal
from tocsin.exchange.dispatches.reading import DispatchContents, read_contents, read_head
from tocsin.exchange.statements import (
    Dispatch,
    Keys,
    NodeKey,
    Receipt,
    RefusalCode,
    RefusalError,
    Statement,
    read_foreign_statement,
    sign_statement,
    utc,
    verify,
)

if TYPE_CHECKING:
    from pysequoia import Cert, PySigner


@dataclass(frozen=True)
class DispatchRecipient:
    """Who opens a file. ``own``: us, with each key that we use; ``links``: by the node of the partner."""

    own: Sequence[NodeKey]
    opening: Sequence[OpeningKey]
    keys: Keys
    links: Mapping[UUID, IncomingLink] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class IncomingDispatch:
    """What came, and what becomes of it; ``contents`` where it is taken."""

    statement: Statement
    outcome: DispatchOutcome
    contents: DispatchContents | None = None

    @property
    def dispatch(self) -> Dispatch:
        """What the sender signed."""
        return self.statement.said(Dispatch)


def take(file: bytes, recipient: DispatchRecipient, now: datetime) -> IncomingDispatch:
    """What becomes of a file.

    Raises:
        RefusalError: it is of nobody whom we know, or not for us: there is nobody to give a receipt to.

    """
    return take_members(open_file(file, recipient.opening, recipient.limits), recipient, now)


def take_members(
    members: Mapping[str, bytes], recipient: DispatchRecipient, now: datetime, *, wrong: RefusalError | None = None
) -> IncomingDispatch:
    """As `take`, of a file that was opened. ``wrong``: why its contents are not taken, whatever they are."""
    statement = read_head(members, recipient.keys, recipient.own)
    dispatch = statement.said(Dispatch)
    link = recipient.links.get(dispatch.by.node) or IncomingLink(genesis(dispatch.by, dispatch.to))
    outcome = decide(link, statement, now)
    if outcome.verdict is not DispatchVerdict.TAKEN:
        return IncomingDispatch(statement, outcome)
    try:
        if wrong is not None:
            raise wrong
        return IncomingDispatch(statement, outcome, read_contents(dispatch, members, recipient.keys))
    except RefusalError as error:
        return IncomingDispatch(statement, refuse_contents(outcome, error))


def make_receipt(
    taking: IncomingDispatch,
    signer: "PySigner",
    now: datetime,
    *,
    by: NodeKey | None = None,
    log: str = "",
    nothing_held: bool = False,
) -> Statement:
    """The signed receipt for what came. ``log``: the newest seal of our audit log; ``nothing_held``: of `Receipt`.

    ``by``: us with the key of the signer, where the dispatch was sent to one that it replaced.
    """
    dispatch, outcome = taking.dispatch, taking.outcome
    body = Receipt(
        id=uuid4(), by=by or dispatch.to, at=utc(now), of=taking.statement.hash, to=dispatch.by.node,
        number=dispatch.number, taken=utc(now), verdict=receipt_verdict(outcome), code=outcome.code,
        had=outcome.link.number, log=log, nothing_held=nothing_held,
    )  # fmt: skip
    return sign_statement(body, signer)


def seal_receipt(receipt: Statement, sender: "Cert") -> bytes:
    """A receipt as a file for whoever sent the dispatch, where it goes alone."""
    return seal({RECEIPT: receipt.content, RECEIPT + SIGNATURE: receipt.signature}, sender)


def open_receipt(file: bytes, recipient: DispatchRecipient) -> Statement:
    """The verified receipt in a file.

    Raises:
        RefusalError: it holds none, or one of nobody whom we know, or one for another node.

    """
    members = open_file(file, recipient.opening, recipient.limits)
    if missing := {RECEIPT, RECEIPT + SIGNATURE} - set(members):
        raise RefusalError(RefusalCode.MISSING_PART, f"There is no {min(missing)}.")
    receipt = read_foreign_statement(members[RECEIPT], members[RECEIPT + SIGNATURE])
    verify(receipt, recipient.keys)
    if receipt.said(Receipt).to not in {one.node for one in recipient.own}:
        raise RefusalError(RefusalCode.WRONG_RECIPIENT, "The receipt is for what another node sent.")
    return receipt

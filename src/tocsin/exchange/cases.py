"""Whose a case is that two nodes pass to each other, by the history that each of them signed. All of it is pure.

One node alone may sign the next entry: the owner, and while an offer is open the one that it was made to. So an
offer cannot be taken back and accepted at once: who wants it back asks (``withdraw``, an entry outside the
history), and the other signs either ``accept`` or ``refuse``. The owner is who signed last in the chain of offers and
acceptances; until an acceptance is here, that is who offered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tocsin.exchange.statements import CaseAct, CaseEntry, RefusalCode, RefusalError, Statement


class CaseStanding(StrEnum):
    """What a case is to a node."""

    OURS = "ours"
    OFFERED = "offered"  # by us: it is ours, and waits for the answer
    OFFERED_TO_US = "offered-to-us"
    THEIRS = "theirs"


@dataclass(frozen=True)
class CaseHistory:
    """A history that holds. ``owner``: the node whose the case is; ``offer``: the last entry, where that is open."""

    entries: tuple[Statement, ...]
    owner: UUID
    offer: CaseEntry | None = None

    @property
    def signer(self) -> UUID:
        """The only node that may sign the next entry."""
        return self.offer.to.node if self.offer is not None and self.offer.to is not None else self.owner

    @property
    def head(self) -> str:
        """The hash of the newest entry."""
        return self.entries[-1].hash

    def standing(self, node: UUID) -> CaseStanding:
        """What the case is to this node."""
        if self.owner == node:
            return CaseStanding.OFFERED if self.offer is not None else CaseStanding.OURS
        return CaseStanding.OFFERED_TO_US if self.signer == node else CaseStanding.THEIRS


def add_entry(history: CaseHistory | None, statement: Statement) -> CaseHistory:
    """The history with one more entry, whose signature was verified.

    Raises:
        RefusalError: it does not follow, or is not of the node that may sign it.

    """
    entry = statement.said(CaseEntry)
    if history is None:
        if entry.act is not CaseAct.OPENED or (entry.number, entry.before) != (1, None):
            raise RefusalError(RefusalCode.BAD_CHAIN, "A history begins with the entry that opened the case.")
        if entry.by.node != entry.case.node:
            raise RefusalError(RefusalCode.WRONG_SIGNER, "A case is opened by the node that it is called after.")
        return CaseHistory((statement,), entry.by.node)
    _check_follows(history, entry)
    if history.offer is not None:
        return _answered(history, statement, entry)
    if entry.act not in {CaseAct.ENTRY, CaseAct.OFFER}:
        raise RefusalError(RefusalCode.NOT_OFFERED, f"'{entry.act}' answers an offer, and none is open.")
    if entry.act is CaseAct.OFFER and (entry.to is None or entry.to.node == history.owner):
        raise RefusalError(RefusalCode.BAD_STATEMENT, "An offer is for another node, which it names.")
    return CaseHistory((*history.entries, statement), history.owner, entry if entry.act is CaseAct.OFFER else None)


def read_history(statements: Sequence[Statement]) -> CaseHistory:
    """The history that these entries make, in order; raises as `add_entry`, also where there are none."""
    history: CaseHistory | None = None
    for one in statements:
        history = add_entry(history, one)
    if history is None:
        raise RefusalError(RefusalCode.MISSING_PART, "There is no entry of the case.")
    return history


def merge_history(history: CaseHistory | None, said: Iterable[Statement]) -> tuple[CaseHistory, str]:
    """The history with what came, in order, and the hash of its open offer, where that is asked back; else nothing.

    What came may be an older part of it: then it stays as it is.

    Raises:
        RefusalError: as of `read_history`; or a node signed two entries with one number.

    """
    withdrawals = list[Statement]()
    for one in said:
        entry = one.said(CaseEntry)
        if entry.act is CaseAct.WITHDRAW:
            withdrawals.append(one)
        elif history is None or entry.number > len(history.entries):
            history = add_entry(history, one)
        elif history.entries[entry.number - 1].hash != one.hash:
            raise RefusalError(RefusalCode.BAD_CHAIN, "Two histories of this case contradict each other.")
    if history is None:
        raise RefusalError(RefusalCode.MISSING_PART, "There is no entry of the case.")
    return history, history.head if any(is_withdrawn(history, one) for one in withdrawals) else ""


def is_withdrawn(history: CaseHistory, statement: Statement) -> bool:
    """Whether this verified entry asks for the open offer back: then it is not accepted any more."""
    entry = statement.said(CaseEntry)
    return (
        history.offer is not None
        and entry.act is CaseAct.WITHDRAW
        and entry.by.node == history.owner
        and entry.before == history.head
    )


def _check_follows(history: CaseHistory, entry: CaseEntry) -> None:
    first = history.entries[0].said(CaseEntry)
    if entry.case != first.case or (entry.number, entry.before) != (len(history.entries) + 1, history.head):
        raise RefusalError(RefusalCode.BAD_CHAIN, "The entry does not follow the newest one of its case.")
    if entry.by.node != history.signer:
        code = RefusalCode.OFFER_OPEN if history.offer is not None else RefusalCode.NOT_OWNER
        raise RefusalError(code, f"Only node {history.signer} may sign the next entry.")


def _answered(history: CaseHistory, statement: Statement, entry: CaseEntry) -> CaseHistory:
    offer = history.offer
    if offer is None or entry.act not in {CaseAct.ACCEPT, CaseAct.REFUSE}:
        raise RefusalError(RefusalCode.OFFER_OPEN, "An open offer is accepted or refused before anything else.")
    accepted = entry.act is CaseAct.ACCEPT
    if accepted and offer.expires is not None and entry.at > offer.expires:
        raise RefusalError(RefusalCode.EXPIRED, f"The offer ended on {offer.expires:%Y-%m-%d %H:%M} UTC.")
    owner = entry.by.node if accepted and not offer.joint else history.owner
    return CaseHistory((*history.entries, statement), owner)

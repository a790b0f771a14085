"""Who was given what: noted in the audit log, where a recall finds it.

The log is all there is so far. A register with a table of its own takes its place behind these two functions.
"""

from sqlalchemy.orm import Session

from tocsin.exchange.recalls import Transfer
from tocsin.interface import ActContext
from tocsin.node.records import AuditAction, audit


def note_transfer(session: Session, context: ActContext, transfer: Transfer, subject: str, **detail: object) -> None:
    """Note in a transaction that an item leaves, before it does: what was not confirmed may be there all the same."""
    _note(session, context, AuditAction.ITEM_SENT, transfer, subject=subject, more=detail)


def note_arrival(session: Session, context: ActContext, transfer: Transfer, subject: str, **detail: object) -> None:
    """Note in a transaction what was found where it went."""
    _note(session, context, AuditAction.ITEM_CONFIRMED, transfer, subject=subject, more=detail)


def _note(
    session: Session, context: ActContext, word: AuditAction, transfer: Transfer, *, subject: str,
    more: dict[str, object],
) -> None:  # fmt: skip
    node, item = transfer.item
    detail = {
        "node": str(node), "item": str(item), "version": transfer.version, "to": transfer.to, "way": transfer.way,
        **more,
    }  # fmt: skip
    audit(session, word, subject=subject, detail=detail, at=context.now, actor=context.actor)

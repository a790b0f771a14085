"""What a node that was restored from a backup does again: recalls and answers that came after the backup."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.contents import drop_parts, note_recall
from tocsin.exchange.ledger.models import OfferedItem, RecallItemRow, RecallRow
from tocsin.exchange.ledger.recalls.journal import is_to_repeat
from tocsin.exchange.ledger.states import OfferState
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import Recall, read_statement
from tocsin.node.journal import RECALL, JournalEntry, Step, newest_steps, note_for_all
from tocsin.node.node import Node
from tocsin.node.records import node_uuid


def repeat_recalls(node: Node) -> int:
    """After a restore: each recall that the records do not have, and each answer; returns how many there were."""
    entries = [one for one in newest_steps(node.home) if is_to_repeat(one)]
    here = str(node_uuid(node.database))
    for entry in sorted(entries, key=lambda one: one.act != RECALL):
        with node.database.begin() as session:
            if entry.plan.get("here") != here:
                pass
            elif entry.act == RECALL:
                _recall_again(session, entry)
            else:
                _answer_again(node, session, entry)
        note_for_all(node, JournalEntry(**vars(entry) | {"step": Step.DONE}))
    return len(entries)


def _recall_again(session: Session, entry: JournalEntry) -> None:
    statement = read_statement(entry.plan["content"].encode(), entry.plan["signature"].encode())
    named = entry.plan["partner"]
    partner = session.scalar(select(Partner.id).where(Partner.node == UUID(named))) if named else None
    note_recall(session, statement.said(Recall), statement, datetime.fromisoformat(entry.at), partner)


def _answer_again(node: Node, session: Session, entry: JournalEntry) -> None:
    plan = entry.plan
    names = UUID(plan["node"]), UUID(plan["item"])
    row = OfferedItem
    of = row.node == names[0], row.item == names[1], row.version == plan["version"], row.state != plan["state"]
    for one in session.scalars(select(row).where(*of)):
        if plan["state"] == OfferState.ERASED:
            drop_parts(node, session, one)
        one.state, one.code = plan["state"], plan["code"]
        one.decided_at, one.decided_by = datetime.fromisoformat(entry.at), plan["by"]
    recall = session.scalar(select(RecallRow).where(RecallRow.hash == plan["recall"]))
    if (
        recall is not None
        and (asked := session.get(RecallItemRow, (recall.id, *names))) is not None
        and not asked.state
    ):
        asked.kept = plan.get("kept", {})
        asked.state, asked.code = ("kept" if plan["state"] == OfferState.KEPT else "done"), plan["code"]

"""Recalls and their answers in the journal beside the backups, so that a restored node does not know less of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.exchange.ledger.models import OfferedItem, RecallRow
from tocsin.exchange.partners import Partner
from tocsin.node.journal import (
    RECALL,
    RECALL_ANSWER,
    JournalEntry,
    Step,
    copy_journal_beside,
    newest_steps,
    note_for_all,
)
from tocsin.node.node import Node
from tocsin.node.records import node_uuid


def journal_recall(node: Node, session: Session, row: RecallRow) -> None:
    """Note a recall, whole: it names things by UUIDs alone."""
    partner = session.get_one(Partner, row.partner_id).node if row.partner_id else None
    plan = {"content": row.content, "signature": row.signature, "partner": str(partner or "")}
    _note(node, JournalEntry(row.hash, Step.DONE, "recall", row.hash, row.at.isoformat(), RECALL, plan=plan))


def journal_answer(
    node: Node, items: Sequence[OfferedItem], recall: str, now: datetime, kept: Mapping[str, str]
) -> None:
    """Note what became of recalled items here. ``kept``: names of what stays of them, with why."""
    for one in items:
        name = f"{recall}/{one.node}/{one.item}/{one.version}"
        plan = {"recall": recall, "node": str(one.node), "item": str(one.item), "version": one.version}
        plan |= {"state": one.state, "code": one.code, "by": one.decided_by, "kept": dict(kept)}
        _note(node, JournalEntry(name, Step.DONE, "recall", name, now.isoformat(), RECALL_ANSWER, plan=plan))


def kept_before(node: Node, item: OfferedItem) -> dict[str, str]:
    """What stayed of an item by the answers to its recalls, as the journal has them: names, with why."""
    named = str(item.node), str(item.item)
    found = [one for one in newest_steps(node.home) if one.act == RECALL_ANSWER]
    same = (one.plan for one in found if (one.plan.get("node"), one.plan.get("item")) == named)
    return {name: code for plan in same for name, code in plan.get("kept", {}).items()}


def is_to_repeat(entry: JournalEntry) -> bool:
    """Whether it is of a recall, and a backup was restored since."""
    return entry.act in {RECALL, RECALL_ANSWER} and entry.step is Step.AGAIN


def _note(node: Node, entry: JournalEntry) -> None:
    here = {"here": str(node_uuid(node.database))}  # journals of several nodes may lie beside one another's backups
    note_for_all(node, replace(entry, plan=entry.plan | here))
    copy_journal_beside(node.home, node.settings)

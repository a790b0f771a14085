"""Which names that partners recalled stay out of ways in that know no nodes: a MISP, TAXII, an event of a program.

A recall is signed for one node's name of a thing, and there anyone may have written the UUID of another's. So it counts
where the thing came from whoever recalled it, or comes from there now; on anything else a person decides.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.models import IncomingRow, ItemOrigin, OfferedItem, RecallItemRow, RecallRow
from tocsin.exchange.ledger.states import IncomingState, OfferState
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import DispatchType, RecallRequest, RecallState
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.sharing.gate import Tlp

_NO_NODE = UUID("6f5b4f0a-0e3b-4b0e-9a39-5d0a4e1f0c11")  # ours, for partners that have none


@dataclass(frozen=True)
class RecalledNames:
    """``gone``: these do not come in again. ``claimed``: whoever recalled them is not known as their source."""

    gone: frozenset[UUID]
    claimed: frozenset[UUID]


def recalled_names(
    session: Session, names: Collection[UUID] | None = None, *, giver: int | None = None, ours: bool = True
) -> RecalledNames:
    """What was recalled of these names, or of all. ``giver``: the partner they come from now; ``ours``: also by us."""
    row = RecallItemRow
    same = OfferedItem.node == row.node, OfferedItem.item == row.item
    answered = IncomingRow.id == OfferedItem.incoming_id, IncomingRow.hash == RecallRow.hash
    honoured = OfferedItem.state.in_([OfferState.ERASED.value, OfferState.HIDDEN.value])
    counts = or_(
        RecallRow.partner_id.is_(None),
        exists().where(Partner.id == giver, Partner.node == row.node),
        exists().where(*same, OfferedItem.verified),
        exists().where(*same, *answered, honoured),
    )
    query = select(row.item, counts).join(RecallRow, RecallRow.id == row.recall_id)
    query = query.where(RecallRow.asks != RecallRequest.NARROW.value)
    if not ours:
        query = query.where(RecallRow.partner_id.is_not(None))
    each = list(names or ())
    some = (row.item.in_(each[at : at + 500]) for at in range(0, len(each), 500))
    parts = [query] if names is None else [query.where(part) for part in some]
    found = [(name, known) for part in parts for name, known in session.execute(part)]
    gone = frozenset(name for name, known in found if known)
    return RecalledNames(gone, frozenset(name for name, _ in found) - gone)


def ask_about_recalls(session: Session, names: Collection[UUID], now: datetime, *, came_by: str) -> None:
    """Let a person answer recalls of what came from elsewhere, once each. ``came_by``: for people, whose it was."""
    row, theirs = RecallItemRow, RecallRow.partner_id.is_not(None)
    query = select(RecallRow, row).join(RecallRow, RecallRow.id == row.recall_id).where(theirs, row.item.in_(names))
    wanted = row.state == RecallState.NOT_HELD.value, RecallRow.asks != RecallRequest.NARROW.value
    for recall, asked in session.execute(query.where(*wanted)).all():
        same = OfferedItem.node == asked.node, OfferedItem.item == asked.item, OfferedItem.version == asked.version
        if recall.partner_id is None or session.scalar(select(OfferedItem.id).where(*same)) is not None:
            continue
        asked.state = ""
        item = OfferedItem(
            partner_id=recall.partner_id, incoming_id=_incoming(session, recall, recall.partner_id, now).id,
            node=asked.node, item=asked.item, version=asked.version, title="", tlp=Tlp.CLEAR.value, pap="",
            verified=False, parts=[], state=OfferState.RECALLED.value, code=recall.code, came_at=now,
            reason=say("Taken in from %(name)s; nothing shows that this partner is its source.", name=came_by),
        )  # fmt: skip
        session.add(item)
        session.flush()
        audit(
            session, AuditAction.OFFER_CAME, at=now, actor="recall", subject=f"partner:{recall.partner_id}",
            detail={"item": str(asked.item), "way": "recall", "sha256": recall.hash},
        )  # fmt: skip


def take_back(items: Iterable[OfferedItem], code: str) -> bool:
    """Let a person end what was made of items that a program of their partner took back; whether anything was made.

    ``code``: one of `TAKEN_BACK`.
    """
    found = [one for one in items if one.state in {OfferState.ADOPTED, OfferState.KEPT, OfferState.HIDDEN}]
    for one in found:
        one.state, one.code = OfferState.RECALLED.value, code
    return bool(found)


def ask_about_taken_back(
    session: Session, partner: int, events: Collection[str], code: str, now: datetime, *, came_by: str, tlp: Tlp
) -> None:
    """Let a person end the events that a collector took in and the partner's server took back, as one item, once each.

    ``events``: as a purge names them, ``ingest:12`` or ``event:12-3``. ``tlp``: the strictest label of one.
    """
    of = select(ItemOrigin.thing).join(OfferedItem, OfferedItem.id == ItemOrigin.item_id)
    new = sorted(set(events) - set(session.scalars(of.where(OfferedItem.partner_id == partner))))
    if not new:
        return
    node = session.get_one(Partner, partner).node or _NO_NODE
    name = uuid5(node, "\n".join(new))
    row = IncomingRow(
        partner_id=partner, number=0, hash=f"taken-back:{name}", counts=False, type=DispatchType.RECALL.value,
        tlp=tlp.value, state=IncomingState.TAKEN.value, came_at=now, taken_by="collect",
    )  # fmt: skip
    session.add(row)
    session.flush()
    item = OfferedItem(
        partner_id=partner, incoming_id=row.id, node=node, item=name, version=1, title="", tlp=tlp.value, pap="",
        verified=False, parts=[], state=OfferState.RECALLED.value, code=code, came_at=now,
        reason=say("Taken in from %(name)s, where it was taken back since.", name=came_by),
    )  # fmt: skip
    session.add(item)
    session.flush()
    session.add_all(ItemOrigin(item_id=item.id, thing=one) for one in new)
    audit(
        session, AuditAction.OFFER_CAME, at=now, actor="collect", subject=f"partner:{partner}",
        detail={"item": str(name), "way": "collector", "events": len(new)},
    )  # fmt: skip


def _incoming(session: Session, recall: RecallRow, partner: int, now: datetime) -> IncomingRow:
    """What stands for a recall in the list of what came, as its dispatch may be long gone."""
    same = IncomingRow.partner_id == partner, IncomingRow.hash == recall.hash
    if (row := session.scalar(select(IncomingRow).where(*same))) is None:
        row = IncomingRow(
            partner_id=partner, number=0, hash=recall.hash, counts=False, type=DispatchType.RECALL.value,
            tlp=Tlp.CLEAR.value, state=IncomingState.TAKEN.value, came_at=now, taken_by="recall",
        )  # fmt: skip
        session.add(row)
        session.flush()
    return row

"""Whose law a thing is under, as each who handles it says: on what went to a partner, and on what came."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import Limits, statements_in, unpack
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
from tocsin.exchange.partners import Partner
from tocsin.exchange.sharing import JurisdictionRow, side_by_side
from tocsin.exchange.statements import Jurisdiction, JurisdictionRole, RefusalError, SharedItem
from tocsin.node.errors import NotFoundError, StorageError
from tocsin.node.node import Node
from tocsin.sharing.gate import Audience, DataClass, Recipient, ReleaseItem, read_marking
from tocsin.sharing.rules import rules_in_force

_MOST = 20  # archives that are opened for one page


def own_claims(node: Node) -> tuple[Jurisdiction, ...]:
    """What this node says of what it has: it is stored in our country."""
    settings = node.settings.node
    said = {"country": settings.country, "as": JurisdictionRole.STORED, "by": settings.name}
    return (Jurisdiction.model_validate(said),) if settings.country else ()


def sent_claims(node: Node, session: Session, row: OutgoingRow) -> list[JurisdictionRow]:
    """The countries that anyone names of what a dispatch brings, with the rule that each brings here."""
    items = {
        (one.node, one.item) for one in session.scalars(select(PassedItem).where(PassedItem.outgoing_id == row.id))
    }
    return _rows(session, _claims(node, items, [row.archive, *_others(session, items)]), row.tlp, row.partner_id)


def offered_claims(node: Node, session: Session, item: OfferedItem) -> list[JurisdictionRow]:
    """The same of an item that came, whoever brought it."""
    items = {(item.node, item.item)}
    return _rows(session, _claims(node, items, _others(session, items)), item.tlp, item.partner_id)


def _others(session: Session, items: Iterable[tuple[UUID, UUID]]) -> list[str]:
    """The archives of dispatches that brought these items, or took them to others."""
    names = [item for _, item in items]
    came = select(IncomingRow.archive).join(OfferedItem, OfferedItem.incoming_id == IncomingRow.id)
    went = select(OutgoingRow.archive).join(PassedItem, PassedItem.outgoing_id == OutgoingRow.id)
    found = [
        *session.scalars(came.where(OfferedItem.item.in_(names)).order_by(IncomingRow.id.desc()).limit(_MOST)),
        *session.scalars(went.where(PassedItem.item.in_(names)).order_by(OutgoingRow.id.desc()).limit(_MOST)),
    ]
    return list(dict.fromkeys(found))


def _claims(node: Node, items: set[tuple[UUID, UUID]], archives: Iterable[str]) -> list[Jurisdiction]:
    found = dict[Jurisdiction, None]()
    for archive in filter(None, dict.fromkeys(archives)):
        for body in (one.body for one in statements_in(_members(node, archive))):
            if isinstance(body, SharedItem) and (body.item.node, body.item.id) in items:
                found |= dict.fromkeys(body.jurisdictions)
    return list(found)


def _members(node: Node, archive: str) -> Mapping[str, bytes]:
    """What is in an archive; nothing where it was purged, or is damaged, which its own page says."""
    try:
        return unpack(node.exchange.read(archive), Limits())
    except (RefusalError, StorageError, NotFoundError):
        return {}


def _rows(session: Session, claims: list[Jurisdiction], tlp: str, partner: int) -> list[JurisdictionRow]:
    country = session.get_one(Partner, partner).countries.partition(",")[0]
    recipient = Recipient(Audience.PARTNER, country=country)
    rules, marking = rules_in_force(session).transfers, read_marking(tlp or "AMBER", None)
    of_classes = [side_by_side(claims, ReleaseItem(marking, data), recipient, rules) for data in DataClass]
    return [max(rows, key=_strictness) for rows in zip(*of_classes, strict=True)]


def _strictness(row: JurisdictionRow) -> tuple[int, bool]:
    """Of the classes of data the one whose rule is the strictest speaks for a claim."""
    return (row.rule.level.rank if row.rule else -1, row.decides)

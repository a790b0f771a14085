"""Who was passed what without a dispatch: pushed to a partner's server, or read by it from a face of this node."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.models import PassedItem
from tocsin.exchange.partners import Partner
from tocsin.exchange.recalls import Name, is_recalled
from tocsin.exchange.statements import RecallState


class PassingWay(StrEnum):
    """By which way an item reached a partner."""

    DISPATCH = "dispatch"
    PUSH = "misp"  # to its MISP
    MISP = "misp-api"  # read from the MISP face
    TAXII = "taxii"


@dataclass(frozen=True)
class ItemRecipient:
    """An item that a partner has by another way than a dispatch. ``title``: empty where few may read it here."""

    partner: int
    name: Name
    title: str
    way: PassingWay


def note_passing(session: Session, passed: ItemRecipient, version: int | None = None) -> int:
    """Note in a transaction that an item leaves, before it does; its version: without one, the next."""
    node, item = passed.name
    if version is None:
        version = newest_version(session, passed.name) + 1
    row = PassedItem(
        partner_id=passed.partner, node=node, item=item, version=version, title=passed.title, way=passed.way.value
    )
    session.add(row)
    return version


def newest_version(session: Session, name: Name) -> int:
    """The highest version of an item that anyone was passed; 0: nobody was."""
    of = PassedItem.node == name[0], PassedItem.item == name[1]
    return session.scalar(select(func.max(PassedItem.version)).where(*of)) or 0


def passed_items(session: Session, partner: int, names: set[Name]) -> dict[Name, int]:
    """Of these items, those that a partner was passed by any way, each with the highest version."""
    of = PassedItem.partner_id == partner, PassedItem.item.in_([item for _, item in names])
    rows = select(PassedItem.node, PassedItem.item, func.max(PassedItem.version)).where(*of)
    found = session.execute(rows.group_by(PassedItem.node, PassedItem.item))
    return {(node, item): version for node, item, version in found if (node, item) in names}


def note_reading(session: Session, partner: int, way: PassingWay, titles: dict[Name, str]) -> dict[Name, int]:
    """Note in a transaction that a partner reads items in the version that is newest; those that it had not read so."""
    of = PassedItem.partner_id == partner, PassedItem.way == way.value, PassedItem.item.in_([one for _, one in titles])
    had = {(one.node, one.item, one.version) for one in session.scalars(select(PassedItem).where(*of))}
    versions = {name: newest_version(session, name) or 1 for name in titles}
    new = {name: version for name, version in versions.items() if (*name, version) not in had}
    for name, version in new.items():
        note_passing(session, ItemRecipient(partner, name, titles[name], way), version)
    return new


def withdraw_passings(session: Session, partner: int, name: Name, now: datetime) -> None:
    """What was pushed to the partner's server of an item was found deleted there."""
    of = PassedItem.partner_id == partner, PassedItem.node == name[0], PassedItem.item == name[1]
    for row in session.scalars(select(PassedItem).where(*of, PassedItem.way == PassingWay.PUSH.value)):
        row.answer, row.answer_code, row.answered_at = RecallState.DONE.value, "", now


def left_elsewhere(session: Session, recalled: dict[Name, int]) -> list[tuple[str, UUID, PassingWay]]:
    """Who has something of these items that no dispatch takes back: by name, what, and by which way it got there.

    What was pushed to a partner's server and is not deleted there; what a program of a partner read that got no recall.
    """
    pushed = PassedItem.way == PassingWay.PUSH.value
    read = PassedItem.way.in_([PassingWay.MISP.value, PassingWay.TAXII.value]) & PassedItem.recall_dispatch.is_(None)
    of = PassedItem.item.in_([item for _, item in recalled]), PassedItem.answer == ""
    query = select(PassedItem, Partner.name).join(Partner, Partner.id == PassedItem.partner_id)
    left = {
        (name, one.item, PassingWay(one.way))
        for one, name in session.execute(query.where(*of, pushed | read))
        if is_recalled((one.node, one.item), one.version, recalled)
    }
    return sorted(left, key=str)

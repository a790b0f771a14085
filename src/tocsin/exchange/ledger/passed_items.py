"""Who was passed what without a dispatch: pushed to a partner's server, or read by it from a protocol of this node."""

from collections.abc import Mapping
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
from tocsin.node.sentences import say


class PassingWay(StrEnum):
    """By which way an item reached a partner."""

    DISPATCH = "dispatch"
    PUSH = "misp"  # to its MISP
    MISP = "misp-api"  # read from the MISP protocol
    TAXII = "taxii"


@dataclass(frozen=True)
class ItemRecipient:
    """An item that a partner has by another way than a dispatch. ``title``: empty where few may read it here.

    ``agreement``: the one under which it goes.
    """

    partner: int
    name: Name
    title: str
    way: PassingWay
    agreement: UUID | None = None


def note_passing(session: Session, passed: ItemRecipient, version: int | None = None) -> int:
    """Note in a transaction that an item leaves, before it does; its version: without one, the next."""
    node, item = passed.name
    if version is None:
        version = newest_version(session, passed.name) + 1
    row = PassedItem(
        partner_id=passed.partner, node=node, item=item, version=version, title=passed.title, way=passed.way.value,
        agreement=passed.agreement,
    )  # fmt: skip
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


def note_reading(
    session: Session, partner: int, way: PassingWay, titles: dict[Name, str], under: Mapping[Name, UUID]
) -> dict[Name, int]:
    """Note in a transaction that a partner reads items in the version that is newest; those that it had not read so.

    ``under``: the agreements by which they go.
    """
    of = PassedItem.partner_id == partner, PassedItem.way == way.value, PassedItem.item.in_([one for _, one in titles])
    rows = session.scalars(select(PassedItem).where(*of))
    had = {(one.node, one.item, one.version, one.agreement) for one in rows if one.recall_dispatch is None}
    versions = {name: newest_version(session, name) or 1 for name in titles}
    new = {name: version for name, version in versions.items() if (*name, version, under.get(name)) not in had}
    for name, version in new.items():
        note_passing(session, ItemRecipient(partner, name, titles[name], way, under.get(name)), version)
    return new


def withdraw_passings(session: Session, partner: int, name: Name, now: datetime) -> None:
    """What was pushed to the partner's server of an item was found deleted there."""
    of = PassedItem.partner_id == partner, PassedItem.node == name[0], PassedItem.item == name[1]
    for row in session.scalars(select(PassedItem).where(*of, PassedItem.way == PassingWay.PUSH.value)):
        row.answer, row.answer_code, row.answered_at = RecallState.DONE.value, "", now


def left_elsewhere(session: Session, recalled: dict[Name, int], partner: int | None = None) -> list[str]:
    """Who has something of these items that no dispatch takes back, in words: what, and by which way it got there.

    What was pushed to a partner's server and is not deleted there; what a program of a partner read that got no recall.
    ``partner``: only that one.
    """
    pushed = PassedItem.way == PassingWay.PUSH.value
    read = PassedItem.way.in_([PassingWay.MISP.value, PassingWay.TAXII.value]) & PassedItem.recall_dispatch.is_(None)
    of = [PassedItem.item.in_([item for _, item in recalled]), PassedItem.answer == "", pushed | read]
    of += [] if partner is None else [PassedItem.partner_id == partner]
    query = select(PassedItem, Partner.name).join(Partner, Partner.id == PassedItem.partner_id)
    left = {
        (name, one.item, PassingWay(one.way))
        for one, name in session.execute(query.where(*of))
        if is_recalled((one.node, one.item), one.version, recalled)
    }
    return [
        say("%(name)s: event %(event)s is at its MISP; withdraw it there.", name=name, event=item)
        if way is PassingWay.PUSH
        else say("%(name)s: read here, where it is withdrawn now; tell it by another way.", name=name)
        for name, item, way in sorted(left, key=str)
    ]

"""The items that are open now."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say
from tocsin.pipeline.accept_item import LATELY
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind, ItemWork
from tocsin.pipeline.to_do.item import Item
from tocsin.pipeline.to_do.kinds import KINDS
from tocsin.pipeline.to_do.listers import ListingContext
from tocsin.pipeline.to_do.work import with_work

_PERSONAL: Final = frozenset(kind for kind, of in KINDS.items() if of.personal)


def quick_items(node: NodeWithStores, session: Session, now: datetime) -> list[Item]:
    """Those of the kinds that a query finds, and that are the same for everybody."""
    context = ListingContext(node, session, now)
    return _found(context, (kind for kind, of in KINDS.items() if not (of.slow or of.personal)))


def personal_items(node: NodeWithStores, session: Session, now: datetime, person: int | None) -> list[Item]:
    """Those that depend on who looks; without a person, what everybody of the team may see."""
    context = ListingContext(node, session, now, person=person)
    return _found(context, (kind for kind, of in KINDS.items() if of.personal))


def slow_items(node: NodeWithStores, now: datetime, conflicts: int | None = None) -> list[Item]:
    """Those that take seconds; ``conflicts``: what `open_conflicts` says, where that is known."""
    with node.database.reading() as session:
        context = ListingContext(node, session, now, conflicts)
        return _found(context, (kind for kind, of in KINDS.items() if of.slow))


def every_item(node: NodeWithStores, now: datetime, person: int | None = None) -> list[Item]:
    """All of them that a person may see, with who has them; what is due first comes first."""
    slow = slow_items(node, now)
    with node.database.reading() as session:
        found = [*quick_items(node, session, now), *personal_items(node, session, now, person)]
        return in_order(with_work(session, [*found, *slow]), now)


def item_of(node: NodeWithStores, kind: ItemKind, subject: str, now: datetime, *, person: int | None = None) -> Item:
    """One item, with who has it; ``person``: who looks.

    Raises:
        NotFoundError: there is no such item, or it has ended.

    """
    with node.database.reading() as session:
        found = _found(ListingContext(node, session, now, person=person), [kind])
        for one in with_work(session, found):
            if one.subject == subject:
                return one
    raise NotFoundError(say("There is no such item."), hint=say("Load the page again."))


def kinds_now(node: NodeWithStores, kinds: Iterable[ItemKind], now: datetime) -> set[ItemKind]:
    """Those of the kinds of which there are items that the whole team may see."""
    with node.database.reading() as session:
        return {one.kind for one in _found(ListingContext(node, session, now), kinds)}


def forget_ended(node: NodeWithStores, now: datetime) -> int:
    """Delete who has the items that are no longer there; how many. The audit log keeps who had them."""
    with node.database.reading() as session:
        rows = session.scalars(select(ItemWork).where(ItemWork.at < now)).all()
        kinds = {ItemKind(row.kind) for row in rows if row.kind in set(ItemKind)}
        shared = ListingContext(node, session, now)
        open_ones: set[tuple[str, str, int | None]] = {
            (one.kind.value, one.subject, None) for one in _found(shared, kinds - _PERSONAL)
        }
        for person in {row.owner for row in rows if row.kind in _PERSONAL}:  # as who has it sees it
            own = ListingContext(node, session, now, person=person)
            open_ones |= {(one.kind.value, one.subject, person) for one in _found(own, kinds & _PERSONAL)}
        ended = [row.id for row in rows if (row.kind, row.subject, _seen_by(row)) not in open_ones]
    if ended:
        with node.database.begin() as session:
            session.execute(delete(ItemWork).where(ItemWork.id.in_(ended), ItemWork.at < now))
    return len(ended)


def in_order(items: Iterable[Item], now: datetime) -> list[Item]:
    """By when they are due, and what has no such time as if it were due in a day; then the most urgent kind. Pure."""
    order = list(ItemKind)
    return sorted(items, key=lambda one: (one.due or now + LATELY, order.index(one.kind), one.subject))


def _seen_by(row: ItemWork) -> int | None:
    return row.owner if row.kind in _PERSONAL else None


def _found(context: ListingContext, kinds: Iterable[ItemKind]) -> list[Item]:
    return [one for kind in kinds for one in KINDS[kind].items(context) if one.count]

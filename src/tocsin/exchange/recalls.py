"""What a recall asks of this node, and whom it goes on to: from what was passed to whom. All of it is pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from tocsin.exchange.statements import (
    GlobalName,
    ItemResult,
    Recall,
    RecallItem,
    RecallState,
    RefusalCode,
    RefusalError,
    SharedItem,
)

Name = tuple[UUID, UUID]
"""Node and id of a thing."""


@dataclass(frozen=True)
class Transfer:
    """An item that left for a party. ``way``: dispatch, misp (pushed), misp-api, taxii (read)."""

    item: Name
    version: int
    to: str
    way: str


def name_of(thing: GlobalName) -> Name:
    """What a thing is called, without what else is said of it."""
    return thing.node, thing.id


def check_recall(recall: Recall) -> None:
    """Nothing, where whoever signed it is the source of all that it names.

    Raises:
        RefusalError: it is not.

    """
    if any(item.node != recall.by.node for item in recall.items):
        raise RefusalError(RefusalCode.WRONG_SIGNER, "Only the source of an item recalls it.")


def check_item(item: SharedItem, tombstones: Mapping[Name, int]) -> None:
    """Nothing, where an item may come in, whatever way it comes.

    Raises:
        RefusalError: its source did not sign it, or recalled this version.

    """
    if item.item.node != item.by.node:
        raise RefusalError(RefusalCode.WRONG_SIGNER, "Only the source of an item signs it.")
    if is_recalled(name_of(item.item), item.version, tombstones):
        raise RefusalError(RefusalCode.RECALLED, "Its source has recalled this version.")


def is_recalled(item: Name, version: int, tombstones: Mapping[Name, int]) -> bool:
    """Whether this version was recalled."""
    return version <= tombstones.get(item, 0)


def due_items(recall: Recall, held: Mapping[Name, int]) -> tuple[list[RecallItem], list[ItemResult]]:
    """What a person decides on, and what can be answered at once. ``held``: the version that is here."""
    due, settled = list[RecallItem](), list[ItemResult]()
    for item in recall.items:
        here = held.get(name_of(item))
        if here is None or here > item.version:
            settled.append(
                ItemResult(node=item.node, id=item.id, version=item.version, state=RecallState.NOT_HELD, code=None)
            )
        else:
            due.append(item)
    return due, settled


def goes_on_to(recall: Recall, transfers: Iterable[Transfer], done: Collection[str]) -> list[Transfer]:
    """To whom the recall goes from here, unchanged: each who was passed one of its items, once.

    ``done``: who has it from us already, and who it came from: so a ring of nodes ends.
    """
    named = {name_of(item): item.version for item in recall.items}
    first = {
        one.to: one
        for one in transfers
        if one.to not in done and one.version <= named.get(one.item, 0) and one.to != str(recall.by.node)
    }
    return [first[to] for to in sorted(first)]


@dataclass(frozen=True)
class ReportSum:
    """A report's figures over all below this node."""

    passed_on: int
    done: int
    kept: int
    silent: int

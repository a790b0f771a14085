"""What a recall asks of this node, and whom it goes on to: from what was passed to whom. All of it is pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tocsin.exchange.statements import (
    GlobalName,
    ItemResult,
    Recall,
    RecallItem,
    RecallReport,
    RecallRequest,
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


def add_tombstones(tombstones: Mapping[Name, int], recall: Recall) -> dict[Name, int]:
    """The highest version of each item that may not come again; also of what was never here, as it may come later."""
    if recall.asks is RecallRequest.NARROW:
        return dict(tombstones)
    after = dict(tombstones)
    for item in recall.items:
        after[name_of(item)] = max(item.version, after.get(name_of(item), 0))
    return after


def due_items(
    recall: Recall, held: Mapping[Name, int], kept_because: Mapping[Name, str]
) -> tuple[list[RecallItem], list[ItemResult]]:
    """What a person or a standing rule decides on, and what can be answered at once.

    ``held``: the version that is here; ``kept_because``: a code for each item that may not be deleted (legal-hold).
    """
    due, settled = list[RecallItem](), list[ItemResult]()
    for item in recall.items:
        here, why = held.get(name_of(item)), kept_because.get(name_of(item))
        if here is None or here > item.version:
            settled.append(_result(item, RecallState.NOT_HELD))
        elif why is not None and recall.asks is RecallRequest.ERASE:
            settled.append(_result(item, RecallState.KEPT, why))
        else:
            due.append(item)
    return due, settled


def _result(item: RecallItem, state: RecallState, code: str | None = None) -> ItemResult:
    return ItemResult(node=item.node, id=item.id, version=item.version, state=state, code=code)


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


def silent(sent: Mapping[str, datetime], answered: Collection[str], before: datetime) -> dict[str, datetime]:
    """Who was told before that time and did not answer, each with since when."""
    return {to: at for to, at in sorted(sent.items()) if to not in answered and at < before}


@dataclass(frozen=True)
class ReportSum:
    """A report's figures over all below this node."""

    passed_on: int
    done: int
    kept: int
    silent: int


def sum_reports(passed_on: int, reports: Collection[RecallReport], silent_ones: int) -> ReportSum:
    """What those below said, in sum: names stay where they are."""
    kept = sum(any(one.state is RecallState.KEPT for one in report.results) for report in reports)
    return ReportSum(
        passed_on + sum(one.passed_on for one in reports),
        len(reports) - kept + sum(one.done for one in reports),
        kept + sum(one.kept for one in reports),
        silent_ones + sum(one.silent for one in reports),
    )

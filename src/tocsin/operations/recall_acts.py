"""Recalls of partners are answered: what was made of an item ends by one act; *done* means that nothing is left."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

from sqlalchemy.orm import Session

from tocsin.exchange.ledger import (
    AnsweredRecall,
    MadeKind,
    MadeThing,
    NewRecall,
    OfferedItem,
    RecallResult,
    acts,
    asked_of,
    find_item,
    kept_of,
    made_of,
    recall,
    recalled_versions,
    settle,
    withdraw_things,
)
from tocsin.exchange.partners import BESIDE
from tocsin.exchange.statements import RecallRequest, RecallState
from tocsin.incidents import IncidentReader
from tocsin.incidents.act_parts import SIGNED, reader_of
from tocsin.interface import N_, Act, ActContext, NoUndo, OwnSurface
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, cut
from tocsin.node.sentences import say, say_count
from tocsin.operations.purge import PurgeKind, purge
from tocsin.pipeline.stores import NodeWithStores

_BY_ITSELF: Final = frozenset({MadeKind.ARCHIVE, MadeKind.RECORDS, MadeKind.MAIL, MadeKind.DISPATCH})
"""What came, and copies of what went on: it goes with each answer that the item is erased."""
_NAMED: Final = 5  # things that an error names
_REASON: Final = "Its source recalled it."


def answer(context: ActContext, request: AnsweredRecall) -> RecallResult:
    """What was made of it is ended first, and that is said; what stays is kept in part. The answer goes to its source.

    Done again after a kill, it goes on where it ended.

    Raises:
        ConflictError: the item is not recalled; or something that was made of it stands, and is not to end.

    """
    if request.state is RecallState.KEPT and not request.code:
        raise UsageError(say("Say why it is kept, as a code: legal-hold or law."))
    if request.state is RecallState.KEPT:
        return settle(context, request)
    node, keep = cast("NodeWithStores", context.node), dict(one.rsplit("=", 1) for one in request.keep)
    made = _made(context, request.item, keep)
    if unknown := keep.keys() - {one.name for one in made}:
        raise NotFoundError(say("Nothing that was made of it is called '%(name)s'.", name=min(unknown)))
    with context.database.reading() as session:
        asks = asked_of(session, find_item(session, request.item))
    if request.state is RecallState.NOT_HELD and made:
        raise ConflictError(say("Something of it is here: it is done, or kept."))
    if asks is RecallRequest.NARROW or not made:
        return settle(context, request)
    _check_end(request, made, asks)
    staying = [one for one in _made(context, request.item, keep, whole=True) if one.stays]
    for number in _passed_on(made):
        with suppress(NotFoundError):  # what went as its source signed it, the source's own recall takes back
            recall(context, NewRecall(dispatch=number, code="source-asked", asks=asks))
    cut("exchange.ending.passed")
    going = [one for one in made if not one.stays]
    wanted = [f"{PurgeKind.PARTNER_ITEM}:{request.item}"] if asks is RecallRequest.ERASE else [
        one.name for one in going if one.kind is MadeKind.EVENTS
    ]  # fmt: skip
    for name in wanted:
        purge(
            node, name, reason=_REASON, actor=context.actor, now=context.now, waits=context.waits,
            person=context.person, keep=keep if asks is RecallRequest.ERASE else None,
        )  # fmt: skip
    if asks is RecallRequest.STOP_USING:
        withdraw_things(context, request.item, [one.name for one in going])
    cut("exchange.ending.ended")
    # What others said, too, is ours once the item is gone, and is named to the source all the same.
    found = [*staying, *_made(context, request.item, keep, whole=True)]
    left = [one for one in {one.name: one for one in found}.values() if _counts(one, asks)]
    if any(not one.stays for one in left):
        raise ConflictError(say("Something new was made of it meanwhile. Look again, and answer then."))
    return settle(context, request, left)


def _passed_on(made: Iterable[MadeThing]) -> list[int]:
    """The dispatches that brought it to others, which are asked in turn."""
    return [int(one.name.partition(":")[2]) for one in made if one.kind is MadeKind.DISPATCH and not one.stays]


def foresee_end(node: Node, item: int, reader: IncidentReader) -> list[MadeThing]:
    """All that was made of an item and is here still, with what of it stays and why.

    Raises:
        NotFoundError: there is no such item.

    """
    with node.database.reading() as session:
        versions, row = _versions(session, item), find_item(session, item)
        return made_of(node, session, versions, reader.now, reader=reader, kept=kept_of(session, row))


def _made(context: ActContext, item: int, keep: Mapping[str, str], *, whole: bool = False) -> list[MadeThing]:
    """What was made of an item, as who acts may know it; ``whole``: all of it, for the answer."""
    reader = None if whole else reader_of(context)
    with context.database.reading() as session:
        return made_of(context.node, session, _versions(session, item), context.now, reader=reader, kept=keep)


def _versions(session: Session, item: int) -> Sequence[OfferedItem]:
    row = find_item(session, item)
    return list({one.id: one for one in (row, *recalled_versions(session, row))}.values())


def _counts(one: MadeThing, asks: RecallRequest) -> bool:
    """Whether a thing may not be there any more once the answer is *done*. Pure."""
    return one.in_use if asks is RecallRequest.STOP_USING else asks is RecallRequest.ERASE


def _check_end(request: AnsweredRecall, made: Sequence[MadeThing], asks: RecallRequest) -> None:
    """Nothing, where a person wants it ended, or nothing of it stands."""
    standing = [one for one in made if _counts(one, asks) and (one.stays or one.kind not in _BY_ITSELF)]
    if request.end or not standing:
        return
    names = ", ".join(one.name or say("hidden") for one in standing[:_NAMED])
    raise ConflictError(
        say_count(
            "It is not done: %(n)s thing that was made of it is here still: %(names)s.",
            "It is not done: %(n)s things that were made of it are here still: %(names)s.", len(standing),
            names=f"{names} …" if len(standing) > _NAMED else names,
        ),
        hint=say(
            "'tocsin exchange made %(item)s' lists all. '--end' ends them and answers; '--keep NAME=CODE' keeps one.",
            item=request.item,
        ),
    )  # fmt: skip


ACTS: Final = (
    Act(
        "answer", "Answer a recall of a partner", answer, noun="recall", permission=Permission.INCIDENTS_WRITE,
        audit=(
            AuditAction.RECALL_ANSWERED, AuditAction.DISPATCH_SEALED, AuditAction.CONTENT_PURGED,
            AuditAction.RECALL_MADE, AuditAction.INCIDENT_ENTRY,
        ),
        command="exchange answer", page=OwnSurface("/exchange/items/{item}/answer", BESIDE), route=acts.NO_ROUTE,
        arguments=("item",), signed=SIGNED, told="Recall {recall} answered; {kept} things kept.",
        undo=NoUndo("What was erased cannot be brought back."), title=N_("Answer the recall"), button=N_("Answer"),
    ),
)  # fmt: skip
"""What is answered to a partner that took something back."""

"""Recalls: ours go to all who were passed the item, those of partners go on unchanged, and each is answered."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.contents import keep_recall, sign_recall
from tocsin.exchange.ledger.items import ItemNumber, find_item
from tocsin.exchange.ledger.links import OpenPartner, OwnParty, own_party
from tocsin.exchange.ledger.mail_sealing import recall_text, seal_for
from tocsin.exchange.ledger.models import OfferedItem, PassedItem, RecallItemRow, RecallRow
from tocsin.exchange.ledger.passed_items import left_elsewhere
from tocsin.exchange.ledger.passing_on import recall_sum, seal_report
from tocsin.exchange.ledger.recalls.journal import journal_answer, journal_recall
from tocsin.exchange.ledger.recalls.made import MadeThing
from tocsin.exchange.ledger.sealing import DispatchDraft
from tocsin.exchange.ledger.spoken_answers import ChosenAnswer
from tocsin.exchange.ledger.states import KEPT_REASONS, RECALL_REASONS, TAKEN_BACK, OfferState
from tocsin.exchange.partners import Partner, find_partner
from tocsin.exchange.recalls import Transfer, goes_on_to, name_of
from tocsin.exchange.statements import (
    RECALL_REQUESTS,
    DispatchType,
    Recall,
    RecallRequest,
    RecallState,
    Statement,
    read_statement,
)
from tocsin.incidents import find_incident
from tocsin.incidents.act_parts import reader_of
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.sharing.gate import Marking, Tlp

_CODE: Final = r"^[a-z0-9][a-z0-9-]{0,63}$"
_OPEN: Final = Marking(Tlp.CLEAR)  # a recall names things by UUIDs alone


class NewRecall(BaseModel):
    """What is taken back, and why."""

    incident: Annotated[str, Wording(hidden=True)] = Field(
        "", max_length=60, title=N_("Reference of the incident"),
        description="The reference of an incident that was sent to partners.",
    )  # fmt: skip
    dispatch: int | None = Field(
        None, ge=1, le=2**31, title=N_("Dispatch"), description="Or the number of a dispatch: all that it brought."
    )
    code: Annotated[
        str,
        Wording(
            lacking=N_("Say why: wrong, withdrawn, source-asked, person-asked, court."),
            choices=RECALL_REASONS,
            nothing=N_("Choose"),
        ),
    ] = Field(
        pattern=_CODE, title=N_("Reason"), description="Why: wrong, withdrawn, source-asked, person-asked, court."
    )
    asks: Annotated[RecallRequest, Wording(choices=RECALL_REQUESTS)] = Field(
        RecallRequest.ERASE, title=N_("What the partner is asked to do"),
        description="What is asked for: erase or stop-using.",
    )  # fmt: skip


class AnsweredRecall(BaseModel):
    """What became of what a partner recalled."""

    item: ItemNumber = Field(description="The number of the item, in the list of what came.")
    state: ChosenAnswer = Field(description="done, or kept with a code.")
    code: Annotated[str, Wording(choices=KEPT_REASONS)] = Field(
        "", pattern=rf"(?:{_CODE})|^$", title=N_("Reason"), description="Why it is kept: legal-hold, law."
    )
    keep: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,200}=[a-z0-9][a-z0-9-]{0,63}$")], ...] = Field(
        (), max_length=1_000, title=N_("Kept"),
        description="What was made of it and stays all the same, as NAME=CODE: 'exchange made' has the names.",
    )  # fmt: skip
    end: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Made of this item"), description="End all else that was made of it here, for good."
    )


class RecallResult(BaseModel):
    """A recall after an act. ``sent``: to how many it went now; ``left``: that it could not go to, with why.

    ``kept``: how many things stay here that were made of what was recalled.
    """

    recall: int
    sent: int = 0
    left: list[str] = Field(default_factory=list)
    kept: int = 0


def recall(context: ActContext, request: NewRecall) -> RecallResult:
    """It goes to each partner who was passed one of its items. Done again after a kill, it goes to those who are left.

    Raises:
        NotFoundError: nothing of it was passed to a partner.

    """
    if request.asks is RecallRequest.NARROW:
        raise UsageError(say("Ask for erase or stop-using."))
    us = own_party(context.node, context.now)
    with context.database.begin() as session:
        names = _passed(session, context, us, request)
        row = _same(session, names, request)
        if row is None:
            statement = sign_recall(us, context.now, names, request.code, request.asks)
            row = keep_recall(session, statement.said(Recall), statement, context.now)
            journal_recall(context.node, session, row)
            detail: dict[str, object] = {"code": row.code, "asks": row.asks, "sha256": row.hash}
            audit(
                session, AuditAction.RECALL_MADE, at=context.now, actor=context.actor, subject="node",
                detail=detail,
            )  # fmt: skip
        number = row.id
    cut("exchange.recalled")
    return pass_on(context, us, number)


def pass_on(context: ActContext, us: OwnParty, number: int) -> RecallResult:
    """A recall to all who were passed one of its items and have it not yet, a transaction for each."""
    with context.database.reading() as session:
        row = session.get_one(RecallRow, number)
        statement = statement_of(row)
        recalled = statement.said(Recall)
        source = session.scalar(select(Partner.id).where(Partner.node == recalled.by.node))
        due = _due(session, recalled, {str(row.partner_id), str(source)})
    with context.database.kept_open():
        sealed = [_pass_on_to(context, us, statement, one.to) for one in due]
    left = [one for one in sealed if one]
    with context.database.reading() as session:
        left += left_elsewhere(session, {name_of(one): one.version for one in statement.said(Recall).items})
    return RecallResult(recall=number, sent=sealed.count(""), left=left)


def _pass_on_to(context: ActContext, us: OwnParty, statement: Statement, to: str) -> str | None:
    """Seal a recall for a partner; why that cannot be, or nothing. None: another process was quicker."""
    recalled = statement.said(Recall)
    with context.database.begin() as session:
        partner = find_partner(session, to, lock=True)
        passed = [one for one in _of_recall(session, recalled, partner) if not one.recall_dispatch and not one.answer]
        if not passed:
            return None
        draft = DispatchDraft(DispatchType.RECALL, passed[0].title, _OPEN, [statement])
        if partner.node is None:
            text = recall_text(context, session, partner, {one.outgoing_id for one in passed if one.outgoing_id})
            draft = replace(draft, text=text)
        try:
            sealed = seal_for(OpenPartner(session, context, us, partner), draft)
        except ConflictError as error:  # no key that works: the others get theirs all the same
            return f"{partner.name}: {error}"
        for one in passed:
            one.recall_dispatch = sealed.id
    cut("exchange.recalling")
    return ""


def settle(context: ActContext, request: AnsweredRecall, left: Sequence[MadeThing] = ()) -> RecallResult:
    """A recall is answered: once all of it is, its report is sealed, and who has it from here gets the recall in turn.

    ``left``: what stays of it here, each with why: then it is kept in part.

    Raises:
        ConflictError: the item is not recalled.

    """
    us = own_party(context.node, context.now)
    kept = {one.name: one.stays for one in left}
    state = RecallState.KEPT if kept else request.state
    code = next(
        iter(kept.values()), request.code if state is RecallState.KEPT else ""
    )  # a form may have it for another
    with context.database.begin() as session:
        find_partner(session, str(find_item(session, request.item).partner_id), lock=True)
        item = find_item(session, request.item, lock=True)
        recalls = open_recalls(session, item)
        here = recalled_versions(session, item)
        asked_for = statement_of(recalls[0][0]).said(Recall) if recalls else None
        for one in here:
            _apply(context, one, asked_for, state, code)
        journal_answer(context.node, here, recalls[0][0].hash if recalls else "", context.now, kept)
        for row, asked in recalls:
            asked.state, asked.code, asked.kept = state.value, code, kept
            partner = find_partner(session, str(row.partner_id), lock=True)
            opened = OpenPartner(session, context, us, partner)
            detail = {"item": str(item.item), "state": asked.state, "code": asked.code, "sha256": row.hash}
            opened.note(AuditAction.RECALL_ANSWERED, **detail, **({"kept": len(kept)} if kept else {}))
            _report(opened, row)
        if not recalls:  # it was taken back by a program, which waits for no answer
            detail = {"item": str(item.item), "state": state.value, "code": code}
            subject = f"partner:{item.partner_id}"
            audit(
                session, AuditAction.RECALL_ANSWERED, at=context.now, actor=context.actor, subject=subject,
                detail=detail | ({"kept": len(kept)} if kept else {}),
            )  # fmt: skip
        numbers = [row.id for row, _ in recalls]
    cut("exchange.answered")
    done = [pass_on(context, us, number) for number in numbers]
    missed = [one for result in done for one in result.left]
    sent = sum(one.sent for one in done)
    return RecallResult(recall=next(iter(numbers), 0), sent=sent, left=missed, kept=len(kept))


def statement_of(row: RecallRow) -> Statement:
    """A recall as its source signed it."""
    return read_statement(row.content.encode(), row.signature.encode())


def _passed(session: Session, context: ActContext, us: OwnParty, request: NewRecall) -> dict[UUID, int]:
    """What is taken back: our items, each with the highest version that was passed."""
    query = select(PassedItem.item, func.max(PassedItem.version)).where(PassedItem.node == us.name.node)
    if request.incident:
        reader = reader_of(context)
        query = query.where(PassedItem.item == find_incident(session, reader, request.incident).uuid)
    elif request.dispatch:
        of = select(PassedItem.item).where(PassedItem.outgoing_id == request.dispatch)
        query = query.where(PassedItem.item.in_(of))
    else:
        raise UsageError(say("Name an incident or a dispatch."))
    found = dict(session.execute(query.group_by(PassedItem.item)).all())
    if not found:
        raise NotFoundError(say("Nothing of this was passed to a partner."))
    return found


def _same(session: Session, names: dict[UUID, int], request: NewRecall) -> RecallRow | None:
    """Our recall of the same items in the same versions, for the same reason."""
    ours = RecallRow.partner_id.is_(None), RecallRow.code == request.code, RecallRow.asks == request.asks.value
    item, version = next(iter(names.items()))
    same = RecallItemRow.item == item, RecallItemRow.version == version
    rows = select(RecallRow).join(RecallItemRow, RecallItemRow.recall_id == RecallRow.id).where(*ours, *same)
    for row in session.scalars(rows.order_by(RecallRow.id.desc())):
        of = select(RecallItemRow.item, RecallItemRow.version).where(RecallItemRow.recall_id == row.id)
        if dict(session.execute(of).all()) == names:
            return row
    return None


def _due(session: Session, recalled: Recall, but: set[str]) -> list[Transfer]:
    named = [one.id for one in recalled.items]
    rows = session.scalars(select(PassedItem).where(PassedItem.item.in_(named), *_OPEN_PASSING))
    transfers = [Transfer((one.node, one.item), one.version, str(one.partner_id), one.way) for one in rows]
    return goes_on_to(recalled, transfers, but)


_OPEN_PASSING: Final = (PassedItem.recall_dispatch.is_(None), PassedItem.answer == "")


def _of_recall(session: Session, recalled: Recall, partner: Partner) -> list[PassedItem]:
    versions = {(one.node, one.id): one.version for one in recalled.items}
    of = PassedItem.partner_id == partner.id, PassedItem.item.in_([item for _, item in versions])
    rows = session.scalars(select(PassedItem).where(*of)).all()
    return [one for one in rows if one.version <= versions.get((one.node, one.item), 0)]


def open_recalls(session: Session, item: OfferedItem) -> list[tuple[RecallRow, RecallItemRow]]:
    """The recalls of an item that nobody has answered, the newest first; none where a program took it back.

    Raises:
        ConflictError: it is not recalled, or that was answered.

    """
    row = RecallItemRow
    of = row.node == item.node, row.item == item.item, row.version >= item.version, row.state == ""
    query = (
        select(RecallRow, row).join(row, row.recall_id == RecallRow.id).where(*of, RecallRow.partner_id.is_not(None))
    )
    found = [(one, asked) for one, asked in session.execute(query.order_by(RecallRow.id.desc()))]
    if item.state != OfferState.RECALLED or not (found or item.code in TAKEN_BACK):
        raise ConflictError(say("This item is not recalled, or that was answered."))
    return found


def waiting_since(session: Session, items: Collection[OfferedItem]) -> tuple[datetime | None, datetime | None]:
    """Since when the first of these open items waits, and by when the first source asks for an answer.

    A recalled one waits since its recall came; what a program took back, without saying when, counts as it came itself.
    """
    theirs = {one for one in items if one.state == OfferState.RECALLED and one.code not in TAKEN_BACK}
    waiting = select(RecallItemRow.recall_id).where(RecallItemRow.state == "")
    query = select(RecallRow).where(RecallRow.partner_id.is_not(None), RecallRow.id.in_(waiting))
    recalls = session.scalars(query).all() if theirs else []
    since = [*(row.at for row in recalls), *(one.came_at for one in items if one not in theirs)]
    until = [by for by in (statement_of(row).said(Recall).until for row in recalls) if by is not None]
    return min(since, default=None), min(until, default=None)


def asked_of(session: Session, item: OfferedItem) -> RecallRequest:
    """What the newest open recall of an item asks for; what a program took back is to be erased.

    Raises:
        ConflictError: as of `open_recalls`.

    """
    found = open_recalls(session, item)
    return RecallRequest(found[0][0].asks) if found else RecallRequest.ERASE


def kept_of(session: Session, item: OfferedItem) -> dict[str, str]:
    """What stays of an item by the newest answer to its recalls: names, with why."""
    row = RecallItemRow
    of = row.node == item.node, row.item == item.item, row.version >= item.version
    return session.scalar(select(row.kept).where(*of).order_by(row.recall_id.desc()).limit(1)) or {}


def recalled_versions(session: Session, item: OfferedItem) -> Sequence[OfferedItem]:
    """All versions of an item that are recalled, whoever brought them."""
    of = OfferedItem.node == item.node, OfferedItem.item == item.item
    return session.scalars(select(OfferedItem).where(*of, OfferedItem.state == OfferState.RECALLED.value)).all()


def _apply(
    context: ActContext, item: OfferedItem, recalled: Recall | None, state: RecallState, code: str
) -> None:  # fmt: skip
    """Let what is here of an item be as a person says."""
    asks = recalled.asks if recalled else RecallRequest.ERASE
    if state is RecallState.KEPT:
        item.state, item.code = OfferState.KEPT.value, code
    elif asks is RecallRequest.ERASE:
        item.state = OfferState.ERASED.value
    elif asks is RecallRequest.NARROW:
        item.state = (OfferState.ADOPTED if item.incident else OfferState.OFFERED).value
        item.tlp = recalled.tlp.value if recalled and recalled.tlp else item.tlp
    else:
        item.state = OfferState.HIDDEN.value
    item.decided_at, item.decided_by = context.now, context.actor


def _report(opened: OpenPartner, row: RecallRow) -> None:
    """Once all of a recall is answered, the report on it, to whom it came from."""
    opened.session.flush()
    rows = opened.session.scalars(select(RecallItemRow).where(RecallItemRow.recall_id == row.id)).all()
    if all(one.state for one in rows):
        seal_report(opened, row, recall_sum(opened.session, row))
        row.answered_at = opened.context.now

"""A file of a partner: opened, verified, answered by a receipt, and what it offers is shown. It commands nothing.

What this writes lies in the tables of `TAKING_WRITES`.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.exchange.agreements import check_agreements
from tocsin.exchange.dispatches import (
    TEXT,
    DispatchContents,
    DispatchVerdict,
    IncomingDispatch,
    Limits,
    OutgoingDispatch,
    OutgoingState,
    make_receipt,
    may_become,
    note_receipt,
    open_file,
    open_receipt,
    pack,
    read_contents,
    read_foreign_head,
    refuse_contents,
    resume,
    seal_receipt,
    take_members,
)
from tocsin.exchange.ledger.cases import check_cases, write_cases, write_message
from tocsin.exchange.ledger.contents import answer_recall, nothing_held, tombstones, write_items, write_statement
from tocsin.exchange.ledger.links import (
    OpenPartner,
    OwnParty,
    keep_link,
    outgoing_link,
    own_party,
    partner_party,
    receipted_rows,
)
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, ReceiptRow
from tocsin.exchange.ledger.number_checks import may_have_lost, note_had, note_resumed
from tocsin.exchange.ledger.sending import DispatchResult, result_of
from tocsin.exchange.ledger.states import Direction, IncomingState
from tocsin.exchange.partners import Partner, check_key_notice, pinned_keys
from tocsin.exchange.recalls import check_item, check_recall, name_of
from tocsin.exchange.statements import (
    Dispatch,
    KeyNotice,
    Recall,
    Receipt,
    ReceiptVerdict,
    RefusalCode,
    RefusalError,
    SharedItem,
    Statement,
    read_statement,
)
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import AuditAction, cut, read_head
from tocsin.node.sentences import say

_STATES: Final = {DispatchVerdict.TAKEN: IncomingState.TAKEN, DispatchVerdict.GAP: IncomingState.SEEN}


class PartnerFile(BaseModel):
    """A file that a partner sent."""

    model_config = ConfigDict(ser_json_bytes="base64")

    content: Annotated[bytes, Wording(lacking=N_("Choose a file."), file=64_000_001)] = Field(
        min_length=1, title=N_("File"), description="Its bytes."
    )


class TakingResult(BaseModel):
    """What became of a dispatch that came. ``incoming``: its number in the list; ``code``: what the partner is told."""

    incoming: int
    partner: int
    name: str
    number: int
    verdict: ReceiptVerdict
    code: str = ""
    reason: str = ""
    items: int = 0


def take(context: ActContext, request: PartnerFile) -> TakingResult:
    """It is verified by confirmed keys, its items wait for a person, and it gets its receipt. It changes nothing else.

    Raises:
        RefusalError: it is not for this node, or of nobody whom it knows; nothing is kept, and nobody gets a receipt.

    """
    us = own_party(context.node, context.now)
    return take_opened(context, us, open_file(request.content, us.opening, Limits()))


def take_opened(context: ActContext, us: OwnParty, members: dict[str, bytes]) -> TakingResult:
    """As `take`, of a file that was opened."""
    named = read_foreign_head(members)
    sender, wrong = named.by.node, _too_many(context, named) or _wrong_contents(context, members)
    packed, verified = pack(members), None
    with context.database.reading() as session:
        keys = pinned_keys(session)
    with suppress(RefusalError):  # told below, of a dispatch whose number counts
        verified = None if wrong else read_contents(named, members, keys)
    cut("exchange.opened")
    with context.database.begin() as session:
        session.scalar(select(Partner).where(Partner.node == sender).with_for_update())
        recipient = us.recipient(session, named.number)
        known = verified if recipient.keys == keys else None
        taking = take_members(members, recipient, context.now, wrong=wrong, contents=known)
        if taking.contents is not None:
            taking = _checked(session, us, taking, taking.contents)
        partner = session.scalars(select(Partner).where(Partner.node == sender)).one()
        same = IncomingRow.partner_id == partner.id, IncomingRow.hash == taking.statement.hash
        row = session.scalar(select(IncomingRow).where(*same))
        if taking.outcome.verdict is not DispatchVerdict.REPEATED:
            row = _write(OpenPartner(session, context, us, partner), taking, packed, row)
        if row is None:
            raise LookupError(taking.statement.hash)
        done = _result(session, partner, row)
        cut("exchange.taking")
    cut("exchange.taken")
    return done


def take_receipt(context: ActContext, request: PartnerFile) -> DispatchResult:
    """What it covers has arrived, or was refused with a code; it is proof for others, and kept.

    Raises:
        RefusalError: it is of nobody whom this node knows, or of other bytes than were sent.

    """
    us = own_party(context.node, context.now)
    with context.database.begin() as session:
        statement = open_receipt(request.content, us.recipient(session))
        receipt = statement.said(Receipt)
        partner = session.scalars(select(Partner).where(Partner.node == receipt.by.node).with_for_update()).one()
        same = ReceiptRow.direction == Direction.IN.value, ReceiptRow.hash == statement.hash
        if session.scalar(select(ReceiptRow.id).where(*same)) is None:
            opened = OpenPartner(session, context, us, partner)
            _note_receipt(opened, receipt)
            _keep_receipt(opened, Direction.IN, statement, receipt)
            _prove(opened, receipt.at)
            told = {"verdict": receipt.verdict.value, "code": receipt.code or "", "sha256": receipt.of}
            opened.note(AuditAction.DISPATCH_RECEIPTED, number=receipt.number, **told)
        of = OutgoingRow.partner_id == partner.id, OutgoingRow.number == receipt.number
        done = result_of(session.scalars(select(OutgoingRow).where(*of)).one(), partner)
        cut("exchange.receipting")
    cut("exchange.receipted")
    return done


def newest_receipt(session: Session, direction: Direction, of: str) -> ReceiptRow | None:
    """The newest receipt of a dispatch, ours or the partner's."""
    found = select(ReceiptRow).where(ReceiptRow.direction == direction.value, ReceiptRow.of == of)
    return session.scalar(found.order_by(ReceiptRow.id.desc()).limit(1))


def read_receipt(row: ReceiptRow) -> Statement:
    """A receipt as it was signed."""
    return read_statement(row.content.encode(), row.signature.encode())


def _too_many(context: ActContext, dispatch: Dispatch) -> RefusalError | None:
    """A dispatch with more statements than are taken: what it brings is not looked at."""
    most, found = context.node.settings.exchange.statements, len(dispatch.statements)
    if found <= most:
        return None
    reason = say("It brings %(n)s statements; at most %(most)s are taken.", n=f"{found:,}", most=f"{most:,}")
    return RefusalError(RefusalCode.TOO_LARGE, reason)


def _wrong_contents(context: ActContext, members: dict[str, bytes]) -> RefusalError | None:
    """Why nothing of this is kept: a part must never be held here, or cannot be looked through."""
    intake = IntakeFilter(context.node, "exchange", lambda: context.now)
    found = False
    for name, content in members.items():
        try:
            kept, withheld = intake.kept(content)
        except InputError:
            found = True
        else:
            found = found or bool(withheld) or kept != content
        if name == TEXT:
            text = content.decode("utf-8", "replace")
            found = found or intake.kept_text(text) != text
    return RefusalError(RefusalCode.NOT_TAKEN, say("A part of it must not be kept here.")) if found else None


def _checked(session: Session, us: OwnParty, taking: IncomingDispatch, contents: DispatchContents) -> IncomingDispatch:
    """The dispatch, refused where an item or a recall in it is not its signer's to speak of, or was recalled."""
    bodies = [one.body for one in contents.statements]
    try:
        check_agreements(contents)
        check_cases(session, us, contents)
        stones = tombstones(session, {name_of(one.item) for one in bodies if isinstance(one, SharedItem)})
        for one in bodies:
            if isinstance(one, SharedItem):
                check_item(one, stones)
            elif isinstance(one, Recall):
                check_recall(one)
            elif isinstance(one, KeyNotice):
                check_key_notice(one)
    except RefusalError as error:
        return replace(taking, outcome=refuse_contents(taking.outcome, error), contents=None)
    return taking


def _write(opened: OpenPartner, taking: IncomingDispatch, packed: bytes, row: IncomingRow | None) -> IncomingRow:
    session, context = opened.session, opened.context
    dispatch, outcome, contents = taking.dispatch, taking.outcome, taking.contents
    if row is None:
        row = IncomingRow(partner_id=opened.partner.id, number=dispatch.number, hash=taking.statement.hash)
        row.came_at = context.now
        session.add(row)
    row.counts, row.type, row.tlp = outcome.counts, dispatch.type.value, dispatch.tlp.value
    row.state = _STATES.get(outcome.verdict, IncomingState.REFUSED).value
    row.code, row.reason = outcome.code or "", outcome.reason
    row.text = contents.text if contents else ""
    row.archive = context.node.exchange.put(packed) if contents else ""
    row.taken_by = context.actor
    session.flush()
    if outcome.counts:
        keep_link(session, opened.partner, Direction.IN, outcome.link.number, outcome.link.head)
    if contents:
        write_items(opened, row, contents)
        for statement in contents.statements:
            write_statement(opened, row, statement, contents)
        write_cases(opened, row, contents)
        write_message(opened, row, dispatch)
    known = newest_receipt(session, Direction.OUT, row.hash)
    said = read_receipt(known).said(Receipt) if known else None
    if said is None or not _says(said, outcome.verdict, outcome.link.number, row.code):
        recalled = {one.hash for one in contents.statements if isinstance(one.body, Recall)} if contents else set()
        _give_receipt(opened, taking, nothing_held=bool(recalled) and nothing_held(session, recalled))
    _prove(opened, dispatch.at)
    note_had(opened, dispatch.had, dispatch.at)
    opened.note(AuditAction.DISPATCH_TAKEN, number=row.number, state=row.state, code=row.code, sha256=row.hash)
    return row


def _give_receipt(opened: OpenPartner, taking: IncomingDispatch, *, nothing_held: bool) -> None:
    """Our receipt, and the file with it for the partner, which is the same each time that it is asked for."""
    node, now = opened.context.node, opened.context.now
    head = read_head(node.home)
    log = str(head) if head else ""
    receipt = make_receipt(taking, opened.us.key.signer, now, by=opened.us.name, log=log, nothing_held=nothing_held)
    try:
        _, cert = partner_party(opened.session, opened.partner, now)
    except ConflictError:  # it has no key that works any more; what it signed before counts all the same
        file = ""
    else:
        file = node.exchange.put(seal_receipt(receipt, cert))
    _keep_receipt(opened, Direction.OUT, receipt, receipt.said(Receipt), file)


def _says(receipt: Receipt, verdict: DispatchVerdict, had: int, code: str) -> bool:
    return (receipt.verdict.value, receipt.had, receipt.code or "") == (verdict.value, had, code)


def _note_receipt(opened: OpenPartner, receipt: Receipt) -> None:
    """What a receipt covers is in the state that it says."""
    session, partner = opened.session, opened.partner
    rows = {one.number: one for one in receipted_rows(session, partner, receipt)}
    link = outgoing_link(session, partner, opened.us.name, receipt.by, list(rows.values()))
    if receipt.number > link.number:
        resumed = resume(link, receipt) if may_have_lost(session, partner) else link
        if resumed is link:
            raise RefusalError(RefusalCode.HASH_MISMATCH, say("The receipt is of what this node has not sent."))
        link, rows[receipt.number] = resumed, _lost(opened, receipt, resumed.dispatches[-1])
        session.add(rows[receipt.number])
        note_resumed(opened, receipt.number)
    after = note_receipt(link, receipt)
    for one in after.dispatches:
        rows[one.number].state, rows[one.number].reason = one.state.value, one.reason
    row = rows[receipt.number]
    if receipt.verdict is ReceiptVerdict.GAP and may_become(OutgoingState(row.state), OutgoingState.STUCK):
        row.state = OutgoingState.STUCK.value
        row.reason = say("The partner has not got number %(n)s.", n=receipt.had + 1)
    session.flush()
    if receipt.nothing_held:
        answer_recall(session, row, receipt.at)
    keep_link(session, partner, Direction.OUT, after.number, after.head)
    note_had(opened, receipt.had, receipt.at)


def _lost(opened: OpenPartner, receipt: Receipt, lost: OutgoingDispatch) -> OutgoingRow:
    """A dispatch that is known by its receipt alone, since this node was restored."""
    return OutgoingRow(
        partner_id=opened.partner.id, number=receipt.number, hash=receipt.of, type="", title="", incident="", tlp="",
        state=lost.state.value, reason=lost.reason, sealed_at=opened.context.now, sealed_by="",
    )  # fmt: skip


def _prove(opened: OpenPartner, at: datetime) -> None:
    """The link works: something came that a pinned key signed."""
    proof = min(at, opened.context.now)
    opened.partner.statement_at = max(proof, opened.partner.statement_at or proof)


def _keep_receipt(
    opened: OpenPartner, direction: Direction, statement: Statement, receipt: Receipt, file: str = ""
) -> None:
    row = ReceiptRow(
        partner_id=opened.partner.id, direction=direction.value, of=receipt.of, hash=statement.hash,
        verdict=receipt.verdict.value, content=statement.content.decode(), signature=statement.signature.decode(),
        file=file, at=opened.context.now,
    )  # fmt: skip
    opened.session.add(row)
    opened.session.flush()


def _result(session: Session, partner: Partner, row: IncomingRow) -> TakingResult:
    verdicts = {IncomingState.TAKEN: ReceiptVerdict.TAKEN, IncomingState.SEEN: ReceiptVerdict.GAP}
    items = select(func.count()).select_from(OfferedItem).where(OfferedItem.incoming_id == row.id)
    return TakingResult(
        incoming=row.id, partner=partner.id, name=partner.name, number=row.number,
        verdict=verdicts.get(IncomingState(row.state), ReceiptVerdict.REFUSED), code=row.code, reason=row.reason,
        items=session.scalar(items) or 0,
    )  # fmt: skip

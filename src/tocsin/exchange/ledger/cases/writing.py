"""What a dispatch says of cases, requests and notices, checked before it has its receipt, then written down.

It changes nothing else: what becomes of an incident, a person decides.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.cases import CaseHistory, merge_history, read_history
from tocsin.exchange.dispatches import DispatchContents
from tocsin.exchange.ledger.cases.models import CaseEntryRow, ExchangeCase, ExchangeMessage, request_values
from tocsin.exchange.ledger.cases.states import (
    CONSENT,
    CaseState,
    MessageKind,
    MessageState,
    acknowledge_by,
    case_state,
    may_answer,
)
from tocsin.exchange.ledger.consents import note_consent
from tocsin.exchange.ledger.links import OpenPartner, OwnParty
from tocsin.exchange.ledger.models import IncomingRow
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.statements import (
    CaseAct,
    CaseEntry,
    Dispatch,
    DispatchType,
    GlobalName,
    SharedItem,
    Statement,
    read_statement,
    verify,
)


def stored_case(session: Session, name: GlobalName, *, lock: bool = False) -> ExchangeCase | None:
    """The row of a case, by what it is called everywhere."""
    query = select(ExchangeCase).where(ExchangeCase.node == name.node, ExchangeCase.case == name.id)
    return session.scalar(query.with_for_update().execution_options(populate_existing=True) if lock else query)


def stored_entries(session: Session, row: ExchangeCase) -> list[CaseEntryRow]:
    """The entries of a case, in order."""
    of = select(CaseEntryRow).where(CaseEntryRow.case_id == row.id).order_by(CaseEntryRow.number)
    return list(session.scalars(of))


def stored_history(session: Session, row: ExchangeCase) -> CaseHistory:
    """The history of a case, as each of its entries was signed."""
    entries = stored_entries(session, row)
    return read_history([read_statement(one.content.encode(), one.signature.encode()) for one in entries])


def keep_entry(session: Session, row: ExchangeCase, statement: Statement, entry_id: int | None = None) -> None:
    """An entry of a history is kept as it was signed."""
    number = statement.said(CaseEntry).number
    session.add(
        CaseEntryRow(
            case_id=row.id, number=number, hash=statement.hash, content=statement.content.decode(),
            signature=statement.signature.decode(), entry_id=entry_id,
        )
    )  # fmt: skip


def check_cases(session: Session, us: OwnParty, contents: DispatchContents) -> None:
    """Nothing, where each history in a dispatch goes on from what is here, and each entry is its signer's.

    Raises:
        RefusalError: it contradicts what is here, or an entry is of a node whose key nobody here has confirmed.

    """
    for name, said in _by_case(contents.statements).items():
        for one in said:
            if one.hash in contents.unverified:
                _check_signer(session, us, one)
        _merged(session, name, said)


def write_cases(opened: OpenPartner, row: IncomingRow, contents: DispatchContents) -> None:
    """The histories in a dispatch, each with what the case is to us now."""
    for name, said in _by_case(contents.statements).items():
        history, withdrawn = _merged(opened.session, name, said)
        row_of = _write_case(opened, history, withdrawn, row.tlp)
        if row_of.state == CaseState.OFFERED_TO_US and history.head in {one.hash for one in said}:
            row_of.partner_id, row_of.incoming_id, row_of.tlp = opened.partner.id, row.id, row.tlp
            items = [one.body for one in contents.statements if isinstance(one.body, SharedItem)]
            row_of.title = next((one.title for one in items), row_of.title)


def write_message(opened: OpenPartner, row: IncomingRow, dispatch: Dispatch) -> None:
    """A request or notice waits for a person, and its clock runs; an answer is noted with what it answers."""
    if dispatch.answer is not None:
        _note_answer(opened, row, dispatch)
        return
    asked = dispatch.request
    if asked is None and dispatch.type is not DispatchType.NOTE:
        return
    now = opened.context.now
    opened.session.add(
        ExchangeMessage(
            partner_id=opened.partner.id, direction=Direction.IN.value,
            kind=(MessageKind.REQUEST if asked else MessageKind.NOTICE).value, hash=row.hash, text=row.text,
            tlp=row.tlp, made_at=now, state=MessageState.OPEN.value,
            due_at=acknowledge_by(asked.urgency, asked.answer_by, now) if asked else None, **request_values(asked),
        )
    )  # fmt: skip


def _check_signer(session: Session, us: OwnParty, statement: Statement) -> None:
    """Our own entries come back in every history."""
    if session.scalar(select(CaseEntryRow.number).where(CaseEntryRow.hash == statement.hash)) is None:
        verify(statement, us.keys)


def _by_case(statements: Iterable[Statement]) -> dict[GlobalName, list[Statement]]:
    found: dict[GlobalName, list[Statement]] = {}
    for one in statements:
        if isinstance(one.body, CaseEntry):
            found.setdefault(one.body.case, []).append(one)
    return found


def _merged(session: Session, name: GlobalName, said: list[Statement]) -> tuple[CaseHistory, str]:
    """The history that is here with what came, and the hash of its open offer, where that is asked back."""
    row = stored_case(session, name)
    return merge_history(stored_history(session, row) if row else None, said)


def _write_case(opened: OpenPartner, history: CaseHistory, withdrawn: str, tlp: str) -> ExchangeCase:
    session, us = opened.session, opened.us.name.node
    name = history.entries[0].said(CaseEntry).case
    row = stored_case(session, name, lock=True)
    if row is None:
        row = ExchangeCase(
            partner_id=opened.partner.id, node=name.node, case=name.id, joint=False, tlp=tlp,
            state=CaseState.THEIRS.value, changed_at=opened.context.now,
        )  # fmt: skip
        session.add(row)
        session.flush()
    new = history.entries[len(stored_entries(session, row)) :]
    for one in new:
        keep_entry(session, row, one)
        note_entry(row, one.said(CaseEntry), us)
    was, row.state = row.state, case_state(history, us).value
    row.withdrawn = withdrawn or row.withdrawn
    if new:
        row.changed_at = opened.context.now
    if was == CaseState.OFFERED and row.state == CaseState.THEIRS and row.incident_id is not None:
        row.closing = True
    return row


def note_entry(row: ExchangeCase, entry: CaseEntry, us: UUID) -> None:
    """What an entry says of the case beside whose it is."""
    if entry.act is CaseAct.OFFER:
        row.joint, row.code, row.reason, row.withdrawn = entry.joint, "", "", ""
    if entry.act is CaseAct.REFUSE:
        row.code, row.reason, row.withdrawn = entry.code or "", entry.text, ""
    if entry.act in {CaseAct.OFFER, CaseAct.ACCEPT} and entry.by.node != us:
        row.their_reference = entry.reference or row.their_reference


def _note_answer(opened: OpenPartner, row: IncomingRow, dispatch: Dispatch) -> None:
    """An answer of whom we asked; after a final one nothing changes any more."""
    answer = dispatch.answer
    if answer is None:
        return
    mine = ExchangeMessage.partner_id == opened.partner.id, ExchangeMessage.direction == Direction.OUT.value
    found = opened.session.scalar(select(ExchangeMessage).where(*mine, ExchangeMessage.hash == answer.to))
    if found is None or not may_answer(found.asks, found.state, answer.outcome):
        return
    if found.asks == CONSENT:
        note_consent(opened, found, row.hash, answer)
    found.state, found.code, found.later, found.who = answer.outcome, answer.code or "", answer.by, answer.who
    found.answer, found.answered_at = row.text, opened.context.now

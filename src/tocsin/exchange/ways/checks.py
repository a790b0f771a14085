"""Communication checks that ask by themselves: twice a year each partner is asked to show that the link works.

A partner with a node gets a dispatch that says hello, whose receipt is the proof; another one a signed mail, whose
signed answer is.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tocsin.delivery.sealing import pgp_sign
from tocsin.exchange.ledger import (
    DispatchDraft,
    MailContent,
    NoPartnerKeyError,
    OpenPartner,
    OutgoingRow,
    OwnParty,
    finished_mail,
    language_of,
    own_party,
    queue_mail,
    seal_dispatch,
)
from tocsin.exchange.partners import (
    CheckResult,
    CheckWay,
    ListedPartner,
    Partner,
    PartnerCheck,
    due_checks,
    find_partner,
    list_partners,
)
from tocsin.exchange.statements import DispatchType
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import EXCHANGE, Letter, LetterState
from tocsin.node.records import AuditAction, audit, cut
from tocsin.sharing.gate import Marking, Tlp

ASKED_AGAIN: Final = timedelta(days=30)
"""So long after one question no other follows."""

ANSWER_DAYS: Final = 14
"""A check that nobody answered for so long has failed."""

_GRACE: Final = timedelta(days=1)  # what is exchanged anyway may prove it
_KIND: Final = "exchange-check"
_SUBJECT: Final = N_("Communication check")
_TEXT: Final = N_(
    "Twice a year we check that we reach each other. Please answer this mail with your signature; it needs no text."
)


def ask_for_checks(context: ActContext, *, mails: bool) -> int:
    """Ask the partners whose check is due, each in its own transaction; how many. ``mails``: whether mails leave."""
    with context.database.reading() as session:
        wanted = due_checks(list_partners(session, context.now))
        late = [one for one in wanted if one.due_at <= context.now - _GRACE]
        due = [one for one in late if _is_reached(one, mails=mails)]
        asked = set(session.scalars(select(Letter.about).where(_recent(context.now), Letter.key.startswith(_KIND))))
        hellos = OutgoingRow.type == DispatchType.HELLO.value, OutgoingRow.sealed_at > context.now - ASKED_AGAIN
        greeted = set(session.scalars(select(OutgoingRow.partner_id).where(*hellos)))
    due = [one for one in due if f"partner:{one.partner.id}" not in asked and one.partner.id not in greeted]
    try:
        us = own_party(context.node, context.now) if due else None
    except (NotFoundError, ConflictError):  # without a key there is nothing to ask with; the doctor says so
        return 0
    return sum(_ask(context, us, one.partner) for one in due if us is not None)


def give_up_checks(session: Session, now: datetime) -> int:
    """Note in the caller's transaction the checks by mail that nobody answered; how many."""
    until = now - timedelta(days=ANSWER_DAYS)
    sent = Letter.state.in_([LetterState.SENT.value, LetterState.BOUNCED.value])
    of = Letter.key.startswith(f"{_KIND}:"), Letter.created_at <= until, sent
    answered = select(PartnerCheck.once).where(PartnerCheck.once.is_not(None))
    found = session.scalars(select(Letter).where(*of, Letter.key.not_in(answered))).all()
    for letter in found:
        at = letter.created_at + timedelta(days=ANSWER_DAYS)
        _note(session, int(letter.about.partition(":")[2]), letter.key, result=CheckResult.NO_ANSWER, at=at, now=now)
    return len(found)


def note_answer(session: Session, partner: Partner, letter: Letter, at: datetime, now: datetime) -> None:
    """That a partner answered a check with a signature that holds, in the caller's transaction; once."""
    if not letter.key.startswith(f"{_KIND}:"):
        return
    if (known := session.scalar(select(PartnerCheck).where(PartnerCheck.once == letter.key))) is None:
        _note(session, partner.id, letter.key, result=CheckResult.ANSWERED, at=at, now=now)
    elif known.result == CheckResult.NO_ANSWER:  # late, and an answer all the same
        known.result, known.at, known.noted_at = CheckResult.ANSWERED.value, at, now


def _is_reached(one: ListedPartner, *, mails: bool) -> bool:
    return (mails and bool(one.partner.mailbox)) or bool(one.partner.node and one.partner.inbox)


def _recent(now: datetime) -> ColumnElement[bool]:
    return (Letter.kind == EXCHANGE) & (Letter.created_at > now - ASKED_AGAIN)


def _ask(context: ActContext, us: OwnParty, of: Partner) -> bool:
    with context.database.begin() as session:
        partner = find_partner(session, str(of.id), lock=True)
        opened = OpenPartner(session, context, us, partner)
        if partner.node is None:
            _mail(opened)
        else:
            try:
                seal_dispatch(opened, DispatchDraft(DispatchType.HELLO, "", Marking(Tlp.CLEAR)))
            except NoPartnerKeyError:
                return False
        cut("exchange.checking")
    return True


def _mail(opened: OpenPartner) -> None:
    context, partner = opened.context, opened.partner
    name, language = context.node.settings.node.name, language_of(partner)
    content = MailContent(context.say(language, _SUBJECT), f"{context.say(language, _TEXT)}\n\n-- \n{name}\n")
    protect = partial(_signed, opened.us)
    mail = finished_mail(context.node, partner, context.now, content, protect=protect)
    key = f"{_KIND}:{partner.id}:{context.now:%Y-%m-%d}"
    queue_mail(opened.session, context.node, partner, mail, key=key, now=context.now)


def _signed(us: OwnParty, entity: bytes, boundary: str) -> bytes:
    return pgp_sign(entity, boundary, us.key.signer)


def _note(session: Session, partner: int, once: str, *, result: CheckResult, at: datetime, now: datetime) -> None:
    session.add(
        PartnerCheck(
            partner_id=partner, way=CheckWay.SIGNED_MAIL.value, result=result.value, note="", at=at, noted_at=now,
            noted_by="exchange", once=once,
        )
    )  # fmt: skip
    detail: dict[str, object] = {"way": CheckWay.SIGNED_MAIL.value, "result": result.value}
    subject = f"partner:{partner}"
    audit(session, AuditAction.PARTNER_CHECKED, at=now, actor="exchange", subject=subject, detail=detail)

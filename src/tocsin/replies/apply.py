"""What was decided of a mail is noted where it belongs, in the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.answers import NOTE_LENGTH, Via, record_answer
from tocsin.delivery import Delivery, DeliveryState
from tocsin.letters import Letter, LetterState
from tocsin.mailroom import MailBounce, ReceivedMail
from tocsin.replies.case import Case


def apply_decision(session: Session, row: ReceivedMail, case: Case) -> None:
    """Note the answers and bounces of a mail; the same again changes nothing."""
    _note_answers(session, row, case)
    _note_bounces(session, row, case)


def answer_key(row: ReceivedMail, number: int) -> str:
    """The act that an answer of a mail records."""
    return f"mail:{row.content or row.sha256}:{number}"


def _note_answers(session: Session, row: ReceivedMail, case: Case) -> None:
    delivery = case.decision.match.delivery
    for number, (verdict, problems) in enumerate(case.decision.verdicts):
        if delivery is None:
            return
        record_answer(
            session,
            delivery=delivery,
            told=case.told.problems,
            verdict=verdict,
            problems=problems,
            note=case.mail.text[:NOTE_LENGTH] if number == 0 else "",
            via=Via.MAIL,
            said_by=case.mail.sender,
            at=row.arrived_at,
            key=answer_key(row, number),
        )


def _note_bounces(session: Session, row: ReceivedMail, case: Case) -> None:
    match = case.decision.match
    session.add_all(
        MailBounce(
            mail_id=row.id,
            mailbox=bounce.mailbox,
            at=row.arrived_at,
            failed=bounce.failed,
            permanent=bounce.permanent,
            status=bounce.status,
            detail=bounce.detail,
            delivery_id=match.delivery.id if match.delivery and match.by else None,
            letter_id=match.letter.id if match.letter and match.by else None,
        )
        for bounce in case.decision.bounces
    )
    if not match.by:
        return
    failed = [bounce.mailbox for bounce in case.decision.bounces if bounce.failed]
    if failed and match.letter is not None:
        _mark_letter(session, match.letter)
    if failed and match.delivery is not None:
        _mark_delivery(session, match.delivery, case.mailboxes)


def _mark_letter(session: Session, letter: Letter) -> None:
    current = session.get(Letter, letter.id, with_for_update=True)
    if current is not None and current.state == LetterState.SENT:
        current.state = LetterState.BOUNCED.value


def _mark_delivery(session: Session, delivery: Delivery, mailboxes: Sequence[str]) -> None:
    """A digest that reached no mailbox of its team has told nobody."""
    session.flush()
    failed = session.scalars(
        select(MailBounce.mailbox).where(MailBounce.delivery_id == delivery.id, MailBounce.failed.is_(True))
    )
    reached = {mailbox.casefold() for mailbox in mailboxes} - {mailbox.casefold() for mailbox in failed}
    current = session.get(Delivery, delivery.id, with_for_update=True)
    if current is not None and not reached and current.state == DeliveryState.SENT:
        current.state = DeliveryState.BOUNCED.value
        current.error = f"It reached nobody: {', '.join(mailboxes)} sent it back."

"""What was decided of a mail is noted where it belongs, in the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery.mailbox import MailBounce, MailState, ReceivedMail
from tocsin.directory.contacts import NOTE_LENGTH as CONTACT_NOTE
from tocsin.directory.contacts import note_answer, note_bounce, question_of_letter, settle_question
from tocsin.node.letters import Letter, LetterState
from tocsin.node.sentences import say
from tocsin.problems.answers import NOTE_LENGTH, Answer, Via, record_answer
from tocsin.problems.replies.case import ReplyCase


def apply_decision(session: Session, row: ReceivedMail, case: ReplyCase) -> None:
    """Note the answers and bounces of a mail."""
    _note_answers(session, row, case)
    _note_bounces(session, row, case)
    _settle(session, row, case)


def answer_key(row: ReceivedMail, number: int) -> str:
    """The act that an answer of a mail records."""
    return f"mail:{row.content or row.sha256}:{number}"


def _note_answers(session: Session, row: ReceivedMail, case: ReplyCase) -> None:
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
    if delivery is not None and case.decision.verdicts:
        _note_contact(session, row, delivery, case)


def _note_contact(session: Session, row: ReceivedMail, delivery: Delivery, case: ReplyCase) -> None:
    """A person answers behind the mailbox that the answer came from, where it is one of the team's."""
    sender = case.mail.sender.casefold()
    mailbox = next((one for one in case.mailboxes if one.casefold() == sender), "")
    told_at = delivery.sent_at if delivery.channel == "smtp" else None  # else it did not really leave
    team = delivery.team_id
    note_answer(session, team_id=team, mailbox=mailbox, at=row.arrived_at, told_at=told_at, via="mail")


def _settle(session: Session, row: ReceivedMail, case: ReplyCase) -> None:
    """What the holder of a mailbox says of it; a question that takes no answer any more is for a person."""
    letter, outcome = case.decision.match.letter, case.decision.confirms
    if letter is None or outcome is None:
        return
    question = question_of_letter(session, letter.key, row.arrived_at)
    note = case.mail.text[:CONTACT_NOTE]
    if question is None or not settle_question(session, question, outcome, now=row.arrived_at, via="reply", note=note):
        row.state = MailState.WAITING.value
        row.why = say("%(reference)s takes no answer any more.", reference=letter.reference)


def _note_bounces(session: Session, row: ReceivedMail, case: ReplyCase) -> None:
    match = case.decision.match
    session.execute(delete(MailBounce).where(MailBounce.mail_id == row.id))  # noted before a person said that it counts
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
    if case.decision.state is not MailState.APPLIED:
        return
    for bounce in case.decision.bounces:
        if bounce.failed and bounce.mailbox in case.mailboxes:
            permanent, status = bounce.permanent, bounce.status
            note_bounce(session, mailbox=bounce.mailbox, at=row.arrived_at, permanent=permanent, detail=status)
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
    """A digest that reached no mailbox of its team has told nobody; one that was answered has."""
    session.flush()
    failed = session.scalars(
        select(MailBounce.mailbox).where(MailBounce.delivery_id == delivery.id, MailBounce.failed.is_(True))
    )
    reached = {mailbox.casefold() for mailbox in mailboxes} - {mailbox.casefold() for mailbox in failed}
    current = session.get(Delivery, delivery.id, with_for_update=True)
    answered = session.scalar(select(Answer.id).where(Answer.delivery_id == delivery.id).limit(1))
    if current is not None and not reached and not answered and current.state == DeliveryState.SENT:
        current.state = DeliveryState.BOUNCED.value
        current.error = say("It reached nobody: %(addresses)s sent it back.", addresses=", ".join(mailboxes))

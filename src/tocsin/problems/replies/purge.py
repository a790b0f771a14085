"""A mail that is purged: what it left in answers and in what holders of mailboxes said goes with it."""

from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReceivedMail, purge_received
from tocsin.directory.contacts import question_of_letter
from tocsin.node.letters import Letter
from tocsin.problems.replies.queries import answers_of_mail


def purge_mail(session: Session, mail: ReceivedMail) -> None:
    """Forget what a mail said, in the caller's transaction; that it came, and which answers it gave, stays."""
    for answer in answers_of_mail(session, mail):
        answer.note, answer.said_by = "", ""
    letter = session.get(Letter, mail.letter_id) if mail.letter_id is not None else None
    question = question_of_letter(session, letter.key, mail.arrived_at) if letter is not None else None
    if question is not None and question.via == "reply":
        question.note = ""
    purge_received(session, mail)

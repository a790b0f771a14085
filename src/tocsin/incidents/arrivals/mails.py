"""A mail that answers none of ours becomes a report of the inbox, or belongs to one.

It belongs to the report whose letter it answers, else to that of an earlier mail of the same sender that it names
(RFC 5322, 3.6.4) or that has the same number in his ticket system. Only a person's mails come here: see `sort_mail`.
"""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailPart, ReadMail, ReceivedMail
from tocsin.directory import canonical
from tocsin.events.redaction import names_xarf
from tocsin.incidents.arrivals.handling import add_observables
from tocsin.incidents.arrivals.kinds import guess_kind
from tocsin.incidents.arrivals.models import EntryKind, PublicReport, ReportDoor, ReportMail
from tocsin.incidents.arrivals.submission import ReportForm, add_report
from tocsin.incidents.arrivals.tickets import ticket_named
from tocsin.incidents.arrivals.write import add_message
from tocsin.incidents.threading import MailLinks, place_mail
from tocsin.node.letters import HAND_OVER, Letter
from tocsin.node.tokens import Tokens

_LONGEST: Final = 10_000  # characters of what a report says
_NAME: Final = 200
_IDS: Final = 50  # other mails that one may name


def take_mail(tokens: Tokens, language: str, session: Session, row: ReceivedMail, mail: ReadMail) -> None:
    """Take a mail into its report, or into a new one, in the caller's transaction."""
    report = _report_of_letter(session, row) or _report_of_thread(session, row, mail)
    text = mail.text or row.subject or mail.quoted
    if report is None:
        report = _new_report(session, row, mail, text, language=language, tokens=tokens)
    else:
        kind = EntryKind.MAIL if _of_other_team(session, row) else EntryKind.MESSAGE
        add_message(session, report, text[:_LONGEST], now=row.read_at, act=f"mail:{row.sha256}", kind=kind)
    forwarded = [one for other in mail.forwarded for one in (other.subject, other.text)]
    add_observables(session, report, mail.text, mail.quoted, *forwarded)
    session.add(ReportMail(report_id=report.id, mail_id=row.id))


def _new_report(
    session: Session, row: ReceivedMail, mail: ReadMail, text: str, *, language: str, tokens: Tokens
) -> PublicReport:
    door = ReportDoor.XARF if any(names_xarf(part.content) for part in mail.all_parts()) else ReportDoor.MAIL
    filed = ReportForm(
        guess_kind(f"{row.subject}\n{text}"), text[:_LONGEST], mailbox=_mailbox(row.sender), language=language,
        door=door, sender=mail.sender_name[:_NAME], subject=row.subject,
    )  # fmt: skip
    ticket = ticket_named(f"mail/{row.sha256}", tokens)
    return add_report(session, ticket, filed, now=row.read_at, actor="replies", files=len(_attached(mail)))


def attachments_of(mail: ReadMail) -> list[tuple[str, int]]:
    """Name and size of what is attached to a mail; nothing opens it."""
    return [(part.name, len(part.content)) for part in _attached(mail)]


def _attached(mail: ReadMail) -> list[MailPart]:
    return [part for part in mail.all_parts() if part.name or part.attached]


def _of_other_team(session: Session, row: ReceivedMail) -> bool:
    """Whether it answers a hand-over: what another team writes is not for the reporter."""
    letter = session.get(Letter, row.letter_id) if row.letter_id is not None else None
    return letter is not None and letter.kind == HAND_OVER


def _report_of_letter(session: Session, row: ReceivedMail) -> PublicReport | None:
    letter = session.get(Letter, row.letter_id) if row.letter_id is not None else None
    if letter is None or letter.mailbox.casefold() != row.sender.casefold():
        return None
    reference = letter.key.removeprefix("inbox:").partition(":")[0]
    return session.scalar(select(PublicReport).where(PublicReport.reference == reference))


def _report_of_thread(session: Session, row: ReceivedMail, mail: ReadMail) -> PublicReport | None:
    if not row.sender:
        return None
    links = MailLinks(row.message_id, (*mail.references[-_IDS:], *mail.in_reply_to[:1]))
    query = select(ReceivedMail.message_id, PublicReport).join(ReportMail, ReportMail.mail_id == ReceivedMail.id)
    query = query.join(PublicReport, PublicReport.id == ReportMail.report_id).order_by(ReportMail.id)
    query = query.where(func.lower(ReceivedMail.sender) == row.sender.lower())
    named = session.execute(query.where(ReceivedMail.message_id.in_(filter(None, links.ancestors))))
    if (found := place_mail(links, dict(named.all()), {}).thread) is not None or not row.ticket:
        return found
    same = session.execute(query.where(ReceivedMail.ticket == row.ticket)).all()
    return same[-1][1] if same else None


def _mailbox(sender: str) -> str:
    try:
        return canonical.mailbox(sender) if sender else ""
    except ValueError:
        return ""

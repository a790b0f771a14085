"""One mail, filed once: kept as a file, then all that follows from it in one transaction.

Killed before that transaction, the mail is still in its mailbox and comes again; killed after it, it is known by its
hash and nothing follows twice.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.mailroom import Kind, MailState, ReadMail, ReceivedMail, keep_mail, read_mail
from tocsin.records import AuditWord, audit, cut
from tocsin.replies.apply import apply_decision
from tocsin.replies.case import Case, examine
from tocsin.replies.decide import Decision
from tocsin.replies.desk import Desk
from tocsin.replies.matching import Match
from tocsin.replies.redaction import redacted_mail

# What a mail that breaks the reading of mails raises: a fault here must not stop the mails after it.
_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Filed:
    """What became of a mail. ``number`` is None in a dry run; ``again``: it was read before."""

    number: int | None
    sender: str
    subject: str
    decision: Decision
    again: bool = False


def file_mail(
    desk: Desk, raw: bytes, *, now: datetime, arrived: datetime | None = None, unread: int = 0, dry_run: bool = False
) -> Filed:
    """Read, keep and act on one mail.

    ``arrived``: when our server took it, else now. ``unread``: the size of a mail that was too large, of which ``raw``
    is only the headers. ``dry_run``: say what would follow, and change nothing.

    Raises:
        StorageError: the disk or the database fails; the mail can be filed again.

    """
    raw = redacted_mail(raw)
    before = _known(desk, hashlib.sha256(raw).hexdigest())
    if before is not None:
        return before
    mail = read_mail(raw)
    case = _examined(desk, mail, min(arrived or now, now), unread)
    if dry_run:
        return Filed(None, mail.sender, mail.subject, case.decision)
    sha256 = keep_mail(desk.folder, raw)
    cut("replies.kept")
    row = _row(case, sha256)
    row.size, row.read_at, row.arrived_at = unread or len(raw), now, min(arrived or now, now)
    try:
        _note(desk, row, case)
    except IntegrityError:
        before = _known(desk, sha256)
        if before is None:
            raise
        return before  # another process filed it at the same moment
    decision = replace(case.decision, state=MailState(row.state), why=row.why)
    return Filed(row.id, mail.sender, mail.subject, decision)


def _note(desk: Desk, row: ReceivedMail, case: Case) -> None:
    """All that follows from a mail, in one transaction."""
    with desk.node.database.begin() as session:
        session.add(row)
        session.flush()
        apply_decision(session, row, case)
        _audit(session, row, case.decision.match.delivery)
        cut("replies.acting")
    cut("replies.acted")


def _examined(desk: Desk, mail: ReadMail, at: datetime, unread: int) -> Case:
    try:
        return examine(desk, mail, now=at, unread=unread)
    except _FAULTS as error:
        why = f"It could not be understood ({type(error).__name__}), which is a fault of Tocsin."
        return Case(mail, "", Decision(Kind.UNKNOWN, MailState.WAITING, why, Match()))


def _known(desk: Desk, sha256: str) -> Filed | None:
    with desk.node.database.begin() as session:
        row = session.scalar(select(ReceivedMail).where(ReceivedMail.sha256 == sha256))
        if row is None:
            return None
        delivery = session.get(Delivery, row.delivery_id) if row.delivery_id else None
    match = Match(delivery, by=row.matched_by)
    decision = Decision(Kind(row.kind), MailState(row.state), row.why, match, row.ticket, tuple(row.reasons))
    return Filed(row.id, row.sender, row.subject, decision, again=True)


def _row(case: Case, sha256: str) -> ReceivedMail:
    decision, match = case.decision, case.decision.match
    return ReceivedMail(
        sha256=sha256,
        content=case.content,
        message_id=case.mail.message_id,
        sender=case.mail.sender,
        subject=case.mail.subject,
        kind=decision.kind.value,
        state=decision.state.value,
        why=decision.why,
        reasons=list(decision.reasons),
        ticket=decision.ticket,
        delivery_id=match.delivery.id if match.delivery else None,
        letter_id=match.letter.id if match.letter else None,
        team_id=match.delivery.team_id if match.delivery and match.by else None,
        matched_by=match.by,
    )


def _audit(session: Session, row: ReceivedMail, delivery: Delivery | None) -> None:
    detail: dict[str, object] = {"kind": row.kind, "state": row.state}
    if delivery is not None:
        detail["delivery"] = delivery.reference
    audit(session, AuditWord.MAIL_READ, at=row.read_at, actor="replies", subject=f"mail:{row.id}", detail=detail)

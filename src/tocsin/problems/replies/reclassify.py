"""A person says what a mail is, or which digest it answers."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, delivery
from tocsin.delivery.mailbox import (
    MailKind,
    MailState,
    ReadMail,
    ReceivedMail,
    read_mail,
    sort_mail,
    verdicts_in,
)
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, audit
from tocsin.problems.answers import AnswerVerdict
from tocsin.problems.replies.apply import apply_decision
from tocsin.problems.replies.case import ReplyCase, mailboxes_of, told_of
from tocsin.problems.replies.decide import DigestRef, ReplyDecision, answer_of, bounces_at
from tocsin.problems.replies.matching import MailContext, MailMatch
from tocsin.problems.replies.queries import find_mail


def reclassify(
    desk: MailContext,
    number: int,
    kind: MailKind,
    *,
    actor: str,
    now: datetime,
    reference: str = "",
    verdict: AnswerVerdict | None = None,
    but: Select[int] | None = None,
) -> ReceivedMail:
    """Make a mail what a person says it is. ``but``: the numbers of those that he may not read.

    As an answer it is noted for the digest of ``reference``, else for the one that it seemed to be about, with
    ``verdict`` in place of what its words say, where given. As a bounce of that digest, or of a letter, its mailboxes
    were not reached. As anything else it is closed: nothing follows from it.

    Raises:
        NotFoundError: there is no such mail or digest, or its file is gone.
        ConflictError: something follows from it already.
        UsageError: it is an answer, but to which digest is not said; or a bounce, but of which mailbox.

    """
    with desk.node.database.begin() as session:
        row = find_mail(session, number, but)
        about = _about(session, row, reference)
    if row.state == MailState.APPLIED:
        raise ConflictError(
            f"Mail {number} counts already as {row.kind}.", hint="Note what is right as a newer answer."
        )
    case = _case(desk, row, kind, about, verdict)
    if case is None:
        return _close(desk, row, kind, actor=actor, now=now)
    with desk.node.database.begin() as session:
        current = _again(session, row)
        _change(session, current, case.decision, actor=actor, now=now)
        apply_decision(session, current, case)
    return current


def _about(session: Session, row: ReceivedMail, reference: str) -> MailMatch:
    if reference:
        return MailMatch(delivery(session, reference), by="person")
    digest = session.get(Delivery, row.delivery_id) if row.delivery_id else None
    return MailMatch(digest, session.get(Letter, row.letter_id) if row.letter_id else None, by="person")


def _case(
    desk: MailContext, row: ReceivedMail, kind: MailKind, about: MailMatch, verdict: AnswerVerdict | None
) -> ReplyCase | None:
    """What follows from a mail by a person's word; None where nothing does."""
    if kind is MailKind.ANSWER:
        if about.delivery is None:
            raise UsageError("Which digest it answers is not known.", hint="Name it: --digest TOC-2026-0000123.")
        return _answer(desk, row, about.delivery, verdict)
    if kind is MailKind.BOUNCE and (about.delivery or about.letter):
        return _bounce(desk, row, about)
    return None


def _bounce(desk: MailContext, row: ReceivedMail, about: MailMatch) -> ReplyCase | None:
    mail, mailboxes = read_mail(desk.node.mailroom.read(row.sha256)), mailboxes_of(desk, about)
    bounces = sort_mail(mail, ours=desk.ours).bounces
    found = [one for one in bounces_at(mail, bounces, mailboxes) if one.mailbox in mailboxes]
    if not found and len(mailboxes) == 1:  # it can have been no other one
        found = [replace(one, mailbox=mailboxes[0]) for one in bounces]
    if bounces and not found:
        raise UsageError("It does not say which email address was not reached.", hint="Close it: --as automatic.")
    why, reasons = "A person said that it is a bounce.", tuple(row.reasons)
    decision = ReplyDecision(MailKind.BOUNCE, MailState.APPLIED, why, about, row.ticket, reasons, bounces=tuple(found))
    return ReplyCase(mail, row.content, decision, mailboxes=mailboxes) if found else None


def _answer(desk: MailContext, row: ReceivedMail, about: Delivery, verdict: AnswerVerdict | None) -> ReplyCase:
    mail: ReadMail = read_mail(desk.node.mailroom.read(row.sha256))
    told: DigestRef = told_of(desk, about)
    verdicts, reasons = ([(verdict, None)], []) if verdict else answer_of(verdicts_in(mail.text), told)
    decision = ReplyDecision(
        MailKind.ANSWER,
        MailState.APPLIED,
        "A person said that it is an answer.",
        MailMatch(about, by="person"),
        row.ticket,
        (*mail.reasons, *reasons),
        tuple(verdicts),
    )
    team = desk.teams.get(about.team_id)
    return ReplyCase(mail, row.content, decision, told, team.mailboxes if team else ())


def _close(desk: MailContext, row: ReceivedMail, kind: MailKind, *, actor: str, now: datetime) -> ReceivedMail:
    decision = ReplyDecision(
        kind, MailState.CLOSED, "A person looked at it.", MailMatch(), row.ticket, tuple(row.reasons)
    )
    with desk.node.database.begin() as session:
        current = _again(session, row)
        _change(session, current, decision, actor=actor, now=now)
    return current


def _again(session: Session, row: ReceivedMail) -> ReceivedMail:
    """The row, locked, where nobody else decided meanwhile."""
    current = session.scalars(select(ReceivedMail).where(ReceivedMail.id == row.id).with_for_update()).one()
    if current.state != row.state:
        raise ConflictError(f"Another person decided on mail {row.id} just now.", hint="Look at it again.")
    return current


def _change(session: Session, row: ReceivedMail, decision: ReplyDecision, *, actor: str, now: datetime) -> None:
    about = decision.match.delivery
    row.matched_by = decision.match.by or row.matched_by
    detail: dict[str, object] = {"was": f"{row.kind}, {row.state}", "is": f"{decision.kind}, {decision.state}"}
    if about is not None:
        detail["delivery"] = about.reference
        row.delivery_id, row.team_id = about.id, about.team_id
    row.kind, row.state, row.why = decision.kind.value, decision.state.value, decision.why
    row.reasons = list(decision.reasons)
    audit(session, AuditAction.MAIL_DECIDED, at=now, actor=actor, subject=f"mail:{row.id}", detail=detail)

"""The node's mailbox, read from the first mail to the last: each is filed once, then moved.

A mail is kept as a file, then all that follows from it is one transaction. Killed before that, it is still in its
mailbox and comes again; killed after it, it is known by its hash and nothing follows twice. Of one that carries a
report that must never be held (X-ARF) only a note is kept that it came.
"""

import hashlib
import hmac
import re
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from logging import getLogger
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.delivery.mailbox import (
    ENDED,
    IncomingMail,
    Mailbox,
    MailKind,
    MailState,
    ReadMail,
    ReceivedMail,
    account_of,
    open_mailbox,
    read_mail,
)
from tocsin.delivery.never_held import (
    IntakeFilter,
    answers_hotline,
    read_arriving,
    remove_mail,
    take_hotline_mail,
)
from tocsin.delivery.sealing import (
    ClosedMailError,
    OpenedMail,
    open_mail,
    opening_keys,
)
from tocsin.node.confined import ConfinedError
from tocsin.node.errors import LaterError, StorageError, TocsinError, internal_failures
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.node.trace import logged, traced
from tocsin.node.volumes import check_room, take_bytes
from tocsin.problems.replies.apply import apply_decision
from tocsin.problems.replies.case import ReplyCase, examine
from tocsin.problems.replies.decide import ReplyDecision
from tocsin.problems.replies.matching import MailArrival, MailContext, MailMatch, MailTaker, TakenMail, signer_of

_FROM: Final = re.compile(rb"(?im)^from:([^\r\n]{0,1000})")
_HEAD: Final = 65_536  # bytes in which the sender stands
_NOTHING: Final = read_mail(b"")
_OF_HOTLINE: Final = ReplyDecision(
    MailKind.RECEIPT, MailState.CLOSED, say("It is for the protection officer; nothing of it is kept."), MailMatch()
)


@dataclass(frozen=True)
class FilingResult:
    """What became of a mail. ``number`` is None in a dry run, and of a mail of which nothing is kept.

    ``again``: it was read before. ``never_held``: it carries what must never be held, also not on the mail server.
    ``stays``: its reading was ended, so that nobody knows what is in it: it stays where it is, and is not read again.
    """

    number: int | None
    sender: str
    subject: str
    decision: ReplyDecision
    again: bool = False
    never_held: bool = False
    stays: bool = False


def file_mail(
    desk: MailContext,
    raw: bytes,
    *,
    now: datetime,
    arrived: datetime | None = None,
    unread: int = 0,
    dry_run: bool = False,
) -> FilingResult:
    """Read, keep and act on one mail.

    ``arrived``: when our server took it, else now. ``unread``: the size of a mail that was too large, of which ``raw``
    is only the headers. ``dry_run``: say what would follow, and change nothing.

    Raises:
        StorageError: the disk or the database fails; the mail can be filed again.

    """
    intake = IntakeFilter(desk.node, "mail", lambda: now)
    before = _known(desk, hashlib.sha256(raw).hexdigest())
    if before is not None and before.stays:
        return before
    opened = OpenedMail(raw)
    keys = cache(lambda: opening_keys(desk.node.home, desk.node.settings.mail, now))
    try:
        if not unread:
            opened = open_mail(raw, keys)
        arriving = read_arriving(opened.raw, intake.classes)
    except (ConfinedError, ClosedMailError) as error:
        return _left(desk, raw, error, now=now, arrived=arrived, unread=unread, dry_run=dry_run)
    if not dry_run:
        (seen := intake.redaction()).found.extend(arriving.found)
        intake.note(seen)
    mail = MailArrival(
        arriving.raw, hashlib.sha256(arriving.raw).hexdigest(), arriving.mail, min(arrived or now, now), now, unread,
        dry_run, unread or len(raw), opened.encrypted, opened.signatures if arriving.raw == opened.raw else (), keys,
    )  # fmt: skip
    done = _filed(desk, mail)
    return replace(done, never_held=done.never_held or bool(arriving.found))


def _filed(desk: MailContext, arrival: MailArrival) -> FilingResult:
    """Keep and act on a mail that was read."""
    mail, sha256, remark = arrival.mail, arrival.sha256, None
    if answers_hotline(desk.node, mail):
        if not arrival.dry_run:
            take_hotline_mail(desk.node, mail, ours=desk.ours, now=arrival.now)
        return FilingResult(None, "", "", _OF_HOTLINE, never_held=True)
    fault: TocsinError | None = None
    before = _known(desk, sha256)
    if before is None:
        before, fault, remark = _taken(desk, arrival)
    if before is not None:
        return before
    case = _not_understood(_NOTHING, fault) if fault else _examined(desk, mail, arrival.arrived, arrival.unread)
    if remark and case.decision.state is MailState.WAITING:
        case = replace(case, decision=replace(case.decision, why=remark))
    if arrival.dry_run:
        return FilingResult(None, case.mail.sender, case.mail.subject, case.decision)
    desk.node.mailroom.put(arrival.raw)
    cut("replies.kept")
    row = _row(case, sha256, size=arrival.size, at=arrival.arrived, now=arrival.now)
    row.encrypted, row.signed_by = arrival.encrypted, signer_of(desk, arrival)
    try:
        with internal_failures(f"mail {sha256}"):
            _note(desk, row, case)
    except StorageError:
        raise
    except TocsinError as error:
        if (before := _known(desk, sha256)) is not None:
            return before  # another process filed it at the same moment
        case = _not_understood(_NOTHING, error)
        row = _row(case, sha256, size=len(arrival.raw), at=arrival.arrived, now=arrival.now)
        row.encrypted = arrival.encrypted
        _note(desk, row, case)
    decision = replace(case.decision, state=MailState(row.state), why=row.why)
    return FilingResult(row.id, case.mail.sender, case.mail.subject, decision)


def _left(
    desk: MailContext,
    raw: bytes,
    error: ConfinedError | ClosedMailError,
    *,
    now: datetime,
    arrived: datetime | None,
    unread: int,
    dry_run: bool,
) -> FilingResult:
    """A mail that cannot be read or opened: a person is told who sent it; of what is in it nothing is kept here."""
    sender, size = _sender_of(raw), unread or len(raw)
    why = say("Reading it was ended, so it stays on the mail server unread. %(reason)s", reason=str(error))
    if isinstance(error, ClosedMailError):
        why = say("It is encrypted and cannot be opened, so it stays on the mail server. %(reason)s", reason=str(error))
    decision = ReplyDecision(MailKind.UNKNOWN, MailState.WAITING, why, MailMatch())
    getLogger("uvicorn.error").warning("A mail of %d bytes stays on its server: %s", size, error)
    if dry_run:
        return FilingResult(None, sender, "", decision, stays=True)
    sha256 = hashlib.sha256(raw).hexdigest()
    case = ReplyCase(replace(_NOTHING, sender=sender), f"{ENDED}{sha256}", decision)
    row = _row(case, sha256, size=size, at=min(arrived or now, now), now=now)
    try:
        with desk.node.database.begin() as session:
            session.add(row)
            session.flush()
            _audit(session, row, None)
    except TocsinError:
        if (before := _known(desk, sha256)) is None:  # another process filed it at the same moment
            raise
        return before
    return FilingResult(row.id, sender, "", decision, stays=True)


def _sender_of(raw: bytes) -> str:
    """What a mail has as its sender, by a look at its first lines."""
    found = _FROM.search(raw[:_HEAD])
    said = found[1].decode("utf-8", "replace").strip()[:200] if found else ""
    return "".join(letter if letter.isprintable() else " " for letter in said)


def _taken(desk: MailContext, arrival: MailArrival) -> tuple[FilingResult | None, TocsinError | None, str | None]:
    """What became of a mail that is of a room above, the fault over which that room stumbled twice, or its remark.

    The first may be that another process takes the same mail at the same moment.
    """
    for take in desk.takers:
        try:
            taken = _asked(take, desk, arrival)
        except StorageError:
            raise
        except TocsinError:
            try:
                taken = _asked(take, desk, arrival)
            except StorageError:
                raise
            except TocsinError as fault:
                return None, fault, None
        if isinstance(taken, TakenMail):
            decision = ReplyDecision(taken.kind, MailState.KEPT, taken.why, MailMatch())
            return FilingResult(None, "", "", decision, again=taken.again), None, None
        if taken is not None:
            return None, None, taken
    return None, None, None


def _asked(take: MailTaker, desk: MailContext, arrival: MailArrival) -> TakenMail | str | None:
    with internal_failures("A mail"):
        return take(desk, arrival)


def _note(desk: MailContext, row: ReceivedMail, case: ReplyCase) -> None:
    """All that follows from a mail, in one transaction."""
    with desk.node.database.begin() as session:
        session.add(row)
        session.flush()
        apply_decision(session, row, case)
        if row.state == MailState.INBOX and desk.inbox is not None:
            desk.inbox(session, row, case.mail)
        _audit(session, row, case.decision.match.delivery)
        cut("replies.acting")
    cut("replies.acted")


def _examined(desk: MailContext, mail: ReadMail, at: datetime, unread: int) -> ReplyCase:
    """What follows from a mail; one over which we stumble waits for a person, and the mails after it are read."""
    try:
        with internal_failures("A mail"):
            case = examine(desk, mail, now=at, unread=unread)
            if case.decision.state is MailState.INBOX and desk.inbox is None:
                return replace(case, decision=replace(case.decision, state=MailState.WAITING))
            return case
    except StorageError:
        raise
    except TocsinError as error:
        return _not_understood(mail, error)


def _not_understood(mail: ReadMail, error: TocsinError) -> ReplyCase:
    fault = error.__cause__ or error
    why = say("It could not be understood (%(name)s), which is a fault of Tocsin.", name=type(fault).__name__)
    return ReplyCase(mail, "", ReplyDecision(MailKind.UNKNOWN, MailState.WAITING, why, MailMatch()))


def _known(desk: MailContext, sha256: str) -> FilingResult | None:
    with desk.node.database.begin() as session:
        row = session.scalar(select(ReceivedMail).where(ReceivedMail.sha256 == sha256))
        if row is None:
            return None
        delivery = session.get(Delivery, row.delivery_id) if row.delivery_id else None
    match = MailMatch(delivery, by=row.matched_by)
    decision = ReplyDecision(MailKind(row.kind), MailState(row.state), row.why, match, row.ticket, tuple(row.reasons))
    stays = row.content.startswith(ENDED)
    return FilingResult(row.id, row.sender, row.subject, decision, again=True, stays=stays)


def _row(case: ReplyCase, sha256: str, *, size: int, at: datetime, now: datetime) -> ReceivedMail:
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
        size=size,
        arrived_at=at,
        read_at=now,
    )


def _audit(session: Session, row: ReceivedMail, delivery: Delivery | None) -> None:
    detail: dict[str, object] = {"kind": row.kind, "state": row.state}
    if delivery is not None:
        detail["delivery"] = delivery.reference
    audit(session, AuditAction.MAIL_READ, at=row.read_at, actor="replies", subject=f"mail:{row.id}", detail=detail)


@dataclass
class MailboxRun:
    """What a run read: mails, those of them that were read before, and how many of each kind and state were new."""

    mails: int = 0
    again: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_mailbox(
    desk: MailContext,
    *,
    now: Callable[[], datetime],
    dry_run: bool = False,
    tls: ssl.SSLContext | None = None,
    filed: Callable[[FilingResult], None] = lambda _: None,
) -> MailboxRun:
    """Read the mailbox of the settings; ``filed`` is told of each mail.

    A mail is moved, or removed where it may not stay there, only when all that follows from it is safe. In a dry run
    nothing is kept, noted or moved.

    Raises:
        SettingError: no mailbox is set, or its password file cannot be used.
        NoRoomError: the disk is nearly full: mails stay on their server.
        StorageError: the server, the disk or the database fails; what was read until then stays read.

    """
    run = MailboxRun()
    with open_mailbox(account_of(desk.node.settings.mailbox), tls=tls) as mailbox:
        for received in mailbox.waiting():
            if _stays(desk, received.raw):
                continue
            check_room(desk.node.settings.intake, desk.node.home, received.size)
            if not dry_run and not _may_bring(desk, received, now()):
                continue  # it stays on its server until tomorrow
            with traced(), logged("incoming", bytes_in=received.size) as line:
                done = _file(desk, mailbox, received, now(), dry_run=dry_run)
                line |= {"mail": done.number, "kind": done.decision.kind.value, "state": done.decision.state.value}
            run.mails += 1
            run.again += done.again
            if not done.again:
                run.counts[done.decision.kind.value, done.decision.state.value] += 1
            filed(done)
    return run


def _stays(desk: MailContext, raw: bytes) -> bool:
    """Whether the reading of a mail was ended before: it is not read again, nor counted."""
    before = _known(desk, hashlib.sha256(raw).hexdigest())
    return before is not None and before.stays


def _may_bring(desk: MailContext, received: IncomingMail, now: datetime) -> bool:
    """Whether the sender of a mail may bring so much more today."""
    found = _FROM.search(received.raw[:_HEAD])
    sender = found[1].strip().lower()[:1_000] if found else b""
    source = f"mail:{hmac.digest(desk.tokens.secret, b'tocsin.senders' + sender, 'sha256').hex()[:32]}"
    most = desk.node.settings.intake.sender_bytes_a_day
    try:
        take_bytes(desk.node.database, source, len(received.raw), most, now)
    except LaterError:
        getLogger("uvicorn.error").warning(
            "A mail of %d bytes waits until tomorrow: its sender sent much.", received.size
        )
        return False
    return True


def _file(desk: MailContext, mailbox: Mailbox, received: IncomingMail, now: datetime, *, dry_run: bool) -> FilingResult:
    settings = desk.node.settings.mailbox
    unread = received.size if received.too_large else 0
    done = file_mail(desk, received.raw, now=now, arrived=received.arrived, unread=unread, dry_run=dry_run)
    if not dry_run:
        if done.stays:
            return done
        if done.never_held:
            remove_mail(mailbox, received.uid, desk.node.settings.never_held.mail_on_server)
        else:
            mailbox.move(received.uid, settings.aside_folder if received.too_large else settings.read_folder)
        cut("replies.moved")
    return done

"""The one door by which the mails of a run leave: behind the stop, the limit for each mailbox, the mode and a standby.

Letters leave by it as digests do, each under a Message-ID noted before: whatever kills the process, the next run sends
the same letter under the same Message-ID; with SMTP at most the one in flight comes twice.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.delivery import halt
from tocsin.delivery.channels import Channel, MailOutcome, MailReceipt
from tocsin.delivery.held_mails import may_leave, still_leaving
from tocsin.delivery.mail_log import log_letter
from tocsin.delivery.mail_marks import mail_marks
from tocsin.delivery.mime import Attachment, Envelope, Seal, assemble, assemble_text, usable_mailboxes
from tocsin.delivery.models import DeliveryState
from tocsin.delivery.render import Mail, Sender
from tocsin.delivery.sealing import CannotSealError
from tocsin.delivery.sending_policy import REDIRECT, SHADOW, MailAllowance, same_mailbox
from tocsin.delivery.sent_log import FULL_WAIT, next_try, note_posted
from tocsin.directory import Team
from tocsin.node.errors import NotFoundError
from tocsin.node.letters import ACCOUNT, INCIDENT, NOTICE, Letter, LetterState
from tocsin.node.records import AuditAction, Database, audit, cut, node_uuid
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from tocsin.node.standby import Standby

_DONE = {SHADOW: DeliveryState.SHADOW.value, REDIRECT: DeliveryState.REDIRECTED.value}
_NOT_SENT = (LetterState.FAILED.value, LetterState.WITHHELD.value)
_FULL = "This address had its mails for a day ([tell] mails_a_day); tried again within the hour."
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,300}>")  # what others wrote must not add a header (RFC 5322, 3.6.4)
_MOST_IDS = 20
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


WithheldLetters = Callable[[Session, Sequence[Letter]], Mapping[int, str]]
"""Those of letters that the gate lets out no more though it once did, by their numbers, with its words."""


@dataclass(frozen=True)
class MailSender:
    """A channel with what stands before it in one run.

    ``way``: see `sending_policy.way_of`. ``teams``: by number. ``withheld``: asked as letters are about to leave.
    ``standby``: where there is a standby machine, what must be so before anything leaves. ``check_sole``: raises where
    another machine may deliver.
    """

    database: Database
    channel: Channel
    way: str
    node: Sender
    room: MailAllowance
    now: datetime
    teams: Mapping[int, Team] = field(default_factory=dict)
    withheld: WithheldLetters = lambda _session, _letters: {}
    standby: "Standby | None" = None
    check_sole: Callable[[], None] = lambda: None

    def covers(self, reference: str) -> bool:
        """Whether the standby machine, where there is one, knows that this mail is owed."""
        return self.standby is None or self.standby.covers(reference)

    def kept_by_standby(self) -> str:
        """Why nothing may leave where there is a standby machine, or nothing."""
        return self.standby.look() if self.standby is not None else ""

    @property
    def done(self) -> str:
        """The state of a mail that has gone this way."""
        return _DONE.get(self.way, DeliveryState.SENT.value)

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        """What became of each mail; all are ``down`` once a person has stopped sending, and nothing left then.

        Raises:
            ConflictError: the connection that held the lock was lost, so that another machine may deliver.

        """
        self.check_sole()
        with self.database.begin() as session:
            stopped = halt.halted(session, halt.STOP)
        if stopped is not None:
            return [MailReceipt(MailOutcome.DOWN, halt.words(stopped))] * len(mails)
        fits = [self.room.take(mail.recipients, critical=mail.critical) for mail in mails]
        leaving = [mail for mail, fit in zip(mails, fits, strict=True) if fit]
        if why := self._kept_by_standby(leaving):
            for mail in leaving:
                self.room.give_back(mail.recipients)
            return [MailReceipt(MailOutcome.DOWN, why)] * len(mails)
        cut("deliver.begun")
        receipts = self.channel.send([self._on_its_way(mail) for mail in leaving])
        if self.standby is not None:
            pairs = [*zip(leaving, receipts, strict=True)]
            gone = [_intent(mail) for mail, one in pairs if one.outcome is MailOutcome.SENT]
            self.standby.left(gone, back=[_intent(mail) for mail, one in pairs if not reached(mail, one)])
        left = iter(receipts)
        return [self._settle(mail, next(left)) if fit else _full() for mail, fit in zip(mails, fits, strict=True)]

    def _kept_by_standby(self, mails: Sequence[Mail]) -> str:
        """Why these must not leave now, or nothing, and it is noted that they do."""
        if self.standby is None or not mails:
            return ""
        if not all(self.standby.covers(mail.reference) for mail in mails):
            return self.standby.waits
        with self.database.reading() as session:
            marks = mail_marks(session, {mail.reference for mail in mails}, str(node_uuid(self.database)))
        return self.standby.begin([_intent(mail) for mail in mails], marks)

    def _settle(self, mail: Mail, receipt: MailReceipt) -> MailReceipt:
        if receipt.outcome is not MailOutcome.SENT:
            self.room.give_back(receipt.waiting or mail.recipients)
        return replace(receipt, waiting=()) if self.way == REDIRECT else receipt

    def _on_its_way(self, mail: Mail) -> Mail:
        if self.way == SHADOW:
            return replace(mail, folder=f"{SHADOW}/{mail.folder}")
        return redirected(mail, self.node, self.now) if self.way == REDIRECT else mail


def redirected(mail: Mail, node: Sender, now: datetime) -> Mail:
    """A mail to the mailbox of ``[tell] redirect_to`` that names the real mailboxes and has the very mail attached."""
    to = node.settings.tell.redirect_to
    part = f" ({mail.part} of {mail.parts})" if mail.parts > 1 else ""
    names = "\n".join(f"  {mailbox}" for mailbox in mail.recipients)
    body = (
        f"In redirect mode this mail came to you only. It would have gone to:\n\n{names}\n\n"
        f"The very mail, {mail.reference}{part}, is attached. A link in it answers for its\n"
        "recipient: leave it alone.\n"
    )
    envelope = Envelope(
        subject=f"[redirected] {mail.reference}{part} for {', '.join(mail.recipients)}",
        sender_name=node.settings.node.name,
        sender=mail.sender,
        recipients=(to,),
        at=now,
        message_id=mail.message_id.replace("<", "<redirected.", 1),
    )
    file = Attachment(f"{mail.reference}-{mail.part}.eml", "message/rfc822", mail.content)
    content = assemble(envelope, body, [file], f"=_{mail.reference}_{mail.part}_redirected")
    return replace(mail, message_id=envelope.message_id, recipients=(to,), content=content)


def _intent(mail: Mail) -> str:
    return f"{mail.reference}/{mail.part}/{mail.parts}"


def reached(mail: Mail, receipt: MailReceipt) -> tuple[str, ...]:
    """The mailboxes that a mail has reached with this try."""
    if receipt.outcome is MailOutcome.SENT:
        return mail.recipients
    return tuple(box for box in mail.recipients if box not in receipt.waiting) if receipt.waiting else ()


def _full() -> MailReceipt:
    return MailReceipt(MailOutcome.FULL, _FULL)


@dataclass(slots=True)
class LetterRun:
    """What became of the letters of a run; ``problem`` says why it stopped early, or is empty.

    ``uncovered``: those that wait for a copy to the standby machine.
    """

    sent: int = 0
    uncovered: int = 0
    later: int = 0
    failed: int = 0
    problem: str = ""


def due_letters(session: Session, now: datetime) -> Sequence[Letter]:
    """The letters to be sent now, oldest first."""
    return session.scalars(select(Letter).where(may_leave(Letter, now)).order_by(Letter.id)).all()


def hold_letters(session: Session, post: MailSender, team_of: Mapping[str, int], known: Collection[int]) -> None:
    """Let the first letter to each team, or to a mailbox of none, wait for a person, in the caller's transaction.

    ``team_of``: by `same_mailbox`. A letter that answers a mail came of that mail, and does not wait; nor does one
    about an account or a notice, or one that a person wrote; nor one that is shown only with what it is about.
    """
    greeted = _greeted(session)
    for letter in due_letters(session, post.now):
        mailbox = same_mailbox(letter.mailbox)
        if not (
            letter.answers
            or letter.kind in {ACCOUNT, INCIDENT, NOTICE}
            or letter.about
            or letter.released_at
            or mailbox in greeted
            or team_of.get(mailbox) in known
        ):
            letter.state = LetterState.HELD.value
            letter.message_id = _identity(letter, post.node)
            log_letter(letter, post.teams)


def send_letters(post: MailSender) -> LetterRun:
    """Send all that are due, and note what became of each."""
    with post.database.begin() as session:
        letters = due_letters(session, post.now)
        for letter in letters:
            letter.message_id = _identity(letter, post.node)
        cut("letters.naming")
    cut("letters.named")
    done = LetterRun()
    due, letters = letters, [letter for letter in letters if post.covers(letter.reference)]
    done.uncovered = len(due) - len(letters)
    size = post.channel.batch
    for start in range(0, len(letters), size):
        _send_batch(post, letters[start : start + size], done)
        if done.problem:
            break
    return done


def letter_mail(letter: Letter, node: Sender, teams: Mapping[int, Team] | None = None) -> Mail:
    """The finished mail of a letter; its recipients are empty where its mailbox is none.

    ``teams``: for which it may be encrypted; None: it is for a person of this node to look at.

    Raises:
        CannotSealError: it must be encrypted and cannot be.

    """
    sender = node.settings.node
    recipients = usable_mailboxes((letter.mailbox,))
    envelope = Envelope(
        subject=letter.subject,
        sender_name=sender.name,
        sender=sender.contact,
        recipients=recipients,
        at=letter.created_at,
        message_id=letter.message_id,
        answers=_answers(letter),
        by_person=letter.kind == INCIDENT,
        reply_to=", ".join(usable_mailboxes((letter.reply_to,))),
    )
    boundary = f"=_{letter.reference}"
    seal = _seal(letter, node, teams)
    mark = "" if letter.kind == INCIDENT else node.mark(letter.reference)
    body = _CONTROL.sub(" ", letter.body.rstrip()) + (f"\n\n{mark}" if mark else "")
    content = _made_before(letter, node) if letter.file else assemble_text(envelope, body, boundary, seal)
    day = f"{letter.created_at:%Y-%m-%d}"
    bounces = (envelope.reply_to if letter.kind == INCIDENT else node.reply_to(letter.reference)) or sender.contact
    return Mail(letter.reference, 1, 1, letter.message_id, bounces, recipients, day, content)


def _made_before(letter: Letter, node: Sender) -> bytes:
    try:
        return node.file(letter.file)
    except NotFoundError as error:
        raise CannotSealError(str(error)) from error


def _answers(letter: Letter) -> str:
    ids = letter.answers.split(" ")[-_MOST_IDS:]
    return " ".join(ids) if all(map(_MESSAGE_ID.fullmatch, ids)) else ""


def _seal(letter: Letter, node: Sender, teams: Mapping[int, Team] | None) -> Seal | None:
    if letter.team_id is None or teams is None:
        return node.seals.signature()
    if (team := teams.get(letter.team_id)) is None:
        raise CannotSealError(say("The team is no longer in the directory, so that its keys are not known."))
    outside = f"[{letter.about.partition(':')[2] or letter.reference}]"
    return node.seals.seal(node.seals.to_mailbox(team, letter.mailbox, letter.encrypted_for), outside)


def _greeted(session: Session) -> set[str]:
    """The mailboxes that a letter went to for real, or one of whose letters a person let go."""
    sent = (Letter.state == LetterState.SENT.value) & (Letter.channel != "file")
    rows = session.scalars(select(Letter.mailbox).where(sent | Letter.released_at.is_not(None)).distinct())
    return {same_mailbox(mailbox) for mailbox in rows}


def _identity(letter: Letter, node: Sender) -> str:
    if letter.message_id.startswith("<"):
        return letter.message_id
    domain = node.settings.node.contact.rpartition("@")[2]
    return f"<{letter.reference}.{letter.message_id or uuid4().hex[:12]}@{domain}>"


def _send_batch(post: MailSender, batch: Sequence[Letter], done: LetterRun) -> None:
    with post.database.reading() as session:
        leaving = still_leaving(session, Letter, [letter.id for letter in batch], post.now)
        withheld = post.withheld(session, [letter for letter in batch if letter.id in leaving])
    pairs = [
        (letter, *_finished(letter, post, withheld.get(letter.id, ""))) for letter in batch if letter.id in leaving
    ]
    usable = [mail for _, mail, refusal in pairs if not refusal]
    receipts = iter(post.send(usable) if usable else [])
    cut("letters.sent")
    results = [(letter, mail, refusal or next(receipts)) for letter, mail, refusal in pairs]
    with post.database.begin() as session:
        for letter, mail, receipt in results:
            if receipt.outcome is MailOutcome.DOWN:
                done.problem = receipt.detail
                break
            _note(session, post, letter, mail, receipt)
            _count(done, letter, receipt)
        cut("letters.noting")
    for letter, _, receipt in results:
        if receipt.outcome is not MailOutcome.DOWN:
            log_letter(letter, post.teams)


def _finished(letter: Letter, post: MailSender, withheld: str) -> tuple[Mail, MailReceipt | None]:
    """The mail of a letter; or one that goes nowhere, and why."""
    nowhere = Mail(letter.reference, 1, 1, letter.message_id, "", (), "", b"")
    if withheld:
        return nowhere, MailReceipt(MailOutcome.WITHHELD, withheld)
    try:
        mail = letter_mail(letter, post.node, post.teams)
    except CannotSealError as error:
        return nowhere, MailReceipt(MailOutcome.REFUSED, str(error))
    if mail.recipients:
        return mail, None
    return mail, MailReceipt(MailOutcome.REFUSED, "No mail can be addressed to this email address.")


def _note(session: Session, post: MailSender, letter: Letter, mail: Mail, receipt: MailReceipt) -> None:
    change = _progress(letter, receipt, post)
    session.execute(update(Letter).where(Letter.id == letter.id).values(**change))
    note_posted(session, [(letter.reference, reached(mail, receipt))], way=post.way, now=post.now)
    word = ({post.done: AuditAction.LETTER_SENT} | dict.fromkeys(_NOT_SENT, AuditAction.LETTER_FAILED)).get(
        str(change["state"])
    )
    if word is not None:
        detail: dict[str, object] = {"kind": letter.kind, "way": post.way}
        subject = letter.about or f"letter:{letter.reference}"
        audit(session, word, at=post.now, actor="deliver", subject=subject, detail=detail)
    for name, value in change.items():
        setattr(letter, name, value)


def _progress(letter: Letter, receipt: MailReceipt, post: MailSender) -> dict[str, object]:
    """How the row of a letter changes with a receipt."""
    now = post.now
    row: dict[str, object] = {"error": receipt.detail, "channel": post.way, "path": receipt.path}
    if receipt.outcome is MailOutcome.SENT:
        return row | {"state": post.done, "sent_at": now}
    if receipt.outcome is MailOutcome.FULL:
        return row | {"state": LetterState.RETRY.value, "due_at": now + FULL_WAIT}
    if receipt.outcome is MailOutcome.WITHHELD:
        return row | {"state": LetterState.WITHHELD.value}
    attempts = letter.attempts + 1
    again = next_try(attempts, letter.created_at, now) if receipt.outcome is MailOutcome.LATER else None
    state = LetterState.RETRY if again else LetterState.FAILED
    return row | {"state": state.value, "attempts": attempts, "due_at": again or now}


def _count(done: LetterRun, letter: Letter, receipt: MailReceipt) -> None:
    done.sent += receipt.outcome is MailOutcome.SENT
    done.later += letter.state == LetterState.RETRY
    done.failed += letter.state in _NOT_SENT

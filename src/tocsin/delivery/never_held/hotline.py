"""The hotline: told of one URL at a time, in a message that this node cannot open, which is destroyed at its receipt.

A message is noted as sent before it leaves: killed between, it leaves once or not at all, never twice. Where no receipt
follows, a person rings and lets it leave again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.channels import MailOutcome, MailReceipt
from tocsin.delivery.mime import Envelope, Seal, assemble_text, usable_mailboxes
from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.delivery.render import Mail, Sender
from tocsin.delivery.sealing import pgp_envelope, pgp_message
from tocsin.delivery.sender import MailSender
from tocsin.delivery.sending_policy import REDIRECT, SHADOW
from tocsin.delivery.sent_log import next_try
from tocsin.directory.keys import KeyFormat, KeyState, encrypting, judge, key_facts, read_key_file
from tocsin.node.errors import ConflictError, TocsinError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say


@dataclass(frozen=True)
class Hotline:
    """Who takes over. ``certificate``: None where no key is set, or it cannot be used.

    ``problem`` says what is wrong with the key; one that expired seals as long as its part that encrypts has not,
    since else nobody has the URL, and whoever holds its secret half can still open it.
    """

    certificate: bytes | None
    problem: str = ""

    def sealed(self, url: str, now: datetime) -> bytes | None:
        """The URL alone as an OpenPGP message for the hotline; None where there is no URL, or no key that encrypts."""
        if not url or self.certificate is None:
            return None
        entity = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{url}\r\n".encode("utf-8", "replace")
        try:
            return pgp_message(entity, [encrypting(self.certificate, now)])
        except (RuntimeError, ValueError, TypeError):
            return None


def open_hotline(node: Node, now: datetime) -> Hotline:
    """The hotline of the settings, as its key is at ``now``; read anew each time, so that a new one counts at once."""
    path = node.settings.never_held.openpgp_key
    if not path:
        return Hotline(None)
    try:
        found = read_key_file(Path(path).expanduser().read_bytes()).keys
    except OSError as error:
        return Hotline(None, f"{path} cannot be read: {error.strerror}.")
    except TocsinError as error:
        return Hotline(None, str(error))
    keys = [content for form, content in found if form is KeyFormat.OPENPGP]
    if len(keys) != 1:
        return Hotline(None, f"{path} holds {len(keys)} OpenPGP keys, not one.")
    verdict = judge(key_facts(KeyFormat.OPENPGP, keys[0]), now)
    usable = verdict.good or verdict.state is KeyState.EXPIRED
    return Hotline(keys[0] if usable else None, verdict.why)


def send_to_hotline(post: MailSender, *, mailbox: str) -> None:
    """Let the oldest message that waits leave, unless one before it awaits its receipt, or nothing leaves for real."""
    recipients = usable_mailboxes((mailbox,))
    if not recipients or post.way in {SHADOW, REDIRECT}:
        return
    with post.database.begin() as session:
        message = _next(session, post.now)
        if message is None or message.sealed is None:
            return
        row = session.get_one(NeverHeldReference, message.reference_id)
        domain = post.node.settings.node.contact.rpartition("@")[2]
        message.message_id = message.message_id or f"<{row.reference}.{uuid4().hex[:12]}@{domain}>"
        message.sent_at, message.attempts = post.now, message.attempts + 1
        row.state = ReferenceState.SENT.value
        mail = _mail(message, row.reference, recipients, post.node)
    cut("neverheld.leaving")
    [receipt] = post.send([mail])
    cut("neverheld.left")
    with post.database.begin() as session:
        _settle(session, message.id, receipt, post)
        cut("neverheld.settling")


def receive(session: Session, row: NeverHeldReference, *, mails: Path, actor: str, now: datetime) -> None:
    """Note that the hotline has a report, and destroy its message, in the caller's transaction.

    ``mails``: the folder of mails that are only written; the message is removed there too.
    """
    message = session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id))
    if message is not None and message.received_at is None:
        message.sealed, message.received_at = None, now
        if message.path:
            (mails / message.path).unlink(missing_ok=True)
    if row.state != ReferenceState.RECEIVED:
        row.state = ReferenceState.RECEIVED.value
        audit(session, AuditAction.NEVER_HELD_RECEIVED, at=now, actor=actor, subject=f"never-held:{row.id}")


def come_back(session: Session, row: NeverHeldReference, *, now: datetime) -> None:
    """Note in the caller's transaction that the message of a reference did not arrive: a person rings."""
    row.state = ReferenceState.NOTED.value
    message = session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id))
    if message is not None:
        message.error, message.sent_at = say("It came back from the mail server."), None
    audit(session, AuditAction.NEVER_HELD_FAILED, at=now, actor="hotline", subject=f"never-held:{row.id}")


def send_again(session: Session, row: NeverHeldReference, *, actor: str, now: datetime) -> None:
    """Let the message of a reference leave once more, in the caller's transaction.

    Raises:
        ConflictError: there is no message of it, or the hotline has it.

    """
    message = session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id))
    if message is None or message.sealed is None:
        raise ConflictError(
            say("There is no sealed message of this report."), hint=say("Ring the hotline, then note its receipt.")
        )
    row.state, message.due_at, message.sent_at = ReferenceState.WAITING.value, now, None
    audit(session, AuditAction.NEVER_HELD_WAITING, at=now, actor=actor, subject=f"never-held:{row.id}")


def _next(session: Session, now: datetime) -> HotlineMessage | None:
    pairs = select(HotlineMessage).join(NeverHeldReference, NeverHeldReference.id == HotlineMessage.reference_id)
    sent = NeverHeldReference.state == ReferenceState.SENT.value
    if session.scalar(pairs.where(sent).limit(1)) is not None:
        return None
    waiting = (NeverHeldReference.state == ReferenceState.WAITING.value) & (HotlineMessage.due_at <= now)
    return session.scalar(pairs.where(waiting).order_by(HotlineMessage.id).limit(1))


def _mail(message: HotlineMessage, reference: str, recipients: tuple[str, ...], node: Sender) -> Mail:
    """The sealed message as a mail: outside it says nothing but its reference."""
    own, sealed = node.settings.node, message.sealed or b""
    envelope = Envelope(
        subject=reference,
        sender_name=own.name,
        sender=own.contact,
        recipients=recipients,
        at=message.sealed_at,
        message_id=message.message_id,
        reply_to=node.reply_to(reference),
    )
    wrap: Callable[[bytes, str], bytes] = lambda _entity, boundary: pgp_envelope(sealed, boundary)  # noqa: E731 (a field)
    content = assemble_text(envelope, "", f"=_{reference}", Seal(wrap, reference))
    bounces = envelope.reply_to or own.contact
    return Mail(reference, 1, 1, message.message_id, bounces, recipients, f"{message.sealed_at:%Y-%m-%d}", content)


def _settle(session: Session, number: int, receipt: MailReceipt, post: MailSender) -> None:
    """What became of the message that was to leave; one whose receipt came meanwhile is left as it is."""
    message = session.get_one(HotlineMessage, number)
    row = session.get_one(NeverHeldReference, message.reference_id)
    if row.state != ReferenceState.SENT:
        return
    message.error, message.path = receipt.detail, receipt.path
    subject = f"never-held:{row.id}"
    if receipt.outcome is MailOutcome.SENT:
        audit(
            session, AuditAction.NEVER_HELD_SENT, at=post.now, actor="deliver", subject=subject,
            detail={"way": post.way},
        )  # fmt: skip
        return
    message.sent_at = None
    if receipt.outcome is MailOutcome.REFUSED:
        row.state = ReferenceState.NOTED.value  # a person rings
        audit(session, AuditAction.NEVER_HELD_FAILED, at=post.now, actor="deliver", subject=subject)
        return
    row.state = ReferenceState.WAITING.value
    again = next_try(message.attempts, message.sealed_at, post.now) if receipt.outcome is MailOutcome.LATER else None
    message.due_at = again or post.now

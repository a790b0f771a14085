"""The one door by which the mails of a run leave: behind the stop, the limit for each mailbox, and the mode."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tocsin.delivery import halt
from tocsin.delivery.channels import Channel, MailOutcome, MailReceipt
from tocsin.delivery.mime import Attachment, Envelope, assemble
from tocsin.delivery.models import DeliveryState
from tocsin.delivery.render import Mail, Sender
from tocsin.delivery.safety import REDIRECT, SHADOW, MailAllowance
from tocsin.node.records import Database

_DONE = {SHADOW: DeliveryState.SHADOW.value, REDIRECT: DeliveryState.REDIRECTED.value}
_FULL = "This mailbox had its mails for a day ([tell] mails_a_day); tried again within the hour."


@dataclass(frozen=True)
class Post:
    """A channel with what stands before it in one run. ``way``: see `safety.way_of`."""

    database: Database
    channel: Channel
    way: str
    node: Sender
    room: MailAllowance
    now: datetime

    @property
    def done(self) -> str:
        """The state of a mail that has gone this way."""
        return _DONE.get(self.way, DeliveryState.SENT.value)

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        """What became of each mail; all are ``down`` once a person has stopped sending, and nothing left then."""
        with self.database.begin() as session:
            stopped = halt.halted(session, halt.STOP)
        if stopped is not None:
            return [MailReceipt(MailOutcome.DOWN, halt.words(stopped))] * len(mails)
        fits = [self.room.take(mail.recipients) for mail in mails]
        receipts = iter(
            self.channel.send([self._on_its_way(mail) for mail, fit in zip(mails, fits, strict=True) if fit])
        )
        return [self._settle(mail, next(receipts)) if fit else _full() for mail, fit in zip(mails, fits, strict=True)]

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


def reached(mail: Mail, receipt: MailReceipt) -> tuple[str, ...]:
    """The mailboxes that a mail has reached with this try."""
    if receipt.outcome is MailOutcome.SENT:
        return mail.recipients
    return tuple(box for box in mail.recipients if box not in receipt.waiting) if receipt.waiting else ()


def _full() -> MailReceipt:
    return MailReceipt(MailOutcome.FULL, _FULL)

"""The mailroom: mails that came in, read without trust, sorted, and kept."""

from tocsin.delivery.mailbox.account import Account, IncomingMail, Mailbox, account_of, open_mailbox
from tocsin.delivery.mailbox.bounces import Bounce, addresses_named, original_ids
from tocsin.delivery.mailbox.keeping import content_key, delete_received
from tocsin.delivery.mailbox.kinds import MailClassification, MailKind, sort_mail
from tocsin.delivery.mailbox.models import MailBounce, MailState, ReceivedMail, waiting_count
from tocsin.delivery.mailbox.reading import LIMITS, MailLimits, MailPart, ReadMail, read_mail
from tocsin.delivery.mailbox.verdicts import ReplyVerdict, confirmation_in, verdicts_in

__all__ = [
    "LIMITS",
    "Account",
    "Bounce",
    "IncomingMail",
    "MailBounce",
    "MailClassification",
    "MailKind",
    "MailLimits",
    "MailPart",
    "MailState",
    "Mailbox",
    "ReadMail",
    "ReceivedMail",
    "ReplyVerdict",
    "account_of",
    "addresses_named",
    "confirmation_in",
    "content_key",
    "delete_received",
    "open_mailbox",
    "original_ids",
    "read_mail",
    "sort_mail",
    "verdicts_in",
    "waiting_count",
]

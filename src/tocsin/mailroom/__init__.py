"""The mailroom: mails that came in, read without trust."""

from tocsin.mailroom.account import Account, Mailbox, Received, account_of, open_mailbox
from tocsin.mailroom.reading import LIMITS, Limits, Part, ReadMail, read_mail

__all__ = [
    "LIMITS",
    "Account",
    "Limits",
    "Mailbox",
    "Part",
    "ReadMail",
    "Received",
    "account_of",
    "open_mailbox",
    "read_mail",
]

"""The node's mailbox, read from the first mail to the last: each is filed, then moved."""

import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.delivery.mailbox import IncomingMail, Mailbox, account_of, open_mailbox
from tocsin.node.records import cut
from tocsin.problems.replies.desk import MailContext
from tocsin.problems.replies.filing import FilingResult, file_mail


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

    A mail is moved only when all that follows from it is safe. In a dry run nothing is kept, noted or moved.

    Raises:
        SettingError: no mailbox is set, or its password file cannot be used.
        StorageError: the server, the disk or the database fails; what was read until then stays read.

    """
    run = MailboxRun()
    with open_mailbox(account_of(desk.node.settings.mailbox), tls=tls) as mailbox:
        for received in mailbox.waiting():
            done = _file(desk, mailbox, received, now(), dry_run=dry_run)
            run.mails += 1
            run.again += done.again
            if not done.again:
                run.counts[done.decision.kind.value, done.decision.state.value] += 1
            filed(done)
    return run


def _file(desk: MailContext, mailbox: Mailbox, received: IncomingMail, now: datetime, *, dry_run: bool) -> FilingResult:
    settings = desk.node.settings.mailbox
    unread = received.size if received.too_large else 0
    done = file_mail(desk, received.raw, now=now, arrived=received.arrived, unread=unread, dry_run=dry_run)
    if not dry_run:
        mailbox.move(received.uid, settings.aside_folder if received.too_large else settings.read_folder)
        cut("replies.moved")
    return done

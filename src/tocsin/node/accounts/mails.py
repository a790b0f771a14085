"""The mails that people get about their accounts: links that they asked for, and warnings of what changed."""

import textwrap
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from uuid import uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts.site_config import SiteConfig
from tocsin.node.letters import ACCOUNT, Letter, LetterState, queue_letter


def N_(text: str) -> str:  # noqa: N802 (the name by which gettext's tools know it)
    """Mark a text for translation."""
    return text


_NO_ISOLATES = dict.fromkeys(map(ord, "\N{LEFT-TO-RIGHT ISOLATE}\N{POP DIRECTIONAL ISOLATE}"))
_filled = partial(textwrap.fill, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class MailText:
    """What a mail says; names in ``%(…)s`` are filled in, ``site`` and ``contact`` in all of them."""

    subject: str
    body: str


class News(Enum):
    """What a mail about an account is about."""

    INVITED = MailText(
        N_("Your account at %(site)s"),
        N_("""\
Hello,

%(site)s invites you to an account on its pages. Open this address before
%(day)s, say your name and choose a password:

  %(link)s

It works once. Whoever has this mail can use it: do not pass it on.
If you do not expect this, you need not do anything.
"""),
    )
    RESET = MailText(
        N_("A new password for your account at %(site)s"),
        N_("""\
Hello,

A new password was requested for your account at %(site)s. If it was
you, open this address within the next hours and choose one:

  %(link)s

It works once, until %(time)s UTC. If it was not you, do nothing: your
password stays as it is.
"""),
    )
    PASSWORD = MailText(
        N_("Your password at %(site)s was changed"),
        N_("""\
Hello,

The password of your account at %(site)s was changed on %(time)s UTC, and
all other browsers were signed out.

If it was not you, set a new one at once (%(forgotten)s) and write to
%(contact)s.
"""),
    )
    FACTOR = MailText(
        N_("The ways to sign in to your account at %(site)s were changed"),
        N_("""\
Hello,

On %(time)s UTC a second factor, a passkey or recovery codes of your
account at %(site)s were added, removed or used.

If it was not you, set a new password at once (%(forgotten)s) and write to
%(contact)s.
"""),
    )
    BROWSER = MailText(
        N_("A new browser signed in to your account at %(site)s"),
        N_("""\
Hello,

On %(time)s UTC a browser that had not been used with your account at
%(site)s before signed in to it. It calls itself:

  %(agent)s

If it was not you, set a new password at once (%(forgotten)s) and write to
%(contact)s.
"""),
    )
    GUESSED = MailText(
        N_("Your password at %(site)s may be known to others"),
        N_("""\
Hello,

On %(time)s UTC the right password of your account at %(site)s was
entered several times, but not the second factor. Nobody got in.

If it was not you, set a new password at once (%(forgotten)s) and write to
%(contact)s.
"""),
    )
    TOKEN = MailText(
        N_("A token for programs was made for your account at %(site)s"),
        N_("""\
Hello,

On %(time)s UTC a token was made for your account at %(site)s: a program that
has it acts for you until it ends.

If it was not you, take it back on the page of your account, set a new
password at once (%(forgotten)s) and write to %(contact)s.
"""),
    )


def send(
    transaction: Transaction,
    house: SiteConfig,
    news: News,
    mailbox: str,
    *,
    now: datetime,
    key: str = "",
    link: str = "",
    ends_at: datetime | None = None,
    agent: str = "",
) -> None:
    """Ask for one of these mails, in the caller's transaction; under the same ``key`` only once."""
    at = ends_at or now
    values = {
        "site": house.name,
        "contact": house.contact,
        "forgotten": house.link("/forgotten"),
        "time": f"{at:%Y-%m-%d %H:%M}",
        "day": f"{at:%Y-%m-%d}",
        "link": link,
        "agent": agent[:100] or "?",
    }
    queue_letter(
        transaction,
        key=f"{ACCOUNT}:{key or uuid4()}",
        kind=ACCOUNT,
        mailbox=mailbox,
        subject=house.say(news.value.subject, **values),
        body=_laid_out(house.say(news.value.body, **values)) + f"\n{house.name}\n{house.contact}\n",
        now=now,
    )


def take_back(transaction: Transaction, key: str) -> None:
    """Let the mail that was asked for under this key not leave, if it has not yet."""
    waiting = [state.value for state in (LetterState.QUEUED, LetterState.RETRY, LetterState.HELD)]
    which = (Letter.key == f"{ACCOUNT}:{key}") & Letter.state.in_(waiting)
    transaction.execute(update(Letter).where(which).values(state=LetterState.CANCELLED.value))


def _laid_out(text: str) -> str:
    """Paragraphs in lines of at most 76 columns; one that is set in, such as a link, stays as it is.

    Without the signs by which pages set words apart from right to left: they would be part of a link that is copied.
    """
    text = text.translate(_NO_ISOLATES)
    paragraphs = [part if part.startswith("  ") else _filled(" ".join(part.split()), 76) for part in text.split("\n\n")]
    return "\n\n".join(paragraphs) + "\n"

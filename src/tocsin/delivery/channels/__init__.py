"""How mails leave: one module per channel, found by name. A new channel is one file and a line in ``open_channel``."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tocsin.delivery.render import Mail
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.settings import MailSettings, Settings, read_secret

_KNOCK = 5.0  # seconds for a connection, where that is all that is asked


class MailOutcome(StrEnum):
    """What became of a mail."""

    SENT = "sent"  # it has left: written, or accepted by the server
    LATER = "later"  # refused for the moment, by the server or for some mailboxes
    REFUSED = "refused"  # refused for good
    DOWN = "down"  # the channel itself does not work, or a person stopped it: nothing was tried
    FULL = "full"  # not tried: a mailbox has had its mails for a day
    WITHHELD = "withheld"  # not tried: the gate says no


@dataclass(frozen=True, slots=True)
class MailReceipt:
    """What became of one mail. ``waiting``: mailboxes that did not get it yet, of a mail that others did get."""

    outcome: MailOutcome
    detail: str = ""
    path: str = ""
    waiting: tuple[str, ...] = ()


class Channel(Protocol):
    """A way out.

    A mail that is given again, since a kill came between sending and noting it, must leave at most once more and be
    recognisable: by its path or by its Message-ID.
    """

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def batch(self) -> int:
        """How many mails it takes at once; what became of them is noted after each batch."""

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        """Send the mails and say of each what became of it; nothing is raised for a mail that is refused."""

    def close(self) -> None:
        """Let go of connections; the channel can be used again."""


def open_channel(settings: Settings, home: Path) -> Channel:
    """The channel that the settings name, in shadow mode the file channel; nothing is connected yet.

    Raises:
        SettingError: the password file cannot be used.

    """
    if settings.mail.channel == "smtp" and settings.tell.mode != "shadow":
        from tocsin.delivery.channels.smtp import SmtpChannel

        return SmtpChannel(settings.mail, password=_password(settings.mail))
    from tocsin.delivery.channels.file import FileChannel

    return FileChannel(home / HomeFolder.MAILS)


def answers(settings: Settings) -> bool:
    """Whether somebody listens where mails go to; mails that are written as files need nobody."""
    if settings.mail.channel != "smtp" or settings.tell.mode == "shadow":
        return True
    try:
        socket.create_connection((settings.mail.host, settings.mail.port), timeout=_KNOCK).close()
    except OSError:
        return False
    return True


def reach_smtp(settings: MailSettings) -> tuple[bool, str, str]:
    """Whether the SMTP server of the settings can be used, in words, and what to do where it cannot."""
    from tocsin.delivery.channels.smtp import SmtpChannel
    from tocsin.node.errors import SettingError

    try:
        problem = SmtpChannel(settings, password=_password(settings)).probe()
    except SettingError as error:
        return False, str(error), error.hint
    if problem:
        return False, problem, say("Check [mail] host, port, security and user in tocsin.toml; mails wait meanwhile.")
    return True, say("the SMTP server %(host)s:%(port)s answers", host=settings.host, port=settings.port), ""


def _password(settings: MailSettings) -> str:
    return read_secret(settings.password_file, setting="[mail] password_file")

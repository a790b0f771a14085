"""A mail that was purged here, taken away on the mail server, too: deleted, or moved for the police.

It is known by its size and SHA-256, so that nothing of what it said need be kept to find it. Where it was too large to
be read or was reduced when it was read, so that its hash is another one, its Message-ID tells it, of which a hash is
kept.
"""

import hashlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from enum import StrEnum

from tocsin.delivery.mailbox.account import Mailbox, account_of, open_mailbox
from tocsin.node.settings import MailboxSettings

_MOVE = "move:"


class ServerOutcome(StrEnum):
    """What became of a mail on the server."""

    DELETED = "deleted"
    MOVED = "moved"
    NOT_FOUND = "not found"


@dataclass(frozen=True)
class MailOnServer:
    """How a mail is known there. ``message_id``: SHA-256 of its Message-ID, or empty."""

    size: int
    sha256: str
    message_id: str = ""

    def is_this(self, raw: bytes) -> bool:
        """Whether these bytes are the mail, or carry its Message-ID."""
        if hashlib.sha256(raw).hexdigest() == self.sha256:
            return True
        return bool(self.message_id) and hash_of_id(str(BytesHeaderParser().parsebytes(raw)["Message-ID"] or "")) == (
            self.message_id
        )


def hash_of_id(message_id: str) -> str:
    """SHA-256 of a Message-ID without what is around it; empty for none."""
    plain = message_id.strip().strip("<>")
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest() if plain else ""


def remove_from_server(
    settings: MailboxSettings, mails: Iterable[MailOnServer], *, how: str, tls: ssl.SSLContext | None = None
) -> ServerOutcome:
    """Take mails away from the folders that this node reads or moves mails to.

    ``how``: ``delete``, or ``move:FOLDER``. Safe to repeat.

    Raises:
        SettingError: no mailbox is set, or its password file cannot be used.
        StorageError: the server cannot be reached or refuses.

    """
    folders = dict.fromkeys((settings.folder, settings.read_folder, settings.aside_folder))
    found = ServerOutcome.NOT_FOUND
    wanted = list(mails)
    with open_mailbox(account_of(settings), tls=tls) as mailbox:
        for folder in folders:
            if not mailbox.open(folder):
                continue
            for uid in list(_matching(mailbox, wanted)):
                if how.startswith(_MOVE):
                    mailbox.move(uid, how.removeprefix(_MOVE))
                    found = ServerOutcome.MOVED
                else:
                    mailbox.delete(uid)
                    found = ServerOutcome.DELETED
    return found


def _matching(mailbox: Mailbox, wanted: list[MailOnServer]) -> Iterator[str]:
    """The UIDs of those mails: first those of a size that is known, and where none is one of them, by Message-ID."""
    sizes = mailbox.sizes()
    known = {one.size for one in wanted}
    found = [uid for uid, size in sizes.items() if size in known and _is_one(mailbox.read(uid), wanted)]
    if not found and any(one.message_id for one in wanted):
        found = [uid for uid, size in sizes.items() if size not in known and _is_one(mailbox.read(uid), wanted)]
    yield from found


def _is_one(raw: bytes, wanted: list[MailOnServer]) -> bool:
    return any(one.is_this(raw) for one in wanted)

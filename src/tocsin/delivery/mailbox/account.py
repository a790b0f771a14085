"""A mailbox on an IMAP server: its mails one by one, moved to folders; only what must never be held is deleted.

Sources: RFC 9051 (IMAP4rev2), RFC 6851 (MOVE), RFC 4315 (UIDPLUS), RFC 8314 (TLS).
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from imaplib import IMAP4
from typing import Literal, Protocol

from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import UnexpectedCommandStatusError
from imap_tools.utils import check_command_status, encode_folder

from tocsin.node.errors import RemoteError, SettingError, StorageError
from tocsin.node.oauth import TOKENS, bearer_answer, bearer_mechanism, refusal_answer
from tocsin.node.oauth_settings import OAuthSettings
from tocsin.node.sentences import say
from tocsin.node.settings import MailboxSettings, read_secret

_TIMEOUT = 60.0  # seconds for one answer of the server
_BY_PASSWORD = OAuthSettings()
_HEAD_BYTES = 64_000  # what is fetched of a mail that is too large
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_UID = re.compile(rb"UID (\d+)")
_ARRIVED = re.compile(rb'INTERNALDATE "([ \d]\d-[A-Za-z]{3}-\d{4} [\d:]{8} [+-]\d{4})"')
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # RFC 9051, 9: in English whatever the locale


@dataclass(frozen=True)
class Account:
    """Which mailbox, how it is reached, and how large a mail may be."""

    host: str
    user: str
    password: str = field(default="", repr=False)
    oauth: OAuthSettings = _BY_PASSWORD  # where it names a token_url, no password is used
    port: int = 993
    security: Literal["none", "starttls", "tls"] = "tls"
    folder: str = "INBOX"
    max_bytes: int = 25_000_000


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail that waits. ``size`` in bytes; where ``too_large``, ``raw`` is only its headers or the start of them.

    ``arrived``: when the server took it, which nobody outside can choose; None where it does not say.
    """

    uid: str
    size: int
    raw: bytes
    too_large: bool = False
    arrived: datetime | None = None


class Mailbox(Protocol):
    """What a mailbox can do."""

    def waiting(self) -> Iterator[IncomingMail]:
        """The mails in the folder, oldest first; looking at one changes nothing, it may be moved at once."""

    def move(self, uid: str, folder: str) -> None:
        """Put a mail into another folder, which is made where it is not there."""

    def delete(self, uid: str) -> None:
        """Delete a mail for good."""

    def open(self, folder: str) -> bool:
        """Turn to another folder; False where it is not there."""

    def sizes(self) -> dict[str, int]:
        """The mails of the folder, also those marked as deleted: their sizes in bytes, by UID."""

    def read(self, uid: str) -> bytes:
        """A mail whole; nothing where it is gone."""


def account_of(settings: MailboxSettings) -> Account:
    """The account that the settings of the node describe, with its password read.

    Raises:
        SettingError: no server or user is set, or the password file cannot be used.

    """
    if not settings.host or not settings.user:
        raise SettingError(
            say("No IMAP account is configured."),
            hint=say("Set host, user and password_file in [mailbox]; see docs/replies.md."),
        )
    return Account(
        host=settings.host,
        user=settings.user,
        password=read_secret(settings.password_file, setting="[mailbox] password_file"),
        oauth=settings,
        port=settings.port,
        security=settings.security,
        folder=settings.folder,
        max_bytes=settings.max_bytes,
    )


@contextmanager
def open_mailbox(account: Account, *, tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """The mailbox, open; ``tls``: how certificates are checked, None trusts what the system trusts.

    Raises:
        StorageError: the server cannot be reached, is not trusted, refuses, or ends the connection; also later, from
            what the mailbox does.

    """
    with _failures(account):
        client = _connect(account, tls or ssl.create_default_context())
    try:
        with _failures(account):
            _login(client, account)
            mailbox = _Imap(client, account)
        yield mailbox
    finally:
        _goodbye(client)


@contextmanager
def _failures(account: Account) -> Iterator[None]:
    """What the server or the way to it refuses, as the error that people are told."""
    try:
        yield
    except (ImapToolsError, IMAP4.error, OSError, ValueError, RemoteError) as error:
        raise StorageError(
            say(
                "The IMAP account %(user)s on %(host)s:%(port)s cannot be used: %(said)s.",
                user=account.user,
                host=account.host,
                port=account.port,
                said=_said(error),
            ),
            hint=say("Check host, port, security, user, password and folder; what was read so far is kept."),
        ) from error


class _Imap:
    """A mailbox through imap-tools, with one folder open."""

    def __init__(self, client: BaseMailBox, account: Account) -> None:
        self._client = client
        self._account = account
        self._folders: set[str] = set()
        # What a server offers before the login is less; the library would go by that, and delete for want of MOVE.
        _, words = client.client.capability()
        self._offers = frozenset(b" ".join(word for word in words if isinstance(word, bytes)).decode("latin-1").split())

    def waiting(self) -> Iterator[IncomingMail]:
        with _failures(self._account):
            uids = self._client.uids("UNDELETED")
        for uid in uids:
            with _failures(self._account):
                received = self._fetch(uid)
            if received is not None:
                yield received

    def move(self, uid: str, folder: str) -> None:
        with _failures(self._account):
            self._make(folder)
            if "MOVE" in self._offers:
                self._tell("MOVE", uid, encode_folder(folder).decode())
                return
            self._client.copy([uid], folder)
            self._tell("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
            if "UIDPLUS" in self._offers:  # else it stays, marked: EXPUNGE would delete what others marked
                self._tell("EXPUNGE", uid)

    def delete(self, uid: str) -> None:
        with _failures(self._account):
            self._tell("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
            if "UIDPLUS" in self._offers:
                self._tell("EXPUNGE", uid)
            else:  # what others marked goes too: it must not stay
                self._client.expunge()

    def open(self, folder: str) -> bool:
        with _failures(self._account):
            there = self._client.folder.exists(folder)
            if there:
                self._client.folder.set(folder)
            return there

    def sizes(self) -> dict[str, int]:
        with _failures(self._account):
            if not self._client.uids("ALL"):
                return {}
            _, found = self._client.client.uid("FETCH", "1:*", "(RFC822.SIZE)")
            facts = [line for line in found if isinstance(line, bytes)]
            return {
                uid.group(1).decode(): int(size.group(1))
                for line in facts
                if (uid := _UID.search(line)) and (size := _SIZE.search(line))
            }

    def read(self, uid: str) -> bytes:
        with _failures(self._account):
            return self._literal(uid, "]") or b""

    def _fetch(self, uid: str) -> IncomingMail | None:
        """The mail; None where another reader took it meanwhile."""
        _, found = self._client.client.uid("FETCH", uid, "(RFC822.SIZE INTERNALDATE)")
        facts = b" ".join(line for line in found if isinstance(line, bytes))
        stated = _SIZE.search(facts)
        if stated is None:
            return None
        size = int(stated.group(1))
        too_large = size > self._account.max_bytes
        part = f"HEADER]<0.{_HEAD_BYTES}>" if too_large else f"]<0.{self._account.max_bytes}>"
        raw = self._literal(uid, part)
        return None if raw is None else IncomingMail(uid, size, raw, too_large, _arrived(facts))

    def _literal(self, uid: str, part: str) -> bytes | None:
        _, found = self._client.client.uid("FETCH", uid, f"(BODY.PEEK[{part})")
        return next((bytes(item[1]) for item in found if isinstance(item, tuple)), None)

    def _tell(self, command: str, uid: str, *arguments: str) -> None:
        check_command_status(self._client.client.uid(command, uid, *arguments), UnexpectedCommandStatusError)

    def _make(self, folder: str) -> None:
        if folder not in self._folders and not self._client.folder.exists(folder):
            self._client.folder.create(folder)
        self._folders.add(folder)


def _arrived(facts: bytes) -> datetime | None:
    found = _ARRIVED.search(facts)
    if found is None:
        return None
    day, month, rest = found.group(1).decode().strip().split("-", 2)
    try:
        number = _MONTHS.index(month.title()) + 1
        return datetime.strptime(f"{day}-{number}-{rest}", "%d-%m-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None


def _connect(account: Account, context: ssl.SSLContext) -> BaseMailBox:
    if account.security == "tls":
        return MailBox(account.host, account.port, timeout=_TIMEOUT, ssl_context=context)
    if account.security == "starttls":
        return MailBoxStartTls(account.host, account.port, timeout=_TIMEOUT, ssl_context=context)
    return MailBoxUnencrypted(account.host, account.port, timeout=_TIMEOUT)


def _login(client: BaseMailBox, account: Account) -> None:
    if account.oauth.token_url:
        _login_by_token(client, account)
        return
    plain = account.user.isascii() and account.password.isascii()
    (client.login if plain else client.login_utf8)(account.user, account.password, account.folder)


def _login_by_token(client: BaseMailBox, account: Account) -> None:
    capabilities: tuple[str, ...] = client.client.capabilities
    offered = [word.upper().removeprefix("AUTH=") for word in capabilities if word.upper().startswith("AUTH=")]
    mechanism = bearer_mechanism(offered)
    token = TOKENS.get(account.oauth)
    answers = iter([bearer_answer(mechanism, account.user, token, account.host, account.port)])
    try:
        client.client.authenticate(
            mechanism, lambda _challenge: next(answers, refusal_answer(mechanism)).encode("utf-8")
        )
    except IMAP4.error:
        TOKENS.forget(account.oauth)
        raise
    client.folder.set(account.folder)


def _goodbye(client: BaseMailBox) -> None:
    try:
        client.logout()
    except (ImapToolsError, IMAP4.error, OSError):
        client.client.shutdown()


def _said(error: Exception) -> str:
    """What went wrong, on one line; the library's own errors hold what the server answered, never what was sent."""
    words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(words.split())[:300].rstrip(".")

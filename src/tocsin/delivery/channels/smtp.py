"""Mails through an SMTP server: one connection for many, refusals for the moment and for good told apart.

Sources: RFC 5321 (4.2.1: a reply 4yz may succeed later, 5yz will not), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS).
"""

import smtplib
import ssl
from collections.abc import Mapping, Sequence

from tocsin.delivery.channels import MailOutcome, MailReceipt
from tocsin.delivery.render import Mail
from tocsin.node.errors import TocsinError
from tocsin.node.oauth import TOKENS, bearer_answer, bearer_mechanism, refusal_answer
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.node.settings import MailSettings

_TIMEOUT = 60.0  # seconds for one answer of the server


class SmtpChannel:
    """Sends to the server of the settings; connects with the first mail.

    ``tls``: how certificates are checked; None trusts what the system trusts.
    """

    name = "smtp"
    batch = 1

    def __init__(self, settings: MailSettings, *, password: str = "", tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._password = password
        self._tls = tls
        self._server: smtplib.SMTP | None = None

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        """Send each mail to all its mailboxes at once."""
        return [self._send(mail) for mail in mails]

    def close(self) -> None:
        """Say goodbye to the server."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.quit()
            except (smtplib.SMTPException, OSError):
                server.close()

    def probe(self) -> str:
        """Why the server cannot be used, or nothing; no mail is sent."""
        problem = self._open()
        self.close()
        return problem

    def _open(self) -> str:
        """Connect where there is no connection; why that failed, or nothing."""
        try:
            if self._server is None:
                self._server = self._connect()
        except (smtplib.SMTPException, OSError, TocsinError) as error:
            settings = self._settings
            return say(
                "The SMTP server %(host)s:%(port)s cannot be used: %(said)s",
                host=settings.host,
                port=settings.port,
                said=_said(error),
            )
        return ""

    def _send(self, mail: Mail) -> MailReceipt:
        fresh = self._server is None
        if problem := self._open():
            return MailReceipt(MailOutcome.DOWN, problem)
        receipt = _offer(self._server, mail) if self._server is not None else None
        if receipt is None:
            self._server = None
            # A server may end a connection after some number of mails; a new one has a new chance.
            return (
                MailReceipt(MailOutcome.LATER, say("The server ended the connection.")) if fresh else self._send(mail)
            )
        cut("deliver.smtp.accepted")
        return receipt

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        context = self._tls or ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.token_url:
                _login_by_token(server, settings)
            elif settings.user:
                server.login(settings.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _login_by_token(server: smtplib.SMTP, settings: MailSettings) -> None:
    """Say who we are with an access token."""
    server.ehlo_or_helo_if_needed()
    mechanism = bearer_mechanism(server.esmtp_features.get("auth", "").split())
    answer = bearer_answer(mechanism, settings.user, TOKENS.get(settings), settings.host, settings.port)
    try:
        server.auth(mechanism, lambda challenge=None: answer if challenge is None else refusal_answer(mechanism))
    except smtplib.SMTPAuthenticationError:
        TOKENS.forget(settings)
        raise


def _offer(server: smtplib.SMTP, mail: Mail) -> MailReceipt | None:
    """What the server says to a mail; None where it ended the connection instead."""
    try:
        refused = server.sendmail(mail.sender, list(mail.recipients), mail.content)
    except smtplib.SMTPRecipientsRefused as error:
        return _judge(error.recipients, mail)
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        if error.smtp_code == 421:
            return None
        return MailReceipt(MailOutcome.LATER if error.smtp_code < 500 else MailOutcome.REFUSED, _said(error))
    except (smtplib.SMTPException, OSError):
        return None
    return _judge(refused, mail)


def _judge(refused: Mapping[str, tuple[int, bytes]], mail: Mail) -> MailReceipt:
    """Some mailboxes may have it, others not: those refused for the moment are tried again alone."""
    waiting = tuple(mailbox for mailbox, (code, _) in refused.items() if code < 500)
    detail = "; ".join(f"{mailbox}: {code} {_text(words)}" for mailbox, (code, words) in refused.items())
    if len(refused) < len(mail.recipients):
        return MailReceipt(MailOutcome.LATER if waiting else MailOutcome.SENT, detail, waiting=waiting)
    return MailReceipt(MailOutcome.LATER if waiting else MailOutcome.REFUSED, detail, waiting=waiting)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _text(words: bytes | str) -> str:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join(said.split())

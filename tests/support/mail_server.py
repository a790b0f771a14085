"""A real SMTP server on 127.0.0.1 that can refuse, and that ends connections on request."""

import base64
import ssl
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.ports import free_port
from tocsin.node.settings import MailSettings


@dataclass
class PostOffice:
    """What arrived, and how the server answers: by mailbox at RCPT, by a list at DATA."""

    port: int = 0
    arrived: list[tuple[list[str], bytes]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    data_answers: list[str] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    connections: int = 0
    tokens: Collection[str] = ()
    after_mail: Callable[[], None] | None = None

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        del server, envelope
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        answer = self.data_answers.pop(0) if self.data_answers else "250 OK"
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.senders.append(envelope.mail_from or "")
            self.arrived.append((list(envelope.rcpt_tos), envelope.content))
            if self.after_mail is not None:
                self.after_mail()
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        del server, session, envelope, mechanism
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"secret", handled=False)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """As the large providers do it: who is refused is told why, and must answer that first."""
        user, bearer = base64.b64decode(args[1]).removesuffix(b"\x01\x01").split(b"\x01")
        token = bearer.removeprefix(b"auth=Bearer ")
        self.logins.append((user.removeprefix(b"user="), token))
        if token.decode() not in self.tokens:
            assert await server.challenge_auth('{"status":"401"}') == b""
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=LoginPassword(user, token))

    def settings(self, **other: str) -> MailSettings:
        given = {"channel": "smtp", "host": "127.0.0.1", "port": self.port, "security": "none", **other}
        return MailSettings.model_validate(given)


@contextmanager
def post_office(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, login: bool = False, tokens: Collection[str] = ()
) -> Iterator[PostOffice]:
    """The server, started. ``login``: it asks for the password "secret"; ``tokens``: for one of these, as they are."""
    office = PostOffice(port=free_port(), tokens=tokens)
    controller = Controller(
        office,
        hostname="127.0.0.1",
        port=office.port,
        ssl_context=tls if implicit else None,
        tls_context=None if implicit else tls,
        require_starttls=tls is not None and not implicit,
        authenticator=office.authenticate if login else None,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


def made_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server, and of a client that trusts it, for 127.0.0.1."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))

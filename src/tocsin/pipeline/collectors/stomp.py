"""Messages of a STOMP server, as of n6: taken while it listens, acknowledged once they are taken in.

Source: STOMP 1.2 (stomp.github.io). docs/design/collectors.md says why no library reads it.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from tocsin.node.errors import RemoteError, SettingError
from tocsin.node.sentences import say
from tocsin.pipeline.collectors.batches import Batches, StreamSettings, until
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, place
from tocsin.pipeline.collectors.trust import TrustSettings, secret, trust
from tocsin.pipeline.collectors.web import DownloadLimits, printable, too_large

_PIECE: Final = 65_536
_HEAD: Final = 64_000  # bytes of a frame before its body
_GOODBYE: Final = 5.0  # seconds
_CODES: Final = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c"}
_LETTERS: Final = {code: letter for letter, code in _CODES.items()}
_CODE: Final = re.compile(r"\\.")
_LENGTH: Final = re.compile(rb"\ncontent-length:(\d{1,12})\r?\n")


class StompSettings(StreamSettings, TrustSettings):
    """Messages that a STOMP server sends, as n6 does."""

    kind: Literal["stomp"]
    host: str = Field(min_length=1, pattern=r"^[^\s/:]+$", description="The server.")
    port: int = Field(61_614, ge=1, le=65_535, description="Its port, with TLS.")
    destination: str = Field(min_length=1, description="The queue or topic, such as /exchange/ID/*.*.*.*.")
    vhost: str = Field("", description="The virtual host; empty: the name of the server.")
    user: str = Field("", description="The user name, where the certificate does not say it.")
    secret_file: str = Field("", description="File that holds the password, readable by this user only.")
    certificate: str = Field("", description="PEM file with the certificate that the server knows us by.")
    key_file: str = Field("", description="PEM file with its key, readable by this user only.")
    ahead: int = Field(1_000, ge=1, le=100_000, description="So many messages may come before one is acknowledged.")

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> Self:
        if bool(self.certificate) != bool(self.key_file):
            raise ValueError("certificate and key_file are set together")
        return self


@dataclass(frozen=True)
class Stomp:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: StompSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The messages that come while it listens; a server with a queue keeps those that were not acknowledged."""
        del memory
        settings = self.settings
        with ExitStack() as stack:
            with _failures(settings):
                session = StompSession(stack.enter_context(self._connected()), settings)
                session.open(secret(self.home, settings.secret_file, "secret_file"))
            batches = Batches[str](
                settings.model_copy(update={"lines": min(settings.lines, settings.ahead)}),
                f"{settings.host} {settings.destination}",
                lambda mark, _refused: session.acknowledge(mark),
            )
            yield batches.offers(session.messages())
            session.close()

    @contextmanager
    def _connected(self) -> Iterator[ssl.SSLSocket]:
        settings, context = self.settings, trust(self.settings, self.home)
        if settings.certificate:
            try:
                context.load_cert_chain(place(self.home, settings.certificate), place(self.home, settings.key_file))
            except (OSError, ssl.SSLError) as error:
                said = printable(getattr(error, "reason", "") or error.strerror or "")
                raise SettingError(
                    say("The certificate %(path)s cannot be used: %(said)s.", path=settings.certificate, said=said),
                    hint=say("Correct certificate and key_file."),
                ) from error
        with (
            socket.create_connection((settings.host, settings.port), settings.timeout) as plain,
            context.wrap_socket(plain, server_hostname=settings.host) as raw,
        ):
            yield raw


@dataclass(frozen=True)
class StompFrame:
    """A frame that the server sent."""

    command: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass
class StompSession:
    """One connection. Nothing else reads from its socket."""

    socket: ssl.SSLSocket
    settings: StompSettings
    _rest: bytearray = field(default_factory=bytearray, repr=False)

    def open(self, passcode: str) -> None:
        """Say who we are and what we want.

        Raises:
            RemoteError: the server refuses.

        """
        settings = self.settings
        known = {"login": settings.user, "passcode": passcode} if settings.user else {}
        host = settings.vhost or settings.host
        self._send("CONNECT", **{"accept-version": "1.2", "host": host, "heart-beat": "0,0"}, **known)
        answer = self._frame(until(settings.timeout)())
        if answer is None or answer.command != "CONNECTED":
            raise self._refusal(answer)
        if answer.headers.get("version") != "1.2":  # others acknowledge in another way
            raise self._refusal(None)
        ahead = {"prefetch-count": str(settings.ahead), "activemq.prefetchSize": str(settings.ahead)}
        self._send("SUBSCRIBE", id="1", destination=settings.destination, ack="client", **ahead)

    def messages(self) -> Iterator[tuple[bytes, str] | None]:
        """Each message on one line, and what acknowledges it with those before; None where none came for a second.

        What has come when it listened long enough is still read, as far as the server sends without acknowledgement.
        """
        left, late = until(self.settings.listen), 0
        while left() or late < self.settings.ahead:
            with _failures(self.settings):
                frame = self._frame(min(left(), 1.0))
            if frame is None:
                if not left():
                    return
                yield None
                continue
            late += not left()
            if frame.command != "MESSAGE":
                raise self._refusal(frame)
            # Line ends in JSON stand only between its values.
            yield b" ".join(frame.body.split(b"\n")).replace(b"\r", b" ").strip(), frame.headers.get("ack", "")

    def acknowledge(self, mark: str) -> None:
        """Let the server forget a message and those before it."""
        with _failures(self.settings):
            self._send("ACK", id=mark)

    def close(self) -> None:
        """Say goodbye, so that the server has read what was acknowledged."""
        with suppress(OSError, RemoteError):
            self._send("DISCONNECT", receipt="goodbye")
            left = until(_GOODBYE)
            while left() and (frame := self._frame(left())) is not None and frame.command != "RECEIPT":
                pass

    def _send(self, command: str, **headers: str) -> None:
        # CONNECT is not escaped (STOMP 1.2, "Value Encoding").
        lines = [f"{name}:{value if command == 'CONNECT' else _escaped(value)}" for name, value in headers.items()]
        self.socket.settimeout(self.settings.timeout)
        self.socket.sendall("\n".join([command, *lines, "\n\0"]).encode())

    def _frame(self, seconds: float) -> "StompFrame | None":
        """The next frame; None where none comes in time.

        Raises:
            RemoteError: the server ended the connection, or what it says is no STOMP.
            InputError: it is too large.

        """
        left = until(seconds)
        while (end := self._end()) is None:
            if len(self._rest) > self.settings.max_bytes + _HEAD:
                raise too_large(self.settings.host, DownloadLimits(0, 0, self.settings.max_bytes))
            self.socket.settimeout(max(left(), 0.001))
            try:
                piece = self.socket.recv(_PIECE)
            except TimeoutError:
                return None
            if not piece:
                raise ConnectionResetError("the server ended the connection")
            self._rest += piece
        frame = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return _parse(frame)

    def _end(self) -> int | None:
        """Where the first frame ends: at the length that it states, else at its first NUL; line ends before it go."""
        rest = self._rest
        while rest.startswith((b"\r", b"\n")):  # a server may send them at any time
            del rest[:1]
        ends = [at + len(gap) for gap in (b"\n\n", b"\r\n\r\n") if (at := rest.find(gap, 0, _HEAD)) >= 0]
        stated = _LENGTH.search(rest, 0, min(ends)) if ends else None
        if stated is not None and b"\0" not in rest[: min(ends)]:
            end = min(ends) + int(stated[1])
            return end if len(rest) > end else None
        found = rest.find(b"\0")
        return found if found >= 0 else None

    def _refusal(self, frame: "StompFrame | None") -> RemoteError:
        said = (
            printable(str(frame.headers.get("message", frame.command)))
            if frame is not None
            else say("it does not answer in STOMP 1.2")
        )
        return RemoteError(
            say("%(where)s refuses: %(said)s.", where=self.settings.host, said=said),
            hint=say("Check user, certificate and destination."),
        )


@contextmanager
def _failures(settings: StompSettings) -> Iterator[None]:
    """What goes wrong on the way, as the error that people are told."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise RemoteError(
            say("%(where)s cannot be reached: %(said)s.", where=settings.host, said=printable(str(error))),
            hint=say("Check the address, the network and the certificate."),
        ) from error


def _parse(frame: bytes) -> StompFrame:
    """What a frame says; of a header that comes twice, the first counts."""
    gap = re.search(rb"\r?\n\r?\n", frame)
    head, body = (frame[: gap.start()], frame[gap.end() :]) if gap else (frame, b"")
    command, *lines = head.decode("utf-8").replace("\r\n", "\n").split("\n")
    pairs = [line.partition(":") for line in lines]
    return StompFrame(command, {_unescaped(name): _unescaped(value) for name, _, value in reversed(pairs)}, body)


def _escaped(value: str) -> str:
    return "".join(_CODES.get(letter, letter) for letter in value)


def _unescaped(value: str) -> str:
    return _CODE.sub(lambda found: _LETTERS.get(found[0], ""), value)


KIND: Final = CollectorKind(StompSettings, Stomp)

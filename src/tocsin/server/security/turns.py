"""Whose turn it is: requests of strangers are worked on a few at a time, in turns by network and by address in it.

People who are signed in never wait for them. Who sends most waits longest, and where too many wait, the newest request
of the address with most of them is told to come back. Pages for a child in danger have turns of their own.
"""

from asyncio import Future, get_running_loop
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.node.accounts import NOBODY, AccountRole, Principal, network_of
from tocsin.node.errors import LaterError
from tocsin.node.intake_settings import IntakeSettings
from tocsin.node.records import Database
from tocsin.node.volumes import take_bytes
from tocsin.server.security.rate_limit import ByteLimit

_OWN_COUNT: Final = ("/static/", "/misp/", "/taxii2/", "/api/v1/health")  # counted there, or nothing to work on
_INBOX: Final = "/exchange/inbox"  # knows partners, and counts bytes itself
_CHILD: Final = ("/report/child", "/help")
_SIGN_IN: Final = ("/sign-in", "/forgotten")
_READ: Final = ("POST", "PUT", "PATCH")  # whose body is read before the work; of others nobody reads one
_SMALL: Final = 100_000  # bytes of a request that are always read
_HELD: Final = 256_000_000  # bytes of strangers' requests that are in memory at once; of a network half, an address 1/4
_AGAIN: Final = 5  # seconds


class _NoTurnError(Exception):
    """Too many wait."""


@dataclass
class FairTurns:
    """So many turns at once; who waits has them in order of networks, in a network of addresses, then of arrival."""

    at_once: int
    most: int
    most_of_network: int
    running: int = 0
    waiting: OrderedDict[str, OrderedDict[str, deque[Future[None]]]] = field(default_factory=OrderedDict)

    async def take(self, network: str, address: str) -> None:
        """Wait for a turn, which `give_back` ends. Raises `_NoTurnError`: others of this address wait already."""
        if self.running < self.at_once:
            self.running += 1
            return
        turn = get_running_loop().create_future()
        self.waiting.setdefault(network, OrderedDict()).setdefault(address, deque()).append(turn)
        self._drop()
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()  # it came as whoever waited had left
            else:
                self._forget(network, address, turn)
            raise

    def give_back(self) -> None:
        """Let the next one go on."""
        while self.waiting:
            network, addresses = self.waiting.popitem(last=False)
            address, turns = addresses.popitem(last=False)
            turn = turns.popleft()
            if turns:
                addresses[address] = turns
            if addresses:
                self.waiting[network] = addresses
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1

    def _drop(self) -> None:
        """Where too many wait, of all or of a network, the newest of the address with most of them does not."""
        of_network = {network: sum(map(len, of.values())) for network, of in self.waiting.items()}
        network = max(of_network, key=of_network.__getitem__)
        if of_network[network] <= self.most_of_network and sum(of_network.values()) <= self.most:
            return
        addresses = self.waiting[network]
        address = max(addresses, key=lambda one: len(addresses[one]))
        turn = addresses[address][-1]
        self._forget(network, address, turn)
        if not turn.done():
            turn.set_exception(_NoTurnError())

    def _forget(self, network: str, address: str, turn: Future[None]) -> None:
        addresses = self.waiting.get(network, OrderedDict())
        if turn in addresses.get(address, ()):
            addresses[address].remove(turn)
        if address in addresses and not addresses[address]:
            del addresses[address]
        if network in self.waiting and not addresses:
            del self.waiting[network]


class StrangerTurns:
    """Lets requests of strangers in by their turn: the body is read before, the answer leaves after it."""

    def __init__(
        self, app: ASGIApp, *, settings: IntakeSettings, database: Database, clock: Callable[[], datetime]
    ) -> None:
        self.app, self._settings, self._database, self._clock = app, settings, database, clock
        most = settings.strangers_waiting, settings.network_waiting
        waiting = settings.sign_ins_waiting
        self._turns = FairTurns(settings.strangers_at_once, *most)
        self._of = {_CHILD: FairTurns(1, *most), _SIGN_IN: FairTurns(settings.sign_ins_at_once, waiting, waiting)}
        self._bytes = ByteLimit(settings.address_bytes_a_day, settings.network_bytes_a_day, clock)
        self._held: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN_COUNT):
            await self.app(scope, receive, send)
            return
        if (visitor := _known(scope)) is not None:
            size = _length(scope)
            if visitor.role is AccountRole.OPERATOR and size > _SMALL and (seconds := await self._count(visitor, size)):
                await _refuse(scope, receive, send, 429, seconds)
                return
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        one = client[0] if client else ""
        network, address = network_of(one, v6_bits=48), network_of(one, v4_bits=32, v6_bits=64)
        size = _length(scope)
        if size > _SMALL:
            if not self._fits(network, address, size):
                await _refuse(scope, receive, send)
                return
            if scope["path"] != _INBOX and (minutes := self._bytes.take(one, size)):
                await _refuse(scope, receive, send, 429, 60 * minutes)
                return
        await self._serve(scope, receive, send, network, address)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, network: str, address: str) -> None:
        turns = next((of for paths, of in self._of.items() if scope["path"].startswith(paths)), self._turns)
        taken = begun = False
        held = 0  # bytes that came: who announces much and sends nothing holds nothing

        async def take() -> None:
            nonlocal taken
            await turns.take(network, address)
            taken = True

        def give_back() -> None:
            nonlocal taken
            if taken:
                taken = False
                turns.give_back()

        async def wait() -> Message:
            nonlocal held
            message = await receive()
            self._hold(network, address, came := len(message.get("body", b"")))
            held += came
            if message["type"] == "http.request" and not message.get("more_body", False) and not (taken or begun):
                await take()
            return message

        async def pass_on(message: Message) -> None:
            nonlocal begun
            begun = True
            give_back()  # what is left is to send it
            await send(message)

        try:
            if not _has_body(scope) or scope["method"] not in _READ:
                await take()
            await self.app(scope, receive if taken else wait, pass_on)
        except _NoTurnError:
            if begun:
                raise
            await _refuse(scope, receive, send)
        finally:
            give_back()
            self._hold(network, address, -held)

    async def _count(self, visitor: Principal, size: int) -> int:
        """In how many seconds an operator may bring so much; 0: now, and it is counted."""
        source, most = f"person:{visitor.person}", self._settings.operator_bytes_a_day
        try:
            await to_thread.run_sync(lambda: take_bytes(self._database, source, size, most, self._clock()))
        except LaterError as error:
            return error.seconds
        return 0

    def _fits(self, network: str, address: str, size: int) -> bool:
        held, of = sum(self._held.values()) // 2, self._held  # each is counted for its network and its address
        return (
            held + size <= _HELD
            and of.get(network, 0) + size <= _HELD // 2
            and of.get(f"@{address}", 0) + size <= _HELD // 4
        )

    def _hold(self, network: str, address: str, size: int) -> None:
        for name in (network, f"@{address}"):
            self._held[name] = self._held.get(name, 0) + size
            if not self._held[name]:
                del self._held[name]


def _known(scope: Scope) -> Principal | None:
    """Who asks; None: nobody knows, also where that could not be read."""
    visitor = scope.get("state", {}).get("visitor", NOBODY)
    return visitor if isinstance(visitor, Principal) and visitor.person is not None else None


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _length(scope: Scope) -> int:
    """Bytes of the body; where it says none, some."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 15 else _SMALL * _has_body(scope)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int = 503, seconds: int = _AGAIN) -> None:
    Request(scope).state.refused = "strangers" if status == 503 else "bytes"
    words = "Very much comes from your part of the network. Try again later.\n"
    await PlainTextResponse(words, status, {"Retry-After": str(seconds)})(scope, receive, send)

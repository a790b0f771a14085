"""A sender who takes too long over a request's body is taken for gone: what was begun for it ends."""

import time
from typing import Final

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS: Final = 60.0
"""So long everybody has."""

LEAST: Final = 2_000
"""Bytes in each further second: what a telephone far from its mast still sends."""


class BodyTimeout:
    """Waits for the body of a request ``seconds``, and one more for each ``least`` bytes that came."""

    def __init__(self, app: ASGIApp, *, seconds: float = SECONDS, least: int = LEAST) -> None:
        self.app, self.seconds, self.least = app, seconds, least

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ends, whole, slow, begun = time.monotonic() + self.seconds, False, False, False

        async def wait() -> Message:
            nonlocal ends, whole, slow
            if whole:
                return await receive()  # what comes then is the end of the connection
            with anyio.move_on_after(max(ends - time.monotonic(), 0)):
                message = await receive()
                ends += len(message.get("body", b"")) / self.least
                whole = not message.get("more_body", False)
                return message
            slow = True
            return {"type": "http.disconnect"}

        async def pass_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, wait, pass_on)
        except ClientDisconnect:
            if not slow or begun:
                raise
            # RFC 9110, 15.5.9
            answer = PlainTextResponse("This took too long to send.", status_code=408, headers={"Connection": "close"})
            await answer(scope, receive, send)

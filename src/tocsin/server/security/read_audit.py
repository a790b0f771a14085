"""What an auditor reads is on record before the auditor has it, whichever door it leaves by."""

from collections.abc import Callable
from datetime import datetime

from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.node.accounts import is_on_record, note_page
from tocsin.node.records import Database


class ReadAudit:
    """Notes the reading of auditors; `Needs` says in the request's state by which act something is read."""

    def __init__(self, app: ASGIApp, *, database: Database, clock: Callable[[], datetime]) -> None:
        self.app, self.database, self.clock = app, database, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                await self._note(scope)
            await send(message)

        await self.app(scope, receive, pass_on if scope["type"] == "http" else send)

    async def _note(self, scope: Scope) -> None:
        visitor, act = (scope["state"].get(name) for name in ("visitor", "act"))
        if act is not None and is_on_record(visitor, act):
            path, now = scope["path"], self.clock()
            await to_thread.run_sync(lambda: note_page(self.database, visitor, act, path, now=now))

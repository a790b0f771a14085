"""A route of the API: asks who may before it reads anything, and does once what is asked for twice."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import to_thread
from fastapi import Request, Response

from tocsin.interface import LazyRoute, Needs, WrongFormError, visitor_of
from tocsin.server.api.idempotency import HEADER, IdempotentRequest

_CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(LazyRoute):
    """Its guard comes before its body is read, so that whoever may not learns nothing from how it is refused."""

    def analyse(self) -> None:
        """Besides, its guard says the scope that it needs."""
        super().analyse()
        acts = [one.call.act.value for one in self.dependant.dependencies if isinstance(one.call, Needs)]
        self.openapi_extra = {**(self.openapi_extra or {}), "x-scope": acts[0]}

    def get_route_handler(self) -> Handler:
        """What serves a request."""
        handle = super().get_route_handler()
        guards = [one.call for one in self.dependant.dependencies if isinstance(one.call, Needs)]

        async def serve(request: Request) -> Response:
            changes = request.method in _CHANGES
            if changes and visitor_of(request).session and "x-csrf-token" not in request.headers:
                raise WrongFormError
            for guard in guards:
                await guard(request)
            key = request.headers.get(HEADER)
            if not changes or key is None or getattr(self.endpoint, "once_itself", False):
                return await handle(request)
            return await _once(request, key, handle)

        return serve


async def _once(request: Request, key: str, handle: Handler) -> Response:
    """The answer to a request that names itself: made now, or as it was made before."""
    counter = request.app.state.counter
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    once = IdempotentRequest(counter.node.database, visitor_of(request).actor, key, digest.hexdigest(), counter.worker)
    before = await to_thread.run_sync(once.begin, counter.now)
    if before is not None:
        return before
    try:
        response = await handle(request)
    except BaseException:
        await to_thread.run_sync(once.forget)
        raise
    await to_thread.run_sync(once.keep, response)
    return response

"""The API as one application: its nouns, what all its answers have in common, and its description."""

import re

from fastapi import FastAPI
from fastapi.routing import APIRouter
from starlette.routing import Mount

from tocsin import __version__
from tocsin.server.api import (
    audit,
    claims,
    deliveries,
    documents,
    events,
    feeds,
    health,
    inbox,
    incident_evidence,
    incident_mails,
    incidents,
    ingests,
    lookup,
    me,
    metrics,
    never_held,
    notices,
    problems,
    purges,
    quarantine,
    reports,
    search,
    takedowns,
    teams,
    todo,
    undo,
)
from tocsin.server.api.context import ApiContext
from tocsin.server.api.failures import add_failures, with_problem_of_size
from tocsin.server.api.gatekeeper import Gatekeeper
from tocsin.server.api.routes import GuardedRoute
from tocsin.server.api.schema import describe

_OPEN = (health, documents)
_INSIDE = (
    me, todo, lookup, search, reports, ingests, feeds, quarantine, events, teams, claims, deliveries, problems, inbox,
    incidents, incident_evidence, incident_mails, notices, takedowns, never_held, purges, undo, audit, metrics,
)  # fmt: skip
_MOST_BYTES = 1_000_000  # of a request that is no report


class _Below(Mount):
    """Takes every path below its own, also one with line breaks in it."""

    def __init__(self, path: str, app: FastAPI) -> None:
        super().__init__(path, app=app, name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def api_door(path: str, counter: ApiContext, *, public: bool = False) -> Mount:
    """The API of one node at ``path``; with ``public`` only what needs no account."""
    return _Below(path, _make(counter, public=public))


def _make(counter: ApiContext, *, public: bool) -> FastAPI:
    api = FastAPI(
        title="Tocsin", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    api.state.tokens, api.state.counter = counter.tokens, counter
    for noun in _OPEN if public else (*_OPEN, *_INSIDE):
        router = APIRouter(route_class=GuardedRoute, tags=[noun.TAG], max_body_size=_MOST_BYTES)
        noun.add_routes(router, counter)
        api.router.routes.extend(router.routes)  # not included: FastAPI would analyse each anew and match it twice
    add_failures(api)
    api.openapi = lambda: describe(api)  # type: ignore[method-assign]  # as FastAPI's own guide does it
    api.add_middleware(with_problem_of_size)
    api.add_middleware(Gatekeeper, counter=counter)
    return api

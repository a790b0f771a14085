"""What cannot be done, as problem details (RFC 9457): one form for every failure."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from logging import getLogger
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.interface import NotHereError, SecondFactorError, SignInError, WrongFormError
from tocsin.node.errors import (
    ConflictError,
    InputError,
    LaterError,
    NotFoundError,
    RemoteError,
    StorageError,
    TocsinError,
    UsageError,
    WithheldError,
    known_failure,
)
from tocsin.node.trace import refuse, trace_id

MEDIA: Final = "application/problem+json"
"""The media type of a failure."""

_STATUS: Final[Mapping[type[TocsinError], int]] = {
    UsageError: 400,
    InputError: 422,
    ConflictError: 409,
    WithheldError: 403,
    RemoteError: 502,
    StorageError: 503,
}
_SENTENCES: Final = {
    400: "The request cannot be understood.",
    401: "Nobody is signed in.",
    404: "There is nothing here for you.",
    405: "This cannot be done here.",
    413: "The request is too large.",
    429: "Too many requests.",
}

_ALIKE: Final = {401, 404}  # what is not there is the same, word for word, as what is not for the visitor

_HINTS: Final = {404: "Either there is no such thing, or the rights of who asks do not reach it."}


class ProblemResponse(JSONResponse):
    """A failure."""

    media_type = MEDIA


def problem(
    status: int,
    detail: str = "",
    *,
    hint: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """A failure as programs read it; ``errors`` name parts of the request and what is wrong with each."""
    phrase = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": f"urn:tocsin:problem:{phrase.lower().replace(' ', '-')}",
        "title": phrase,
        "status": status,
        "detail": detail or _SENTENCES.get(status, phrase),
    }
    if (trace := trace_id()) and status not in _ALIKE:
        body["instance"] = f"urn:tocsin:request:{trace}"
    if hint := hint or _HINTS.get(status, ""):
        body["hint"] = hint
    if errors:
        body["errors"] = list(errors)
    return ProblemResponse(body, status, headers)


def unknown() -> ProblemResponse:
    """Nobody is signed in (RFC 9110, 11.6.1; RFC 6750, 3)."""
    return problem(
        401,
        hint="Send an API token as 'Authorization: Bearer TOKEN'; your account page makes one.",
        headers={"WWW-Authenticate": 'Bearer realm="tocsin"'},
    )


def failure_of(error: TocsinError) -> ProblemResponse:
    """One of our errors. What is wrong inside is for those who run the node."""
    refuse(error)
    if isinstance(error, LaterError):
        return problem(error.status, str(error), hint=error.hint, headers={"Retry-After": str(error.seconds)})
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    if status in {500, 503}:
        getLogger("uvicorn.error").error("%s", error.line)
        return problem(status, "The node cannot do this at the moment.", headers={"Retry-After": "30"})
    return problem(status, str(error), hint=error.hint)


def with_problem_of_size(app: ASGIApp) -> ASGIApp:
    """The application whose answer to a body that is too large is problem details, not Starlette's line of text."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def sending(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                refused = not Headers(raw=message["headers"]).get("content-type", "").startswith(MEDIA)
                if refused:
                    await problem(413)(scope, receive, send)
            if not refused:
                await send(message)

        await app(scope, receive, sending)

    return serve


def add_failures(api: FastAPI) -> None:
    """Answer every failure of this application in that form."""

    @api.exception_handler(SignInError)
    def sign_in(_request: Request, _error: SignInError) -> ProblemResponse:
        """Nobody is signed in."""
        return unknown()

    @api.exception_handler(SecondFactorError)
    def second_factor(_request: Request, error: SecondFactorError) -> ProblemResponse:
        """A session whose person must set up a second factor first."""
        refuse(error)
        return problem(403, "A second factor is needed first.", hint="Set it up on your account page.")

    @api.exception_handler(NotHereError)
    def not_here(_request: Request, error: NotHereError) -> ProblemResponse:
        """It is not there, or not for this visitor."""
        refuse(error)
        return problem(404)

    @api.exception_handler(NotFoundError)
    def not_found(_request: Request, error: NotFoundError) -> ProblemResponse:
        """The same words as for what is not for this visitor."""
        refuse(error)
        return problem(404)

    @api.exception_handler(WrongFormError)
    def wrong_form(_request: Request, error: WrongFormError) -> ProblemResponse:
        """A browser's request that no page of this visit made."""
        refuse(error)
        return problem(403, "The word of this visit is missing.", hint="Send it as X-CSRF-Token, or use an API token.")

    @api.exception_handler(HTTPException)
    def refused(_request: Request, error: HTTPException) -> ProblemResponse:
        """What the framework refuses."""
        said = error.detail if error.status_code not in _SENTENCES else ""
        return problem(error.status_code, said, headers=error.headers)

    @api.exception_handler(RequestValidationError)
    def wrong(_request: Request, error: RequestValidationError) -> ProblemResponse:
        """Parts of the request that are not as described."""
        refuse(error)
        found = [_named(one) for one in error.errors()]
        return problem(422, "The request is not as described.", errors=found)

    @api.exception_handler(TocsinError)
    @api.exception_handler(OSError)
    def failed(_request: Request, error: TocsinError | OSError) -> ProblemResponse:
        """One of our errors, or of the storage."""
        return failure_of(known_failure(error))

    @api.exception_handler(Exception)
    def broken(_request: Request, _error: Exception) -> ProblemResponse:
        """What should not happen; the log has it."""
        return problem(500, "Something went wrong here.")


def _named(error: Mapping[str, Any]) -> dict[str, str]:
    """Where and what: ``pointer`` into the body (RFC 6901), or ``parameter`` with where it stands."""
    place, *names = [str(part) for part in error["loc"]] or ["body"]
    detail = str(error["msg"]).removeprefix("Value error, ")
    if place == "body":
        return {
            "pointer": "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names),
            "detail": detail,
        }
    return {"parameter": ".".join(names), "in": place, "detail": detail}

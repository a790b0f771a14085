"""The description of the API (OpenAPI 3.1): what FastAPI makes of the routes, with what all of them have in common."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tocsin import __version__
from tocsin.server.api.failures import MEDIA
from tocsin.server.api.gatekeeper import OPEN

_ABOUT = """\
What the pages of a node show and do, for programs. Whoever asks, by an API token or a browser's session,
has the same rights here as there; what is not for them answers as what is not there. `x-scope` of an operation is the
scope that a token needs for it.

Lists come a page at a time: `next` is the cursor of the following page, which the `Link` header also has. Failures are
problem details (RFC 9457). A POST with an `Idempotency-Key` is done once; its answer is kept for 24 hours. Requests are
limited; `RateLimit` says how many are left.
"""
_LICENCE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_PROBLEM: Final = {
    "type": "object",
    "title": "ProblemDetails",
    "description": "What cannot be done, and what to do about it (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:tocsin:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "hint": {"type": "string", "description": "What to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "Where in the body (RFC 6901)."},
                    "parameter": {"type": "string"},
                    "in": {"type": "string", "description": "Where the parameter is."},
                },
            },
        },
    },
}
_FAILURES: Final = {
    "400": ("Malformed", "The request cannot be understood."),
    "401": ("Unknown", "Nobody is signed in, or the token is not good (any more)."),
    "403": ("Refused", "The gate says no, or a browser's request lacks the word of its visit."),
    "404": ("NotHere", "It is not there, or not for whoever asks."),
    "409": ("Conflict", "It clashes with what is there."),
    "413": ("TooLarge", "The request is too large."),
    "415": ("OtherMedia", "The body is of a kind that is not taken here."),
    "422": ("Wrong", "Something in the request is not as described."),
    "429": ("TooMany", "Too many requests; Retry-After says how long to wait."),
    "431": ("LongHeaders", "The headers are too large."),
    "502": ("Elsewhere", "Another system does not answer."),
    "503": ("Unable", "The node cannot do this at the moment."),
}
_CHANGING: Final = {"403", "409", "413", "415", "502"}
_OPEN_ONES: Final = {"400", "422", "429", "431", "503"}


def describe(api: FastAPI) -> dict[str, Any]:
    """The description, made once."""
    if api.openapi_schema is None:
        made = get_openapi(
            title="Tocsin", version=__version__, summary="The API of a Tocsin node.", description=_ABOUT,
            routes=api.routes, servers=[{"url": "/api/v1"}], license_info=_LICENCE,
        )  # fmt: skip
        api.openapi_schema = _completed(made)
    return api.openapi_schema


def _completed(made: dict[str, Any]) -> dict[str, Any]:
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["ProblemDetails"] = _PROBLEM
    parts["responses"] = {name: _response(status, words) for status, (name, words) in _FAILURES.items()}
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token from an account page."},
        "session": {"type": "apiKey", "in": "cookie", "name": "tocsin_session", "description": "A browser's session."},
    }
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return made


def _response(status: str, words: str) -> dict[str, Any]:
    example = {"type": "urn:tocsin:problem:example", "title": "Example", "status": int(status), "detail": words}
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "example": example}}
    return {"description": words, "content": content}


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say of one operation who may ask and how it may fail."""
    is_open = path in OPEN
    operation["security"] = [] if is_open else [{"token": []}, {"session": []}]
    statuses = _OPEN_ONES if is_open else set(_FAILURES) - (set() if method != "get" else _CHANGING)
    for status in sorted(statuses):
        operation["responses"][status] = {"$ref": f"#/components/responses/{_FAILURES[status][0]}"}
    if method != "get":
        operation.setdefault("parameters", [])
        if not any(one["name"] == "Idempotency-Key" for one in operation["parameters"]):
            operation["parameters"].append(
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
                    "description": "Names this request: it is done once.",
                }
            )

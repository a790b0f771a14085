"""What a node refuses, as the errors that this node raises itself (RFC 9457 read back)."""

from typing import Any

import httpx

from tocsin.node.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RemoteError,
    TocsinError,
    UsageError,
    WithheldError,
)

_KINDS: dict[int, type[TocsinError]] = {
    400: UsageError,
    401: UsageError,
    403: WithheldError,
    404: NotFoundError,
    405: UsageError,
    409: ConflictError,
    413: InputError,
    415: InputError,
    422: InputError,
}


def error_of(response: httpx.Response) -> TocsinError:
    """The error that an answer stands for."""
    document = _document(response)
    message = str(document.get("detail") or f"The node answered {response.status_code}.")
    wrongs = "; ".join(_named(one) for one in document.get("errors", []))
    kind = _KINDS.get(response.status_code, RemoteError)
    return kind(f"{message.rstrip('.')}: {wrongs}." if wrongs else message, hint=str(document.get("hint", "")))


def _named(wrong: dict[str, str]) -> str:
    where = wrong.get("parameter") or wrong.get("pointer", "")
    return f"{where}: {wrong.get('detail', '')}"


def _document(response: httpx.Response) -> dict[str, Any]:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

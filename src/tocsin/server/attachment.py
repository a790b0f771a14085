"""Bytes of others as an answer that no browser opens or shows."""

from collections.abc import Iterable
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse


def attachment(blocks: Iterable[bytes], name: str) -> Response:
    """An attachment of this name, of no type that a browser knows (RFC 6266, RFC 8187)."""
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(blocks, media_type="application/octet-stream", headers=headers)

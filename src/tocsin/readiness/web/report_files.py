"""Reports as files that a page gives; HTML opens by itself, to be read and printed."""

import re
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, TypeAlias

from fastapi.responses import Response

from tocsin.interface.documents import ReadinessReport, write_report

Ending: TypeAlias = Literal["html", "pdf", "xlsx", "csv"]

_MEDIA: Final = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
_ALONE: Final = "sandbox; default-src 'none'"
_WITHIN: Final = re.compile(rb"<(style|script)>(.*?)(?:</\1>|\Z)", re.DOTALL)


def report_response(report: ReadinessReport, name: str, ending: Ending) -> Response:
    """The report as a file of this name and ending."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{ending}"
        write_report(report, path)
        content = path.read_bytes()
    way, policy = ("inline", _policy(content)) if ending == "html" else ("attachment", _ALONE)
    headers = {"Content-Disposition": f'{way}; filename="{name}.{ending}"', "Content-Security-Policy": policy}
    return Response(content, media_type=_MEDIA[ending], headers=headers)


def _policy(page: bytes) -> str:
    """Of a report, whose style and script are within: they are known by their hashes, and reach nothing of here."""
    hashes: dict[bytes, str] = {b"style": "", b"script": ""}
    for kind, text in _WITHIN.findall(page):
        hashes[kind] += f" 'sha256-{b64encode(sha256(text).digest()).decode()}'"
    return (
        "sandbox allow-scripts allow-downloads allow-modals; default-src 'none'; img-src data:; object-src 'none'; "
        f"base-uri 'none'; frame-ancestors 'none'; style-src{hashes[b'style']}; script-src{hashes[b'script']}"
    )

"""Reports as files that a page gives; HTML opens by itself, to be read and printed."""

import tempfile
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
# A report brings its own style and script; of no origin, it reaches nothing of this server.
_ALONE: Final = (
    "sandbox allow-scripts allow-downloads allow-modals; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


def report_response(report: ReadinessReport, name: str, ending: Ending) -> Response:
    """The report as a file of this name and ending."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{ending}"
        write_report(report, path)
        content = path.read_bytes()
    way = "inline" if ending == "html" else "attachment"
    headers = {"Content-Disposition": f'{way}; filename="{name}.{ending}"', "Content-Security-Policy": _ALONE}
    return Response(content, media_type=_MEDIA[ending], headers=headers)

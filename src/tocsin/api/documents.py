"""``/openapi.json`` and ``/docs``: the description of the API, for programs and for people."""

from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tocsin.accounts import Act, Visitor
from tocsin.api.counter import Counter
from tocsin.doors import needs

TAG = "description"

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of this node</title><link rel="stylesheet" href="/static/page.css"></head>
<body><main id="main"><h1>The API of this node</h1>
<p>All of it, exactly: <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
{about}
{operations}
</main></body></html>
"""


def add_routes(router: APIRouter, _counter: Counter) -> None:
    """Add the routes."""

    @router.get("/openapi.json", include_in_schema=False)
    def schema(request: Request, _visitor: Annotated[Visitor, needs(Act.PUBLIC_READ)]) -> JSONResponse:
        """The description for programs."""
        return JSONResponse(request.app.openapi())

    @router.get("/docs", include_in_schema=False)
    def page(request: Request, _visitor: Annotated[Visitor, needs(Act.PUBLIC_READ)]) -> HTMLResponse:
        """The description for people."""
        return HTMLResponse(_page(request.app.openapi()))


def _page(schema: dict[str, Any]) -> str:
    about = "".join(f"<p>{escape(part)}</p>" for part in schema["info"]["description"].strip().split("\n\n"))
    found = [
        _operation(method.upper(), path, operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return _PAGE.format(about=about, operations="\n".join(found))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(one['name'])}</code></th><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    head = "<thead><tr><th scope='col'>parameter</th><th scope='col'>in</th><th scope='col'></th></tr></thead>"
    table = f"<table>{head}<tbody>{rows}</tbody></table>" if rows else ""
    words = "".join(f"<p>{escape(part)}</p>" for part in operation.get("description", "").strip().split("\n\n"))
    title = f"<code>{method} /api/v1{escape(path)}</code>"
    name = escape(operation["operationId"])
    return f"<section id='{name}'><h2>{escape(operation['summary'])}</h2><p>{title}</p>{words}{table}</section>"

"""``/openapi.json`` and ``/docs``: the description of the API, for programs and for people."""

import re
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.context import ApiContext

TAG = "description"

_PAGE = """\
<!doctype html>
<html lang="en" dir="ltr">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of this node</title><link rel="stylesheet" href="/static/page.css"></head>
<body class="outside"><a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="home" href="/"><b>Tocsin</b></a></header>
<main id="main" tabindex="-1"><h1>The API of this node</h1>
<p>All of it, exactly: <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
{about}
<nav aria-label="Operations"><ul>
{contents}
</ul></nav>
{operations}
</main></body></html>
"""
_HEAD = "<thead><tr><th scope='col'>parameter</th><th scope='col'>in</th><th scope='col'>what it says</th></tr></thead>"
_CODE = re.compile(r"`([^`]+)`")


def add_routes(router: APIRouter, _counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/openapi.json", include_in_schema=False)
    def schema(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> JSONResponse:
        """The description for programs."""
        return JSONResponse(request.app.openapi())

    @router.get("/docs", include_in_schema=False)
    def page(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> HTMLResponse:
        """The description for people."""
        return HTMLResponse(_page(request.app.openapi()))


def _page(schema: dict[str, Any]) -> str:
    found = [
        (f"{method.upper()} /api/v1{path}", operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    contents = [f"<li><a href='#{of['operationId']}'>{escape(of['summary'])}</a></li>" for _, of in found]
    return _PAGE.format(
        about=_paragraphs(schema["info"]["description"]),
        contents="\n".join(contents),
        operations="\n".join(_operation(title, operation) for title, operation in found),
    )


def _operation(title: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(one['name'])}</code></th><td>{escape(one['in'])}</td>"
        f"<td>{_words(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", [])
    )
    table = f"<table>{_HEAD}<tbody>{rows}</tbody></table>" if rows else ""
    scope = f"<p>Scope of a token: <code>{escape(operation['x-scope'])}</code></p>" if operation["security"] else ""
    return (
        f"<section id='{escape(operation['operationId'])}'><h2>{escape(operation['summary'])}</h2>"
        f"<p><code>{escape(title)}</code></p>{_paragraphs(operation.get('description', ''))}{scope}{table}</section>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_words(part)}</p>" for part in text.strip().split("\n\n") if part)


def _words(text: str) -> str:
    """Text with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))

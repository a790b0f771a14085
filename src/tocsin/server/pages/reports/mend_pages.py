"""One row that could not be read: its text can be mended, tried, and read again."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.events import header_of
from tocsin.interface import Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError
from tocsin.pipeline.replay import find_row, is_open, require_ingest, try_row
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.reports.quarantine_pages import MEND
from tocsin.server.security import Form, text_of
from tocsin.sharing.visibility import aside_that_leaves

_SHOWN: Final = 200_000  # letters of a row that a form can take


def mend_pages(desk: PageContext) -> APIRouter:
    """The page of one row."""
    router = PageRouter()

    def show(
        request: Request, visitor: Principal, number: int, place: int, *, text: str | None = None, status: int = 200
    ) -> Response:
        node = desk.node
        # Who mends it is one known person, to whom TLP:RED may go; who only reads may carry it away.
        [row] = aside_that_leaves(node, [find_row(node, number, place)], named=visitor.may(Permission.QUARANTINE_MEND))
        ingest, feed = require_ingest(node, number)
        wrong, tried = "", None
        if text is not None:
            try:
                tried = try_row(node, number, text)
            except InputError as error:
                wrong = desk.words(request).translate_error(error)
        return desk.page(
            request,
            "reports/mend.html",
            row=row,
            ingest=ingest,
            feed=feed,
            header="".join(header_of(node.quarantine, number)),
            waits=is_open(node, row),
            editable=0 < len(row.raw) <= _SHOWN,
            shown=_SHOWN,
            text=row.raw[:_SHOWN] if text is None else text,
            tried=tried,
            wrong=wrong,
            status=status,
        )

    @router.get("/reports/quarantine/{number}/{place}")
    def row_page(
        request: Request,
        number: Number,
        place: Number,
        visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)],
    ) -> Response:
        """The row: where it stood, why it could not be read, and its text."""
        return show(request, visitor, number, place)

    @router.post("/reports/quarantine/{number}/{place}")
    def mend(
        *,
        request: Request,
        number: Number,
        place: Number,
        visitor: Annotated[Principal, needs(Permission.QUARANTINE_MEND)],
        form: Form,
    ) -> Response:
        """Try a text, or read the row again with it."""
        text = text_of(form, "text")
        if text_of(form, "do") != "replay":
            return show(request, visitor, number, place, text=text)
        try:
            counts = perform(desk, visitor, MEND, form, number=number, place=place, text=text)
        except InputError:
            return show(request, visitor, number, place, text=text, status=422)
        return desk.go(f"/reports/quarantine?stored={counts.stored + counts.duplicates}&still={counts.quarantined}")

    return router

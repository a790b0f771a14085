"""One unreadable row: its text can be edited, tried and reprocessed; then the next one of the list follows."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.events import SetAsideRow, header_of
from tocsin.interface import Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError
from tocsin.pipeline.replay import find_row, is_open, reasons_waiting, require_ingest, rows_waiting
from tocsin.pipeline.replay_preview import row_fields, try_row
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.reports.quarantine_pages import MEND, Filters, done_of
from tocsin.server.security import Form, text_of
from tocsin.sharing.visibility import aside_that_leaves

_SHOWN: Final = 200_000  # letters of a row that a form can take


def mend_pages(desk: PageContext) -> APIRouter:
    """The page of one row."""
    router = PageRouter()

    def show(
        request: Request,
        visitor: Principal,
        row: SetAsideRow,
        filters: Filters,
        *,
        text: str | None = None,
        status: int = 200,
        done: tuple[int, int] | None = None,
    ) -> Response:
        node, number = desk.node, row.ingest
        # Who edits it is one known person, to whom TLP:RED may go; who only reads may carry it away.
        may_edit = visitor.may(Permission.QUARANTINE_MEND)
        [row] = aside_that_leaves(node, [row], named=may_edit)
        ingest, feed = require_ingest(node, number)
        editable, wrong, tried = may_edit and 0 < len(row.raw) <= _SHOWN, "", None
        if text is not None:
            try:
                tried = try_row(node, number, text, now=desk.now)
            except InputError as error:
                wrong = desk.words(request).translate_error(error)
        typed = row.raw[:_SHOWN] if text is None else text
        following = _after(desk, filters, row)
        return desk.page(
            request, "reports/mend.html", row=row, ingest=ingest, feed=feed, filters=filters, done=done, tried=tried,
            header="".join(header_of(node.quarantine, number)), waits=is_open(node, row), editable=editable,
            fields=row_fields(node, number, typed) if editable and not wrong else [], text=typed, wrong=wrong,
            shown=_SHOWN, left=sum(reasons_waiting(node, filters.wanted(), desk.now).values()), status=status,
            next_row=_path(following, filters) if following else "",
        )  # fmt: skip

    @router.get("/reports/quarantine/{number}/{place}")
    def row_page(
        *,
        request: Request,
        number: Number,
        place: Number,
        visitor: Annotated[Principal, needs(Permission.QUARANTINE_READ)],
        filters: Annotated[Filters, Query()],
        stored: str = "",
        still: str = "",
    ) -> Response:
        """The row: where it stood, why it could not be read, and its text."""
        return show(request, visitor, find_row(desk.node, number, place), filters, done=done_of(stored, still))

    @router.post("/reports/quarantine/{number}/{place}")
    def mend(
        *,
        request: Request,
        number: Number,
        place: Number,
        visitor: Annotated[Principal, needs(Permission.QUARANTINE_MEND)],
        form: Form,
    ) -> Response:
        """Try a text, or reprocess the row with it and open the next one of the list."""
        text, row = text_of(form, "text"), find_row(desk.node, number, place)
        filters = Filters(**{name: text_of(form, f"list_{name}") for name in ("feed", "reason", "ingest")})
        if text_of(form, "do") != "replay":
            return show(request, visitor, row, filters, text=text)
        try:
            counts = perform(desk, visitor, MEND, form, number=number, place=place, text=text)
        except InputError:
            return show(request, visitor, row, filters, text=text, status=422)
        done = {"stored": f"{counts.stored + counts.duplicates}", "still": f"{counts.quarantined}"}
        following = _after(desk, filters, row)
        if following is None:
            return desk.go(f"/reports/quarantine?{filters.query(**done)}")
        return desk.go(_path(following, filters, **done))

    return router


def _after(desk: PageContext, filters: Filters, row: SetAsideRow) -> SetAsideRow | None:
    """The row behind this one in the list, or else its first; None where it is the last."""
    wanted, place = filters.wanted(), (row.ingest, row.place)
    following = next((one for _, one in rows_waiting(desk.node, wanted, desk.now, after=place)), None)
    first = following or next((one for _, one in rows_waiting(desk.node, wanted, desk.now)), None)
    return None if first is None or (first.ingest, first.place) == place else first


def _path(row: SetAsideRow, filters: Filters, **done: str) -> str:
    asked = filters.query(**done)
    return f"/reports/quarantine/{row.ingest}/{row.place}" + (f"?{asked}" if asked else "")

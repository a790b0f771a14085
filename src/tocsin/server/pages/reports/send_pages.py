"""Sending a report in by a form: kept on this disk before anybody is told so, then taken in as every other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile

from tocsin.events import Ingest
from tocsin.events.sources import sources
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError, UsageError
from tocsin.node.paths import HomeFolder
from tocsin.pipeline.parse import UNKNOWN_FEED
from tocsin.pipeline.uploads import Upload, UploadState, arrive, read_upload
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.reports.list_pages import all_feeds
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_BLOCK: Final = 1 << 20
_PATIENCE: Final = 4.0  # seconds that the answer waits for the report to be taken in
_LOOK: Final = 0.2  # seconds

_Sender = Annotated[Principal, needs(Permission.REPORTS_WRITE)]


def send_pages(desk: PageContext) -> APIRouter:
    """The form, and what became of what was sent."""
    router = PageRouter()
    most = desk.node.settings.api.max_upload_bytes

    def ask(request: Request, feed: str = "", wrong: str = "", status: int = 200) -> Response:
        with desk.node.database.reading() as session:
            feeds = all_feeds(session)
        families = sorted(sources(desk.node.home / HomeFolder.FEEDS))
        return desk.page(
            request, "reports/new.html", feeds=feeds, families=families, feed=feed, wrong=wrong, most=most,
            status=status,
        )  # fmt: skip

    @router.get("/reports/new")
    def form_page(request: Request, _visitor: _Sender) -> Response:
        """The form."""
        return ask(request)

    @router.post("/reports/new", max_body_size=most)
    def send(request: Request, visitor: _Sender, form: Form) -> Response:
        """Keep what was sent, and lead to what becomes of it."""
        feed = text_of(form, "feed")
        with closing_files(form) as files:
            if files and not any(file.size for file in files):
                return ask(request, feed, desk.words(request).say(N_("The file is empty.")), 422)
            if not files:
                return ask(request, feed, desk.words(request).say(N_("Choose a file.")), 422)
            try:
                upload = _keep(desk, visitor, files, feed)
            except (InputError, UsageError) as error:
                return ask(request, feed, desk.words(request).translate_error(error), 422)
        _await(desk, upload.uuid)
        return desk.go(f"/reports/sent/{upload.uuid}")

    @router.get("/reports/sent/{uuid}")
    def sent(request: Request, uuid: UUID, _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)]) -> Response:
        """What became of it, with its sums."""
        with desk.node.database.reading() as session:
            upload = read_upload(session, uuid)
            ingests = session.scalars(select(Ingest).where(Ingest.number.in_(upload.ingests))).all()
        return desk.page(request, "reports/sent.html", upload=upload, ingests=ingests, unknown_feed=UNKNOWN_FEED)

    return router


@contextmanager
def closing_files(form: FormData) -> Iterator[list[UploadFile]]:
    """The files of a form, gone from this disk after the block."""
    sent = [value for value in form.getlist("file") if isinstance(value, UploadFile)]
    try:
        yield [file for file in sent if file.filename]
    finally:
        for file in sent:
            file.file.close()


def _keep(desk: PageContext, visitor: Principal, files: list[UploadFile], feed: str) -> Upload:
    source, _, code = feed.partition("/")
    with arrive(desk.node) as arrival:
        for file in files:
            with arrival.file(file.filename or "report") as writing:
                while block := file.file.read(_BLOCK):
                    writing.write(block)
        return arrival.keep(source=source, feed=code, actor=visitor.actor, now=desk.now)


def _await(desk: PageContext, uuid: UUID) -> None:
    """Wait a moment for it to be taken in: most are small, and then the next page has their sums."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with desk.node.database.reading() as session:
            if read_upload(session, uuid).state != UploadState.WAITING:
                return
        time.sleep(_LOOK)

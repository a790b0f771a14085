"""``/reports``: reports are sent in, and what became of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import Message
from itertools import islice
from typing import Annotated, Any, Final
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from tocsin.events import alarms_of, set_aside
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError
from tocsin.pipeline.uploads import Arrival, Upload, UploadState, arrive, read_upload, read_uploads
from tocsin.server.api.context import ApiContext
from tocsin.server.api.idempotency import IdempotentRequest
from tocsin.server.api.pages import ListPage, ListPaging
from tocsin.server.model import Report, SetAsideOut
from tocsin.sharing.visibility import aside_that_leaves

TAG = "reports"

_NOUN = "reports"
_BLOCK = 1 << 20
_LONGEST_WAIT = 60.0  # seconds
_TURNS = CapacityLimiter(8)  # threads that wait for what is looked through: pages have others
_SHOWN = 100  # rows set aside that are shown with a report
_MULTIPART = "multipart/form-data"
_ENDINGS: Final = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/plain": "txt",
    "application/json": "json",
    "application/xarf+json": "json",
    "application/jsonl": "jsonl",
    "application/json-lines": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/gzip": "gz",
    "application/x-gzip": "gz",
    "application/zip": "zip",
    "application/octet-stream": "report",
}
_TEXT = {"schema": {"type": "string"}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_EXAMPLES = {
    "text/csv": {"schema": {"type": "string"}, "example": "time,ip\n2026-11-24T08:00:00Z,192.0.2.1\n"},
    "application/x-ndjson": _TEXT,
    "application/json": {"schema": {}},
    "application/gzip": _BINARY,
    "application/zip": _BINARY,
    "application/octet-stream": _BINARY,
    _MULTIPART: {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            "required": ["file"],
        }
    },
}


class UploadOut(Report):
    """What was sent at once. ``ingests``: the numbers under which it was taken in."""

    state: UploadState


class ReportWithRows(UploadOut):
    """The same with the first hundred rows that were set aside; ``/quarantine/{ingest}`` has all."""

    set_aside: list[SetAsideOut]


Source = Annotated[str, Query(max_length=100, description="The feed family, when the report does not tell.")]
Feed = Annotated[str, Query(max_length=200, description="The feed's code, when the report does not tell.")]
Name = Annotated[str, Query(max_length=300, description="The name of the report, by which many feeds are known.")]
Prefer = Annotated[str, Header(description="`wait=30`: answer when it is taken in, or after so many seconds.")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", description="Names this request: it is done once.")]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.post(
        "/reports",
        operation_id="sendReport",
        summary="Send reports in",
        status_code=202,
        responses={
            201: {
                "model": UploadOut,
                "description": "Taken in or refused already, since the request preferred to wait.",
            }
        },
        openapi_extra={"requestBody": {"required": True, "content": _EXAMPLES}},
        max_body_size=node.settings.api.max_upload_bytes,
    )
    async def send(
        *,
        request: Request,
        visitor: Annotated[Principal, needs(Permission.REPORTS_WRITE)],
        source: Source = "",
        feed: Feed = "",
        name: Name = "",
        prefer: Prefer = "",
        key: Key = None,
    ) -> UploadOut:
        """A report in the body, in any format that a feed has, or several as files of a form.

        It may be packed for the way (`Content-Encoding: gzip`), or itself be a `.gz` or `.zip` file. When this
        answers, it is on the node's disk and will be taken in exactly once, whatever happens.
        """
        media = _media_of(request)
        with _arriving(counter) as arrival:
            await _receive(request, arrival, media, name)
            await to_thread.run_sync(lambda: arrival.files, limiter=_TURNS)
            once = _once_of(counter, visitor, key, f"{source}\n{feed}\n{arrival.digest}")
            if once and (before := await to_thread.run_sync(once.begin, counter.now)) is not None:
                return before  # type: ignore[return-value]  # an answer is sent as it is
            try:
                upload = await to_thread.run_sync(
                    lambda: arrival.keep(source=source, feed=feed, actor=visitor.actor, now=counter.now)
                )
            except BaseException:
                if once:
                    await to_thread.run_sync(once.forget)
                raise
        counter.taker.wake()
        made = await _answer(counter, upload, _seconds(prefer))
        made.headers["Location"] = f"{request.scope.get('root_path', '')}/reports/{upload.uuid}"
        if once:
            await to_thread.run_sync(once.keep, made)
        return made  # type: ignore[return-value]  # an answer is sent as it is

    send.once_itself = True  # type: ignore[attr-defined]  # its body does not fit into memory

    @router.get("/reports", operation_id="listReports", summary="Reports that were sent in")
    def list_reports(
        *,
        _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)],
        paging: ListPaging,
        state: UploadState | None = None,
    ) -> ListPage[UploadOut]:
        """The newest first."""
        place = paging.place(_NOUN)
        with node.database.reading() as session:
            found = read_uploads(session, before=place[0] if place else None, state=state, limit=paging.limit + 1)
        alarms = dict(zip(found, alarms_of(node.database, *(one.ingests for one in found)), strict=True))
        return paging.page(_NOUN, found, lambda one: one.id, lambda one: UploadOut(**_document(one, alarms[one])))

    @router.get("/reports/{id}", operation_id="readReport", summary="What became of a report")
    def read_report(id: UUID, _visitor: Annotated[Principal, needs(Permission.REPORTS_READ)]) -> ReportWithRows:  # noqa: A002
        """Its sums once it is taken in, and the first rows that were set aside."""
        with node.database.reading() as session:
            found = read_upload(session, id)
        rows = (row for number in found.ingests for row in set_aside(node.quarantine, number))
        shown = aside_that_leaves(node, islice(rows, _SHOWN))
        [alarms] = alarms_of(node.database, found.ingests)
        return ReportWithRows(**_document(found, alarms), set_aside=[SetAsideOut(**vars(row)) for row in shown])


def _document(one: Upload, alarms: Sequence[tuple[str, str]]) -> dict[str, Any]:
    own = ("state", "source", "feed", "files", "sent_by", "sent_at", "done_at", "ingests", "failed")
    shown = [{"feed": feed, "words": words} for feed, words in alarms]
    return {"id": one.uuid, "sums": one.counts or None, "alarms": shown, **{name: getattr(one, name) for name in own}}


def _media_of(request: Request) -> str:
    """The media type of what is sent.

    Raises:
        HTTPException: 415, where it or its packing is none that we take.

    """
    media = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    charset = _parameter(request, "charset").lower()
    if media != _MULTIPART and media not in _ENDINGS:
        raise HTTPException(415, f"Reports do not come as {media[:100]}.", {"Accept": ", ".join(_EXAMPLES)})
    if encoding not in {"identity", "gzip", "x-gzip"} or (media == _MULTIPART and encoding != "identity"):
        raise HTTPException(415, "Only a body that is no form may be packed, with gzip.", {"Accept-Encoding": "gzip"})
    if charset not in {"", "utf-8", "utf8", "us-ascii"}:
        raise HTTPException(415, f"Reports are UTF-8 text, not {charset[:40]}.")
    return media


def _parameter(request: Request, name: str) -> str:
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    found = message.get_param(name, "")
    return found if isinstance(found, str) else ""


async def _receive(request: Request, arrival: Arrival, media: str, name: str) -> None:
    """Write what comes to the disk."""
    if media == _MULTIPART:
        await _receive_form(request, arrival)
        return
    packed = request.headers.get("content-encoding", "identity").strip().lower() != "identity"
    name = name or _disposed(request) or f"report.{_ENDINGS[media]}"
    await _write(arrival, name, request.stream(), packed=packed)


async def _receive_form(request: Request, arrival: Arrival) -> None:
    async with request.form(max_files=1_000, max_fields=100, max_part_size=10_000) as form:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise InputError("The form has no file.", hint="Send each report as a part with a file name.")
        for file in files:
            await _write(arrival, file.filename or "report", _blocks(file), packed=False)


async def _write(arrival: Arrival, name: str, blocks: AsyncIterator[bytes], *, packed: bool) -> None:
    with arrival.file(name, packed=packed) as writing:
        waiting = bytearray()
        async for block in blocks:
            waiting += block
            if len(waiting) >= _BLOCK:
                await to_thread.run_sync(writing.write, bytes(waiting), limiter=_TURNS)
                waiting.clear()
        await to_thread.run_sync(writing.write, bytes(waiting), limiter=_TURNS)
        await to_thread.run_sync(writing.finish, limiter=_TURNS)


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block


def _disposed(request: Request) -> str:
    """The name of the report in Content-Disposition (RFC 6266)."""
    message = Message()
    message["content-disposition"] = request.headers.get("content-disposition", "")
    return message.get_filename("") or ""


@contextmanager
def _arriving(counter: ApiContext) -> Iterator[Arrival]:
    with arrive(counter.node) as arrival:
        yield arrival


def _once_of(counter: ApiContext, visitor: Principal, key: str | None, digest: str) -> IdempotentRequest | None:
    return None if key is None else IdempotentRequest(counter.node.database, visitor.actor, key, digest, counter.worker)


def _seconds(prefer: str) -> float:
    """How long the request prefers to wait (RFC 7240, 4.3)."""
    for word in prefer.split(","):
        name, _, value = word.strip().partition("=")
        if name.strip().lower() == "wait" and value.strip().isdecimal():
            return min(float(value), _LONGEST_WAIT)
    return 0.0


async def _answer(counter: ApiContext, upload: Upload, seconds: float) -> Response:
    """What became of it, as soon as it is known or the time is over."""
    ends, pause = time.monotonic() + seconds, 0.02
    while upload.state == UploadState.WAITING and time.monotonic() < ends:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)
        upload = await to_thread.run_sync(_read(counter, upload.uuid))
    done = upload.state != UploadState.WAITING
    [alarms] = await to_thread.run_sync(alarms_of, counter.node.database, upload.ingests)
    made = Response(
        UploadOut(**_document(upload, alarms)).model_dump_json(),
        201 if done else 202,
        media_type="application/json",
    )
    if seconds and done:
        made.headers["Preference-Applied"] = "wait"
    return made


def _read(counter: ApiContext, uuid: UUID) -> Callable[[], Upload]:
    def read() -> Upload:
        with counter.node.database.reading() as session:
            return read_upload(session, uuid)

    return read

"""The inbox for dispatches of partners: a file authenticates itself, so nobody signs in.

All that is refused before its sender is established has one answer. Bounded before it is read: the bytes of a request,
those of a file, and what was refused of one network in an hour.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from tocsin.exchange.ways import (
    ANSWER,
    HEAD_BYTES,
    PART_BYTES,
    PARTNER,
    ExchangeWay,
    OpenUpload,
    UploadError,
    UploadRange,
    append_part,
    is_for_us,
    note_address,
    note_arrival,
    read_range,
    share_of,
    take_file,
)
from tocsin.interface import ActContext, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, LaterError, NotFoundError
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.volumes import check_room
from tocsin.server.pages.context import PageContext
from tocsin.server.request_limit import note_refusal
from tocsin.server.security import ByteLimit, RateLimit, address_of

PLACE: Final = "/exchange/inbox"
_FILE: Final = "application/octet-stream"


def exchange_inbox_pages(desk: PageContext) -> APIRouter:
    """The inbox, where the settings have one."""
    router = PageRouter()
    settings = desk.node.settings.exchange
    intake = desk.node.settings.intake
    refused = RateLimit(settings.refused_an_hour, 5 * settings.refused_an_hour, desk.clock)
    inbox = _ExchangeInbox(desk, refused)
    came = ByteLimit(intake.address_bytes_a_day, intake.network_bytes_a_day, desk.clock)
    if not settings.inbox:
        return router

    @router.post(PLACE, max_body_size=PART_BYTES)
    async def post(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_REPORT)]) -> Response:
        """Take a dispatch or a receipt, whole or in parts; the answer to a dispatch is the file with our receipt."""
        share = await to_thread.run_sync(inbox.share_of, address_of(request))
        size, address = int(request.headers.get("content-length", PART_BYTES)), address_of(request)
        known = share.startswith(PARTNER)
        if not known and (minutes := inbox.refused.left(address) or came.take(address, size)):
            note_refusal(request, "inbox")
            return _said(429, "Come later.", {"Retry-After": str(60 * minutes)})
        try:
            check_room(desk.node.settings.intake, desk.node.home, PART_BYTES)
            if (content_range := request.headers.get("content-range")) is None:
                return await inbox.take(request, b"".join([piece async for piece in request.stream()]))
            part = read_range(content_range, request.headers.get("repr-digest", ""), settings.inbox_bytes)
            return await inbox.take_part(request, part, request.stream(), share)
        except UploadError as error:
            return _said(error.status, str(error))
        except LaterError as error:
            note_refusal(request, "inbox")
            return _said(error.status, str(error), {"Retry-After": str(error.seconds)})

    return router


class _ExchangeInbox:
    """What takes files. ``refused``: how many of one network were."""

    def __init__(self, desk: PageContext, refused: RateLimit) -> None:
        self.desk, self.refused = desk, refused

    def share_of(self, address: str) -> str:
        """Whose share of begun files counts there."""
        return share_of(self.desk.node, address, self._secret, self.desk.now)

    @property
    def _secret(self) -> bytes:
        return self.desk.tokens.secret

    async def take(self, request: Request, content: bytes) -> Response:
        """The answer to a whole file."""
        return await to_thread.run_sync(self._take, address_of(request), content)

    def _take(self, address: str, content: bytes) -> Response:
        context = ActContext(self.desk.node, self.desk.now, "inbox")
        try:
            arrival = take_file(context, content)
            note_arrival(context, arrival, ExchangeWay.HTTPS)
            if arrival.dispatch is not None:
                note_address(self.desk.node, arrival.dispatch.partner, address, self._secret, self.desk.now)
        except LaterError:
            raise
        except (InputError, NotFoundError, ConflictError):  # which of them, a stranger does not learn
            self.refused.take(address)
            return _said(403, "Not taken.")
        return Response(arrival.answer, 200 if arrival.answer else 204, media_type=_FILE)

    async def take_part(
        self, request: Request, part: UploadRange, pieces: AsyncIterator[bytes], share: str
    ) -> Response:
        """The answer to a part: how many bytes are here, or as to the whole file once it is."""
        answered = self.desk.node.exchange.folder / f"{part.digest}{ANSWER}"
        if answered.is_file():
            return _kept(answered)
        if part.first == 0:
            head, pieces = await _head(pieces)
            if not await to_thread.run_sync(is_for_us, self.desk.node, head, self.desk.now):
                self.refused.take(address_of(request))
                return _said(403, "Not taken.")
        with append_part(self.desk.node, part, share) as upload:
            if part.first is not None and not await _append(upload, part.first, pieces):
                return _here(416, upload)
            if upload.here < part.size:
                return _here(202, upload)
            answer = await self.take(request, await to_thread.run_sync(upload.whole))
            if answer.status_code == 200:  # kept for whom it did not reach: else all of the file would come again
                write_whole(answered, bytes(answer.body))
            upload.forget()  # not where it is to come later, which is raised
            return answer


async def _head(pieces: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, and all of it again."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break

    async def all_of_it() -> AsyncIterator[bytes]:
        yield head
        async for piece in pieces:
            yield piece

    return head, all_of_it()


async def _append(upload: OpenUpload, at: int, pieces: AsyncIterator[bytes]) -> bool:
    """The bytes of a part, each as it comes, and none more than it says; False: they are not those that come next."""
    end = at + upload.part.length
    async for piece in pieces:
        if not upload.add(piece[: end - at], at):
            return False
        at += len(piece[: end - at])
    return True


def _here(status: int, upload: OpenUpload) -> Response:
    """How far it is: ``Range: bytes=0-LAST``, and none where nothing came."""
    return _said(status, "More is to come.", {"Range": f"bytes=0-{upload.here - 1}"} if upload.here else {})


def _kept(path: Path) -> Response:
    with disk_failures("The receipt cannot be read"):
        return Response(path.read_bytes(), media_type=_FILE)


def _said(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{words}\n", status, headers)

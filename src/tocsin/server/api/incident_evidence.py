"""``/incidents/…/evidence``: the evidence of an incident, its files in and out."""

import io
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from anyio import from_thread, to_thread
from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from tocsin.incidents import IncidentNamed, IncidentReader, acts, find_incident, merged_family
from tocsin.incidents.evidence import (
    ADD_FILES,
    EvidenceKind,
    EvidenceNamed,
    EvidenceResult,
    EvidenceState,
    NewFile,
    add_files,
    copied,
    custody_of,
    evidence_of,
    export_packed,
    holds_of,
    is_here,
    items_in,
    packed_file,
)
from tocsin.interface import ActContext, RequestError, context_for, needs, read_request
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.context import ApiContext
from tocsin.server.attachment import attachment

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TAG = "incidents"

_ADD = next(act for act in acts.ACTS if act.operation == "addEvidenceOfIncident")
_Reference = Annotated[
    str, Path(max_length=60, description="The reference of an incident.", examples=["INC-0000-0000"])
]
_Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of an item.", examples=[1])]
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]
_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_Text = Annotated[str, Query(max_length=300)]
_FILE: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A ZIP that the password `infected` opens.", "content": _FILE}
}
_BODY = {"requestBody": {"required": True, "content": _FILE}}


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CustodyOut(_Row):
    """A step in the chain of custody. ``data``: what happened, as the entry of the incident has it."""

    id: int
    happened_at: datetime
    recorded_at: datetime
    by: str
    text: str
    data: dict[str, Any]
    sha256: str


class EvidenceOut(_Row):
    """An item. ``kept``: its file is kept here; ``missing``: it should be, and is not on the disk."""

    id: int
    name: str
    kind: EvidenceKind
    sha256: str
    size: int | None
    kept: bool
    seal: str
    place: str
    tlp: str
    state: EvidenceState
    added_at: datetime
    missing: bool = False
    custody: list[CustodyOut] = Field(default_factory=list)


class LegalHoldOut(_Row):
    """A legal hold; ``until`` null: until it is lifted."""

    id: int
    ordered_by: str
    order_reference: str
    begun_at: datetime
    until: datetime | None
    lifted_at: datetime | None


class IncidentEvidenceOut(BaseModel):
    """The evidence of an incident and of those that were merged into it."""

    reference: str
    evidence: list[EvidenceOut]
    holds: list[LegalHoldOut]


class _Blocks(io.RawIOBase):
    """The body of a request as a stream, read by a worker thread as it comes."""

    def __init__(self, following: Callable[[], Coroutine[Any, Any, bytes]]) -> None:
        super().__init__()
        self._next, self._left = following, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer)
        if not self._left:
            self._left = from_thread.run(self._next)
        taken = self._left[: len(target)]
        self._left = self._left[len(taken) :]
        target[: len(taken)] = taken
        return len(taken)


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/incidents/{reference}/evidence", operation_id="readEvidence", summary="The evidence of an incident")
    def read(reference: _Reference, visitor: _Reader) -> IncidentEvidenceOut:
        """Each item with its chain of custody, the first step first."""
        reader = IncidentReader(visitor.person, counter.now)
        with node.database.reading() as session:
            incident = find_incident(session, reader, reference)
            family = merged_family(session, reader, incident)
            items = [EvidenceOut.model_validate(one) for one in evidence_of(session, reader, family)]
            for shown, one in zip(items, evidence_of(session, reader, family), strict=True):
                shown.missing = not is_here(node.incident_evidence, one)
            for step in custody_of(session, reader, family):
                for shown in items:
                    if shown.id in items_in(step):
                        shown.custody.append(CustodyOut.model_validate(step))
            holds = [LegalHoldOut.model_validate(one) for one in holds_of(session, reader, family)]
            return IncidentEvidenceOut(reference=incident.reference, evidence=items, holds=holds)

    @router.post(
        "/incidents/{reference}/evidence/files", operation_id="sendEvidence", summary="Add a file of evidence",
        status_code=201, openapi_extra=_BODY, max_body_size=node.settings.evidence.max_file_bytes + 1,
    )  # fmt: skip
    async def send(
        *,
        request: Request,
        reference: _Reference,
        visitor: _Worker,
        name: Annotated[str, Query(min_length=1, max_length=300, description="The name of the file.")],
        received_from: _Text = "",
        how: _Text = "",
        seal: _Text = "",
        place: _Text = "",
        key: Annotated[str, Header(alias="Idempotency-Key", max_length=100)] = "",
    ) -> EvidenceResult:
        """The body is the file, which is kept whole and unopened."""
        given = {"received_from": received_from, "how": how, "seal": seal, "place": place}
        try:
            wanted = read_request(ADD_FILES, {"reference": reference, "once": key, **given})
        except RequestError as error:
            wrongs = [{"loc": ("query", name), "msg": wrong} for name, wrong in error.wrongs]
            raise RequestValidationError(wrongs) from None
        body = request.stream()
        stream = io.BufferedReader(_Blocks(lambda: _following(body)))
        context = context_for(node, visitor, _ADD, counter.now, counter.say)
        return await to_thread.run_sync(lambda: add_files(context, wanted, [NewFile(name, stream)]))

    send.once_itself = True  # type: ignore[attr-defined]  # its body does not fit into memory

    @router.post(
        "/incidents/{reference}/evidence/{evidence}/file", operation_id="downloadEvidence",
        summary="Download a file of evidence", response_class=Response, responses=_ARCHIVE,
    )  # fmt: skip
    def download(reference: _Reference, evidence: _Number, visitor: _Worker) -> Response:
        """In a ZIP with the usual password, in which it is called by its hash; that it was taken is an entry."""
        item = copied(_leaving(counter, visitor), EvidenceNamed(reference=reference, evidence=evidence))
        return attachment(packed_file(node.incident_evidence, item.sha256), f"evidence-{item.id}.zip")

    @router.post(
        "/incidents/{reference}/evidence/export", operation_id="exportEvidence", summary="Download all evidence",
        response_class=Response, responses=_ARCHIVE,
    )  # fmt: skip
    def export(reference: _Reference, visitor: _Worker) -> Response:
        """All files with the chain of custody and a signature, as `tocsin evidence export` writes them, in a ZIP."""
        done, blocks = export_packed(_leaving(counter, visitor), IncidentNamed(reference=reference))
        return attachment(blocks, f"{done.reference}-evidence.zip")


def _leaving(counter: ApiContext, visitor: Principal) -> ActContext:
    """What cannot be undone: a copy that left."""
    return replace(context_for(counter.node, visitor, _ADD, counter.now, counter.say), act=None)


async def _following(body: AsyncIterator[bytes]) -> bytes:
    """The next bytes of a body; none at its end."""
    async for block in body:
        if block:
            return block
    return b""

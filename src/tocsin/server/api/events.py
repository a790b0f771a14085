"""``/events``: what was heard, as far as whoever asks may have it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import polars as pl
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tocsin.events import BY_NAME, EVENT, EVERYWHERE, EventFilter, ExportForm, media_of, read_cursor, table_of, to_idf
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.node.records import node_uuid
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPaging
from tocsin.server.security import sent
from tocsin.sharing.export import export_events
from tocsin.sharing.visibility import export_scope_of

TAG = "events"
_NOUN = "events"
_WORD = r"^[^\x00-\x1f\x7f]*$"

_MEDIA = {media_of(form).partition(";")[0]: form for form in ExportForm if form is not ExportForm.JSON}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, or a file.",
        "content": {media_of(form): {} for form in ExportForm if form is not ExportForm.JSON},
    }
}

Reader = Annotated[Principal, needs(Permission.EVENTS_READ)]


class Event(BaseModel):
    """An event by its IntelMQ Data Format names, without what is null.

    `event` is its identity, here and elsewhere; `id` is where it is kept on this node.
    """

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="Ingest and row.", examples=["12-7"])
    event: UUID


class EventsPage(BaseModel):
    """Events, the newest report first."""

    items: list[Event]
    next: str | None = Field(description="The cursor of the next page; null: this is the last.")


class OfHour(BaseModel):
    """How many events of one hour."""

    hour: datetime
    events: int


class OfNetwork(BaseModel):
    """How many events of one AS; 0: none known."""

    asn: int
    events: int


class OfValue(BaseModel):
    """How many events with one value; null: without any."""

    value: str | None
    events: int


class EventCountsOut(BaseModel):
    """How many events fit, by hour and by value, the most first."""

    total: int
    stored: int = Field(description="All events that are stored.")
    hours: list[OfHour]
    asns: list[OfNetwork]
    by: dict[str, list[OfValue]]


def _filter(
    *,
    since: Annotated[str, Query(max_length=40, description="From then on.", examples=["2026-11-24T00:00:00Z"])] = "",
    until: Annotated[str, Query(max_length=40, description="Before then.")] = "",
    last: Annotated[str, Query(pattern="^(|24h|7d|30d)$", description="Instead of both: 24h, 7d or 30d.")] = "",
    address: Annotated[str, Query(max_length=60, description="Address or prefix.", examples=["192.0.2.0/24"])] = "",
    asn: Annotated[str, Query(max_length=12, description="AS number.", examples=["64500"])] = "",
    country: Annotated[str, Query(max_length=2, description="Two letters.", examples=["MU"])] = "",
    tlp: Annotated[str, Query(max_length=16, description="TLP label.", examples=["GREEN"])] = "",
    port: Annotated[str, Query(max_length=5, description="Port of the source.", examples=["3389"])] = "",
    taxonomy: Annotated[str, Query(max_length=200, pattern=_WORD)] = "",
    type_: Annotated[str, Query(alias="type", max_length=200, pattern=_WORD, examples=["vulnerable-system"])] = "",
    identifier: Annotated[str, Query(max_length=200, pattern=_WORD, examples=["open-rdp"])] = "",
    severity: Annotated[str, Query(max_length=20)] = "",
    feed: Annotated[str, Query(max_length=200, pattern=_WORD, description="Code or name of a feed.")] = "",
    text: Annotated[
        str,
        Query(
            max_length=200,
            pattern=_WORD,
            description="A part of one of the text fields; it is looked for in all events, which may take seconds.",
        ),
    ] = "",
) -> EventFilter:
    """The conditions; each that is given must hold."""
    given = {
        "since": since, "until": until, "last": last, "address": address, "asn": asn, "country": country,
        "tlp": tlp, "port": port,
        "taxonomy": taxonomy, "type": type_, "identifier": identifier, "severity": severity, "feed": feed, "text": text,
    }  # fmt: skip
    return replace(EventFilter.read(given), back=EVERYWHERE)


Filter = Annotated[EventFilter, Depends(_filter)]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get(
        "/events", operation_id="listEvents", summary="What was heard", response_model=EventsPage, responses=_FILES
    )
    def list_events(
        *,
        response: Response,
        paging: ListPaging,
        visitor: Reader,
        wanted: Filter,
        field: Annotated[
            list[str] | None, Query(max_length=100, description="Only these fields; repeat it for several.")
        ] = None,
        format_: Annotated[
            ExportForm | None, Query(alias="format", description="All of them as a file, in place of a page.")
        ] = None,
    ) -> Any:
        """A page, the newest report first; or all of them as a file (by `format` or `Accept`), streamed.

        Markings always go along. Operators get what was routed or told to their teams, as far as the gate lets it go.
        """
        if form := format_ or _accepted(paging.request):
            return _file(counter, visitor, wanted, form)
        place = paging.place(_NOUN)
        page = node.events.page(
            wanted,
            now=counter.now,
            sight=export_scope_of(node, node.events, visitor.reach(Permission.EVENTS_READ)),
            columns=_known(field or []),
            after=place[0] if place else "",
            limit=paging.limit,
        )
        response.headers["Vary"] = "Accept"
        items = [Event(**one) for one in _documents(counter, page.rows)]
        return EventsPage(items=items, next=paging.next(_NOUN, page.cursor or None))

    @router.get("/events/figures", operation_id="countEvents", summary="How many events, over time and by value")
    def figures(visitor: Reader, wanted: Filter) -> EventCountsOut:
        """Of those that whoever asks may have."""
        sight = export_scope_of(node, node.events, visitor.reach(Permission.EVENTS_READ))
        found = node.events.figures(wanted, now=counter.now, sight=sight)
        return EventCountsOut(
            total=found.total,
            stored=found.stored if visitor.reach(Permission.EVENTS_READ).everything else found.total,
            hours=[OfHour(hour=_hour(hour), events=count) for hour, count in found.hours.tolist()],
            asns=[OfNetwork(asn=asn, events=count) for asn, count in found.asns.tolist()],
            by={name: [OfValue(value=value, events=of) for value, of in values] for name, values in found.by.items()},
        )

    @router.get("/events/{id}", operation_id="readEvent", summary="One event, whole")
    def read_event(
        id: Annotated[str, Path(max_length=30, pattern=r"^[0-9]+-[0-9]+$", examples=["12-7"])],  # noqa: A002
        visitor: Reader,
    ) -> Event:
        """With all fields that may go to whoever asks."""
        if read_cursor(id) is None:
            raise NotHereError
        found = node.events.one(id, sight=export_scope_of(node, node.events, visitor.reach(Permission.EVENTS_READ)))
        for one in _documents(counter, found):
            return Event(**one)
        raise NotHereError


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3_600, UTC)


def _known(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in BY_NAME]:
        raise UsageError(f"There is no field '{unknown[0]}'.", hint="docs/fields.md lists them.")
    return names


def _documents(counter: ApiContext, rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    events = table_of(rows, node_uuid(counter.node.database))[EVENT]
    places = rows.select("ingest", "row").iter_rows()
    for (ingest, row), event, found in zip(places, events, to_idf(rows), strict=True):
        yield {"id": f"{ingest}-{row}", "event": event, **found}


def _accepted(request: Request) -> ExportForm | None:
    """The form of file that is asked for by its media type (RFC 9110, 12.5.1), where JSON is not."""
    for part in request.headers.get("accept", "").lower().split(","):
        media = part.partition(";")[0].strip()
        if media in {"application/json", "*/*", "application/*"}:
            return None
        if media in _MEDIA:
            return _MEDIA[media]
    return None


def _file(counter: ApiContext, visitor: Principal, wanted: EventFilter, form: ExportForm) -> Response:
    reach = visitor.reach(Permission.EVENTS_EXPORT)
    if not reach:
        raise NotHereError
    whole = export_events(
        counter.node, counter.node.events, wanted, form, reach=reach, actor=visitor.actor, now=counter.now
    )
    return sent(whole)

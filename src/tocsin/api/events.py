"""``/events``: what was heard, as far as whoever asks may have it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tocsin.accounts import Act, Visitor
from tocsin.api.counter import Counter
from tocsin.api.pages import Cursor, Limit, cursor_for, link_next, place_of
from tocsin.doors import NotHereError, needs
from tocsin.errors import UsageError
from tocsin.events.browse import read_cursor
from tocsin.events.filters import EventFilter
from tocsin.events.idf_out import to_idf
from tocsin.events.schema import BY_NAME
from tocsin.sights import export_sight

TAG = "events"
_NOUN = "events"
_WORD = r"^[^\x00-\x1f\x7f]*$"

Reader = Annotated[Visitor, needs(Act.EVENTS_READ)]


class Event(BaseModel):
    """An event by its IntelMQ Data Format names, without what is null, and its identity on this node."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="Ingest and row.", examples=["12-7"])


class Events(BaseModel):
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


class Figures(BaseModel):
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
    taxonomy: Annotated[str, Query(max_length=200, pattern=_WORD)] = "",
    type_: Annotated[str, Query(alias="type", max_length=200, pattern=_WORD, examples=["vulnerable-system"])] = "",
    identifier: Annotated[str, Query(max_length=200, pattern=_WORD, examples=["open-rdp"])] = "",
    severity: Annotated[str, Query(max_length=20)] = "",
    feed: Annotated[str, Query(max_length=200, pattern=_WORD, description="Code or name of a feed.")] = "",
    text: Annotated[str, Query(max_length=200, pattern=_WORD, description="A part of one of the text fields.")] = "",
) -> EventFilter:
    """The conditions; each that is given must hold."""
    given = {
        "since": since, "until": until, "last": last, "address": address, "asn": asn, "country": country,
        "taxonomy": taxonomy, "type": type_, "identifier": identifier, "severity": severity, "feed": feed, "text": text,
    }  # fmt: skip
    return EventFilter.read(given)


Filter = Annotated[EventFilter, Depends(_filter)]


def add_routes(router: APIRouter, counter: Counter) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/events", operation_id="listEvents", summary="What was heard")
    def list_events(
        *,
        request: Request,
        response: Response,
        visitor: Reader,
        wanted: Filter,
        field: Annotated[
            list[str] | None, Query(max_length=100, description="Only these fields; repeat it for several.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Events:
        """The newest report first; markings always go along.

        Operators get what was routed or told to their teams, as far as the gate lets it go.
        """
        place = place_of(counter.tokens, _NOUN, cursor)
        columns = _known(field or [])
        page = node.events.page(
            wanted,
            now=counter.now,
            sight=export_sight(node, visitor.reach(Act.EVENTS_READ)),
            columns=columns,
            after=place[0] if place else "",
            limit=limit,
        )
        following = cursor_for(counter.tokens, _NOUN, [page.cursor]) if page.cursor else None
        link_next(request, response, following)
        return Events(items=[Event(**one) for one in _documents(page.rows)], next=following)

    @router.get("/events/figures", operation_id="countEvents", summary="How many events, over time and by value")
    def figures(visitor: Reader, wanted: Filter) -> Figures:
        """Of those that whoever asks may have."""
        sight = export_sight(node, visitor.reach(Act.EVENTS_READ))
        found = node.events.figures(wanted, now=counter.now, sight=sight)
        return Figures(
            total=found.total,
            stored=found.stored if visitor.reach(Act.EVENTS_READ).everything else found.total,
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
        found = node.events.one(id, sight=export_sight(node, visitor.reach(Act.EVENTS_READ)))
        for one in _documents(found):
            return Event(**one)
        raise NotHereError


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3_600, UTC)


def _known(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in BY_NAME]:
        raise UsageError(f"There is no field '{unknown[0]}'.", hint="docs/fields.md lists them.")
    return names


def _documents(rows: Any) -> Iterator[dict[str, Any]]:
    for (ingest, row), event in zip(rows.select("ingest", "row").iter_rows(), to_idf(rows), strict=True):
        yield {"id": f"{ingest}-{row}", **event}

"""The page of events: conditions, how many over time, what they are, and the newest of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import team_names
from tocsin.events import (
    GLANCE,
    NOT_KNOWN,
    SEVERITIES,
    SPANS,
    TEXT_ROWS,
    TLPS,
    EventCounts,
    EventFilter,
    EventOrder,
    EventScope,
)
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.admission import TooLargeError
from tocsin.node.errors import BusyError
from tocsin.node.records import purged_counts
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events.chart import HEIGHT, WIDTH, Chart, chart_of
from tocsin.server.pages.events.query import COLUMNS, NAMES, ROWS, EventsQuery
from tocsin.server.pages.events.rows import EventRow, all_fields, fields_of, glanced, problem_text, shown
from tocsin.server.pages.events.view_pages import views_of
from tocsin.server.pages.words import N_
from tocsin.sharing.visibility import event_scope_of

ORDERS = {EventOrder.RECEIVED: N_("Received last"), EventOrder.TIME: N_("Time, latest first")}
"""What the table can begin with."""

_TOP = 8
_MOST = 200  # values of a condition, where all are asked for
_SUGGESTED = 300
_BREAKDOWNS = ("type", "identifier", "feed", "severity", "country")


def list_pages(desk: PageContext) -> APIRouter:
    """The page of events."""
    router = PageRouter()

    @router.get("/events")
    def events(request: Request, visitor: Annotated[Principal, needs(Permission.EVENTS_READ)]) -> Response:
        """The events that fit, newest first."""
        asked = EventsQuery.read(request.query_params)
        sight = event_scope_of(desk.node, desk.node.events, visitor.reach(Permission.EVENTS_READ))
        figures = desk.node.events.figures(asked.filter, now=desk.now, sight=sight)
        return desk.page(
            request,
            "events/events.html",
            status=422 if asked.wrongs or asked.unknown else 200,
            asked=asked,
            done=request.query_params.get("done") == "view",
            figures=figures,
            chart=_chart(desk, asked, figures),
            drawing=(WIDTH, HEIGHT),
            groups=groups_of(figures, asked),
            chips=[
                (name, value, asked.path(asked.filter.without(name))) for name, value in asked.filter.query().items()
            ],
            names=NAMES,
            feed_names=desk.feed_names(),
            columns=COLUMNS,
            choices=_choices(desk, sight),
            orders=ORDERS,
            rows_choices=ROWS,
            teams=_team_names(desk) if sight.everything else [],
            views=views_of(desk, visitor, "/events"),
            text_rows=TEXT_ROWS,
            inside=sight.everything,
            purged=_purged(desk) if visitor.may(Permission.CONTENT_PURGE) else 0,
            pages=-(-figures.total // asked.rows),
            **_table(desk, asked, sight),
        )

    return router


def _purged(desk: PageContext) -> int:
    """How many events were purged, of which the figures no longer know."""
    with desk.node.database.reading() as session:
        return purged_counts(session)[0]


def _chart(desk: PageContext, asked: EventsQuery, figures: EventCounts) -> Chart:
    since, until = asked.filter.bounds(desk.now)
    return chart_of(figures.hours, since, desk.now if asked.filter.last else until)


def _table(desk: PageContext, asked: EventsQuery, sight: EventScope) -> dict[str, Any]:
    rows, cursor = _rows(desk, asked, sight)
    table: dict[str, Any] = {"rows": rows, "cursor": cursor, "whole": [], "problem": ""}
    if asked.open:
        whole = desk.node.events.one(asked.open, sight=sight)
        if whole.height:
            table |= {"whole": all_fields(whole), "problem": problem_text(whole["problem"][0])}
    return table


def _rows(desk: PageContext, asked: EventsQuery, sight: EventScope) -> tuple[list[EventRow], str]:
    """The rows and where they go on; usual columns come from the digests, others are read."""
    events = desk.node.events
    if set(asked.columns) <= set(GLANCE):
        glance = events.glance(
            asked.filter, now=desk.now, sight=sight, after=asked.after, limit=asked.rows, order=asked.order
        )
        if glance is not None:
            return glanced(glance.rows, asked.columns), glance.cursor
    page = events.page(
        asked.filter,
        now=desk.now,
        sight=sight,
        columns=fields_of(asked.columns),
        after=asked.after,
        limit=asked.rows,
        order=asked.order,
    )
    return shown(page.rows, asked.columns), page.cursor


def groups_of(figures: EventCounts, asked: EventsQuery) -> list[tuple[str, list[tuple[str, int, str]], int]]:
    """For each condition its most frequent values, each with its events and the address that narrows to it.

    Beside them how many further values there are.
    """
    counts: dict[str, list[tuple[str | None, int]]] = {name: figures.by[name] for name in _BREAKDOWNS}
    counts["asn"] = [(str(asn) if asn else None, events) for asn, events in figures.asns[:_TOP].tolist()]
    lengths = {name: len(values) for name, values in counts.items()} | {"asn": len(figures.asns)}
    shown = {name: _MOST if name == asked.whole else _TOP for name in counts}
    counts["asn"] = [(str(asn) if asn else None, events) for asn, events in figures.asns[: shown["asn"]].tolist()]
    return [
        (
            name,
            [_narrowed(asked, name, value, events) for value, events in values[: shown[name]]],
            max(0, lengths[name] - shown[name]),
        )
        for name, values in counts.items()
    ]


def _narrowed(asked: EventsQuery, name: str, value: str | None, events: int) -> tuple[str, int, str]:
    condition = NOT_KNOWN if value is None else value
    narrowed = asked.narrowed(**{name: condition})
    return value or "", events, "" if narrowed == asked.filter else asked.path(narrowed)


def _choices(desk: PageContext, sight: EventScope) -> dict[str, list[str]]:
    """What the lists of the form offer: the values that there are."""
    known = desk.node.events.figures(EventFilter(), now=desk.now, sight=sight)
    there = {name: sorted(value for value, _ in known.by[name] if value) for name in ("type", "feed", "taxonomy")}
    values = {name: [value for value, _ in known.by[name][:_SUGGESTED] if value] for name in ("identifier", "country")}
    return {**there, **values, "severity": list(SEVERITIES), "last": list(SPANS), "tlp": list(TLPS)}


def _suggested(desk: PageContext) -> list[int]:
    """The teams with most problems, to choose from; none where these do not fit into memory: events do."""
    try:
        return desk.node.problems.teams(desk.now, _SUGGESTED)
    except (BusyError, TooLargeError):
        return []


def _team_names(desk: PageContext) -> list[str]:
    """The teams that are suggested: those that most open problems are of."""
    with desk.node.database.reading() as session:
        names = team_names(session, _suggested(desk))
    return sorted({name for _, name in names.values()})

"""Who is on duty and when; call-outs and their rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader
from tocsin.incidents.duty import (
    AHEAD,
    CHANNELS,
    CallOutState,
    ChangeKind,
    LiveRoster,
    RosterChangeState,
    call_outs,
    calls_of,
    changes_of,
    contact_of,
    last_notes,
    live_rosters,
    rules_of,
)
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of, names_of_actors
from tocsin.pipeline.to_do import KINDS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.duty.words import CALLS, CHANGES, SHAPES, STATES
from tocsin.server.pages.incidents import SEVERITIES

_ROWS: Final = 50
_MOMENT: Final = timedelta(microseconds=1)
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


@dataclass(frozen=True)
class _Line:
    """A line of the calendar: a shift, or a gap (``person`` empty). Times are on the clock of the roster.

    ``end``: None where it is more than two weeks away.
    """

    person: str
    start: datetime
    end: datetime | None
    why: str
    mine: bool = False
    soon: bool = False


@dataclass(frozen=True)
class _RosterView:
    """A roster as the page shows it. ``on``: names of who is on duty, each with until when."""

    live: LiveRoster
    on: list[tuple[str, datetime | None]]
    lines: list[_Line]
    overlaps: list[tuple[str, datetime, datetime]]
    gaps: int
    note: Any
    changes: list[Any]
    edits: bool


def view_pages(desk: PageContext) -> APIRouter:
    """The pages that only show."""
    router = PageRouter()

    @router.get("/duty")
    def duty(request: Request, visitor: _Reader) -> Response:
        """Who is on duty now and in the two weeks to come, gaps, changes, and what the visitor has to answer."""
        with desk.node.database.reading() as session:
            rosters = live_rosters(session, desk.now)
            notes = last_notes(session, [one.row.id for one in rosters])
            changes = changes_of(session, [one.row.id for one in rosters], desk.now)
            people = {number for one in rosters for number in one.people.values()}
            people |= {one.by for one in notes.values()} | {one.read_by or 0 for one in notes.values()}
            people |= {live.row.keeper or 0 for live in rosters}
            people |= {number or 0 for one in changes for number in (one.add, one.remove)}
            names = names_of(session, people)
            more: dict[str, Any] = {"changes": changes, "names": names, "visitor": visitor, "now": desk.now}
            views = [_view(one, note=notes.get(one.row.id), **more) for one in rosters]
            contact = contact_of(session, visitor.person) if visitor.person else None
            session.expunge_all()
            context: dict[str, Any] = {
                "rosters": views, "names": names, "contact": contact, "swap": ChangeKind.SWAP,
                "asked": RosterChangeState.ASKED, "change_states": CHANGES, "url": desk.node.settings.server.url,
            }  # fmt: skip
        return desk.page(request, "duty/duty.html", **context)

    @router.get("/duty/call-outs")
    def called(request: Request, visitor: _Reader, state: str = "", before: str = "") -> Response:
        """The rules, and the call-outs that the visitor may read, the newest first."""
        reader = IncidentReader(visitor.person, desk.now)
        states = (CallOutState(state),) if state in set(CallOutState) else ()
        with desk.node.database.reading() as session:
            found = call_outs(session, reader, states=states, before=number_in(before) or 0, limit=_ROWS + 1)
            shown = found[:_ROWS]
            calls = calls_of(session, shown)
            rules = rules_of(session)
            numbers = {call.person for of in calls.values() for call in of} | {p for one in rules for p in one.people}
            context: dict[str, Any] = {
                "rows": shown, "calls": calls, "rules": rules, "names": names_of(session, numbers),
                "actors": names_of_actors(session, {one.acknowledged_by for one in shown}),
                "rosters": {one.row.id: one.row.name for one in live_rosters(session, desk.now)},
                "further": f"/duty/call-outs?state={state}&before={shown[-1].id}" if len(found) > _ROWS else "",
            }  # fmt: skip
        kinds = {kind.value: of.name for kind, of in KINDS.items()}
        return desk.page(
            request, "duty/call_outs.html", state=state, states=STATES, shapes=SHAPES, channels=CHANNELS,
            call_states=CALLS, severities=SEVERITIES, kinds=kinds, **context,
        )  # fmt: skip

    return router


def _view(
    live: LiveRoster, *, note: Any, changes: Any, names: Mapping[int, str], visitor: Principal, now: datetime
) -> _RosterView:
    zone, period = live.roster.time_zone, live.period(now, now + AHEAD)

    def named(person: str) -> str:
        return names.get(live.people.get(person, 0), "") or person

    lines = [
        _Line(
            named(one.person), (one.starts or one.start).astimezone(zone),
            one.ends.astimezone(zone) if one.ends else None, one.why, live.people.get(one.person) == visitor.person,
        )
        for one in period.shifts
    ]  # fmt: skip
    gaps = live.gaps(now)
    lines += [
        _Line("", one.start.astimezone(zone), one.end.astimezone(zone), one.why, soon=one in gaps)
        for one in period.gaps
        if one.start and one.end
    ]
    return _RosterView(
        live,
        [(named(one.person), one.ends and one.ends.astimezone(zone)) for one in live.period(now, now + _MOMENT).shifts],
        sorted(lines, key=lambda one: (one.start, one.person)),
        [
            (", ".join(named(one) for one in both.people), both.start.astimezone(zone), both.end.astimezone(zone))
            for both in period.overlaps
        ],
        len(gaps),
        note,
        [one for one in changes if one.roster_id == live.row.id],
        visitor.may(Permission.RULES_WRITE) or live.row.keeper == visitor.person,
    )

"""Clock texts: each with its rules in words, tried with any instant, and adopted; and the calendar of the node."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData

from tocsin.incidents.clocks import (
    AvailableText,
    CalendarText,
    ClockStep,
    WorkingCalendar,
    available_texts,
    calendar_for,
    explain,
    node_calendar,
    reckon,
    text_acts,
)
from tocsin.incidents.text_files import read_instant
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, needs, visitor_of
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.clock_words import rule_in_words
from tocsin.server.security import Form, text_of

PLACE: Final = "/clocks/texts"
_CALENDAR: Final = "/clocks/calendar"
_ACTS: Final = {one.name: one for one in text_acts.ACTS}
_DATES: Final = ("holidays", "working_days")
_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]
_Editor = Annotated[Principal, needs(Permission.RULES_WRITE)]


class _TrialQuery(BaseModel):
    """A rule that is tried, from an instant on."""

    rule: str = ""
    at: str = ""


@dataclass(frozen=True)
class RuleTrial:
    """What a rule gives for an instant. ``due``: on the clock of its calendar; ``wrong``: why there is none."""

    due: datetime | None = None
    zone: str = ""
    steps: tuple[ClockStep, ...] = ()
    wrong: str = ""


def text_pages(desk: PageContext) -> APIRouter:
    """The texts and the calendar."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(request: Request, _visitor: _Reader) -> Response:
        """Those that come along and those of the home folder."""
        with desk.node.database.reading() as session:
            texts = available_texts(session, desk.node.home)
            names = names_of_actors(session, {of.adopted_by for one in texts for of in one.adopted[:1]})
        return desk.page(request, "clocks/texts.html", texts=texts, names=names)

    @router.get(PLACE + "/{law}")
    def show(request: Request, _visitor: _Reader, law: str, asked: Annotated[_TrialQuery, Query()]) -> Response:
        """One, and what a rule of it gives for an instant."""
        return _page(desk, request, law, asked=asked)

    @router.post(PLACE + "/{law}/adopt")
    def adopt(request: Request, _visitor: _Editor, law: str, form: Form) -> Response:
        """Adopt it as it is now."""
        return _do(desk, request, _ACTS["adopt"], law, form)

    @router.post(PLACE + "/{law}/withdraw")
    def withdraw(request: Request, _visitor: _Editor, law: str, form: Form) -> Response:
        """Let it start no clock any more."""
        return _do(desk, request, _ACTS["withdraw"], law, form)

    @router.get(_CALENDAR)
    def calendar(request: Request, _visitor: _Reader) -> Response:
        """The calendar that holds."""
        return _calendar_page(desk, request)

    @router.post(_CALENDAR)
    def change(request: Request, visitor: _Editor, form: Form) -> Response:
        """Set it, and reckon what runs again."""
        try:
            return perform_and_go(desk, visitor, _ACTS["change"], form, _CALENDAR)
        except RequestError as error:
            return _calendar_page(desk, request, form=form, wrongs=dict(error.wrongs))
        except (InputError, UsageError) as error:
            return _calendar_page(desk, request, form=form, error=error)

    return router


def _do(desk: PageContext, request: Request, act: Act, law: str, form: FormData) -> Response:
    try:
        return perform_and_go(desk, visitor_of(request), act, form, f"{PLACE}/{law}", law=law)
    except RequestError as error:
        return _page(desk, request, law, form=form, wrongs=dict(error.wrongs))
    except (ConflictError, InputError, UsageError) as error:
        return _page(desk, request, law, form=form, error=error)


def _page(
    desk: PageContext,
    request: Request,
    law: str,
    *,
    asked: _TrialQuery | None = None,
    form: FormData | None = None,
    wrongs: Mapping[str, str] | None = None,
    error: TocsinError | None = None,
) -> Response:
    words, asked = desk.words(request), asked or _TrialQuery()
    with desk.node.database.reading() as session:
        found = next((one for one in available_texts(session, desk.node.home) if one.name == law), None)
        if found is None:
            raise NotHereError
        names = names_of_actors(session, {one.adopted_by for one in found.adopted})
        calendar = node_calendar(session)
    text = found.text
    titles = {one.id: one.title for one in text.rule} if text else {}
    return desk.page(
        request, "clocks/text.html", status=409 if error else 422 if wrongs else 200, one=found, names=names,
        steps={one.id: rule_in_words(words, one, text.facts, titles) for one in text.rule} if text else {},
        asked=asked, at=asked.at or f"{desk.now:%Y-%m-%dT%H:%M}", zone=str(calendar.time_zone),
        trial=_trial(found, calendar, asked) if text and asked.rule and asked.at else None,
        typed={name: text_of(form, name) for name in ("checked_by", "note", "reason")} if form else {},
        wrongs=wrongs or {}, error=error,
    )  # fmt: skip


def _trial(found: AvailableText, node: CalendarText, asked: _TrialQuery) -> RuleTrial:
    """A deadline and its days. Pure."""
    rule = next((one for one in found.text.rule if one.id == asked.rule), None) if found.text else None
    if found.text is None or rule is None:
        return RuleTrial()
    try:
        calendar = WorkingCalendar(calendar_for(found.text, node))
        deadline = reckon(rule, read_instant(asked.at, calendar.zone), calendar)
        due = deadline.due.astimezone(calendar.zone) if deadline.due else None
        return RuleTrial(due, str(calendar.zone), tuple(explain(deadline, calendar)))
    except (InputError, ValueError) as error:
        return RuleTrial(wrong=str(error))


def _calendar_page(
    desk: PageContext,
    request: Request,
    *,
    form: FormData | None = None,
    wrongs: Mapping[str, str] | None = None,
    error: TocsinError | None = None,
) -> Response:
    with desk.node.database.reading() as session:
        now = node_calendar(session)
    shown: dict[str, Any] = {
        "time_zone": str(now.time_zone), "country": now.country, "subdivision": now.subdivision,
        **{name: "\n".join(day.isoformat() for day in getattr(now, name)) for name in _DATES},
    }  # fmt: skip
    if form:
        shown = {name: text_of(form, name) for name in shown}
    return desk.page(
        request, "clocks/calendar.html", status=409 if error else 422 if wrongs else 200, shown=shown,
        wrongs=wrongs or {}, error=error,
    )  # fmt: skip

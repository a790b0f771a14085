"""How incidents ended: the tab of one, the lessons of all, and how long incidents take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import (
    PARTIES,
    SEVERITIES,
    IncidentEntryKind,
    IncidentReader,
    PartyRole,
    entries_of,
    parties_of,
    tasks_of,
)
from tocsin.incidents.closing import (
    DETECTED,
    RATINGS,
    CourseFigures,
    IncidentSpan,
    SpanFigures,
    course_figures,
    feedback_of,
    figures_by,
    list_lessons,
    read_causes,
    read_courses,
)
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.spreadsheet import csv_text
from tocsin.server.pages.background_cache import BackgroundCache
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.closing_notes import closing_notes
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import TASKS
from tocsin.server.pages.words import N_, PageTexts

FIGURES_DAYS: Final = 365
"""Incidents that were opened within so many days are in the figures."""

SPANS: Final[Mapping[str, str]] = {
    IncidentSpan.ACKNOWLEDGED: N_("Time to acknowledge"),
    IncidentSpan.RESPONDED: N_("Time to first response"),
    IncidentSpan.CONTAINED: N_("Time to contain"),
    IncidentSpan.RECOVERED: N_("Time to recover"),
    IncidentSpan.CLOSED: N_("Time to close"),
}
_GROUPS: Final = {"month": N_("By month"), "type": N_("By type"), "severity": N_("By severity")}
_ASKED: Final = {PartyRole.REPORTER, PartyRole.VICTIM}

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


@dataclass(frozen=True)
class IncidentFigures:
    """``groups``: by what they are grouped, each group in order."""

    whole: CourseFigures
    groups: Mapping[str, Sequence[CourseFigures]]


def review_pages(desk: PageContext) -> APIRouter:
    """The pages."""
    router = PageRouter()
    kept: BackgroundCache[IncidentFigures] = BackgroundCache(lambda: _figures(desk))

    @router.get(f"{PLACE}/lessons")
    def lessons(request: Request, visitor: _Reader, state: str = "") -> Response:
        """What is to be learned; at first what is not finished."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        with desk.node.database.reading() as session:
            found = list_lessons(session, reader, unfinished=state != "all")
            people = names_of(session, {one.task.owner for one in found})
        return desk.page(
            request, "incidents/lessons.html", lessons=found, people=people, state=state, task_states=TASKS,
            causes=_cause_titles(desk, words),
        )  # fmt: skip

    @router.get(f"{PLACE}/figures")
    def figures(request: Request, _visitor: _Reader) -> Response:
        """How long incidents of the last year took."""
        known, words = kept.of(f"{desk.now:%Y-%m-%d %H}"), desk.words(request)
        return desk.page(
            request, "incidents/figures.html", known=known, figures=known.value, spans=SPANS, groups=_GROUPS,
            days=FIGURES_DAYS, name=lambda by, key: _name(by, key, words), took=lambda hours: _took(hours, words),
        )  # fmt: skip

    @router.get(f"{PLACE}/figures.csv")
    def as_csv(_visitor: _Reader) -> Response:
        """The same as a file; times are hours, empty where too few ended to say."""
        headers = {"Content-Disposition": 'attachment; filename="incident-figures.csv"'}
        known = kept.of(f"{desk.now:%Y-%m-%d %H}")
        return Response(_csv(known.value), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get(PLACE + "/{reference}/closing")
    def closing(request: Request, visitor: _Reader, reference: str) -> Response:
        """What is known of the end of an incident."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        with desk.node.database.reading() as session:
            frame = part_frame(words, session, reader, reference, "closing")
            reviews = entries_of(session, reader, frame.family, kinds=[IncidentEntryKind.REVIEW], limit=1)
            answers = feedback_of(session, reader, frame.family)
            parties = [one for one in parties_of(session, reader, frame.family) if one.left_at is None]
            lessons = [one for one in tasks_of(session, reader, frame.family) if one.lesson]
            shown: dict[str, Any] = {
                "review": reviews[0] if reviews else None,
                "answers": answers,
                "parties": {one.id: one for one in parties},
                "asked": [one for one in parties if one.role in _ASKED],
                "answered": {one.party_id for one in answers},
                "lessons": lessons,
                "people": names_of(session, {one.owner for one in lessons}),
                "notes": closing_notes(desk, session, reader, frame.family),
                "causes": _cause_titles(desk, words),
                "detected": DETECTED, "ratings": RATINGS, "task_states": TASKS, "roles": PARTIES,
            }  # fmt: skip
        return desk.page(request, "incidents/closing.html", **frame.shown, **shown)

    return router


def _figures(desk: PageContext) -> IncidentFigures:
    now = desk.now
    with desk.node.database.reading() as session:
        courses = read_courses(session, since=now - timedelta(days=FIGURES_DAYS), at=now)
    return IncidentFigures(course_figures(courses, now), {by: figures_by(courses, by, now) for by in _GROUPS})


def _cause_titles(desk: PageContext, words: PageTexts) -> dict[str, str]:
    shown = words.catalogue.gettext
    return {key: shown(one.title) for key, one in read_causes(desk.node.home).items()}


def _name(by: str, key: str, words: PageTexts) -> str:
    if by == "severity":
        return words.say(SEVERITIES.get(key, SEVERITIES["unknown"]))
    if by == "month":
        return words.month(datetime.strptime(key, "%Y-%m"))  # noqa: DTZ007 (only its month is shown)
    return key or words.say(N_("No type"))


def _took(hours: float | None, words: PageTexts) -> str:
    return "–" if hours is None else words.took(hours)  # noqa: RUF001 (as other empty cells)


def _csv(found: IncidentFigures | None) -> str:
    rows: list[Sequence[object]] = [
        ("by", "group", "incidents", "span", "ended", "not_ended", "median_hours", "p90_hours")
    ]
    for by, groups in {"all": [found.whole], **found.groups}.items() if found else ():
        for group in groups:
            rows.extend([by, group.key, group.incidents, span, *_cells(of)] for span, of in group.spans.items())
    return csv_text(rows)


def _cells(of: SpanFigures) -> Iterator[object]:
    yield from (of.n, of.censored)
    yield from ("" if hours is None else round(hours, 1) for hours in (of.median, of.p90))

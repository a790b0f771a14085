"""How long incidents take: computed from their entries, never typed.

Each span begins when the incident was opened. What did not come yet is counted as censored, until now or until the
incident was closed; median and 90th percentile are those of Kaplan and Meier (1958), so that slow incidents which are
still open do not make us look fast. Merged and rejected incidents are left out, and restricted ones until their lead
releases them, so the figures are the same for whoever looks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentEntry
from tocsin.incidents.read import TEAM
from tocsin.incidents.states import IncidentEntryKind, IncidentState, MilestoneKind


class IncidentSpan(StrEnum):
    """What an incident is timed to, from when it was opened."""

    ACKNOWLEDGED = "acknowledged"  # somebody leads it
    RESPONDED = "responded"  # the first mail to a party
    CONTAINED = "contained"
    RECOVERED = "recovered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IncidentCourse:
    """One incident in times. ``reached``: when each span ended, those that did."""

    opened: datetime
    rsit_type: str
    severity: str
    reached: Mapping[IncidentSpan, datetime]


@dataclass(frozen=True, slots=True)
class SpanFigures:
    """One span of several incidents, in hours. ``n`` ended, ``censored`` did not; None: too few ended to say."""

    n: int
    censored: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class CourseFigures:
    """Several incidents. ``key``: what they have in common; empty for all."""

    key: str
    incidents: int
    spans: Mapping[IncidentSpan, SpanFigures]


_KINDS: Final = ("opened", "lead", "mail-out", "milestone", "state")
_MILESTONES: Final = {
    MilestoneKind.CONTAINED.value: IncidentSpan.CONTAINED,
    MilestoneKind.RECOVERED.value: IncidentSpan.RECOVERED,
}
_LEFT_OUT: Final = (IncidentState.MERGED.value, IncidentState.REJECTED.value)


def read_courses(session: Session, *, since: datetime, at: datetime) -> list[IncidentCourse]:
    """The incidents that were opened from ``since`` on, as they were at ``at``; see the module for which."""
    row = IncidentEntry
    counted = or_(Incident.compartment_id == TEAM, Incident.in_figures), Incident.state.not_in(_LEFT_OUT)
    wanted = row.kind.in_(_KINDS), row.recorded_at <= at, Incident.opened_at >= since, Incident.opened_at <= at
    said = row.id, row.kind, row.happened_at, row.data, row.supersedes
    query = select(Incident.id, Incident.rsit_type, Incident.severity, *said).join(row, row.incident_id == Incident.id)
    found = session.execute(query.where(*counted, *wanted).order_by(Incident.id, row.id))
    return [
        course_of(entries[0][1], entries[0][2], [tuple(one)[3:] for one in entries])
        for _, several in groupby(found, key=lambda one: one[0])
        if (entries := list(several))[0][4] == IncidentEntryKind.OPENED
    ]


def course_of(
    rsit_type: str, severity: str, entries: Sequence[tuple[int, str, datetime, dict[str, Any], int | None]]
) -> IncidentCourse:
    """One incident from its entries in order: number, kind, when, data, the number of the one that it corrects."""
    corrected = {one[4] for one in entries}
    reached: dict[IncidentSpan, datetime] = {}
    opened, first = entries[0][2], entries[0][3]
    if first.get("lead"):
        reached[IncidentSpan.ACKNOWLEDGED] = opened
    for number, kind, at, data, _ in entries:
        if number in corrected:
            continue
        if kind == IncidentEntryKind.LEAD and IncidentSpan.ACKNOWLEDGED not in reached:
            if (at := opened if data.get("before") else at) and (data.get("before") or data.get("after")):
                reached[IncidentSpan.ACKNOWLEDGED] = at
        elif kind == IncidentEntryKind.MAIL_OUT:
            reached[IncidentSpan.RESPONDED] = min(at, reached.get(IncidentSpan.RESPONDED, at))
        elif kind == IncidentEntryKind.MILESTONE and (span := _MILESTONES.get(data.get("milestone", ""))):
            reached[span] = min(at, reached.get(span, at))
        elif kind == IncidentEntryKind.STATE:
            reached.pop(IncidentSpan.CLOSED, None)
            if data.get("after") == IncidentState.CLOSED:
                reached[IncidentSpan.CLOSED] = at
    return IncidentCourse(opened, rsit_type, severity, {span: max(at, opened) for span, at in reached.items()})


def course_figures(courses: Sequence[IncidentCourse], now: datetime, key: str = "") -> CourseFigures:
    """All spans of some incidents."""
    return CourseFigures(key, len(courses), {span: _span(courses, span, now) for span in IncidentSpan})


def figures_by(courses: Iterable[IncidentCourse], by: str, now: datetime) -> list[CourseFigures]:
    """The same by ``type``, ``severity`` or ``month`` of opening (as 2026-11), in order."""
    groups: dict[str, list[IncidentCourse]] = {}
    for one in courses:
        key = {"type": one.rsit_type, "severity": one.severity, "month": f"{one.opened:%Y-%m}"}[by]
        groups.setdefault(key, []).append(one)
    return [course_figures(of, now, key) for key, of in sorted(groups.items())]


def _span(courses: Sequence[IncidentCourse], span: IncidentSpan, now: datetime) -> SpanFigures:
    times = sorted(_times(courses, span, now), key=lambda one: (one[0], not one[1]))
    n = sum(ended for _, ended in times)
    return SpanFigures(n, len(times) - n, quantile(times, 0.5), quantile(times, 0.9))


def _times(courses: Sequence[IncidentCourse], span: IncidentSpan, now: datetime) -> Iterator[tuple[float, bool]]:
    """(hours, whether it ended then) of each incident."""
    for one in courses:
        end = one.reached.get(span)
        until = end or one.reached.get(IncidentSpan.CLOSED) or now
        yield max((until - one.opened).total_seconds(), 0) / 3600, end is not None


def quantile(times: Sequence[tuple[float, bool]], share: float) -> float | None:
    """When this share has ended, by Kaplan and Meier; None: it was not reached.

    ``times``: as `_times` has them, sorted.
    """
    left, still = len(times), 1.0
    hours: float
    for hours, several in groupby(times, key=lambda one: one[0]):
        here = [ended for _, ended in several]
        still *= 1 - sum(here) / left
        left -= len(here)
        if still <= 1 - share + 1e-9:
            return hours
    return None

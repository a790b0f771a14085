"""Figures of the work, month against month, with how sure they are: to be read, printed, and taken away as CSV."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import polars as pl
from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import teams_by_id
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.censoring import Median
from tocsin.node.spreadsheet import csv_text
from tocsin.problems import (
    SEVERAL,
    Change,
    GroupFigures,
    MonthFigures,
    Stretch,
    feed_spans,
    group_figures,
    last_change,
    monthly_figures,
    problem_times,
)
from tocsin.server.pages.background_cache import BackgroundCache, CachedValue
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_, PageTexts

PLACE: Final = "/figures"
STRETCHES: Final = {
    Stretch.TELLING: N_("Time to notify"),
    Stretch.ANSWERING: N_("Time to answer"),
    Stretch.FIXING: N_("Time to fix"),
}
_FRESH: Final = 300  # seconds that figures may be old
_KINDS: Final = 12  # of problems in the table; the CSV has all
_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]


@dataclass(frozen=True)
class FiguresOfNode:
    """``months``: oldest first, the present one last. ``sectors``, ``kinds``: the last whole month, the one before.

    ``at``: when all of it was so. ``change``: of the last whole month against the one before.
    """

    months: Sequence[MonthFigures]
    sectors: Sequence[GroupFigures]
    kinds: Sequence[GroupFigures]
    change: Change
    at: datetime


def figures_pages(desk: PageContext) -> APIRouter:
    """The page, and the same as a file."""
    router = PageRouter()
    kept: BackgroundCache[FiguresOfNode] = BackgroundCache(lambda: _figures(desk))

    def known() -> CachedValue[FiguresOfNode]:
        return kept.of(int(desk.now.timestamp()) // _FRESH)

    @router.get(PLACE)
    def figures(request: Request, _visitor: _Reader) -> Response:
        """The last months, the sectors and the kinds of problems."""
        found, words = known(), desk.words(request)
        months = found.value.months if found.value else ()
        *_, before, last = (None, None, *months[:-1])
        return desk.page(
            request,
            "figures.html",
            known=found,
            figures=found.value,
            stretches=STRETCHES,
            most_kinds=_KINDS,
            last=last,
            before=before,
            top=_nice(max((month.problems for month in months), default=0)),
            took=lambda of: took(of, words),
            half=lambda of: half(of, words),
            several=SEVERAL,
        )

    @router.get(PLACE + ".csv")
    def as_csv(_visitor: _Reader) -> Response:
        """All months, sectors and kinds; times are hours, empty where they are not known."""
        headers = {"Content-Disposition": 'attachment; filename="figures.csv"'}
        return Response(_csv(known().value), media_type="text/csv; charset=utf-8", headers=headers)

    return router


def half(of: Median | None, words: PageTexts) -> str:
    """How long it took to fix, as a sentence; there is no median before half are fixed."""
    if of is None:
        return words.say("no problem has a time to fix")
    if math.isinf(of.latest):
        return words.say("fewer than half are fixed yet")
    return words.say("half were fixed within %(time)s", time=took(of, words))


def took(of: Median | None, words: PageTexts) -> str:
    """A median as people read it, with the interval that holds it; there is none while more than half have no end."""
    if of is None:
        return words.say("no times")
    if math.isinf(of.latest):
        return words.say("more than half are open")
    middle = words.took((of.earliest + of.latest) / 2)
    if of.low is None or of.high is None:
        return words.say("%(time)s (too few to say how sure)", time=middle)
    high = words.say("open") if math.isinf(of.high) else words.took(of.high)
    return words.say("%(time)s (%(low)s to %(high)s)", time=middle, low=words.took(of.low), high=high)


def _figures(desk: PageContext) -> FiguresOfNode:
    node, now = desk.node, desk.now
    times = problem_times(node, node.store, node.tracker)
    kinds = {number: str(team.kind) for number, team in teams_by_id(node.database).items()}
    sectors = pl.DataFrame(
        {"team": list(kinds), "sector": list(kinds.values())}, schema={"team": pl.Int64, "sector": pl.String}
    )
    of_teams = times.join(sectors, on="team", how="left")
    with node.database.reading() as session:
        feeds = feed_spans(session)
    by_team, by_type = (group_figures(of, by, now, feeds) for of, by in ((of_teams, "sector"), (times, "type")))
    return FiguresOfNode(monthly_figures(times, now), by_team, by_type, last_change(times, now, feeds), now)


def _nice(most: int) -> int:
    """The end of an axis: the next 1, 2 or 5 times a power of ten."""
    power = int("1" + "0" * (len(str(most)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)


def _csv(found: FiguresOfNode | None) -> str:
    times = [f"{stretch}_{end}_hours" for stretch in Stretch for end in ("median", "low", "high")]
    rows: list[Sequence[object]] = [
        ("by", "group", "month", "problems", "notified", "answered", "gone", *times, "as_of")
    ]
    if found is not None:
        at = f"{found.at:%Y-%m-%dT%H:%M:%SZ}"
        rows.extend([*_row("all", "", month), at] for month in found.months)
        for by, groups in (("kind-of-team", found.sectors), ("kind", found.kinds)):
            rows.extend([*_row(by, group.key, month), at] for group in groups for month in (group.before, group.last))
    return csv_text(rows)


def _row(by: str, key: object, month: MonthFigures) -> list[object]:
    counts = (month.problems, month.notified, month.answered, month.gone)
    return [by, key, f"{month.first:%Y-%m}", *counts, *(hour for of in month.medians.values() for hour in _hours(of))]


def _hours(of: Median | None) -> Iterator[object]:
    middle = None if of is None else (of.earliest + of.latest) / 2
    for hours in (middle, of.low if of else None, of.high if of else None):
        yield "" if hours is None or math.isinf(hours) else round(hours, 1)

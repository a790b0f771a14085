"""Figures of the work, month against month, with how sure they are: to be read, printed, and taken away as CSV."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import polars as pl
from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import teams_by_id
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.censoring import Median
from tocsin.problems import GroupFigures, MonthFigures, Stretch, group_figures, monthly_figures, problem_times
from tocsin.server.pages.background_cache import BackgroundCache, CachedValue
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_, PageTexts

PLACE: Final = "/figures"
STRETCHES: Final = {
    Stretch.TELLING: N_("Time to notify"),
    Stretch.ANSWERING: N_("Time to answer"),
    Stretch.FIXING: N_("Time to fix"),
}
_KINDS: Final = 12  # of problems in the table; the CSV has all
_Reader = Annotated[Principal, needs(Permission.REPORTS_READ)]


@dataclass(frozen=True)
class FiguresOfNode:
    """``months``: oldest first, the present one last. ``sectors``, ``kinds``: the last whole month, the one before."""

    months: Sequence[MonthFigures]
    sectors: Sequence[GroupFigures]
    kinds: Sequence[GroupFigures]


def figures_pages(desk: PageContext) -> APIRouter:
    """The page, and the same as a file."""
    router = PageRouter()
    kept: BackgroundCache[FiguresOfNode] = BackgroundCache(lambda: _figures(desk))

    def known() -> CachedValue[FiguresOfNode]:
        return kept.of(f"{desk.now:%Y-%m-%d %H}")

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
        )

    @router.get(PLACE + ".csv")
    def as_csv(_visitor: _Reader) -> Response:
        """All months, sectors and kinds; times are hours, empty where they are not known."""
        headers = {"Content-Disposition": 'attachment; filename="figures.csv"'}
        return Response(_csv(known().value), media_type="text/csv; charset=utf-8", headers=headers)

    return router


def took(of: Median | None, words: PageTexts) -> str:
    """A median as people read it, with the interval that holds it; open: more than half have no end."""
    if of is None:
        return words.say("no times")
    if math.isinf(of.latest):
        return words.say("open")
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
    return FiguresOfNode(
        monthly_figures(times, now), group_figures(of_teams, "sector", now), group_figures(times, "type", now)
    )


def _nice(most: int) -> int:
    """The end of an axis: the next 1, 2 or 5 times a power of ten."""
    power = int("1" + "0" * (len(str(most)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)


def _csv(found: FiguresOfNode | None) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    times = [f"{stretch}_{end}_hours" for stretch in Stretch for end in ("median", "low", "high")]
    rows.writerow(("by", "group", "month", "problems", "notified", "answered", "gone", *times))
    if found is not None:
        rows.writerows(_row("all", "", month) for month in found.months)
        for by, groups in (("sector", found.sectors), ("kind", found.kinds)):
            rows.writerows(_row(by, group.key, month) for group in groups for month in (group.before, group.last))
    return out.getvalue()


def _row(by: str, key: object, month: MonthFigures) -> list[object]:
    counts = (month.problems, month.notified, month.answered, month.gone)
    return [by, key, f"{month.first:%Y-%m}", *counts, *(hour for of in month.medians.values() for hour in _hours(of))]


def _hours(of: Median | None) -> Iterator[object]:
    middle = None if of is None else (of.earliest + of.latest) / 2
    for hours in (middle, of.low if of else None, of.high if of else None):
        yield "" if hours is None or math.isinf(hours) else round(hours, 1)

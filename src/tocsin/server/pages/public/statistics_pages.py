"""Public figures by month and class: a table, bars drawn here, and CSV."""

from collections.abc import Iterable
from threading import Lock
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.exchange.partners import by_country, measured_links
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.cache import Cache
from tocsin.node.spreadsheet import csv_text
from tocsin.operations.statistics import CLASSES, LARGEST, NETWORKS, STEP, MissingReason, Month, read_months
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.figures_pages import STRETCHES
from tocsin.server.pages.public.public_page import FRESH, show
from tocsin.server.pages.words import N_

_SHOWN: Final = 6  # months in the table; all are in the CSV

CLASS_WORDS: Final = {
    "abusive-content": N_("Abusive content: spam, harassment"),
    "malicious-code": N_("Harmful programs"),
    "information-gathering": N_("Scans and spying out"),
    "intrusion-attempts": N_("Attempts to break in"),
    "intrusions": N_("Break-ins"),
    "availability": N_("Services made unreachable"),
    "information-content-security": N_("Data read or changed by others"),
    "fraud": N_("Fraud, such as false pages"),
    "vulnerable": N_("Open flaws and services"),
    "other": N_("Other"),
}


REASONS: Final = {
    MissingReason.FEW: N_(
        "Not published: too few networks are in it, or one dominates, so that it could be identified."
    ),
    MissingReason.MARKED: N_("Not published: who reported it does not allow it to be counted for everybody."),
    MissingReason.POLICY: N_("Not published: the rules of this team let no figures out."),
    MissingReason.NOT_MEASURED: N_("Not measured: no report came in that month."),
    MissingReason.NOT_KNOWN: N_("Not known: counted before reasons were kept; nothing came, or it may not be counted."),
}
"""Why a figure is missing; a figure that is missing is no zero."""


def statistics_pages(desk: PageContext) -> APIRouter:
    """The page of figures, and the same as a file."""
    router = PageRouter()
    # looked at once a day; whoever comes meanwhile waits for a count rather than counting too
    cache: Cache[list[Month]] = Cache(1, turn=Lock())

    def kept_months() -> list[Month]:
        now = desk.now
        return cache.get(now.date(), lambda: read_months(desk.node, now=now))

    @router.get("/statistics")
    def statistics(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """The last months."""
        months = kept_months()
        last = months[0] if months else None
        bars = sorted(
            ((name, count) for name, count in last.counts.items() if count), key=lambda row: -row[1]
        ) if last else []  # fmt: skip
        context: dict[str, Any] = {"months": months[:_SHOWN], "more": len(months) > _SHOWN, "last": last, "bars": bars}
        with desk.node.database.reading() as session:
            own = desk.node.settings.node.country
            links = [one for one in measured_links(session, desk.now) if one.live and one.abroad(own)]
        context |= {"links": len(links), "countries": len(by_country(links, own))}
        rules: dict[str, Any] = {"networks": NETWORKS, "largest": LARGEST, "step": STEP, "stretches": STRETCHES}
        return show(
            desk,
            request,
            "public/statistics.html",
            class_words=CLASS_WORDS,
            classes=CLASSES,
            reasons=REASONS,
            missing=[one for one in MissingReason if any(one in month.reasons for month in months[:_SHOWN])],
            **context,
            **rules,
        )

    @router.get("/statistics.csv")
    def as_csv(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """All months; an empty count is one that is not published, and `not_published` says why."""
        headers = {
            "Content-Disposition": 'attachment; filename="statistics.csv"',
            "Cache-Control": FRESH,
            "X-Robots-Tag": "all",
        }
        return Response(_csv(kept_months()), media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _csv(months: Iterable[Month]) -> str:
    rows = (
        (f"{month.first:%Y-%m}", month.country, name, month.counts[name], month.why.get(name, ""))
        for month in months
        for name in CLASSES
    )
    return csv_text([("month", "country", "class", "events", "not_published"), *rows])

"""``/metrics``: figures of the node for Prometheus; never anything of a single team or network."""

from collections.abc import Iterable, Iterator, Sequence
from operator import add
from threading import Lock
from time import monotonic
from typing import Annotated, Final

from fastapi import APIRouter, Response
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from tocsin.delivery import STATES_OF_GROUP, Delivery, DeliveryItem, ItemState, StateGroup
from tocsin.events import IS_PREPARED, FeedAlarm, FeedRecord, Ingest, IngestState, open_rows
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.build import build
from tocsin.node.letters import Letter
from tocsin.pipeline.replay import kept_since
from tocsin.pipeline.uploads import Upload, waiting_since
from tocsin.server.api.context import ApiContext

TAG = "metrics"
MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    counter.durations.registry.register(_Figures(counter))

    @router.get(
        "/metrics",
        operation_id="readMetrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {MEDIA: {"schema": {"type": "string"}}}, "description": "Prometheus text."}},
    )
    def metrics(_visitor: Annotated[Principal, needs(Permission.METRICS_READ)]) -> Response:
        """Ingest, queues, what waits for a person, feeds that are late, and how long requests take."""
        return Response(generate_latest(counter.durations.registry), headers={"content-type": MEDIA})


class _Figures(Collector):
    """The figures of the records, read when they are asked for."""

    def __init__(self, counter: ApiContext) -> None:
        self._counter, self._node = counter, counter.node
        self._lock = Lock()
        self._summed = (0, (0,) * (1 + len(_ROWS)))  # up to which report, and the sums
        self._left: tuple[float, Sequence[Row[str, int]]] = (-_SELDOM, ())

    def describe(self) -> Iterable[Metric]:
        """None before they are asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All of them, in one reading transaction."""
        this = GaugeMetricFamily("tocsin_build_info", "The version that runs.", labels=["version", "commit"])
        this.add_metric([build().version, build().commit], 1)
        yield this
        with self._node.database.reading() as session:
            reports, *rows = self._sums(session)
            last = session.scalar(select(func.max(Ingest.started_at)))
            yield CounterMetricFamily("tocsin_reports", "Reports taken in.", reports)
            yield _counter(
                "tocsin_rows", "Rows of reports, by what became of them.", "outcome", zip(_ROWS, rows, strict=True)
            )
            seconds = last.timestamp() if last else 0
            yield GaugeMetricFamily("tocsin_last_report_timestamp_seconds", "When a report last came.", seconds)
            waiting = open_rows(session, kept_since(self._node, self._counter.now))[0]
            yield GaugeMetricFamily("tocsin_quarantine_rows", "Set-aside rows that wait.", waiting)
            since = waiting_since(session)
            yield GaugeMetricFamily(
                "tocsin_uploads_oldest_waiting_seconds",
                "How long the oldest report that was sent in has waited to be taken in.",
                (self._counter.now - since).total_seconds() if since else 0,
            )
            yield _gauge("tocsin_digests", "Digests.", "state", self._digests(session))
            for name, words, query in _COUNTED:
                yield _gauge(name, words, "state", session.execute(query).all())
            feeds = session.scalar(select(func.count()).select_from(FeedRecord)) or 0
            yield GaugeMetricFamily("tocsin_feeds", "Feeds that are known.", feeds)
            alarms = select(FeedAlarm.kind, func.count()).where(FeedAlarm.closed_at.is_(None)).group_by(FeedAlarm.kind)
            yield _gauge("tocsin_feed_alarms", "Open alarms of feeds.", "kind", session.execute(alarms).all())

    def _sums(self, session: Session) -> Sequence[int]:
        """How many reports were committed, and their rows. Those that were summed up are not read again."""
        columns = (func.count(), *(func.coalesce(func.sum(column), 0) for column in _ROWS.values()))
        committed = Ingest.state == IngestState.COMMITTED
        with self._lock:
            up_to, sums = self._summed
            newer = Ingest.number > up_to
            begun = session.scalar(select(func.min(Ingest.number)).where(newer, IS_PREPARED))
            final = (begun or (session.scalar(select(func.max(Ingest.number))) or 0) + 1) - 1
            more = session.execute(select(*columns).where(newer, Ingest.number <= final)).one()
            sums = tuple(map(add, sums, more))
            self._summed = (max(up_to, final), sums)
        ahead = session.execute(select(*columns).where(Ingest.number > final, committed)).one()
        return tuple(map(add, sums, ahead))

    def _digests(self, session: Session) -> Sequence[Row[str, int]]:
        """By state; the many that have left are counted every ten minutes."""
        by_state, have_left = _by_state(Delivery), Delivery.state.in_(STATES_OF_GROUP[StateGroup.GONE])
        with self._lock:
            if monotonic() - self._left[0] >= _SELDOM:
                self._left = (monotonic(), session.execute(by_state.where(have_left)).all())
            return [*self._left[1], *session.execute(by_state.where(Delivery.state.in_(_STILL_HERE))).all()]


_SELDOM: Final = 600.0  # seconds
_STILL_HERE: Final = [
    state for group, states in STATES_OF_GROUP.items() if group is not StateGroup.GONE for state in states
]
_ROWS: Final = {"stored": Ingest.stored, "duplicate": Ingest.duplicates, "set_aside": Ingest.quarantined}


def _by_state(table: type[Delivery | DeliveryItem | Letter | Upload]) -> Select[str, int]:
    return select(table.state, func.count()).group_by(table.state)


_OWED: Final = (ItemState.PREPARED, ItemState.QUEUED)
_COUNTED: Final = (
    ("tocsin_letters", "Letters.", _by_state(Letter).where(Letter.about == "")),
    # Without those that are part of a digest: they grow by thousands a day, for years.
    (
        "tocsin_news",
        "Pieces of news that teams are owed.",
        _by_state(DeliveryItem).where(DeliveryItem.state.in_(_OWED)),
    ),
    ("tocsin_uploads", "Reports that were sent in.", _by_state(Upload)),
)


def _gauge(name: str, words: str, label: str, rows: Iterable[Row[str, int]]) -> Metric:
    made = GaugeMetricFamily(name, words, labels=[label])
    for value, count in rows:
        made.add_metric([value], count)
    return made


def _counter(name: str, words: str, label: str, rows: Iterable[tuple[str, int]]) -> Metric:
    made = CounterMetricFamily(name, words, labels=[label])
    for value, count in rows:
        made.add_metric([value], count)
    return made

"""On which days each feed demonstrably ran, from which follows what is gone."""

import threading
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.events import Ingest, IngestState

Runs = Mapping[int, Sequence[tuple[int, int]]]
"""For each feed number the days on which it ran (since 1970 UTC, sorted), each with when we first heard so."""


class FeedRuns:
    """The runs of the feeds of a node, for many threads.

    They are asked for at each answer and each page, and a node has hundreds of reports a day for years: what was read
    stays, and only newer ingests are. That holds since an ingest up to the newest committed one does not change.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._up_to = 0
        self._heard: dict[int, dict[int, int]] = {}
        self._runs: Runs = {}

    def read(self, session: Session, *, up_to: int) -> Runs:
        """Those of all committed ingests up to this one."""
        with self._lock:
            if up_to > self._up_to:
                self._read_newer(session, up_to)
            return self._runs

    def _read_newer(self, session: Session, up_to: int) -> None:
        newer = (
            select(Ingest.feed_id, Ingest.newest_event, Ingest.started_at)
            .where(Ingest.state == IngestState.COMMITTED, Ingest.newest_event.is_not(None))
            .where(Ingest.number > self._up_to, Ingest.number <= up_to)
            .order_by(Ingest.number)
        )
        changed = set()
        for feed, newest, heard in session.execute(newer):
            if newest is not None:
                days, day = self._heard.setdefault(feed, {}), int(newest.timestamp()) // 86_400
                if day not in days:
                    days[day] = int(heard.timestamp())
                    changed.add(feed)
        self._runs = {**self._runs, **{feed: sorted(self._heard[feed].items()) for feed in changed}}
        self._up_to = up_to

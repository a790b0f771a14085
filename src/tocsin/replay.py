"""Reading set-aside rows again after a fix: they go through the spine as a small report of their own."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from tocsin import commitment
from tocsin.app import Node, writer
from tocsin.errors import ConflictError, NotFoundError
from tocsin.events.models import FeedRecord, Ingest
from tocsin.events.quarantine import header_of, set_aside
from tocsin.events.reports import Report
from tocsin.pipeline import Counts, take_in_again
from tocsin.records import AuditWord, audit


@dataclass(frozen=True)
class Quarantined:
    """An ingest that set rows aside; ``replayed_by`` is the ingest that read them again."""

    ingest: int
    report: str
    feed: str
    rows: int
    replayed_by: int | None


def quarantined(node: Node) -> list[Quarantined]:
    """The ingests that set rows aside, newest first."""
    wanted = (
        select(Ingest, FeedRecord.code)
        .join(FeedRecord, FeedRecord.id == Ingest.feed_id)
        .where(Ingest.quarantined > 0)
        .order_by(Ingest.number.desc())
    )
    with node.database.begin() as session:
        replays = dict(
            session.execute(select(Ingest.replay_of, Ingest.number).where(Ingest.replay_of.is_not(None))).all()
        )
        return [
            Quarantined(record.number, record.report, code, record.quarantined, replays.get(record.number))
            for record, code in session.execute(wanted)
        ]


def require_ingest(node: Node, number: int) -> tuple[Ingest, FeedRecord]:
    """The ingest of that number and its feed.

    Raises:
        NotFoundError: there is none.

    """
    with node.database.begin() as session:
        record = session.get(Ingest, number)
        if record is None:
            raise NotFoundError(f"There is no ingest {number}.", hint="'tocsin quarantine list' shows the numbers.")
        return record, session.get_one(FeedRecord, record.feed_id)


def replay(node: Node, number: int) -> Counts:
    """Read the set-aside rows of an ingest again.

    Raises:
        NotFoundError: there is no such ingest, or it set nothing aside.
        ConflictError: they were read again already; what stayed aside is with that later ingest.

    """
    with writer(node):
        commitment.recover(node)
        record, feed = require_ingest(node, number)
        if (later := _replayed_by(node, number)) is not None:
            raise ConflictError(
                f"The rows of ingest {number} were read again by ingest {later}.",
                hint=f"What stayed aside is there: 'tocsin quarantine replay {later}'.",
            )
        raws = [row.raw for row in set_aside(node.quarantine, number) if row.raw]
        if not raws:
            raise NotFoundError(f"Ingest {number} has no set-aside rows to read again.")
        content = "\n".join([*header_of(node.quarantine, number), *raws, ""]).encode("utf-8", "surrogateescape")
        identity = hashlib.sha256(f"replay of ingest {number}\n".encode() + content).hexdigest()
        node.spool.mkdir(parents=True, exist_ok=True)
        path = node.spool / f"replay-{number}.report"
        path.write_bytes(content)
        report = Report(f"{record.report} (set-aside rows)", path, len(content), identity)
        try:
            counts = take_in_again(node, report, source=feed.source, feed=feed.code, replay_of=number)
        finally:
            path.unlink(missing_ok=True)
        with node.database.begin() as session:
            detail: dict[str, object] = {"rows": counts.rows, "stored": counts.stored}
            audit(
                session,
                AuditWord.QUARANTINE_REPLAYED,
                at=datetime.now(UTC),
                actor="quarantine",
                subject=f"ingest:{number}",
                detail=detail,
            )
        return counts


def _replayed_by(node: Node, number: int) -> int | None:
    with node.database.begin() as session:
        return session.scalar(select(Ingest.number).where(Ingest.replay_of == number))

"""What is remembered of collectors, read and written."""

import json
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tocsin.events import FeedRecord, Ingest, fold
from tocsin.exchange.ledger import ask_about_recalls, ask_about_taken_back, recalled_names
from tocsin.exchange.partners import find_partner
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import change_values, say
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorSettings, Memory, cannot_work
from tocsin.pipeline.collectors.models import CollectedReport, CollectorState
from tocsin.pipeline.collectors.schedule import next_try
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.gate import highest, read_marking

_FAILS_FOR_GOOD = 3  # one failure may be the network's
_NAMED = ("misp.event_uuid", "misp.attribute_uuid")  # in what a feed says beyond the schema
_REMEMBERED = timedelta(days=90)  # longer than any server offers the same thing again


@dataclass(frozen=True)
class CollectorStatus:
    """A collector of the settings and how it fared; ``next_try_at`` None: it is due, it never ran."""

    name: str
    settings: CollectorSettings
    last_try_at: datetime | None = None
    last_success_at: datetime | None = None
    last_report_at: datetime | None = None
    next_try_at: datetime | None = None
    failures: int = 0
    error: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it should look now."""
        return self.next_try_at is None or self.next_try_at <= now

    def is_overdue(self, now: datetime) -> bool:
        """Whether nobody lets it run: it is due since longer than twice its period, or two hours."""
        grace = max(2 * self.settings.every, timedelta(hours=2))
        return self.next_try_at is None or self.next_try_at + grace < now


def standings(database: Database, configured: Mapping[str, CollectorSettings]) -> list[CollectorStatus]:
    """The collectors of the settings, in their order, with how they fared."""
    with database.reading() as session:
        known = {state.name: state for state in session.scalars(select(CollectorState))}
    names = ("last_try_at", "last_success_at", "last_report_at", "next_try_at", "failures", "error")
    return [
        replace(
            CollectorStatus(name, settings),
            **({field: getattr(known[name], field) for field in names} if name in known else {}),
        )
        for name, settings in configured.items()
    ]


def collector_problems(found: Sequence[CollectorStatus], home: Path, now: datetime) -> list[str]:
    """What is wrong with collectors, a sentence for each: it cannot work here, fails again and again, or never ran."""
    said = [_problem(one, home, now) for one in found]
    return [words for words in said if words]


def _problem(one: CollectorStatus, home: Path, now: datetime) -> str:
    if reason := cannot_work(one.settings, home):
        return say("%(name)s cannot work: %(reason)s", name=one.name, reason=reason)
    if one.failures >= _FAILS_FOR_GOOD:
        return say("%(name)s failed %(failures)s times in a row", name=one.name, failures=one.failures)
    return say("%(name)s should have run", name=one.name) if one.is_overdue(now) else ""


def memory_of(database: Database, standing: CollectorStatus, now: datetime) -> Memory:
    """What is remembered for one collector."""
    name = standing.name
    with database.begin() as session:
        state = session.get(CollectorState, name)
        known = frozenset(session.scalars(select(CollectedReport.key).where(CollectedReport.collector == name)))
        recalled = recalled_names(session, giver=_partner_of(session, standing.settings), ours=False)
    last = state.last_success_at if state else None
    gone, claimed = (frozenset(map(str, names)) for names in (recalled.gone, recalled.claimed))
    return Memory(now, dict(state.cursor) if state else {}, known, last, gone, claimed)


def _partner_of(session: Session, settings: CollectorSettings) -> int | None:
    """Whose the far end is, where the settings name a partner that is known."""
    try:
        named = str(getattr(settings, "partner", ""))
        return find_partner(session, named).id if named else None
    except NotFoundError:
        return None


def note_offer(database: Database, name: str, offer: CollectedOffer, *, refused: str, now: datetime) -> None:
    """Remember that a collector is done with an offer; ``refused`` says why it could not be taken in, or is empty."""
    with database.begin() as session:
        if offer.key or refused:
            key = offer.key or f"{offer.label}\n{now.isoformat()}"
            found = session.scalar(
                select(CollectedReport).where(CollectedReport.collector == name, CollectedReport.key == key)
            )
            if found is None:
                found = CollectedReport(collector=name, key=key)
                session.add(found)
            found.label, found.at, found.refused = offer.label, now, _plain(refused)
        if offer.cursor:
            state = _state(session, name)
            state.cursor = {**state.cursor, **offer.cursor}
        ask_about_recalls(session, [UUID(one) for one in offer.claimed], now, came_by=name)


def note_gone(
    node: NodeWithStores, standing: CollectorStatus, gone: Collection[str], now: datetime
) -> None:  # fmt: skip
    """Let a person end the events of what the server of a partner took back, where its collector names the partner."""
    if not gone:
        return
    settings = standing.settings
    with node.database.reading() as session:
        partner = _partner_of(session, settings)
        feed = select(FeedRecord.id).where(
            FeedRecord.source == getattr(settings, "source", ""), FeedRecord.code == getattr(settings, "feed", "")
        )
        ingests = session.scalars(select(Ingest.number).where(Ingest.feed_id.in_(feed))).all()
    events = _events_of(node, ingests, {one.lower() for one in gone}) if partner is not None and ingests else {}
    if events and partner is not None:
        tlp = highest(read_marking(label, None) for label in events.values()).tlp
        code = "revoked" if settings.kind == "taxii" else "deleted"
        with node.database.begin() as session:
            ask_about_taken_back(session, partner, events, code, now, came_by=standing.name, tlp=tlp)


def _events_of(node: NodeWithStores, ingests: Collection[int], names: AbstractSet[str]) -> dict[str, str]:
    """The events that came of these events and attributes of MISP, as a purge names them, each with its label."""
    found = node.store.scan(ingests=ingests)
    # Lists, as of tags, stand in the column of JSON, and so does what is beside them in their report.
    own = {f"extra.{one}" for one in _NAMED} & set(found.collect_schema())
    holders = [pl.col(one).cast(pl.String) for one in ("extra", *sorted(own))]
    may = pl.any_horizontal(one.str.contains_any(sorted(names), ascii_case_insensitive=True) for one in holders)
    rows = fold(node.store.collect(found.filter(may).select("ingest", "row", "tlp", "extra", *own)))
    return {
        f"event:{ingest}-{row}": tlp
        for ingest, row, tlp, extra in rows.iter_rows()
        if names & {str(json.loads(extra).get(one)).lower() for one in _NAMED}
    }


def note_run(
    database: Database, standing: CollectorStatus, *, started: datetime, taken: int, refused: int, error: str
) -> CollectorStatus:
    """Remember how a run went, and when the next one is due."""
    with database.begin() as session:
        state = _state(session, standing.name)
        before = state.failures
        state.failures = before + 1 if error else 0
        state.error = _plain(error)
        state.last_try_at = started
        state.next_try_at = next_try(started=started, every=standing.settings.every, failures=state.failures)
        if not error:
            state.last_success_at = started
        if taken:
            state.last_report_at = started
        _audit(session, standing.name, started, before=before, error=error, counts={"taken": taken, "refused": refused})
        past = started - _REMEMBERED
        session.execute(
            delete(CollectedReport).where(CollectedReport.collector == standing.name, CollectedReport.at < past)
        )
    return standings(database, {standing.name: standing.settings})[0]


def refusals(database: Database) -> list[CollectedReport]:
    """What collectors found and could not take in, newest first."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(CollectedReport).where(CollectedReport.refused != "").order_by(CollectedReport.id.desc())
            )
        )


def forget_refusals(database: Database, name: str) -> None:
    """Let what a collector refused stand as done with: it is about to be tried again."""
    with database.begin() as session:
        session.execute(update(CollectedReport).where(CollectedReport.collector == name).values(refused=""))


def purge_refused(session: Session, name: str) -> None:
    """Forget what a collector refused was called and why, in the caller's transaction; it is not fetched again."""
    rows = select(CollectedReport).where(CollectedReport.collector == name, CollectedReport.refused != "")
    for row in session.scalars(rows).all():
        if row.key.startswith(f"{row.label}\n"):  # it had no key of its own
            row.key = f"purged {row.id}"
        row.label, row.refused = "", say("It was purged.")


def _plain(text: str) -> str:
    """A text in which others may have a say, as it can be stored: PostgreSQL takes no NUL."""
    return change_values(text, _printable)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)


def _state(session: Session, name: str) -> CollectorState:
    found = session.get(CollectorState, name)
    if found is None:
        found = CollectorState(name=name, failures=0, error="", cursor={})
        session.add(found)
    return found


def _audit(session: Session, name: str, now: datetime, *, before: int, error: str, counts: Mapping[str, int]) -> None:
    subject = f"collector:{name}"
    if any(counts.values()):
        audit(session, AuditAction.COLLECTOR_TOOK, at=now, actor="collect", subject=subject, detail=dict(counts))
    if error and not before:
        audit(session, AuditAction.COLLECTOR_FAILED, at=now, actor="collect", subject=subject)
    if before and not error:
        audit(
            session,
            AuditAction.COLLECTOR_RECOVERED,
            at=now,
            actor="collect",
            subject=subject,
            detail={"failures": before},
        )

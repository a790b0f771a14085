"""What is behind figures of today: events of which nobody is known who must know, and those that the gate kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.directory import TeamRow, team_names
from tocsin.events import NO_CONTACT, FeedRecord, Ingest, IngestState, WithheldEvents
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind, accepted
from tocsin.sharing.gate import read_tlp
from tocsin.sharing.rules import rule_words


@dataclass(frozen=True, slots=True)
class UnroutedNetwork:
    """A network with events of which nobody is known who must know; ``asn`` and ``country`` where known."""

    asn: int | None
    holder: str
    country: str
    events: int
    addresses: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """Events of one feed that the gate kept from one team by one rule, and what the rule says.

    ``subject`` names it: key of the team, rule, and feed. ``limit``: where the team's own limit is the reason, the
    label of the events (TLP); else empty.
    """

    subject: str
    team: tuple[str, str]
    feed: str
    rule: str
    words: str
    limit: str
    events: int
    since: datetime


def unrouted(node: NodeWithStores, since: datetime, *, limit: int = 200) -> Sequence[UnroutedNetwork]:
    """The networks whose events since then nobody is told of, the most events first."""
    wanted = select(Ingest.number).where(
        Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.unrouted > 0
    )
    with node.database.reading() as session:
        numbers = session.scalars(wanted).all()
    if not numbers:
        return []
    rows = node.store.collect(
        node.store.scan(ingests=numbers)
        .filter(NO_CONTACT)
        .group_by(
            asn=pl.coalesce("network.asn", "source.asn"),
            country=pl.coalesce("network.country", "source.geolocation.cc"),
        )
        .agg(
            holder=pl.col("source.as_name").drop_nulls().first(),
            events=pl.len(),
            addresses=pl.struct("source.ip.hi", "source.ip.lo").n_unique(),
        )
        .top_k(limit, by="events")
        .sort("events", "asn", descending=[True, False])
    )
    return [
        UnroutedNetwork(row["asn"], row["holder"] or "", row["country"] or "", row["events"], row["addresses"])
        for row in rows.iter_rows(named=True)
    ]


def withheld(session: Session, since: datetime, now: datetime) -> Sequence[Withheld]:
    """What the gate kept from whom since then, the most events first; not what a person accepted for a time.

    What only the team's limit kept back, and the limit of today would not, is no longer among them.
    """
    row = WithheldEvents
    wanted = (
        select(
            row.team_id, row.rule, row.tlp, FeedRecord.source, FeedRecord.code, FeedRecord.name,
            func.sum(row.events), func.min(Ingest.started_at),
        )
        .join(Ingest, Ingest.number == row.ingest)
        .join(FeedRecord, FeedRecord.id == Ingest.feed_id)
        .where(Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since)
        .group_by(row.team_id, row.rule, row.tlp, FeedRecord.source, FeedRecord.code, FeedRecord.name)
    )  # fmt: skip
    rows = session.execute(wanted).all()
    if not rows:
        return []
    names = team_names(session, {team_id for team_id, *_ in rows})
    limits = select(TeamRow.key, TeamRow.ceiling).where(TeamRow.key.in_({key for key, _ in names.values()}))
    ceilings = {key: read_tlp(ceiling) for key, ceiling in session.execute(limits)}
    words = rule_words(session, list({rule for _, rule, *_ in rows}))
    quiet = accepted(session, ItemKind.WITHHELD, now)
    found = []
    for team_id, rule, tlp, source, code, feed, events, first in rows:
        team = names.get(team_id, ("", "?"))
        subject = f"{team[0]} {rule} {source}/{code}"
        limit = tlp if rule == "recipient-ceiling" else ""
        raised = limit and team[0] in ceilings and read_tlp(tlp).rank <= ceilings[team[0]].rank
        if subject not in quiet and not raised:
            found.append(Withheld(subject, team, feed, rule, words[rule], limit, int(events), first))
    return sorted(found, key=lambda one: (-one.events, one.subject))

"""What is behind figures of today: events of which nobody is known who must know, and those that the gate kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import select

from tocsin.events import Ingest, IngestState
from tocsin.pipeline.stores import NodeWithStores
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
    """Events that the gate kept from a team by one rule, and what the rule says."""

    rule: str
    words: str
    events: int


def unrouted(node: NodeWithStores, since: datetime, *, limit: int = 200) -> Sequence[UnroutedNetwork]:
    """The networks whose events since then nobody is told of, the most events first."""
    wanted = select(Ingest.number).where(
        Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.unrouted > 0
    )
    with node.database.reading() as session:
        numbers = session.scalars(wanted).all()
    if not numbers:
        return []
    rows = (
        node.store.scan(ingests=numbers)
        .filter(pl.col("routed") == 0)
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
        .collect()
    )
    return [
        UnroutedNetwork(row["asn"], row["holder"] or "", row["country"] or "", row["events"], row["addresses"])
        for row in rows.iter_rows(named=True)
    ]


def withheld(node: NodeWithStores, since: datetime) -> Sequence[Withheld]:
    """The rules by which the gate kept events since then, the most events first."""
    found: Counter[str] = Counter()
    wanted = select(Ingest.withheld_by_rule).where(
        Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.withheld > 0
    )
    with node.database.reading() as session:
        for by_rule in session.scalars(wanted):
            found.update(by_rule)
        words = rule_words(session, list(found))
    return [Withheld(rule, words[rule], events) for rule, events in found.most_common()]

"""What a team that a rule informs does not want to be told: its mutes over whole batches."""

from collections.abc import Sequence

import polars as pl

from tocsin.directory import Mute, MuteKind
from tocsin.events import within
from tocsin.networks import Network, parse_network


def muted(events: pl.DataFrame, mutes: Sequence[Mute]) -> pl.Series:
    """For each event, in `schema.COLUMNS`, whether one of the mutes is about it. As in routing: a network whole."""
    words = {MuteKind.IDENTIFIER: "classification.identifier", MuteKind.TYPE: "classification.type"}
    found = pl.repeat(value=False, n=events.height, dtype=pl.Boolean, eager=True)
    for mute in mutes:
        if (name := words.get(mute.kind)) is not None:
            found |= (events[name] == mute.value).fill_null(value=False)
        elif (network := parse_network(mute.value)) is not None:
            found |= _inside(events, network)
    return found


def _inside(events: pl.DataFrame, network: Network) -> pl.Series:
    named = events["source.network"].drop_nulls().unique().to_list()
    held = [text for text in named if (of := parse_network(text)) is not None and _holds(network, of)]
    address = within(network.ranges).fill_null(value=False)
    whole = pl.col("source.ip.hi").is_null() & pl.col("source.network").is_in(held).fill_null(value=False)
    return events.select((address | whole).alias("muted")).to_series()


def _holds(network: Network, other: Network) -> bool:
    return other.length >= network.length and network.holds(other.hi, other.lo)

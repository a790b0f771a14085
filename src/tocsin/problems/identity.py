"""Which problem an event joins: the asset, what is wrong with it, and the port of the service where there is one."""

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash  # its hashes are the same in every version

# In these the asset acted as a client: its port was chosen at random and names no service.
CLIENT_TYPES = (
    "infected-system",
    "scanner",
    "brute-force",
    "exploit",
    "ddos",
    "dos",
    "ids-alert",
    "spam",
    "sniffing",
    "tor",
    "proxy",
)

SHARDS: Final = 64
"""Into so many shards all work is cut that must be done by one owner."""

_ASSET = pl.coalesce("source.network", "source.url", "source.fqdn", "source.reverse_dns", "source.asn")
"""The asset of an event that names no address."""


def shards_of(frame: pl.DataFrame) -> npt.NDArray[np.uint8]:
    """The shard of each event's asset, uint8[n] below `SHARDS`; an asset stays in its shard for good.

    An IPv6 address counts as its /64. The top six bits of a hash: of addresses the last step of SplitMix64 (Steele,
    Lea, Flood 2014, figure 15), of other assets XXH3 of their text. All rows that may be duplicates of each other, and
    all events of a problem, are in one shard.
    """
    hi, lo = (frame[f"source.ip.{half}"].fill_null(0).to_numpy().view(np.uint64) for half in ("hi", "lo"))
    mixed = np.where(hi > 0, hi, lo)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    others = frame["source.ip.hi"].is_null()
    if others.any():
        hashed = frame.filter(others).select(polars_hash.concat_str(_ASSET.fill_null("")).nchash.xxh3_64())
        mixed[others.to_numpy()] = hashed.to_series().cast(pl.UInt64).to_numpy()
    return (mixed >> np.uint64(58)).astype(np.uint8)


def problem_keys(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """The key of the problem that each event joins, uint64[n].

    Asset: the address, else the network, URL, domain name or AS. Identifier: ``classification.identifier`` with its
    type, so that one flaw under two types is two problems. ``frame`` has the columns of `tocsin.events.schema`.
    """
    client = pl.col("classification.type").is_in(CLIENT_TYPES)
    identity = polars_hash.concat_str(
        pl.col("source.ip.hi").cast(pl.String).fill_null(""),
        pl.col("source.ip.lo").cast(pl.String).fill_null(""),
        pl.when(pl.col("source.ip.hi").is_null()).then(_ASSET).otherwise(pl.lit("")).fill_null(""),
        pl.when(client).then(None).otherwise(pl.col("source.port")).cast(pl.String).fill_null(""),
        pl.col("classification.type").fill_null(""),
        pl.coalesce("classification.identifier", "malware.name").fill_null(""),
        separator="\x1f",
    )
    hashed = frame.select(identity.nchash.xxh3_64())
    return hashed.to_series().cast(pl.UInt64).to_numpy()

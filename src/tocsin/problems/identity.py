"""Which problem an event joins: the asset, what is wrong with it, and the port of the service where there is one."""

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


def problem_keys(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """The key of the problem that each event joins, uint64[n].

    Asset: the address, else the network, URL, domain name or AS. Identifier: ``classification.identifier`` with its
    type, so that one flaw under two types is two problems. ``frame`` has the columns of `tocsin.events.schema`.
    """
    other_asset = pl.coalesce("source.network", "source.url", "source.fqdn", "source.reverse_dns", "source.asn")
    client = pl.col("classification.type").is_in(CLIENT_TYPES)
    identity = polars_hash.concat_str(
        pl.col("source.ip.hi").cast(pl.String).fill_null(""),
        pl.col("source.ip.lo").cast(pl.String).fill_null(""),
        pl.when(pl.col("source.ip.hi").is_null()).then(other_asset).otherwise(pl.lit("")).fill_null(""),
        pl.when(client).then(None).otherwise(pl.col("source.port")).cast(pl.String).fill_null(""),
        pl.col("classification.type").fill_null(""),
        pl.coalesce("classification.identifier", "malware.name").fill_null(""),
        separator="\x1f",
    )
    hashed = frame.select(identity.nchash.xxh3_64())
    return hashed.to_series().cast(pl.UInt64).to_numpy()

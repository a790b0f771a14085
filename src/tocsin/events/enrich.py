"""What our own tables know of each event's address: prefix, AS, country; beside what the feed says, never over it."""

import numpy as np
import polars as pl

from tocsin.networks import Networks


def enrich(frame: pl.DataFrame, networks: Networks) -> pl.DataFrame:
    """The frame with ``network.*`` filled, and AS and country of the source where the feed gave none."""
    has_address = frame["source.ip.hi"].is_not_null().to_numpy()
    if not has_address.any():
        return frame
    hi, lo = (frame[f"source.ip.{half}"].fill_null(0).to_numpy().view(np.uint64) for half in ("hi", "lo"))
    known = networks.enrich(hi, lo)
    if not has_address.all():
        known = known.select(pl.when(pl.Series(has_address)).then(pl.all()))
    asn, country = known["asn"].cast(pl.Int64), known["country"]
    return frame.with_columns(
        known["prefix"].alias("network.prefix"),
        asn.alias("network.asn"),
        country.alias("network.country"),
        pl.coalesce("source.asn", asn).alias("source.asn"),
        pl.coalesce(
            "source.as_name",
            pl.when(pl.col("source.asn").is_null() | (pl.col("source.asn") == asn)).then(known["as_name"]),
        ).alias("source.as_name"),
        pl.coalesce("source.geolocation.cc", country).alias("source.geolocation.cc"),
    )

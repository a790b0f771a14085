"""One checked frame in the event schema from what any source read: values that do not fit are kept, not lost.

A value that is not what its field takes goes to ``extra`` under the field's name, and the row is flagged ``invalid``.
Addresses of special use are flagged by it (``private``, ``documentation`` …; the words of
`tocsin.networks.SPECIAL_USE`), times to come with ``future``. A row is unusable only when it names no address, network,
AS, domain or URL.

Times without a zone are UTC. Read are, after the feed's own format: ISO 8601 (date, or date and time with a blank or
``T``, fractions, ``Z`` or an offset), the same with slashes or dots, ``20261124T101112``, ``24.11.2026 10:11:12``,
``24/Nov/2026:10:11:12 +0000``, seconds or milliseconds since 1970, and the dates of mails (RFC 5322).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import reduce
from typing import Final

import numpy as np
import polars as pl

from tocsin.events.schema import BY_NAME, COLUMNS, FIELDS, INTERNAL, Field, Kind
from tocsin.events.sources import Batch, Feed
from tocsin.networks import SPECIAL_USE, format_networks, parse_addresses, parse_networks, special_use

CLOCK_TOLERANCE: Final = timedelta(minutes=10)
"""How far a time may lie ahead of ours before it counts as future: clocks differ."""

USABLE: Final = ("source.ip.hi", "source.network", "source.asn", "source.fqdn", "source.reverse_dns", "source.url")
"""A row that has none of these tells nobody anything."""


@dataclass(frozen=True)
class Normalised:
    """``frame`` in the schema (all columns but the internal ones, in order), and which of its rows can be used.

    ``usable``: a Boolean for each row. ``reason``: why not, null where usable.
    """

    frame: pl.DataFrame
    usable: pl.Series
    reason: pl.Series


def normalise(batch: Batch, feed: Feed, observed: datetime) -> Normalised:
    """The rows of a batch in the event schema, checked; ``observed`` is when this node heard of them (UTC)."""
    raw = batch.frame
    checked: dict[str, pl.Series] = {}
    rejected: dict[str, pl.Series] = {}
    _check_plain_kinds(raw, feed, checked, rejected, plain=batch.plain)
    for side in ("source", "destination"):
        _check_addresses(raw, side, checked, rejected)
    flags = _flags(raw, checked, rejected, observed)
    extra = _extra(raw, rejected, batch.kinds, plain=batch.plain)
    constants: dict[str, object] = {
        "time.observation": observed,
        "feed.provider": feed.provider or None,
        "feed.name": feed.name or None,
        "feed.code": feed.code,
        "tlp": feed.tlp,
        "pap": feed.pap,
    }
    ready = {"flags": flags, "extra": extra, **checked}
    frame = pl.DataFrame(
        [
            ready[name].alias(name) if name in ready else _constant(name, dtype, constants.get(name), raw.height)
            for name, dtype in COLUMNS.items()
            if name not in INTERNAL
        ]
    )
    usable = frame.select(pl.any_horizontal(pl.col(name).is_not_null() for name in USABLE)).to_series()
    reason = pl.select(pl.when(~usable).then(pl.lit("No address, network, AS, domain or URL in it."))).to_series()
    return Normalised(frame, usable.alias("usable"), reason.alias("reason"))

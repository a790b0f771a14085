"""The conditions on events: each a name, what its values may be, and an expression over a whole batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tocsin.events import TYPES
from tocsin.networks import Network, country_names, parse_network
from tocsin.sharing.gate import Tlp, read_tlp

_SEVERITIES: Final = frozenset({"critical", "high", "medium", "low", "info", "undefined"})
_ALL_64: Final = (1 << 64) - 1


@dataclass(frozen=True)
class Condition:
    """One condition. ``read``: the canonical form of a value, or None where it is none; ``fits``: the expression."""

    read: Callable[[str], str | None]
    fits: Callable[[Sequence[str]], pl.Expr]
    takes: str


def _text(value: str) -> str | None:
    return value.strip() or None


def _lower(value: str) -> str | None:
    return value.strip().lower() or None


def _asn(value: str) -> str | None:
    digits = value.strip().upper().removeprefix("AS")
    number = int(digits) if digits.isdecimal() and len(digits) <= 10 else 0
    return str(number) if 1 <= number <= 4_294_967_295 else None


def _country(value: str) -> str | None:
    code = value.strip().upper()
    return code if code in country_names() else None


def _network(value: str) -> str | None:
    found = parse_network(value)
    return str(found) if found else None


def _tlp(value: str) -> str | None:
    label = value.strip().upper().removeprefix("TLP:")
    return label if label in {one.value for one in Tlp} else None


def _one_of(known: frozenset[str]) -> Callable[[str], str | None]:
    return lambda value: value.strip().lower() if value.strip().lower() in known else None


def _is_in(*columns: str) -> Callable[[Sequence[str]], pl.Expr]:
    return lambda values: pl.any_horizontal(pl.col(column).is_in(list(values)) for column in columns)


def _type_is(values: Sequence[str]) -> pl.Expr:
    """By the name in IDF, whatever it was called, or by the one in RSIT."""
    ours = [TYPES[value].type for value in values]
    return pl.any_horizontal(pl.col("classification.type").is_in(ours), pl.col("rsit.type").is_in(list(values)))


def _asn_is(values: Sequence[str]) -> pl.Expr:
    return pl.coalesce("network.asn", "source.asn").is_in([int(value) for value in values])


def _country_is(values: Sequence[str]) -> pl.Expr:
    return pl.coalesce("network.country", "source.geolocation.cc").is_in(list(values))


def _in_networks(values: Sequence[str]) -> pl.Expr:
    """An address of one of them, or a network that is named so itself."""
    named = pl.col("source.network").is_in(list(values))
    held = [_in_network(found) for value in values if (found := parse_network(value))]
    by_address = pl.any_horizontal(named.fill_null(value=False), *held)
    return pl.when(pl.col("source.ip.lo").is_null()).then(named).otherwise(by_address)


def _in_network(network: Network) -> pl.Expr:
    bits = _ALL_64 << 64 | _ALL_64
    mask = bits >> (128 - network.length) << (128 - network.length)
    halves = ((mask >> 64, network.hi, "hi"), (mask & _ALL_64, network.lo, "lo"))
    return pl.all_horizontal((pl.col(f"source.ip.{name}") & _signed(of)) == _signed(to) for of, to, name in halves)


def _tlp_is(values: Sequence[str]) -> pl.Expr:
    # What is not labelled, or not by TLP 2.0, is read as the gate reads it.
    known = {label: read_tlp(label).value for label in ("", "WHITE", *(one.value for one in Tlp))}
    read = pl.col("tlp").fill_null("").replace_strict(known, default=Tlp.RED.value, return_dtype=pl.String)
    return read.is_in(list(values))


def _of_report(references: Sequence[str]) -> pl.Expr:
    ours = pl.when(pl.col("feed.code") == "inbox").then(pl.col("extra"))  # of all others nothing is read
    return ours.str.json_path_match("$.inbox").is_in(list(references)).fill_null(value=False)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


_TYPES_TAKEN: Final = frozenset(TYPES)
_TAXONOMIES: Final = frozenset(name for of in TYPES.values() for name in (of.taxonomy, of.rsit_taxonomy) if name)

CONDITIONS: Final[dict[str, Condition]] = {
    "feed": Condition(_text, _is_in("feed.code"), 'the code of a feed, such as "scan_rdp"'),
    "provider": Condition(_text, _is_in("feed.provider"), "who sends a feed"),
    "taxonomy": Condition(
        _one_of(_TAXONOMIES), _is_in("classification.taxonomy", "rsit.taxonomy"), "a class of IDF or RSIT"
    ),
    "type": Condition(_one_of(_TYPES_TAKEN), _type_is, "a type of IDF or RSIT"),
    "identifier": Condition(_lower, _is_in("classification.identifier"), 'which one exactly, such as "open-rdp"'),
    "malware": Condition(_lower, _is_in("malware.name"), "the name of a malware"),
    "severity": Condition(_one_of(_SEVERITIES), _is_in("severity"), "critical, high, medium, low, info or undefined"),
    "tlp": Condition(_tlp, _tlp_is, "CLEAR, GREEN, AMBER, AMBER+STRICT or RED"),
    "network": Condition(_network, _in_networks, 'a network, such as "192.0.2.0/24"'),
    "asn": Condition(_asn, _asn_is, "an AS number"),
    "inbox": Condition(_text, _of_report, "the reference of a report of the inbox of which the event was made"),
    "country": Condition(_country, _country_is, 'a country, such as "MU"'),
}
"""All conditions on events, by name."""


def fits(name: str, values: Sequence[str]) -> pl.Expr:
    """Whether one condition holds, per event; null where the event does not say."""
    return CONDITIONS[name].fits(values)

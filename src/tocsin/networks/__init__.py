"""Networks: addresses as numbers, tables of prefixes and ranges, the AS register, countries."""

from tocsin.networks.addresses import (
    Network,
    format_address,
    format_addresses,
    format_networks,
    is_ipv4,
    network_bounds,
    parse_address,
    parse_addresses,
    parse_integer,
    parse_integers,
    parse_network,
    parse_networks,
)
from tocsin.networks.intervals import Cover, IntervalTable, Ranges, flatten_cover, flatten_ranges, overlay
from tocsin.networks.special import SPECIAL_USE, special_use

__all__ = [
    "SPECIAL_USE",
    "Cover",
    "IntervalTable",
    "Network",
    "Ranges",
    "flatten_cover",
    "flatten_ranges",
    "format_address",
    "format_addresses",
    "format_networks",
    "is_ipv4",
    "network_bounds",
    "overlay",
    "parse_address",
    "parse_addresses",
    "parse_integer",
    "parse_integers",
    "parse_network",
    "parse_networks",
    "special_use",
]

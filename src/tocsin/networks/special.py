"""What an address is set aside for, when it is not one of the internet's ordinary addresses.

Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as far as an address in them is
not globally reachable, and the multicast blocks (RFC 5771, RFC 4291). Blocks inside a reserved block that are globally
reachable (2001:20::/28, for example) count as ordinary.
"""

from functools import cache

import numpy as np

from tocsin.networks.addresses import UInt8s, UInt64s, parse_network
from tocsin.networks.intervals import IntervalTable

SPECIAL_USE = (
    "",
    "unspecified",
    "private",
    "shared",
    "loopback",
    "link-local",
    "documentation",
    "benchmarking",
    "multicast",
    "broadcast",
    "protocol",
    "reserved",
)

_BLOCKS = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol",
    "192.0.0.9/32": "",
    "192.0.0.10/32": "",
    "192.0.2.0/24": "documentation",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "broadcast",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "private",
    "100::/64": "protocol",
    "100:0:0:1::/64": "protocol",
    "2001::/23": "protocol",
    "2001::/32": "",
    "2001:1::1/128": "",
    "2001:1::2/128": "",
    "2001:1::3/128": "",
    "2001:2::/48": "benchmarking",
    "2001:3::/32": "",
    "2001:4:112::/48": "",
    "2001:10::/28": "reserved",
    "2001:20::/28": "",
    "2001:30::/28": "",
    "2001:db8::/32": "documentation",
    "3fff::/20": "documentation",
    "5f00::/16": "protocol",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "reserved",
    "ff00::/8": "multicast",
}


def special_use(hi: UInt64s, lo: UInt64s) -> UInt8s:
    """For each address the place of its special use in ``SPECIAL_USE``; 0 for an ordinary address."""
    return np.maximum(_table().lookup(hi, lo), 0).astype(np.uint8)


@cache
def _table() -> IntervalTable:
    networks = [network for text in _BLOCKS if (network := parse_network(text)) is not None]
    return IntervalTable.from_networks(
        np.array([network.hi for network in networks], dtype=np.uint64),
        np.array([network.lo for network in networks], dtype=np.uint64),
        np.array([network.length for network in networks], dtype=np.uint8),
        np.array([SPECIAL_USE.index(use) for use in _BLOCKS.values()], dtype=np.int32),
    )

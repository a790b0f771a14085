"""Control shown in DNS: a TXT record in the zone of a domain, or in the reverse zones of a network."""

from collections.abc import Sequence
from typing import Final

from tocsin.directory.model import RuleKind
from tocsin.networks import parse_network
from tocsin.node.errors import RemoteError
from tocsin.node.sentences import say

LABEL: Final = "_tocsin-claim"
"""The label under which the record is looked for; an underscore keeps it apart from names of hosts (RFC 8552)."""

MOST_ZONES: Final = 128
"""A network of more reverse zones than this is not shown by DNS."""

_SECONDS: Final = 10.0


def record_names(kind: str, value: str) -> tuple[str, ...]:
    """The names that must all have the record; empty for what DNS cannot show.

    A network is shown by the reverse zones of its next longer octet or nibble boundary (RFC 1035, section 3.5; RFC
    3596, section 2.5), all of them: who has one of them need not have the rest.
    """
    if kind == RuleKind.DOMAIN:
        return (f"{LABEL}.{value}",)
    return tuple(f"{LABEL}.{zone}" for zone in _reverse_zones(value)) if kind == RuleKind.PREFIX else ()


def missing_records(names: Sequence[str], value: str, resolver: str) -> list[str]:
    """Those of the names that have no TXT record with this value.

    ``resolver``: ``ADDRESS`` or ``ADDRESS#PORT`` of a DNS server, or empty for that of the system.

    Raises:
        RemoteError: the DNS server does not answer, or cannot find out.

    """
    import dns.exception
    import dns.resolver

    asked = dns.resolver.Resolver(configure=not resolver)
    if resolver:
        address, _, port = resolver.partition("#")
        asked.nameservers, asked.port = [address], int(port or 53)
    missing = []
    for name in names:
        try:
            records = [b"".join(found.strings) for found in asked.resolve(f"{name}.", "TXT", lifetime=_SECONDS)]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            records = []
        except (dns.exception.DNSException, OSError) as error:
            raise RemoteError(
                say(
                    "DNS could not say whether %(name)s has the record (%(name2)s).",
                    name=name,
                    name2=type(error).__name__,
                ),
                hint=say("Try again later; 'resolver' in [directory] of the settings names another DNS server."),
            ) from error
        if value.encode("ascii") not in [record.strip() for record in records]:
            missing.append(name)
    return missing


def _reverse_zones(value: str) -> list[str]:
    import ipaddress

    network = ipaddress.ip_network(value)
    step = 8 if network.version == 4 else 4
    boundary = -(-network.prefixlen // step) * step
    if parse_network(value) is None or 2 ** (boundary - network.prefixlen) > MOST_ZONES or not boundary:
        return []
    labels = boundary // step
    whole = network.max_prefixlen // step
    return [
        ".".join(one.network_address.reverse_pointer.split(".")[whole - labels :])
        for one in network.subnets(new_prefix=boundary)
    ]

"""Whether an address is one of the internet's: asked before this node connects to where a stranger's word leads."""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from tocsin.node.errors import RemoteError, SettingError
from tocsin.node.sentences import say

_UNICAST: Final = IPv6Network("2000::/3")
"""All of IPv6 that is given out as global unicast (IANA; RFC 4291, section 2.4)."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""What a translator leads to the IPv4 address in the last 32 bits (RFC 6052, section 2.1), as DNS64 answers."""

_RESERVED: Final = (IPv6Network("2002::/16"), IPv4Network("192.0.0.0/24"))
"""6to4 leads to an IPv4 address inside it (RFC 7526), the other is IANA's own (RFC 6890): public to Python 3.11."""


def is_public(address: str) -> bool:
    """Whether it is no private, local or reserved one, also behind a translation; a zone (``%eth0``) is not looked at.

    Raises ValueError where it is no address.
    """
    one: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(one, IPv6Address):
        if one in _NAT64:
            one = IPv4Address(int(one) & 0xFFFF_FFFF)
        elif one not in _UNICAST:
            return False
    return one.is_global and not one.is_multicast and not any(one in network for network in _RESERVED)


def host_address(url: str, networks: Iterable[str], hint: str) -> str:
    """The address of the host, asked for once: nothing leads to another one later. ``networks``: private, allowed.

    Raises:
        RemoteError: it has none.
        SettingError: it is in a private network that is not allowed; ``hint``: what to do then.

    """
    host = _printable(url.partition("//")[2].partition("/")[0].rpartition("@")[2])
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)]
    except (OSError, ValueError):  # also of what no name can be, such as a label of a hundred letters
        raise RemoteError(say("The host %(host)s has no address.", host=host), hint=say("Check the address.")) from None
    allowed = [ip_network(one) for one in networks]
    for one in found:
        address = ip_address(one.partition("%")[0])
        if not is_public(one) and not any(address in network for network in allowed):
            raise SettingError(
                say("%(host)s is at %(address)s, which is no public address.", host=host, address=one), hint=hint
            )
    return found[0]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])

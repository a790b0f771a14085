"""Whether an address is one of the internet's: asked before this node connects to where a stranger's word leads."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

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

"""Which AS numbers are seen in a country, by where their networks are: an offer, not a register."""

import numpy as np

from tocsin.networks.tables import NO_AS, Networks, country_places

_MAPPED = np.uint64(0xFFFF_0000_0000)  # ::ffff:0:0/96


def as_numbers_in(networks: Networks, country: str) -> list[tuple[int, str, int]]:
    """The AS numbers that announce IPv4 addresses in a country, each with its name and addresses, the largest first.

    A network counts for the country of its first address.
    """
    starts = np.asarray(networks.routes.pieces.v4_starts)
    wanted = int(country_places([country])[0])
    if not len(starts) or wanted < 0:
        return []
    numbers = np.asarray(networks.routes.pieces.v4_values).view(np.uint32)
    # The table has no gaps: a piece ends where the next begins, the last with IPv4 itself.
    sizes = np.diff(np.append(starts.astype(np.int64), 1 << 32))
    low = starts.astype(np.uint64) | _MAPPED
    places = networks.countries.pieces.lookup(np.zeros_like(low), low)
    inside = (places == wanted) & (numbers != NO_AS)
    found, index = np.unique(numbers[inside], return_inverse=True)
    addresses = np.bincount(index, weights=sizes[inside]).astype(np.int64)
    order = np.argsort(-addresses, kind="stable")
    return [(int(found[row]), networks.register.name(int(found[row])) or "", int(addresses[row])) for row in order]

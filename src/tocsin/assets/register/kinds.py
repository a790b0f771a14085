"""The closed lists of the register of critical assets."""

from enum import StrEnum
from typing import Final


class AssetKind(StrEnum):
    """What an asset is; the last five connect a country to the networks of the world."""

    SERVICE = "service"  # what people need: payments, water, an emergency number
    SYSTEM = "system"  # networks, names, products
    SITE = "site"
    CABLE = "cable"
    LANDING_STATION = "landing-station"
    IXP = "ixp"
    TRANSIT = "transit-as"
    CCTLD = "cctld"


class IdentifierKind(StrEnum):
    """How an asset is known in reports. CPE 2.3 (NISTIR 7695) and purl (ECMA-427) name products."""

    NETWORK = "network"
    ASN = "asn"
    DOMAIN = "domain"
    CPE = "cpe"
    PURL = "purl"


class ChangeState(StrEnum):
    """What became of a change that an operator sent."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


STALE_DAYS: Final = 365
"""What nobody confirmed for so long is said to be old."""

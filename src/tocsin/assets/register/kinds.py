"""The closed lists of the register of critical assets."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


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


ASSET_KINDS: Final[Mapping[str, str]] = {
    AssetKind.SERVICE: N_("Service"),
    AssetKind.SYSTEM: N_("System"),
    AssetKind.SITE: N_("Site"),
    AssetKind.CABLE: N_("Cable"),
    AssetKind.LANDING_STATION: N_("Landing station"),
    AssetKind.IXP: N_("Internet exchange"),
    AssetKind.TRANSIT: N_("Transit AS"),
    AssetKind.CCTLD: N_("Country domain"),
}


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

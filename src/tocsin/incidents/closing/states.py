"""The closed lists of closing: how an incident came to be known, and what those say who were helped."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class DetectedBy(StrEnum):
    """Who noticed it first."""

    UNKNOWN = "unknown"
    AFFECTED = "affected"  # those whom it hit
    CSIRT = "csirt"  # we
    FEED = "feed"  # a report of a feed
    PARTNER = "partner"  # another CSIRT
    PROVIDER = "provider"  # of networks, services or products
    POLICE = "police"
    PUBLIC = "public"  # customers, the press, researchers
    ATTACKER = "attacker"  # by a demand or a boast


DETECTED: Final[Mapping[str, str]] = {
    DetectedBy.UNKNOWN: N_("Unknown"),
    DetectedBy.AFFECTED: N_("Those affected"),
    DetectedBy.CSIRT: N_("Us"),
    DetectedBy.FEED: N_("A report of a feed"),
    DetectedBy.PARTNER: N_("Another CSIRT"),
    DetectedBy.PROVIDER: N_("A provider or vendor"),
    DetectedBy.POLICE: N_("Police"),
    DetectedBy.PUBLIC: N_("Customers, researchers or the press"),
    DetectedBy.ATTACKER: N_("The attacker, by a demand or a boast"),
}


class FeedbackRating(StrEnum):
    """Whether our help solved the problem."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


RATINGS: Final[Mapping[str, str]] = {
    FeedbackRating.YES: N_("Yes"),
    FeedbackRating.PARTLY: N_("Partly"),
    FeedbackRating.NO: N_("No"),
}

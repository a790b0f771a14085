"""The closed lists of closing: how an incident came to be known, and what those say who were helped."""

from enum import StrEnum


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


class FeedbackRating(StrEnum):
    """Whether our help solved the problem."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"

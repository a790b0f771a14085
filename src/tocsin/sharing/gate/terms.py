"""The words that rules are written in: who receives, and what for."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from tocsin.directory import OFFICIAL_KINDS, Team
from tocsin.sharing.gate.markings import Tlp, read_tlp


class Audience(StrEnum):
    """What a recipient is to this node, the words of TLP 2.0."""

    OWN = "own"  # our own organisation
    CLIENT = "client"  # a team whose networks the item is about: our client, with a need to know
    COMMUNITY = "community"  # another team that we know, whose networks the item is not about
    PUBLIC = "public"  # anyone


class ReleasePurpose(StrEnum):
    """Why an item is released (GDPR, article 5(1)(b): data is used for the purpose it was collected for)."""

    REMEDIATION = "remediation"  # so that those who run the machine can mend it
    COORDINATION = "coordination"  # so that CSIRTs can work on a case together
    STATISTICS = "statistics"  # so that counts can be made and shown


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who would receive an item.

    ``named``: one known person reads it; a role mailbox, a list, a ticket system are not. ``ceiling``: the highest
    label that the recipient wants, a preference that never widens what the rules allow. ``team``, ``kind`` and
    ``country``: of a team, its key and what the directory says of it, which local rules may name; else empty.
    ``official``: ``police`` or ``authority`` (a supervisor), where it is one; else empty.
    """

    audience: Audience
    named: bool = False
    ceiling: Tlp = Tlp.RED
    team: str = ""
    kind: str = ""
    country: str = ""
    official: str = ""


def recipient_of(team: Team, *, own: Collection[str] = ()) -> Recipient:
    """A team that an item is routed to, at its mailboxes; ``own`` are the keys of teams of our own organisation."""
    audience = Audience.OWN if team.key in own else Audience.CLIENT
    return Recipient(
        audience, ceiling=read_tlp(team.ceiling), team=team.key, kind=team.kind.value, country=team.country,
        official=team.kind.value if team.kind in OFFICIAL_KINDS else "",
    )  # fmt: skip

"""The words that rules are written in: who receives, and what for."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tocsin.directory import OFFICIAL_KINDS, Team
from tocsin.sharing.gate.markings import Tlp, read_tlp


class Audience(StrEnum):
    """What a recipient is to this node, the words of TLP 2.0."""

    OWN = "own"  # our own organisation
    CLIENT = "client"  # a team whose networks the item is about: our client, with a need to know
    PARTNER = "partner"  # party of an agreement in force, or named in the case
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

    Of a partner: ``party``, the UUID of its node or what else its source's consent names; ``person_key``, the
    fingerprint of a key that only the named person has; ``in_case``: the incident itself names it; ``agreement``, the
    UUID and the type of the one under which it is sent. ``plain``: it is reached without encryption.
    """

    audience: Audience
    named: bool = False
    ceiling: Tlp = Tlp.RED
    team: str = ""
    kind: str = ""
    country: str = ""
    official: str = ""
    party: str = ""
    person_key: str = ""
    in_case: bool = False
    agreement: tuple[str, ...] = ()
    plain: bool = False

    @property
    def is_person(self) -> bool:
        """Whether one known person reads it; with a partner, by a key of its own, since its team has the node's."""
        return self.named and (self.audience is not Audience.PARTNER or bool(self.person_key))


class ConsentGround(StrEnum):
    """How a source consented."""

    AGREEMENT = "agreement"  # it signed one that is in force
    ANSWER = "answer"  # its recorded answer when it was asked


@dataclass(frozen=True, slots=True)
class SourceConsent:
    """What a source consents to: items up to a label go to these parties; RED only to persons, by their keys.

    ``reference``: the agreement, or the answer. An agreement in general reaches AMBER; what TLP 2.0 keeps in one
    organisation or to one person needs permission that says so.
    """

    ground: ConsentGround
    reference: str
    to: frozenset[str]
    up_to: Tlp = Tlp.AMBER

    def covers(self, tlp: Tlp, recipient: Recipient) -> bool:
        """Whether an item of this label may go to this recipient by it."""
        whom = recipient.person_key if tlp is Tlp.RED else recipient.party
        return tlp.rank <= self.up_to.rank and bool(whom) and whom in self.to


@dataclass(frozen=True, slots=True)
class ItemSource:
    """Who gave an item its label. ``ours``: this node; else whom one asks. ``consents``: those in force now.

    ``item``: the number of the offered item that one asks about; 0: there is none. ``recalled``: it took the thing
    back, so it goes to nobody else.
    """

    name: str = ""
    party: str = ""
    ours: bool = False
    consents: tuple[SourceConsent, ...] = ()
    item: int = 0
    recalled: bool = False

    def agrees(self, tlp: Tlp, recipient: Recipient) -> bool:
        """Whether it is ours to share, the recipient's own, or its source let it go there."""
        own = bool(self.party) and self.party == recipient.party
        return self.ours or own or any(one.covers(tlp, recipient) for one in self.consents)


UNKNOWN_SOURCE: Final = ItemSource()
"""Nobody wrote down whom an item is from."""


def recipient_of(team: Team, *, own: Collection[str] = ()) -> Recipient:
    """A team that an item is routed to, at its mailboxes; ``own`` are the keys of teams of our own organisation."""
    audience = Audience.OWN if team.key in own else Audience.CLIENT
    return Recipient(
        audience, ceiling=read_tlp(team.ceiling), team=team.key, kind=team.kind.value, country=team.country,
        official=team.kind.value if team.kind in OFFICIAL_KINDS else "",
    )  # fmt: skip

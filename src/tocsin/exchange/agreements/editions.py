"""What the editions of an agreement come to: who is bound, who was left out, what waits for a person here. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tocsin.exchange.sharing import AdoptedAgreement
from tocsin.exchange.statements import AgreementType, SharingAgreement


class AgreementState(StrEnum):
    """What an edition is to this node."""

    TO_SIGN = "to-sign"
    TO_ADOPT = "to-adopt"
    IN_FORCE = "in-force"
    EXPIRED = "expired"
    REPLACED = "replaced"
    LEFT = "left"  # this node left, or was left out
    REFUSED = "refused"
    OTHERS = "others"  # this node is no party


@dataclass(frozen=True)
class AgreementEdition:
    """An edition with the nodes whose signatures of it were verified, and what was decided here.

    ``number``: in the list of agreements; ``came_at``: when it was written here, or came.
    """

    number: int
    body: SharingAgreement
    signed: frozenset[UUID]
    came_at: datetime
    adopted_at: datetime | None = None
    ended_at: datetime | None = None
    refused: bool = False

    @property
    def parties(self) -> frozenset[UUID]:
        """Its nodes."""
        return frozenset(self.body.parties)


def only_removes(before: SharingAgreement, after: SharingAgreement) -> bool:
    """Whether an edition says the same as an earlier one, of fewer parties: what was signed then counts on."""
    same = ("agreement", "type", "title", "text", "rules", "expires")
    fewer = set(after.parties) <= set(before.parties) and set(after.others) <= set(before.others)
    return before.edition < after.edition and fewer and all(getattr(before, one) == getattr(after, one) for one in same)


def signers(edition: AgreementEdition, editions: Sequence[AgreementEdition]) -> frozenset[UUID]:
    """The parties that signed an edition, or an earlier one that only had more parties."""
    earlier = [one.signed for one in editions if only_removes(one.body, edition.body)]
    return edition.signed.union(*earlier) & edition.parties


def adopted_edition(editions: Sequence[AgreementEdition]) -> AgreementEdition | None:
    """The edition that a person here adopted, and that was not ended since."""
    adopted = [one for one in editions if one.adopted_at is not None and one.ended_at is None]
    return max(adopted, key=lambda one: one.body.edition, default=None)


def left_out(editions: Sequence[AgreementEdition]) -> dict[UUID, datetime]:
    """The parties of the adopted edition that a later one of a bound party leaves out, each with since when.

    That holds from when it comes, before anybody here has decided on it: it only narrows. Refused, it says nothing.
    """
    adopted = adopted_edition(editions)
    if adopted is None:
        return {}
    bound = signers(adopted, editions)
    gone: dict[UUID, datetime] = {}
    for one in sorted(editions, key=lambda one: one.came_at, reverse=True):
        author = one.body.by.node
        if one.body.edition > adopted.body.edition and not one.refused and author in bound & one.signed:
            gone |= dict.fromkeys(adopted.parties - one.parties, one.came_at)
    return gone


def in_force(us: UUID, editions: Sequence[AgreementEdition]) -> AdoptedAgreement | None:
    """What binds this node now, without whom a later edition leaves out; None: it adopted nothing, or left."""
    adopted = adopted_edition(editions)
    if adopted is None or adopted.adopted_at is None:
        return None
    gone = left_out(editions)
    return AdoptedAgreement(adopted.body, signers(adopted, editions) - gone.keys(), adopted.adopted_at, gone.get(us))


def members(us: UUID, editions: Sequence[AgreementEdition]) -> frozenset[UUID]:
    """The parties that may still have what goes under it; none once this node left."""
    adopted, gone = adopted_edition(editions), left_out(editions)
    return frozenset() if adopted is None or us in gone else adopted.parties - gone.keys()


def former_parties(us: UUID, editions: Sequence[AgreementEdition]) -> frozenset[UUID]:
    """The nodes that were parties of an adopted edition and are none now: what they were passed is recalled."""
    ever = frozenset[UUID]().union(*(one.parties for one in editions if one.adopted_at is not None))
    now = members(us, editions)
    return ever - now if now else frozenset()


def state_of(
    us: UUID, edition: AgreementEdition, editions: Sequence[AgreementEdition], now: datetime
) -> AgreementState:
    """What an edition is to this node now."""
    if edition.ended_at is not None:
        replaced = any(one.adopted_at and one.body.edition > edition.body.edition for one in editions)
        return AgreementState.REPLACED if replaced else AgreementState.LEFT
    if edition.refused:
        return AgreementState.REFUSED
    if us not in edition.parties:
        return AgreementState.OTHERS
    return _open_state(us, edition, editions, now)


def _open_state(
    us: UUID, edition: AgreementEdition, editions: Sequence[AgreementEdition], now: datetime
) -> AgreementState:
    """The same of one that this node is a party of, and has neither ended nor refused."""
    adopted, expires = adopted_edition(editions), edition.body.expires
    if edition.adopted_at is None and adopted is not None and adopted.body.edition >= edition.body.edition:
        return AgreementState.REPLACED
    if expires is not None and expires <= now:
        return AgreementState.EXPIRED
    if edition.adopted_at is not None:
        return AgreementState.LEFT if us in left_out(editions) else AgreementState.IN_FORCE
    return AgreementState.TO_ADOPT if us in signers(edition, editions) else AgreementState.TO_SIGN


STRENGTH = tuple(AgreementType)
"""Types of agreements, what binds most first: of several that bind a partner, a dispatch goes under the first."""

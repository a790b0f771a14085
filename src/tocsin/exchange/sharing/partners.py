"""Who is a partner to the gate, and what sources have consented to: from agreements and recorded answers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tocsin.directory import Team
from tocsin.exchange.statements import SharingAgreement
from tocsin.sharing.gate import (
    Audience,
    ConsentGround,
    ItemSource,
    LocalRule,
    Recipient,
    SourceConsent,
    Tlp,
    TransferRule,
    recipient_of,
)
from tocsin.sharing.rules import read_document


@dataclass(frozen=True)
class AdoptedAgreement:
    """An agreement that this node adopted. ``signed``: the nodes whose signatures of these bytes were verified.

    ``ended_at``: when this node, or the others, left it. A later edition is another one.
    """

    body: SharingAgreement
    signed: frozenset[UUID]
    adopted_at: datetime
    ended_at: datetime | None = None

    @property
    def bound(self) -> frozenset[UUID]:
        """The parties that signed."""
        return self.signed.intersection(self.body.parties)

    def binds(self, node: UUID, at: datetime) -> bool:
        """Whether the node is a party that signed it, and it is in force then."""
        ends = [end for end in (self.ended_at, self.body.expires) if end is not None]
        in_force = self.adopted_at <= at and all(at < end for end in ends)
        return in_force and node in self.bound


@dataclass(frozen=True)
class SourceAnswer:
    """What a source answered when it was asked: this item may go to these.

    ``reference``: the hash of its statement, or of its signed mail. ``to``: nodes, or keys of persons for TLP:RED.
    """

    reference: str
    item: UUID
    to: frozenset[str]
    up_to: Tlp
    until: datetime | None = None


@dataclass(frozen=True)
class SharingPartner:
    """Who would get something. ``party``: the UUID of its node, or what else names a partner that has only mail.

    ``keys``: fingerprints that more than one person can use, as those of its node and its role mailbox. ``plain``: it
    has no key that works. ``ceiling``: the highest label that it wants from us; None: that of its team.
    """

    party: str
    name: str
    team: Team | None = None
    keys: frozenset[str] = frozenset()
    plain: bool = False
    ceiling: Tlp | None = None

    @property
    def node(self) -> UUID | None:
        """Its node, where it has one."""
        try:
            return UUID(self.party)
        except ValueError:
            return None


def partner_recipient(
    partner: SharingPartner,
    agreements: Iterable[AdoptedAgreement],
    at: datetime,
    *,
    in_case: bool = False,
    under: UUID | None = None,
    person_key: str = "",
) -> Recipient:
    """The partner as the gate knows recipients. ``in_case``: the incident names it; ``under``: by which agreement.

    Without an agreement in force that it signed, or a case that names it, it is community where the directory has its
    team or a person confirmed its key (FIRST, TLP 2.0: partner organizations of the community), and the public where
    not. ``person_key``: of the one person who is to read it, and counts only where nobody
    else at the partner has it.
    """
    node = partner.node
    bound = [one.body for one in agreements if node is not None and one.binds(node, at)]
    chosen = next((one for one in bound if one.agreement == under), None)
    base = recipient_of(partner.team) if partner.team else Recipient(Audience.PUBLIC)
    known = Audience.COMMUNITY if partner.team or partner.keys else Audience.PUBLIC
    person = "" if person_key.lower() in {one.lower() for one in partner.keys} else person_key.lower()
    return replace(
        base, audience=Audience.PARTNER if bound or in_case else known, named=bool(person), party=partner.party,
        person_key=person, in_case=in_case, plain=partner.plain, ceiling=partner.ceiling or base.ceiling,
        agreement=(str(chosen.agreement), chosen.type.value) if chosen else (),
    )  # fmt: skip


def agreement_rules(
    us: UUID, agreements: Iterable[AdoptedAgreement], at: datetime
) -> tuple[list[LocalRule], list[TransferRule]]:
    """What the agreements that bind us keep back beside our own rules; none of them lifts a rule of another document.

    Raises:
        RulesFaultError: the rules of one cannot be read; nothing leaves by rules that nobody knows.

    """
    local, transfers = list[LocalRule](), list[TransferRule]()
    for one in agreements:
        if not one.binds(us, at):
            continue
        document = read_document(one.body.rules)
        always = (rule.local for rule in document.rules if not rule.when)  # the others are about events
        local += [rule for rule in always if rule is not None]
        transfers += [replace(rule, document=str(one.body.agreement)) for rule in document.transfers]
    return local, transfers


def item_source(
    source: UUID | str,
    name: str,
    item: UUID,
    *,
    agreements: Iterable[AdoptedAgreement],
    answers: Iterable[SourceAnswer],
    at: datetime,
    number: int = 0,
) -> ItemSource:
    """Another as the source of an item, with what it consented to: agreements that its node signed, and its answers.

    ``source``: its node, or what else names who has none. ``number``: of the item, where it can be asked about it.
    """
    by_agreement = (
        SourceConsent(ConsentGround.AGREEMENT, str(one.body.agreement), frozenset(map(str, one.bound)))
        for one in agreements
        if isinstance(source, UUID) and one.binds(source, at)
    )
    by_answer = (
        SourceConsent(ConsentGround.ANSWER, one.reference, one.to, one.up_to)
        for one in answers
        if one.item == item and (one.until is None or at < one.until)
    )
    return ItemSource(name, str(source), consents=(*by_agreement, *by_answer), item=number)

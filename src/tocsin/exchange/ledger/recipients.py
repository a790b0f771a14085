"""A partner as the gate knows recipients: by agreements, by the incident that names it, by its keys; and the rules."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import teams_by_id
from tocsin.exchange.agreements import adopted_agreements, agreement_title
from tocsin.exchange.ledger.links import NoPartnerKeyError, encrypting_key
from tocsin.exchange.partners import Partner, PartnerKeyState, attested, read_partner
from tocsin.exchange.sharing import (
    AdoptedAgreement,
    PackagePolicy,
    PartnerPackage,
    SharingPartner,
    agreement_rules,
    partner_recipient,
)
from tocsin.incidents import IncidentReader, Party, find_incident, merged_family, parties_of
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError
from tocsin.node.records import node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import Audience, DataClass, Recipient, read_tlp
from tocsin.sharing.rules import rules_in_force


@dataclass(frozen=True)
class SharingGround:
    """On what something goes to a partner. ``kind``: agreement (with its title and type), case, community or public."""

    kind: str
    title: str = ""
    type: str = ""


def ground_of_package(session: Session, package: PartnerPackage) -> SharingGround:
    """Why the gate lets this partner have it."""
    to = package.recipient
    if to.agreement:
        uuid, type_ = to.agreement
        return SharingGround("agreement", agreement_title(session, UUID(uuid)), type_)
    return SharingGround("case" if to.audience is Audience.PARTNER else to.audience.value)


def agreement_of(package: PartnerPackage) -> UUID | None:
    """The agreement under which it goes."""
    return UUID(package.recipient.agreement[0]) if package.recipient.agreement else None


def policy_for(session: Session, context: ActContext, partner: Partner, chosen: frozenset[DataClass]) -> PackagePolicy:
    """The rules in force here and by agreements, and the size that the partner takes. ``chosen``: classes that go."""
    rules, shown = rules_in_force(session), attested(partner, context.now)
    local = [rule.local for rule in rules.document.rules if not rule.when and rule.local is not None]
    more, transfers = agreement_rules(node_uuid(context.database), _in_force(session, context), context.now)
    asked = (one.for_partner(shown) for one in (*rules.transfers, *transfers))
    policy = PackagePolicy(
        local=(*local, *more), transfers=tuple(one for one in asked if one), chosen=chosen,
        never_held=IntakeFilter(context.node, "exchange").classes,
    )  # fmt: skip
    return policy if partner.largest is None else replace(policy, largest=min(policy.largest, partner.largest))


def recipient_for(
    session: Session, context: ActContext, partner: Partner, reference: str, under: UUID | None = None, *,
    sealed: bool = False,
) -> Recipient:  # fmt: skip
    """The partner as the gate knows it: named in the case where a party of the incident is the same team or mailbox.

    Then it gets no more than the incident says of that party. ``under``: the agreement by which it goes; None: the
    first that binds the partner. ``sealed``: what goes is encrypted for the partner's own key alone, so that of a
    partner that is one person nobody else can read it.

    Raises:
        ConflictError: that agreement does not bind it.

    """
    team = teams_by_id(context.database, [partner.team_id]).get(partner.team_id) if partner.team_id else None
    parties = _parties(session, context, partner, reference) if reference else []
    keys = _pinned(session, context, partner.id)
    shared = _pinned(session, context, partner.person_of) if partner.person_of else keys
    sharing = SharingPartner(str(partner.node or partner.mailbox), partner.name, team, shared, plain=not keys)
    node, agreements = partner.node, _in_force(session, context)
    bound = [one.body.agreement for one in agreements if node is not None and one.binds(node, context.now)]
    if under is not None and under not in bound:
        raise ConflictError(
            say("No agreement of this number that is in force binds %(name)s.", name=partner.name),
            hint=say("The page Agreements says who has signed it, and who was left out."),
        )
    chosen = under or next(iter(bound), None)
    recipient = partner_recipient(
        sharing, agreements, context.now, in_case=bool(parties), under=chosen,
        person_key=person_key(session, context, partner) if sealed else "",
    )  # fmt: skip
    recipient = recipient if team else replace(recipient, country=partner.countries.partition(",")[0])
    return within_ceilings(recipient, parties)


def person_key(session: Session, context: ActContext, partner: Partner) -> str:
    """The key that what goes to a partner is encrypted for, where the partner is one person; else empty."""
    if partner.person_of is None:
        return ""
    try:
        return encrypting_key(session, partner, context.now)[0]
    except NoPartnerKeyError:
        return ""


def _pinned(session: Session, context: ActContext, partner: int) -> frozenset[str]:
    found = read_partner(session, str(partner), context.now)
    return frozenset(key.fingerprint for key in found.in_state(PartnerKeyState.PINNED, context.now))


def lacking_attestations(session: Session, context: ActContext, partner: Partner) -> dict[str, list[str]]:
    """What rules require of a partner that it has not shown, by name, each with the ids of those rules."""
    recipient, found = recipient_for(session, context, partner, ""), dict[str, list[str]]()
    for rule in policy_for(session, context, partner, frozenset()).transfers:
        for name in sorted(rule.requires) if rule.names(recipient) else ():
            found.setdefault(name, []).append(rule.id)
    return found


def takes_part(session: Session, context: ActContext, partner: Partner, reference: str) -> bool:
    """Whether the partner is a party of an incident."""
    return bool(_parties(session, context, partner, reference))


def _parties(session: Session, context: ActContext, partner: Partner, reference: str) -> list[Party]:
    reader = IncidentReader(context.person, context.now)
    family = merged_family(session, reader, find_incident(session, reader, reference))
    return parties_of_partner(partner, parties_of(session, reader, family))


def parties_of_partner(partner: Partner, parties: Iterable[Party]) -> list[Party]:
    """Those parties that take part and are the same team or mailbox as the partner; of a person, only the mailbox."""
    team, mailbox = None if partner.person_of else partner.team_id, partner.mailbox.casefold()
    return [
        one
        for one in parties
        if one.left_at is None
        and ((team and one.team_id == team) or (mailbox and one.mailbox.casefold() == mailbox))
    ]  # fmt: skip


def within_ceilings(recipient: Recipient, parties: Iterable[Party]) -> Recipient:
    """The recipient, that gets no more than the incident says of these parties."""
    ceilings = [recipient.ceiling, *(read_tlp(one.ceiling) for one in parties)]
    return replace(recipient, ceiling=min(ceilings, key=lambda one: one.rank))


def _in_force(session: Session, context: ActContext) -> list[AdoptedAgreement]:
    us = node_uuid(context.database)
    return [one for one in adopted_agreements(session, us) if one.binds(us, context.now)]

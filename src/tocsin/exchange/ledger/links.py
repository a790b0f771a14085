"""Links as the records have them, and this node as a party of one: who it is, and the keys it knows others by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tocsin.delivery.sealing import EarlierKey, OpeningKey, OpenPgpKey, read_earlier_keys
from tocsin.directory.keys import KeyFormat, encrypting, judge, key_facts, read_key_file
from tocsin.exchange.dispatches import (
    OPEN_STATES,
    DispatchRecipient,
    IncomingLink,
    OutgoingDispatch,
    OutgoingLink,
    OutgoingState,
    genesis,
)
from tocsin.exchange.ledger.models import ExchangeLink, IncomingRow, OutgoingRow
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.partners import Partner, PartnerKeyState, own_key, pinned_keys, read_partner, why_keyless
from tocsin.exchange.statements import Keys, NodeKey, PinnedKey, Receipt, pinned
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from pysequoia import Cert


class NoPartnerKeyError(ConflictError):
    """No confirmed key of a partner is valid."""


@dataclass(frozen=True)
class OwnParty:
    """This node with the key that it signs and opens with. ``earlier``: those that were replaced, which only open."""

    name: NodeKey
    key: OpenPgpKey
    earlier: tuple[EarlierKey, ...] = ()

    @property
    def names(self) -> list[NodeKey]:
        """As whom partners may write to it."""
        opening = [one.facts.fingerprint for one in self.earlier if one.opening]
        return [self.name, *(NodeKey(node=self.name.node, key=one) for one in opening)]

    @property
    def opening(self) -> list[OpeningKey]:
        """What opens files that are for it."""
        return [one for one in (self.key.opening, *(key.opening for key in self.earlier)) if one]

    @property
    def keys(self) -> Keys:
        """What this node itself signed is verified by these."""
        public = [self.key.public, *(one.public for one in self.earlier)]
        return pinned(*(PinnedKey(self.name.node, one.encode()) for one in public))

    def recipient(self, session: Session, number: int | None = None) -> DispatchRecipient:
        """As who it opens files now. ``number``: of the dispatch that came; then links know the hash of that alone."""
        return DispatchRecipient(self.names, self.opening, pinned_keys(session), StoredLinks(session, number))


@dataclass(frozen=True)
class OpenPartner:
    """A partner that an act works with, in its transaction; its row is locked."""

    session: Session
    context: ActContext
    us: OwnParty
    partner: Partner

    def note(self, word: AuditAction, **detail: object) -> None:
        """The audit entry of what went to the partner, came from it, or was decided of that."""
        subject = f"partner:{self.partner.id}"
        audit(self.session, word, at=self.context.now, actor=self.context.actor, subject=subject, detail=detail)


def own_party(node: Node, now: datetime) -> OwnParty:
    """This node as partners know it.

    Raises:
        NotFoundError, ConflictError: as of `own_key`.

    """
    key = own_key(node, now)
    name = NodeKey(node=node_uuid(node.database), key=key.facts.fingerprint)
    return OwnParty(name, key, read_earlier_keys(node.home, node.settings.mail, now))


def partner_party(session: Session, partner: Partner, now: datetime) -> "tuple[NodeKey, Cert]":
    """A partner as it is written to: the pinned key that expires last.

    Raises:
        ConflictError: it has no node, or no key that encrypts now.

    """
    if partner.node is None:
        raise ConflictError(
            say("%(name)s has no node of its own.", name=partner.name), hint=say("Write a mail to it instead.")
        )
    fingerprint, cert = encrypting_key(session, partner, now)
    return NodeKey(node=partner.node, key=fingerprint), cert


def encrypting_key(session: Session, partner: Partner, now: datetime) -> "tuple[str, Cert]":
    """The pinned key of a partner that expires last: its fingerprint, and the certificate as it is encrypted to.

    Raises:
        NoPartnerKeyError: there is none that encrypts now.

    """
    keys = read_partner(session, str(partner.id), now).in_state(PartnerKeyState.PINNED, now)
    for key in sorted(keys, key=lambda one: (one.expires_at is None, one.expires_at or now, one.id), reverse=True):
        content = key.content.encode()
        if key.form is KeyFormat.OPENPGP and judge(key_facts(KeyFormat.OPENPGP, content), now).good:
            return key.fingerprint, encrypting(content, now)
    raise NoPartnerKeyError(
        why_keyless(session, partner, now) or say("No confirmed key of %(name)s is valid.", name=partner.name),
        hint=say("Ask for its key, and confirm it by telephone."),
    )


def encrypting_certificate(session: Session, partner: Partner, now: datetime) -> bytes | None:
    """The newest confirmed S/MIME certificate (DER) of a partner without a node that is valid; None: there is none."""
    keys = read_partner(session, str(partner.id), now).in_state(PartnerKeyState.PINNED, now)
    for key in reversed(keys):
        if partner.node is None and key.form is KeyFormat.SMIME:
            ((_, content),) = read_key_file(key.content.encode()).keys
            if judge(key_facts(KeyFormat.SMIME, content), now).good:
                return content
    return None


class StoredLinks(Mapping[UUID, IncomingLink]):
    """What came from each partner, by its node; read when it is asked for, of this number alone where there is one."""

    def __init__(self, session: Session, number: int | None = None) -> None:
        self.session, self.number = session, number

    def __getitem__(self, node: UUID) -> IncomingLink:
        """The link; raises KeyError where nothing came yet."""
        of = select(ExchangeLink).join(Partner, Partner.id == ExchangeLink.partner_id)
        link = self.session.scalar(of.where(Partner.node == node, ExchangeLink.direction == Direction.IN))
        if link is None:
            raise KeyError(node)
        rows = select(IncomingRow.number, IncomingRow.hash)
        counted = rows.where(IncomingRow.partner_id == link.partner_id, IncomingRow.counts.is_(True))
        if self.number is not None:
            counted = counted.where(IncomingRow.number == self.number)
        return IncomingLink(link.head, link.number, dict(self.session.execute(counted).all()))

    def __iter__(self) -> Iterator[UUID]:
        """The nodes of the partners from whom something came."""
        of = select(Partner.node).join(ExchangeLink, Partner.id == ExchangeLink.partner_id)
        found = self.session.scalars(of.where(ExchangeLink.direction == Direction.IN, Partner.node.is_not(None)))
        return (node for node in found if node is not None)

    def __len__(self) -> int:
        """How many they are."""
        return sum(1 for _ in self)


def outgoing_link(
    session: Session, partner: Partner, us: NodeKey, to: NodeKey, rows: Sequence[OutgoingRow] = ()
) -> OutgoingLink:
    """Where a link to a partner is, with these dispatches; of one that nothing went to yet, the beginning."""
    link = session.get(ExchangeLink, (partner.id, Direction.OUT.value))
    sent = tuple(OutgoingDispatch(one.number, one.hash, OutgoingState(one.state), one.reason) for one in rows)
    return OutgoingLink(link.head, link.number, sent) if link else OutgoingLink(genesis(us, to))


def receipted_rows(session: Session, partner: Partner, receipt: Receipt) -> Sequence[OutgoingRow]:
    """The dispatches that a receipt may say something new of: the one that it names, and those below that were open.

    Numbers below 1 are mails.
    """
    row = OutgoingRow
    covered = row.number.between(1, receipt.had), row.state.in_([one.value for one in OPEN_STATES])
    of = select(row).where(row.partner_id == partner.id, or_(row.number == receipt.number, and_(*covered)))
    return session.scalars(of.order_by(row.number)).all()


def had_from(session: Session, partner: Partner) -> int:
    """The highest number without a gap that came from a partner."""
    link = session.get(ExchangeLink, (partner.id, Direction.IN.value))
    return link.number if link else 0


def keep_link(session: Session, partner: Partner, direction: Direction, number: int, head: str) -> None:
    """Write a link down as it is now."""
    session.merge(ExchangeLink(partner_id=partner.id, direction=direction.value, number=number, head=head))

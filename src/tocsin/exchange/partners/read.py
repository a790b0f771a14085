"""What is read of partners: each with its keys, its checks and the state of its link; what waits for a person."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, defer

from tocsin.exchange.partners.models import Partner, PartnerCheck, PartnerKey, PartnerKeyNotice, PartnerListing
from tocsin.exchange.partners.states import (
    CHECK_DAYS,
    ENDING_DAYS,
    KeyEnd,
    LinkState,
    PartnerKeyState,
    key_state,
    last_proof,
    link_state,
    vouches,
)
from tocsin.exchange.statements import PinnedKey, pinned
from tocsin.interface import number_in
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

_NEVER: Final = frozenset({KeyEnd.COMPROMISED.value, KeyEnd.NOT_THEIRS.value})  # nothing that comes now counts


@dataclass(frozen=True)
class ListedPartner:
    """A partner with all that is known of it. ``proof``: when the link last was shown to work."""

    partner: Partner
    keys: tuple[PartnerKey, ...]
    checks: tuple[PartnerCheck, ...]
    state: LinkState
    proof: datetime | None

    def in_state(self, state: PartnerKeyState, now: datetime) -> list[PartnerKey]:
        """Its keys of one state."""
        return [key for key in self.keys if key_state(key, now) is state]

    @property
    def due_at(self) -> datetime:
        """When a communication check is due."""
        start = self.proof or min((key.confirmed_at for key in self.keys if key.confirmed_at), default=None)
        return (start or self.partner.made_at) + timedelta(days=CHECK_DAYS if self.proof else 0)


@dataclass(frozen=True)
class KeyVoucher:
    """Which key of a partner named another one as what replaces it. ``counts``: a person may confirm that by it."""

    key: PartnerKey
    notice: PartnerKeyNotice
    counts: bool


def vouchers(session: Session, partner: int) -> dict[str, KeyVoucher]:
    """What vouches for keys of a partner, by their fingerprints; of several that which counts."""
    same = PartnerKey.partner_id == PartnerKeyNotice.partner_id, PartnerKey.fingerprint == PartnerKeyNotice.old
    query = select(PartnerKeyNotice, PartnerKey).join(PartnerKey, and_(*same))
    rows = session.execute(query.where(PartnerKeyNotice.partner_id == partner).order_by(PartnerKeyNotice.id)).all()
    found = [KeyVoucher(key, notice, vouches(key, notice)) for notice, key in rows]
    return {one.notice.new: one for one in sorted(found, key=lambda one: one.counts)}


def list_partners(session: Session, now: datetime) -> list[ListedPartner]:
    """All partners, by name."""
    keys, checks = defaultdict[int, list[PartnerKey]](list), defaultdict[int, list[PartnerCheck]](list)
    for key in session.scalars(select(PartnerKey).options(defer(PartnerKey.content)).order_by(PartnerKey.id)):
        keys[key.partner_id].append(key)
    for check in session.scalars(select(PartnerCheck).order_by(PartnerCheck.at.desc(), PartnerCheck.id.desc())):
        checks[check.partner_id].append(check)
    found = sorted(session.scalars(select(Partner)), key=lambda one: (one.name.casefold(), one.id))
    return [_listed(one, keys[one.id], checks[one.id], now) for one in found]


def read_partner(session: Session, named: str, now: datetime) -> ListedPartner:
    """A partner by its number or name, its newest check first. Raises NotFoundError."""
    partner = find_partner(session, named)
    keys = select(PartnerKey).where(PartnerKey.partner_id == partner.id).order_by(PartnerKey.id)
    checks = select(PartnerCheck).where(PartnerCheck.partner_id == partner.id)
    made = session.scalars(checks.order_by(PartnerCheck.at.desc(), PartnerCheck.id.desc()))
    return _listed(partner, list(session.scalars(keys)), list(made), now)


def find_partner(session: Session, named: str, *, lock: bool = False) -> Partner:
    """The partner of this number or name. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: there is none, or several have the name.

    """
    number = number_in(named)
    query = select(Partner).where(Partner.name == named if number is None else Partner.id == number)
    found = session.scalars(query.with_for_update() if lock else query).all()
    if len(found) > 1:
        raise NotFoundError(say("Several partners have this name."), hint=say("Name it by its number."))
    if not found:
        raise NotFoundError(say("There is no such partner."), hint="'tocsin partners list' lists them.")
    return found[0]


def partner_names(session: Session, numbers: Collection[int | None]) -> dict[int, str]:
    """What partners are called, by number."""
    return dict(session.execute(select(Partner.id, Partner.name).where(Partner.id.in_(numbers))).all())


def listings_of(session: Session, partner: int) -> Sequence[PartnerListing]:
    """What lists say of a partner, by source."""
    of = select(PartnerListing).where(PartnerListing.partner_id == partner).order_by(PartnerListing.source)
    return session.scalars(of).all()


def pinned_keys(session: Session) -> dict[str, PinnedKey]:
    """The keys by which statements are verified: those that a person confirmed, of partners with a node."""
    query = select(PartnerKey, Partner.node).join(Partner, Partner.id == PartnerKey.partner_id)
    openpgp = PartnerKey.content.startswith("-----BEGIN PGP")
    rows = session.execute(query.where(PartnerKey.confirmed_at.is_not(None), Partner.node.is_not(None), openpgp))
    return pinned(
        *(
            PinnedKey(node, key.content.encode(), key.ended_at, compromised=key.ended in _NEVER)
            for key, node in rows
            if node is not None
        )
    )


def claimed_keys(partners: Collection[ListedPartner], now: datetime) -> list[PartnerKey]:
    """The keys that wait for a person to confirm them; not those of lists, which nobody here asked for."""
    found = (key for one in partners for key in one.in_state(PartnerKeyState.CLAIMED, now))
    return [key for key in found if key.source != "list"]


def due_checks(partners: Collection[ListedPartner]) -> list[ListedPartner]:
    """The partners of whose link nothing has shown for half a year that it works, or whose last check failed."""
    return [one for one in partners if one.state in {LinkState.CHECK_DUE, LinkState.FAILING}]


def ending_keys(partners: Collection[ListedPartner], now: datetime) -> list[PartnerKey]:
    """The pinned keys that expired, or expire within 30 days, and that no person ended; with when they do."""
    soon = now + timedelta(days=ENDING_DAYS)
    states = (PartnerKeyState.PINNED, PartnerKeyState.EXPIRED)
    found = [key for one in partners for state in states for key in one.in_state(state, now)]
    return [key for key in found if key.expires_at is not None and key.expires_at <= soon]


def stopped_keys(partners: Collection[ListedPartner]) -> list[PartnerKey]:
    """The keys that their partners stopped, and of which no person has said what that was."""
    return [key for one in partners for key in one.keys if key.is_stopped]


def stopped_by(session: Session, partner: int) -> frozenset[str]:
    """The fingerprints of the keys that a partner stopped, whenever that was."""
    of = PartnerKeyNotice.partner_id == partner, PartnerKeyNotice.new == ""
    return frozenset(session.scalars(select(PartnerKeyNotice.old).where(*of)))


def why_keyless(session: Session, partner: Partner, now: datetime) -> str:
    """Why nothing can be encrypted for a partner that stopped a key of its own; or empty."""
    found = stopped_by(session, partner.id)
    if not found or read_partner(session, str(partner.id), now).in_state(PartnerKeyState.PINNED, now):
        return ""
    return say("%(name)s stopped its key, and no other one of it is confirmed.", name=partner.name)


def _listed(partner: Partner, keys: list[PartnerKey], checks: list[PartnerCheck], now: datetime) -> ListedPartner:
    state = link_state(partner, keys, checks, now)
    return ListedPartner(partner, tuple(keys), tuple(checks), state, last_proof(partner, checks))

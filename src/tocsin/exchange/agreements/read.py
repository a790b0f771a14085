"""What is read of agreements: those that bind, whom a dispatch went under which to, and the share of each type."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements.editions import (
    STRENGTH,
    AgreementEdition,
    AgreementState,
    in_force,
    members,
    signers,
    state_of,
)
from tocsin.exchange.agreements.models import AgreementSignature, DispatchGround, StoredAgreement
from tocsin.exchange.sharing import AdoptedAgreement
from tocsin.exchange.statements import SharingAgreement
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

_OUT: Final = "out"  # as the ledger calls this direction
ENDING_DAYS: Final = 30
"""So long before an agreement ends, somebody decides how it goes on."""


@dataclass(frozen=True)
class ListedAgreement:
    """An edition with its row, its state here, and the parties that are bound by it."""

    row: StoredAgreement
    edition: AgreementEdition
    state: AgreementState
    bound: frozenset[UUID]

    @property
    def body(self) -> SharingAgreement:
        """What its parties sign."""
        return self.edition.body


def read_editions(session: Session, agreements: Collection[UUID] = ()) -> dict[UUID, list[AgreementEdition]]:
    """The editions of these agreements, or of all, the oldest first."""
    query, signed = select(StoredAgreement), defaultdict[int, set[UUID]](set)
    for number, node in session.execute(select(AgreementSignature.agreement_id, AgreementSignature.node)):
        signed[number].add(node)
    if agreements:
        query = query.where(StoredAgreement.agreement.in_(agreements))
    found = defaultdict[UUID, list[AgreementEdition]](list)
    for row in session.scalars(query.order_by(StoredAgreement.edition, StoredAgreement.id)):
        found[row.agreement].append(
            AgreementEdition(
                row.id, SharingAgreement.model_validate_json(row.content), frozenset(signed[row.id]), row.came_at,
                row.adopted_at, row.ended_at, row.refused_at is not None,
            )
        )  # fmt: skip
    return dict(found)


def list_agreements(session: Session, us: UUID, now: datetime) -> list[ListedAgreement]:
    """All editions, by title, the newest first."""
    rows = {row.id: row for row in session.scalars(select(StoredAgreement))}
    found = [
        ListedAgreement(rows[one.number], one, state_of(us, one, editions, now), signers(one, editions))
        for editions in read_editions(session).values()
        for one in editions
    ]
    return sorted(found, key=lambda one: (one.row.title.casefold(), one.row.agreement, -one.row.edition, one.row.id))


def find_agreement(session: Session, number: int, *, lock: bool = False) -> StoredAgreement:
    """An edition by its number in the list. Raises NotFoundError."""
    if (row := session.get(StoredAgreement, number, with_for_update=lock, populate_existing=lock)) is None:
        raise NotFoundError(
            say("There is no such agreement."), hint="'tocsin exchange agreements list' lists them."
        )  # fmt: skip
    return row


def agreement_titles(session: Session, numbers: Collection[int]) -> dict[int, str]:
    """What editions are called, by number."""
    return dict(
        session.execute(select(StoredAgreement.id, StoredAgreement.title).where(StoredAgreement.id.in_(numbers))).all()
    )


def agreement_title(session: Session, agreement: UUID) -> str:
    """What the newest edition of an agreement is called; empty where none is here."""
    of = select(StoredAgreement.title).where(StoredAgreement.agreement == agreement)
    return session.scalar(of.order_by(StoredAgreement.edition.desc()).limit(1)) or ""


def adopted_agreements(session: Session, us: UUID) -> list[AdoptedAgreement]:
    """What this node adopted and did not leave, what binds most first."""
    found = [one for one in (in_force(us, editions) for editions in read_editions(session).values()) if one]
    return sorted(found, key=lambda one: (STRENGTH.index(one.body.type), -one.adopted_at.timestamp()))


def waiting_agreements(session: Session, us: UUID, now: datetime) -> list[ListedAgreement]:
    """What waits for a person here: editions of others to sign or adopt, and each newest one that was only signed."""
    states = {AgreementState.TO_SIGN, AgreementState.TO_ADOPT}
    return [one for one in list_agreements(session, us, now) if one.state in states]


def ending_agreements(session: Session, us: UUID, now: datetime) -> list[ListedAgreement]:
    """What was adopted here, and ended or ends within 30 days."""
    soon, states = now + timedelta(days=ENDING_DAYS), {AgreementState.IN_FORCE, AgreementState.EXPIRED}
    found = [one for one in list_agreements(session, us, now) if one.state in states and one.row.adopted_at]
    return [one for one in found if one.body.expires is not None and one.body.expires <= soon]


def signatures_of(session: Session, number: int) -> Sequence[AgreementSignature]:
    """The verified signatures of an edition."""
    of = select(AgreementSignature).where(AgreementSignature.agreement_id == number)
    return session.scalars(of.order_by(AgreementSignature.at, AgreementSignature.node)).all()


def note_ground(session: Session, direction: str, dispatch: int, agreement: UUID, sender: UUID | None = None) -> None:
    """That a dispatch goes or came under an agreement. ``sender``: who says so, which counts of a party alone."""
    query = (
        select(StoredAgreement).where(StoredAgreement.agreement == agreement).order_by(StoredAgreement.edition.desc())
    )
    for row in session.scalars(query):
        body = SharingAgreement.model_validate_json(row.content)
        if sender is None or sender in body.parties:
            ground = DispatchGround(direction=direction, dispatch=dispatch, agreement=agreement, type=row.type)
            session.merge(ground)
            return


def ground_of(session: Session, direction: str, dispatch: int) -> StoredAgreement | None:
    """The newest edition of the agreement that a dispatch went or came under; None: under none."""
    if (ground := session.get(DispatchGround, (direction, dispatch))) is None:
        return None
    of = select(StoredAgreement).where(StoredAgreement.agreement == ground.agreement)
    return session.scalar(of.order_by(StoredAgreement.edition.desc(), StoredAgreement.id.desc()).limit(1))


def is_stopped(session: Session, us: UUID, dispatch: int, partner: UUID) -> bool:
    """Whether a dispatch went under an agreement that its recipient, or this node, is no party of any more."""
    if (ground := session.get(DispatchGround, (_OUT, dispatch))) is None:
        return False
    return partner not in members(us, read_editions(session, [ground.agreement]).get(ground.agreement, []))

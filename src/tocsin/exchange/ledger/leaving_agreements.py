"""An edition with fewer parties: who is left out gets nothing more under it, and a recall of what it was passed."""

from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import (
    ARMOR,
    AgreementEdition,
    AgreementState,
    DispatchGround,
    StoredAgreement,
    add_signatures,
    adopted_edition,
    find_agreement,
    former_parties,
    keep_edition,
    members,
    read_editions,
    signatures_of,
    state_of,
    text_of,
)
from tocsin.exchange.ledger.contents import keep_recall, sign_recall
from tocsin.exchange.ledger.links import OpenPartner, OwnParty, own_party
from tocsin.exchange.ledger.models import OutgoingRow, PassedItem
from tocsin.exchange.ledger.passed_items import left_elsewhere
from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.partners import Partner, find_partner
from tocsin.exchange.statements import (
    DispatchType,
    Part,
    Recall,
    RecallRequest,
    SharingAgreement,
    Statement,
    hash_of,
    read_statement,
    sign_statement,
    utc,
)
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, audit, cut, node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import Marking, Tlp

LEFT = "agreement-left"
"""The code of recalls that follow from leaving an agreement."""


class AgreementNamed(BaseModel):
    """Which edition of an agreement."""

    agreement: int = Field(
        ge=1, le=2**31, title=N_("Agreement"), description="The number in 'tocsin exchange agreements list'."
    )


class RemovedParty(AgreementNamed):
    """A party that is left out of an agreement from now on."""

    party: Annotated[str, Wording(lacking=N_("Choose a party."), choices="members")] = Field(
        min_length=1, max_length=200, title=N_("Party"),
        description="Number or name of a partner, or the UUID of a node.",
    )  # fmt: skip


class AgreementResult(BaseModel):
    """An edition after an act. ``sent``: how many dispatches were sealed; ``left``: whom none could be, with why."""

    agreement: int
    title: str
    edition: int
    state: AgreementState
    sent: int = 0
    left: list[str] = Field(default_factory=list)


def remove_party(context: ActContext, request: RemovedParty) -> AgreementResult:
    """A further edition without it, in force here at once and sent to all parties. The party gets a recall, too.

    Done again after a kill, it goes on where it ended.

    Raises:
        ConflictError: the agreement is not in force here, or has no such party.

    """
    us = own_party(context.node, context.now)
    with context.database.begin() as session:
        row = find_agreement(session, request.agreement, lock=True)
        party = _party(session, request.party)
        editions = editions_of(session, row)
        ours = _written(editions, us, lambda one: party not in one.parties)
        if ours is None:
            if party == us.name.node or party not in members(us.name.node, editions):
                raise ConflictError(say("It is no party of this agreement."))
            made = _fewer(session, context, us, editions, party)
            put_in_force(session, context, made)
        else:
            made = find_agreement(session, ours.number)
        number = made.id
    cut("exchange.agreement.removed")
    recalls, sent = recall_from_former(context, row.agreement), tell(context, number)
    with context.database.reading() as session:
        return result_of(session, context, find_agreement(session, number), *_both(recalls, sent))


def leave(context: ActContext, request: AgreementNamed) -> AgreementResult:
    """A further edition without this node, sent to the others. They recall what they passed us under it.

    Raises:
        ConflictError: the agreement is not in force here.

    """
    us = own_party(context.node, context.now)
    with context.database.begin() as session:
        row = find_agreement(session, request.agreement, lock=True)
        editions = editions_of(session, row)
        ours = _written(editions, us, lambda one: us.name.node not in one.parties)
        if ours is None:
            adopted = adopted_edition(editions)
            if adopted is None:
                raise ConflictError(say("This agreement is not in force here."))
            made = _fewer(session, context, us, editions, us.name.node)
            ended = find_agreement(session, adopted.number, lock=True)
            ended.ended_at, ended.ended_by = context.now, context.actor
            note(session, context, AuditAction.AGREEMENT_LEFT, ended)
        else:
            made = find_agreement(session, ours.number)
        number = made.id
    cut("exchange.agreement.left")
    done = tell(context, number)
    with context.database.reading() as session:
        return result_of(session, context, find_agreement(session, request.agreement), *done)


def put_in_force(session: Session, context: ActContext, row: StoredAgreement) -> None:
    """An edition binds this node from now on, in the place of the one before."""
    for one in session.scalars(select(StoredAgreement).where(StoredAgreement.agreement == row.agreement)):
        if one.adopted_at is not None and one.ended_at is None and one.id != row.id:
            one.ended_at, one.ended_by = context.now, context.actor
    row.adopted_at, row.adopted_by = context.now, context.actor
    session.flush()
    note(session, context, AuditAction.AGREEMENT_ADOPTED, row)


def recall_from_former(context: ActContext, agreement: UUID) -> tuple[int, list[str]]:
    """A recall to each node that is no party any more, of what it was passed under an agreement; whom it did not reach.

    To nobody else: what the others have under it, they keep.
    """
    us = own_party(context.node, context.now)
    with context.database.reading() as session:
        still = members(us.name.node, read_editions(session, [agreement]).get(agreement, []))
        partners = [one.id for one in _former(session, us.name.node, agreement)]
    done, left = 0, list[str]()
    for number in partners:
        with context.database.begin() as session:
            partner = find_partner(session, str(number), lock=True)
            passed = [one for one in _passed(session, us.name.node, agreement, partner) if not one.recall_dispatch]
            if not passed:
                continue
            opened, versions = OpenPartner(session, context, us, partner), _versions(passed)
            parties = tuple(sorted(still))
            statement = sign_recall(us, context.now, versions, LEFT, RecallRequest.ERASE, parties=parties)
            try:
                sealed = seal_dispatch(opened, DispatchDraft(DispatchType.RECALL, "", Marking(Tlp.CLEAR), [statement]))
            except ConflictError as error:  # no key that works: the recall waits for one
                left.append(f"{partner.name}: {error}")
                continue
            keep_recall(session, statement.said(Recall), statement, context.now)
            for one in passed:
                one.recall_dispatch = sealed.id
            opened.note(AuditAction.RECALL_MADE, code=LEFT, asks=RecallRequest.ERASE.value, sha256=statement.hash)
        cut("exchange.agreement.recalled")
        done += 1
    with context.database.reading() as session:
        return done, [*left, *held_by_former(session, us.name.node, agreement)]


def held_by_former(session: Session, us: UUID, agreement: UUID) -> list[str]:
    """What no recall takes back from nodes that are no party any more, in words: until it is deleted at their MISP."""
    left = list[str]()
    for partner in _former(session, us, agreement):
        versions = _versions(_passed(session, us, agreement, partner))
        left += left_elsewhere(session, {(us, item): version for item, version in versions.items()}, partner.id)
    return left


def tell(context: ActContext, number: int) -> tuple[int, list[str]]:
    """An edition with all its signatures to each party, and to those of the one before, that has not got these."""
    us = own_party(context.node, context.now)
    with context.database.reading() as session:
        row = find_agreement(session, number)
        editions = editions_of(session, row)
        nodes = {node for one in editions if one.number == number or one.adopted_at for node in one.parties}
        found = select(Partner.id).where(Partner.node.in_(nodes - {us.name.node})).order_by(Partner.id)
        partners = session.scalars(found).all()
    return send_to_parties(context, us, number, partners)


def send_to_parties(
    context: ActContext, us: OwnParty, number: int, partners: Sequence[int]
) -> tuple[int, list[str]]:  # fmt: skip
    """A dispatch of an edition to each of these partners, a transaction for each."""
    done, left = 0, list[str]()
    for one in partners:
        with context.database.begin() as session:
            partner = find_partner(session, str(one), lock=True)
            statement, parts = _dispatched(session, find_agreement(session, number))
            once = f"agree:{partner.id}:{statement.hash}:{hash_of(''.join(part.hash for part, _ in parts).encode())}"
            if session.scalar(select(OutgoingRow.id).where(OutgoingRow.once == once)) is not None:
                continue
            body = statement.said(SharingAgreement)
            draft = DispatchDraft(
                DispatchType.AGREE, body.title, Marking(Tlp.AMBER), [statement], parts, text=text_of(body)
            )
            try:
                seal_dispatch(OpenPartner(session, context, us, partner), draft, once)
            except ConflictError as error:
                left.append(f"{partner.name}: {error}")
                continue
        cut("exchange.agreement.sent")
        done += 1
    return done, left


def editions_of(session: Session, row: StoredAgreement) -> list[AgreementEdition]:
    """All editions of the agreement that an edition is of."""
    return read_editions(session, [row.agreement]).get(row.agreement, [])


def result_of(
    session: Session, context: ActContext, row: StoredAgreement, sent: int = 0, left: Sequence[str] = ()
) -> AgreementResult:
    """How an edition is after an act."""
    session.flush()
    editions = editions_of(session, row)
    edition = next(one for one in editions if one.number == row.id)
    state = state_of(node_uuid(context.database), edition, editions, context.now)
    return AgreementResult(
        agreement=row.id, title=row.title, edition=row.edition, state=state, sent=sent, left=list(left)
    )


def note(session: Session, context: ActContext, word: AuditAction, row: StoredAgreement, **detail: object) -> None:
    """The audit entry of what was done with an edition."""
    said = {"agreement": str(row.agreement), "edition": row.edition, "sha256": row.hash, **detail}
    audit(session, word, at=context.now, actor=context.actor, subject=f"agreement:{row.id}", detail=said)


def _both(one: tuple[int, list[str]], other: tuple[int, list[str]]) -> tuple[int, list[str]]:
    return one[0] + other[0], list(dict.fromkeys([*one[1], *other[1]]))


def _party(session: Session, named: str) -> UUID | None:
    try:
        return UUID(named)
    except ValueError:
        return find_partner(session, named).node


def _written(
    editions: Sequence[AgreementEdition], us: OwnParty, fits: Callable[[AgreementEdition], bool]
) -> AgreementEdition | None:
    """The newest edition, where this node wrote it and it fits: the same was begun before."""
    newest = max(editions, key=lambda one: one.body.edition)
    return newest if newest.body.by.node == us.name.node and fits(newest) else None


def _fewer(
    session: Session, context: ActContext, us: OwnParty, editions: Sequence[AgreementEdition], party: UUID
) -> StoredAgreement:
    """The next edition without a party, signed by this node; else it says the same."""
    adopted = adopted_edition(editions)
    if adopted is None:
        raise ConflictError(say("This agreement is not in force here."))
    still = [one for one in adopted.body.parties if one in members(us.name.node, editions) and one != party]
    if not still:
        raise ConflictError(say("It has no other party."))
    changed = {
        "id": uuid4(), "by": us.name, "at": utc(context.now), "parties": tuple(still),
        "edition": max(one.body.edition for one in editions) + 1,
    }  # fmt: skip
    statement = sign_statement(adopted.body.model_copy(update=changed), us.key.signer)
    row = keep_edition(session, context, statement.content)
    add_signatures(session, context, row, [statement.signature], us.keys)
    note(session, context, AuditAction.AGREEMENT_ADDED, row)
    return row


def _former(session: Session, us: UUID, agreement: UUID) -> Sequence[Partner]:
    former = former_parties(us, read_editions(session, [agreement]).get(agreement, []))
    return session.scalars(select(Partner).where(Partner.node.in_(former)).order_by(Partner.id)).all()


def _versions(passed: Sequence[PassedItem]) -> dict[UUID, int]:
    """The highest version of each item."""
    return {one.item: one.version for one in sorted(passed, key=lambda one: one.version)}


def _passed(session: Session, us: UUID, agreement: UUID, partner: Partner) -> list[PassedItem]:
    """What of ours a partner was passed under an agreement, by whatever way."""
    under = select(DispatchGround.dispatch).where(
        DispatchGround.direction == Direction.OUT.value, DispatchGround.agreement == agreement
    )
    by_it = PassedItem.outgoing_id.in_(under) | (PassedItem.agreement == agreement)
    of = PassedItem.partner_id == partner.id, PassedItem.node == us, by_it
    return list(session.scalars(select(PassedItem).where(*of)))


def _dispatched(session: Session, row: StoredAgreement) -> tuple[Statement, list[tuple[Part, bytes]]]:
    """An edition as its author signed it, and the signatures of the other parties as parts."""
    body, found = SharingAgreement.model_validate_json(row.content), signatures_of(session, row.id)
    author = next((one.signature for one in found if one.node == body.by.node), "")
    if not author:
        raise ConflictError(say("No confirmed key of its author has signed it."))
    parts = [
        (
            Part(
                hash=hash_of(content), bytes=len(content), type="application/pgp-signature", class_="document",
                name=f"{one.node}.asc",
            ),
            content,
        )
        for one in found
        if one.node != body.by.node
        for content in [one.signature.encode()]
        if content.startswith(ARMOR)
    ]  # fmt: skip
    return read_statement(row.content.encode(), author.encode()), parts

"""Which of our numbers a partner has, as it says: asked after a restore, before anything is sealed for it again."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.answer_models import NumberCheck
from tocsin.exchange.ledger.links import OpenPartner
from tocsin.exchange.ledger.models import ExchangeLink
from tocsin.exchange.ledger.spoken_answers import WhoSaid
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.partners import Partner, PartnerNamed, find_partner
from tocsin.incidents.act_parts import kept
from tocsin.interface import N_, ActContext
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, audit, newest_at
from tocsin.node.sentences import say


class PartnerNumber(PartnerNamed):
    """The highest number of ours that a partner has."""

    number: int = Field(
        ge=0, le=2**31, title=N_("Highest number that the partner has"),
        description="The highest number that came to the partner from here; 0: none.",
    )  # fmt: skip
    who: WhoSaid


class PartnerNumberResult(BaseModel):
    """A partner, and the number that it has."""

    partner: int
    name: str
    number: int


def record_number(context: ActContext, request: PartnerNumber) -> PartnerNumberResult:
    """After this node was restored: what is sealed next has the number after the one that the partner has.

    Raises:
        ConflictError: it has more than this node knows: its newest receipt says how the link goes on.
        UsageError: it has less, so what it lacks is sent again.

    """
    who = kept(context, request.who)
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        link = session.get(ExchangeLink, (partner.id, Direction.OUT.value))
        known = link.number if link else 0
        if request.number > known:
            raise ConflictError(
                say("This node knows of number %(n)s at most.", n=known),
                hint=say("Ask the partner for its receipt of number %(n)s, and read it.", n=request.number),
            )
        if request.number < known:
            raise UsageError(
                say("This node has sealed number %(n)s.", n=known),
                hint=say("Send the partner what it lacks, and read its receipt."),
            )
        _note_number(session, context, partner, known, who)
        audit(
            session, AuditAction.NUMBER_CONFIRMED, at=context.now, actor=context.actor, subject=f"partner:{partner.id}",
            detail={"number": known},
        )  # fmt: skip
        return PartnerNumberResult(partner=partner.id, name=partner.name, number=known)


def note_had(opened: OpenPartner, had: int, said_at: datetime) -> None:
    """A signed statement of the partner says what it has: enough where it was made since this node was restored."""
    restored = restored_at(opened.session)
    if restored is None or not _unchecked(opened.session, opened.partner, restored):
        return
    link = opened.session.get(ExchangeLink, (opened.partner.id, Direction.OUT.value))
    known = link.number if link else 0
    if had == known and said_at > restored:
        _note_number(opened.session, opened.context, opened.partner, had, "")


def note_resumed(opened: OpenPartner, number: int) -> None:
    """A receipt of more than this node knew: it is the newest that the partner has."""
    _note_number(opened.session, opened.context, opened.partner, number, "")


def _note_number(session: Session, context: ActContext, partner: Partner, number: int, who: str) -> None:
    session.add(
        NumberCheck(
            partner_id=partner.id, number=number, who=who, at=context.now, noted_by=context.actor if who else ""
        )
    )
    session.flush()


def check_numbers(session: Session, partner: Partner) -> None:
    """Nothing, where the next number to a partner is sure.

    Raises:
        ConflictError: this node was restored from a backup, and the partner may have more than it knows.

    """
    restored = restored_at(session)
    if restored is not None and _unchecked(session, partner, restored):
        raise ConflictError(
            say("This node was restored, and %(name)s may have got more than it knows.", name=partner.name),
            hint=say("Read its newest receipt, or ask which number it got last and record that."),
        )


def may_have_lost(session: Session, partner: Partner) -> bool:
    """Whether this node was restored since it knows a partner, who may then have what is not known here."""
    restored = restored_at(session)
    return restored is not None and partner.made_at <= restored


def unchecked_partners(session: Session) -> list[Partner]:
    """Partners with a node to whom nothing is sealed until they say what they have, since this node was restored."""
    if (restored := restored_at(session)) is None:
        return []
    checked = select(NumberCheck.partner_id).where(NumberCheck.at >= restored)
    query = select(Partner).where(Partner.node.is_not(None), Partner.made_at <= restored, Partner.id.not_in(checked))
    return list(session.scalars(query.order_by(Partner.id)))


def restored_at(session: Session) -> datetime | None:
    """When this node was last made of a backup."""
    return newest_at(session, AuditAction.BACKUP_RESTORED)


def _unchecked(session: Session, partner: Partner, restored: datetime) -> bool:
    of = NumberCheck.partner_id == partner.id, NumberCheck.at >= restored
    return partner.made_at <= restored and session.scalar(select(NumberCheck.id).where(*of).limit(1)) is None

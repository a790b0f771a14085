"""A partner that is at its bound of a day may bring more on this day, where a person says so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.partners.key_acts import NO_ROUTE, PartnerNamed, PartnerResult, note, result_of
from tocsin.exchange.partners.models import Partner
from tocsin.exchange.partners.read import find_partner
from tocsin.interface import N_, Act, ActContext, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.volumes import allow_bytes, refused_sources


class Allowance(PartnerNamed):
    """How much more a partner may bring today."""

    megabytes: Annotated[
        int,
        Wording(
            lacking=N_("Write a number of megabytes."),
            hint=N_("How much more it may send until midnight (UTC). It tries again by itself."),
        ),
    ] = Field(
        1_000, ge=1, le=1_000_000, title=N_("Megabytes"), description="So many megabytes more, until midnight UTC."
    )


def allow_more(context: ActContext, request: Allowance) -> PartnerResult:
    """What it was asked to send later is then taken. ``[intake] partner_bytes_a_day`` is the bound of each day."""
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        allow_bytes(session, f"partner:{partner.id}", request.megabytes * 1_000_000, context.now)
        note(session, context, AuditAction.PARTNER_ALLOWED, partner, megabytes=request.megabytes)
        return result_of(partner)


def refused_partners(session: Session, now: datetime) -> Sequence[Partner]:
    """Partners that brought more today than is taken, and were allowed no more since, by number."""
    numbers = [int(one.source.partition(":")[2]) for one in refused_sources(session, "partner", now)]
    return session.scalars(select(Partner).where(Partner.id.in_(numbers)).order_by(Partner.id)).all()


ACTS: Final = (
    Act(
        "allow-more", "Allow a partner more for today", allow_more, noun="partner",
        audit=(AuditAction.PARTNER_ALLOWED,), permission=Permission.PARTNERS_WRITE, route=NO_ROUTE,
        told="{number}: {name}.", command="partners allow-more",
        page="/partners/{partner}/allow-more", arguments=("partner",), makes=True,
        title=N_("Allow more for today"), button=N_("Allow more"),
    ),
)  # fmt: skip
"""What can be done with the bound of a day."""

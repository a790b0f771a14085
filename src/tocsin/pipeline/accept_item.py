"""Accepting a to-do item as it is: with a reason, for a time or for good."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, cast

from pydantic import BaseModel, Field

from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say, say_count
from tocsin.pipeline.not_notified import missed_teams
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import Acceptance, ItemKind
from tocsin.pipeline.team_items import given_up_networks

LATELY: Final = timedelta(hours=24)
"""So far back what the gate withheld is an item."""
_DAYS = 30


class AcceptedItem(BaseModel):
    """A to-do item that stays as it is, and why."""

    kind: Annotated[Literal[ItemKind.GIVEN_UP, ItemKind.WITHHELD, ItemKind.NOT_NOTIFIED], Wording(hidden=True)] = Field(
        title=N_("Kind"), description="What kind of item."
    )
    subject: Annotated[str, Wording(hidden=True)] = Field(
        min_length=1, max_length=300, title=N_("Item"),
        description="Team, kind and value; team, rule and feed; or the team alone.",
        examples=["harbour-telecom asn 64496"],
    )  # fmt: skip
    reason: Annotated[str, Wording(lacking=N_("The reason is empty."))] = Field(
        min_length=1, max_length=500, title=N_("Reason"), description="Why it may stay so."
    )
    days: int | None = Field(
        None, ge=1, le=365, title=N_("Days"),
        description="For so many days; else for good, or for 30 days what is withheld.",
    )  # fmt: skip


class AcceptedUntil(BaseModel):
    """How long an item is accepted; None: for good."""

    kind: ItemKind
    subject: str
    until: datetime | None


def accept(context: ActContext, request: AcceptedItem) -> AcceptedUntil:
    """It is shown no more; if it happens again later, it is a new item.

    Raises:
        NotFoundError: there is no such item.

    """
    node, now = cast("NodeWithStores", context.node), context.now
    with context.undoable() as session:
        if request.kind is ItemKind.GIVEN_UP:
            known = {one.subject for one in given_up_networks(node, session, now)}
        elif request.kind is ItemKind.NOT_NOTIFIED:
            known = {one.key for one in missed_teams(node, session, now)}
        else:
            known = {one.subject for one in withheld(session, now - LATELY, now)}
        if request.subject not in known:
            raise NotFoundError(say("There is no such item."), hint=say("Load the page again."))
        days = request.days or (_DAYS if request.kind is ItemKind.WITHHELD else None)
        until = None if days is None else now + timedelta(days=days)
        said = Acceptance(
            kind=request.kind.value, subject=request.subject, at=now, until=until,
            said_by=context.signature, reason=request.reason,
        )  # fmt: skip
        session.add(said)
        detail: dict[str, object] = {"until": until.isoformat() if until else None}
        subject = f"item:{request.kind}:{request.subject}"
        audit(session, AuditAction.ITEM_ACCEPTED, subject=subject, detail=detail, at=now, actor=context.actor)
    return AcceptedUntil(kind=request.kind, subject=request.subject, until=until)


ACTS: Final = (
    Act(
        "accept", "Accept a to-do item as it is", accept, noun="item", permission=Permission.DIRECTORY_EDIT,
        audit=(AuditAction.ITEM_ACCEPTED,), command="directory accept", route="/teams/items/accept",
        page=OwnSurface("/today/accept"), arguments=("kind", "subject"), told="{subject} is accepted as it is.",
        undo=lambda n: say_count("%(n)s item accepted", "%(n)s items accepted", n), title=N_("Accept"),
    ),
)  # fmt: skip
"""What can be done with an item of a team beside what ends its cause."""

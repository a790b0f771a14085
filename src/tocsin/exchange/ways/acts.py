"""What a person does where a dispatch did not arrive."""

from typing import Final

from pydantic import BaseModel, Field

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import DispatchResult, OutgoingRow, result_of
from tocsin.exchange.partners import Partner, find_partner
from tocsin.exchange.ways.mailing import mail_dispatch
from tocsin.interface import N_, Absence, Act, ActContext, NoUndo
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say


class DispatchNamed(BaseModel):
    """Which dispatch."""

    dispatch: int = Field(ge=1, le=2**31, title=N_("Dispatch"), description="The number in 'tocsin exchange list'.")


def resend(context: ActContext, request: DispatchNamed) -> DispatchResult:
    """The same mail once more, to the address that the partner has now.

    Raises:
        NotFoundError: there is no such dispatch.
        ConflictError: it is not stuck, or its partner has no email address, or it is not here any more.

    """
    with context.database.begin() as session:
        row = session.get(OutgoingRow, request.dispatch, with_for_update=True)
        if row is None:
            raise NotFoundError(say("There is no such dispatch."))
        partner: Partner = find_partner(session, str(row.partner_id))
        if row.state != OutgoingState.STUCK or not row.file:
            raise ConflictError(say("This dispatch is not stuck."))
        if not partner.mailbox:
            raise ConflictError(say("%(name)s has no email address.", name=partner.name))
        row.state = OutgoingState.SEALED.value
        tried = mail_dispatch(session, context.node, row, partner, context.now)
        detail: dict[str, object] = {"number": abs(row.number), "sha256": row.hash, "to": tried.address}
        audit(
            session, AuditAction.DISPATCH_RESENT, at=context.now, actor=context.actor,
            subject=f"partner:{partner.id}", detail=detail,
        )  # fmt: skip
        return result_of(row, partner)


ACTS: Final = (
    Act(
        "resend", "Send the mail of a dispatch again", resend, noun="dispatch", permission=Permission.INCIDENTS_WRITE,
        audit=(AuditAction.DISPATCH_RESENT,), command="exchange resend",
        route=Absence("A person decides what goes to a partner, and what becomes of what it sends."),
        page="/exchange/dispatches/{dispatch}/resend", arguments=("dispatch",),
        title=N_("Send the mail again"),
        told="Dispatch {number} to {name}: {state}.", undo=NoUndo("The mail is on its way."),
    ),
)  # fmt: skip
"""What is done where a dispatch did not arrive."""

"""What a person does to a digest or a letter before it leaves, or after: hold it back, send it again."""

from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.delivery.held_mails import check_not_final
from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.delivery.outbox import repeat
from tocsin.node.errors import ConflictError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_OPEN = {DeliveryState.QUEUED.value, DeliveryState.RETRY.value}
_GONE = {
    DeliveryState.SENT.value,
    DeliveryState.BOUNCED.value,
    DeliveryState.REDIRECTED.value,
    DeliveryState.SHADOW.value,
}


def can_hold(one: Delivery | Letter) -> bool:
    """Whether it is on its way and has not left."""
    return one.state in _OPEN


def can_repeat(one: Delivery | Letter) -> bool:
    """Whether it has left, so that it may be sent again; letters are asked for anew where they are needed."""
    return isinstance(one, Delivery) and one.state in _GONE


def hold(session: Session, one: Delivery | Letter, *, reason: str, actor: str, now: datetime) -> None:
    """Let it wait for a person, in the caller's transaction.

    Raises:
        ConflictError: it has left, or does not wait to leave.

    """
    if not can_hold(one):
        raise ConflictError(
            say("%(reference)s is not queued: it is %(state)s.", reference=one.reference, state=one.state)
        )
    one.state, one.error = DeliveryState.HELD.value, say("Held by %(actor)s.", actor=actor)
    one.approved_by = None
    if reason:
        one.error = say("Held by %(actor)s: %(reason)s", actor=actor, reason=reason)
    audit(session, AuditAction.DELIVERY_HELD, at=now, actor=actor, subject=_subject(one), detail={"reason": reason})


def send_again(
    session: Session,
    one: Delivery | Letter,
    *,
    actor: str,
    domain: str,
    now: datetime,
    not_before: datetime | None = None,
) -> Delivery:
    """A new digest with the same events that says which one it repeats, in the caller's transaction.

    It does not wait for a person's look, since a person asked for it. ``domain``: for its Message-ID. ``not_before``:
    it leaves with the first run after that.

    Raises:
        ConflictError: it is a letter, or has not left yet, or was dropped.

    """
    if not isinstance(one, Delivery):
        raise ConflictError(
            say(
                "%(reference)s is no digest; such a mail is requested again where it came from.",
                reference=one.reference,
            )
        )
    check_not_final(one)
    if not can_repeat(one):
        raise ConflictError(
            say("%(reference)s was not sent: it is %(state)s.", reference=one.reference, state=one.state),
            hint=say("Try it again, or release it."),
        )
    made = repeat(session, one, domain=domain, now=now, not_before=not_before)
    detail: dict[str, object] = {"by": made.reference}
    audit(session, AuditAction.DELIVERY_REPEATED, at=now, actor=actor, subject=_subject(one), detail=detail)
    return made


def _subject(one: Delivery | Letter) -> str:
    return f"{'delivery' if isinstance(one, Delivery) else 'letter'}:{one.reference}"

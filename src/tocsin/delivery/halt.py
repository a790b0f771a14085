"""The stop and the brake: a person stops all sending at once, sudden volume stops by itself and asks a person."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.models import BrakePass, Halt
from tocsin.delivery.sent_log import DAY
from tocsin.node.errors import ConflictError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

STOP, BRAKE = "stop", "brake"
_PASS = 2 * DAY  # what leaves by a pass is counted for a day; the pass must outlive that


def stop(session: Session, *, reason: str, actor: str, now: datetime) -> None:
    """Let nothing leave from now on, in running processes too.

    Raises:
        ConflictError: it is stopped already.

    """
    if (found := session.get(Halt, STOP)) is None:
        session.add(Halt(kind=STOP, at=now, actor=actor, reason=reason, mails=0))
    elif found.until is None:
        raise ConflictError(words(found), hint="'tocsin resume' lets it go on.")
    else:
        found.at, found.actor, found.reason, found.until = now, actor, reason, None
    audit(session, AuditAction.TELLING_STOPPED, at=now, actor=actor, subject="node", detail={"reason": reason})


def resume(session: Session, *, actor: str, now: datetime, not_before: datetime | None = None) -> None:
    """Let mails leave again, or from ``not_before`` on.

    Raises:
        ConflictError: it is not stopped, or ends already.

    """
    if (found := session.get(Halt, STOP)) is None or found.until is not None:
        raise ConflictError(say("Sending is not stopped."))
    if not_before is None:
        session.delete(found)
    else:
        found.until = not_before
    audit(session, AuditAction.TELLING_RESUMED, at=now, actor=actor, subject="node")


def lift_stop(session: Session, now: datetime) -> None:
    """Delete a stop whose end has come, in the caller's transaction."""
    found = session.get(Halt, STOP)
    if found is not None and found.until is not None and found.until <= now:
        session.delete(found)


def halted(session: Session, kind: str) -> Halt | None:
    """Why nothing is sent, or None."""
    return session.get(Halt, kind)


def halts(session: Session) -> tuple[Halt | None, Halt | None]:
    """The stop and the brake, where they hold."""
    return halted(session, STOP), halted(session, BRAKE)


def sends_nothing(session: Session, mode: str) -> bool:
    """Whether nothing leaves this node, by no way: a person stopped it, or its mode is not live."""
    return halted(session, STOP) is not None or mode != "live"


def kept_from_sending(node: Node) -> str:
    """Why nothing leaves for partners now, or nothing: what holds for mails holds here, too."""
    mode = node.settings.tell.mode
    with node.database.reading() as session:
        held = any(halts(session))
    if held:
        return say("Sending is stopped.")
    if (standby := node.standby) is not None and (why := standby.look()):
        return why
    return "" if mode == "live" else say("This node sends nothing: its mode is %(mode)s.", mode=mode)


def pull_brake(session: Session, *, mails: int, most: int, now: datetime) -> Halt:
    """Stop since so many mails would leave within a day; where it holds already, with the newest number."""
    reason = say(
        "%(mails)s mails would be sent within 24 hours, and the limit is %(most)s",
        mails=f"{mails:,}",
        most=f"{most:,}",
    )
    if (found := session.get(Halt, BRAKE)) is not None:
        found.mails, found.reason = mails, reason
        return found
    held = Halt(kind=BRAKE, at=now, actor="deliver", reason=reason, mails=mails)
    session.add(held)
    detail: dict[str, object] = {"mails": mails, "most": most}
    audit(session, AuditAction.BRAKE_PULLED, at=now, actor="deliver", subject="node", detail=detail)
    return held


def release_brake(session: Session, *, actor: str, now: datetime) -> int:
    """Let as many mails leave as the brake holds, beside the usual ones; returns how many.

    Raises:
        ConflictError: the brake does not hold.

    """
    if (found := session.get(Halt, BRAKE)) is None:
        raise ConflictError(say("The volume limit does not hold any mail."))
    session.delete(found)
    give_pass(session, found.mails, now)
    audit(session, AuditAction.BRAKE_RELEASED, at=now, actor=actor, subject="node", detail={"mails": found.mails})
    return found.mails


def give_pass(session: Session, mails: int, now: datetime) -> None:
    """Let so many mails leave beside those that the brake lets go, since a person looked at them."""
    session.add(BrakePass(until=now + _PASS, mails=mails))


def passes(session: Session, now: datetime) -> int:
    """How many mails may leave at present beside those that the brake lets go."""
    return session.scalar(select(func.sum(BrakePass.mails)).where(BrakePass.until > now)) or 0


def words(found: Halt) -> str:
    """The halt in one sentence."""
    if found.kind == STOP:
        return say(
            "Sending was stopped at %(at)s UTC by %(actor)s: %(reason)s.",
            at=f"{found.at:%Y-%m-%d %H:%M}",
            actor=found.actor,
            reason=found.reason.rstrip("."),
        )
    return say(
        "Sending is paused by the volume limit since %(at)s UTC: %(reason)s.",
        at=f"{found.at:%Y-%m-%d %H:%M}",
        reason=found.reason,
    )

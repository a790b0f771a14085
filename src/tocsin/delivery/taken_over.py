"""What another machine sent, or may have sent, before this one took over from it.

The copy that this node was made of is older than its last mails: what left is noted, and what may have left is held, so
that only a person sends it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.delivery.never_held import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_OPEN = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.HELD.value)
_LETTERS = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)


@dataclass
class MailProgress:
    """Of one mail: of how many parts which have left, and whether one may have."""

    parts: int = 1
    left: set[int] = field(default_factory=set)
    perhaps: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class TakenOverMails:
    """References of what the other machine sent, and of what it may have sent."""

    sent: Sequence[str]
    held: Sequence[str]


def read_intents(lines: Iterable[Mapping[str, Any]]) -> dict[str, MailProgress]:
    """What was about to leave and what left, by reference, of lines as `Standby.begin` and `left` write them. Pure."""
    found: dict[str, MailProgress] = {}
    for line in lines:
        for act in ("began", "left", "back"):
            for name in line.get(act, ()):
                reference, part, parts = str(name).rsplit("/", 2)
                one = found.setdefault(reference, MailProgress())
                one.parts = int(parts)
                (one.perhaps.add if act == "began" else one.perhaps.discard)(int(part))
                if act == "left":
                    one.left.add(int(part))
    return found


def settle_taken_over(session: Session, lines: Iterable[Mapping[str, Any]], *, now: datetime) -> TakenOverMails:
    """Note in the caller's transaction what left, and hold what may have left, of that which the copy has as owed."""
    found = read_intents(lines)
    sent: list[str] = []
    held: list[str] = []
    for one in _owed(session, found):
        way = found[one.reference]
        if way.perhaps:
            held.append(one.reference)
            _hold(session, one, now)
        elif len(way.left) == way.parts:
            sent.append(one.reference)
            _note_sent(session, one, way, now)
        elif isinstance(one, Delivery) and way.left:
            one.mails_sent = max(one.mails_sent, *way.left)  # the other parts follow
    for row in session.scalars(select(NeverHeldReference)) if any(name.startswith("NHR-") for name in found) else ():
        message = session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id))
        if row.reference in found and message is not None and message.sent_at is None:
            row.state, message.sent_at = ReferenceState.SENT.value, now  # where no receipt comes, a person rings
            sent.append(row.reference)
    return TakenOverMails(sorted(sent), sorted(held))


def _owed(session: Session, found: Mapping[str, MailProgress]) -> list[Delivery | Letter]:
    digests = session.scalars(select(Delivery).where(Delivery.state.in_(_OPEN)).order_by(Delivery.id))
    letters = session.scalars(select(Letter).where(Letter.state.in_(_LETTERS)).order_by(Letter.id))
    return [one for one in (*digests, *letters) if one.reference in found]


def _hold(session: Session, one: Delivery | Letter, now: datetime) -> None:
    """Let it wait for a person; a letter that is shown only with what it is about fails there, and says why."""
    one.error = say("The machine before this one may have sent it. Release it to send it again; drop it if it arrived.")
    if isinstance(one, Letter) and one.about:
        one.state = LetterState.FAILED.value
        _audit(session, AuditAction.LETTER_FAILED, one, now)
        return
    one.state = DeliveryState.HELD.value
    _audit(session, AuditAction.DELIVERY_HELD, one, now)


def _note_sent(session: Session, one: Delivery | Letter, way: MailProgress, now: datetime) -> None:
    one.state, one.sent_at = DeliveryState.SENT.value, now
    if isinstance(one, Delivery):
        one.mails_sent = way.parts
    _audit(session, AuditAction.DELIVERY_SENT if isinstance(one, Delivery) else AuditAction.LETTER_SENT, one, now)


def _audit(session: Session, word: AuditAction, one: Delivery | Letter, now: datetime) -> None:
    subject = f"delivery:{one.reference}" if isinstance(one, Delivery) else one.about or f"letter:{one.reference}"
    audit(session, word, at=now, actor="takeover", subject=subject)

"""What a person does to a digest or a letter: hold it, release it, drop it, try it again, send it again."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from tocsin.delivery.halt import halts, release_brake, resume, stop
from tocsin.delivery.held_mails import approve, drop, find_mail, needs_approval, release
from tocsin.delivery.history import retry
from tocsin.delivery.models import Delivery
from tocsin.delivery.steering import hold, send_again
from tocsin.interface import N_, Act, ActContext, NoUndo, OwnSurface, Reverse, Wording
from tocsin.node.accounts import Permission
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say, say_count

_REFERENCE: Final = StringConstraints(max_length=40, pattern=r"^[A-Za-z0-9-]+$")
_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_KEPT: Final = Wording(hint=N_("It is kept with the mail and in the audit log."), lacking=N_("Enter a reason."))
_SHOWN: Final = Wording(hint=N_("It is shown wherever mails are missed."), lacking=N_("Enter a reason."))


class Mails(BaseModel):
    """Digests and other mails."""

    reference: Annotated[tuple[Annotated[str, _REFERENCE], ...], Wording(hidden=True)] = Field(
        min_length=1, title=N_("Reference"), description="A reference.", examples=["TOC-2026-0000001"]
    )


class MailsAndReason(Mails):
    """Why, for whoever reads it later."""

    reason: Annotated[str, _KEPT] = Field(
        "", max_length=500, pattern=_LINE, title=N_("Reason"), description="Why; kept with it."
    )


class MailsAndNeededReason(Mails):
    """Why; it must be said."""

    reason: Annotated[str, _KEPT] = Field(
        min_length=1,
        max_length=500,
        pattern=_LINE,
        title=N_("Reason"),
        description="Why it must not be sent; kept with it.",
    )


class Nothing(BaseModel):
    """Nothing has to be said."""


class StopReason(BaseModel):
    """Why nothing leaves."""

    reason: Annotated[str, _SHOWN] = Field(
        min_length=1, max_length=500, pattern=_LINE, title=N_("Reason"),
        description="Why; shown wherever mails are missed.",
    )  # fmt: skip


class Sending(BaseModel):
    """Whether sending is stopped, and how many mails the volume limit releases."""

    stopped: bool
    released: int = 0


class MailState(BaseModel):
    """What an act made of it; ``reference`` is a new one where it was sent again."""

    reference: str
    state: str


def hold_mails(context: ActContext, request: MailsAndReason) -> list[MailState]:
    """Until it is released or dropped."""
    with context.undoable() as session:
        mails = _named(session, request)
        for one in mails:
            hold(session, one, reason=request.reason, **context.by)
        return _states(mails)


def release_mails(context: ActContext, request: Mails) -> list[MailState]:
    """Only what is held can be. Where two persons must ([tell] second_person), the first one approves it."""
    two = context.node.settings.tell.second_person
    with context.database.reading() as session:
        first = two and bool(needs_approval(_named(session, request), context.actor))
    with context.undoable(_approved if first else None) as session:
        mails = _named(session, request)
        lacking = needs_approval(mails, context.actor) if two else []
        approve(session, lacking, **context.by)
        release(session, [one for one in mails if one not in lacking], not_before=context.not_before, **context.by)
        return _states(mails)


def drop_mails(context: ActContext, request: MailsAndNeededReason) -> list[MailState]:
    """For good, once it cannot be undone. The next one to its team is held again."""
    with context.undoable() as session:
        mails = _named(session, request)
        for one in mails:
            drop(session, one, reason=request.reason, **context.by)
        return _states(mails)


def retry_mails(context: ActContext, request: Mails) -> list[MailState]:
    """With all parts that were not sent."""
    with context.undoable() as session:
        return _states(
            [
                retry(session, one, context.now, actor=context.actor, not_before=context.not_before)
                for one in dict.fromkeys(request.reference)
            ]
        )


def repeat_mails(context: ActContext, request: Mails) -> list[MailState]:
    """With the same events; it is sent with the next run."""
    domain = context.node.settings.node.contact.rpartition("@")[2]
    with context.undoable() as session:
        return _states(
            [
                send_again(session, one, domain=domain, not_before=context.not_before, **context.by)
                for one in _named(session, request)
            ]
        )


def stop_sending(context: ActContext, request: StopReason) -> Sending:
    """In running processes too; what is due is kept."""
    with context.database.begin() as session:
        stop(session, reason=request.reason, **context.by)
        return Sending(stopped=True)


def resume_sending(context: ActContext, _request: Nothing) -> Sending:
    """What is due is sent with the next run."""
    with context.undoable() as session:
        resume(session, not_before=context.not_before, **context.by)
        return Sending(stopped=False)


def let_brake_go(context: ActContext, _request: Nothing) -> Sending:
    """So many mails may be sent beside the usual ones."""
    with context.database.begin() as session:
        mails = release_brake(session, **context.by)
        return Sending(stopped=halts(session)[0] is not None, released=mails)


def _approved(number: int) -> str:
    return say_count(
        "%(n)s mail approved; a second person must release it",
        "%(n)s mails approved; a second person must release them",
        number,
    )


def _named(session: Session, request: Mails) -> list[Delivery | Letter]:
    return [find_mail(session, reference) for reference in dict.fromkeys(request.reference)]


def _states(mails: Iterable[Delivery | Letter]) -> list[MailState]:
    return [MailState(reference=one.reference, state=one.state) for one in mails]


_act = partial(
    Act,
    noun="delivery",
    permission=Permission.DELIVERIES_STEER,
    page=OwnSurface("/deliveries/act"),
    arguments=("reference",),
)
_switch = partial(Act, noun="sending", permission=Permission.DELIVERIES_STEER, page=OwnSurface("/deliveries/sending"))

ACTS: Final = (
    _act(
        "release", "Release a held mail: it is sent with the next run", release_mails,
        audit=(AuditAction.DELIVERY_RELEASED, AuditAction.DELIVERY_APPROVED),
        command=OwnSurface("deliveries release"), route="/deliveries/{reference}/release",
        notice=N_("Released mails leave once the time for undo is over."),
        undo=lambda n: say_count("%(n)s mail released; leaves shortly", "%(n)s mails released; leave shortly", n),
    ),
    _act(
        "hold", "Hold a mail that was not sent yet", hold_mails, audit=(AuditAction.DELIVERY_HELD,),
        command="deliveries hold", route="/deliveries/{reference}/hold", told="{reference} is held.",
        notice=N_("Held mails wait until they are released or dropped."),
        undo=lambda n: say_count("%(n)s mail held", "%(n)s mails held", n),
    ),
    _act(
        "drop", "Never send a held mail", drop_mails, audit=(AuditAction.DELIVERY_DROPPED,), command="deliveries drop",
        route="/deliveries/{reference}/drop", told="{reference} is not sent.",
        notice=N_("Dropped mails are never sent. The next mail to their team is held for review."),
        undo=lambda n: say_count("%(n)s mail dropped", "%(n)s mails dropped", n),
    ),
    _act(
        "retry", "Try a digest again that failed, bounced, or waits", retry_mails,
        audit=(AuditAction.DELIVERY_RETRIED,), command="deliveries retry", route="/deliveries/{reference}/retry",
        notice=N_("All parts that did not leave are tried again."),
        undo=lambda n: say_count("%(n)s mail is tried again shortly", "%(n)s mails are tried again shortly", n),
    ),
    _act(
        "repeat", "Send a digest again, as a new one that names the one it repeats", repeat_mails,
        audit=(AuditAction.DELIVERY_REPEATED,), command="deliveries repeat", route="/deliveries/{reference}/repeat",
        told="{reference} goes out with the next 'tocsin deliver'.",
        notice=N_("A new digest with the same events is made for each; it names the one it repeats."),
        undo=lambda n: say_count("%(n)s digest is sent again shortly", "%(n)s digests are sent again shortly", n),
    ),
    _switch(
        "stop", "Stop all sending at once", stop_sending, audit=(AuditAction.TELLING_STOPPED,),
        command=OwnSurface("stop"), route="/sending/stop", title=N_("Stop sending"),
        notice=N_("No mail leaves any more, at once and in all processes. What is due is kept."),
        undo=Reverse("resume"),
    ),
    _switch(
        "resume", "Resume sending", resume_sending, audit=(AuditAction.TELLING_RESUMED,),
        command=OwnSurface("resume"), route="/sending/resume", title=N_("Resume sending"),
        undo=lambda _: say("Sending starts again shortly"),
    ),
    _switch(
        "unbrake", "Release what the volume limit holds", let_brake_go, audit=(AuditAction.BRAKE_RELEASED,),
        command=OwnSurface("deliveries release"), route="/sending/unbrake", title=N_("Release…"),
        notice=N_("They may leave at once, and no mail that left comes back."),
        undo=NoUndo("What the volume limit held may leave at once; the page says how many mails and asks."),
    ),
)  # fmt: skip
"""What can be done to mails, and to sending as a whole."""

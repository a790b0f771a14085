"""Notify now, of an incident: the teams of its affected systems, also of what they were notified of before."""

from dataclasses import asdict
from functools import partial
from typing import Final, cast

from sqlalchemy.orm import Session

from tocsin.incidents import done_before, incident_act
from tocsin.incidents.populations import AffectedNotification, affected_keys, note_notified
from tocsin.interface import N_, ActContext, NoUndo
from tocsin.node.records import AuditAction
from tocsin.pipeline.notify_now import (
    NotificationResult,
    NotificationSummary,
    NotificationTeam,
    notify_now,
    preview_notification,
    wait,
)
from tocsin.pipeline.stores import NodeWithStores


class AffectedNotificationResult(NotificationResult):
    """Besides: which incident."""

    reference: str


def notify(context: ActContext, request: AffectedNotification) -> AffectedNotificationResult:
    """What is open is notified, with the text of the incident; who answered or muted it gets nothing."""
    node = cast("NodeWithStores", context.node)
    summary = NotificationSummary()
    if request.preview:
        summary = preview_notification(node, problems=affected_keys(context, request), now=context.now)
    elif done_before(context, request) is None:
        beside = partial(_beside, context=context, request=request)
        keys = affected_keys(context, request)
        summary = notify_now(node, problems=keys, waiting=partial(wait, context), beside=beside, **context.by)
    teams = [NotificationTeam(**asdict(team)) for team in summary.teams]
    return AffectedNotificationResult(reference=request.reference, **{**asdict(summary), "teams": teams})


def _beside(
    session: Session, summary: NotificationSummary, *, context: ActContext, request: AffectedNotification
) -> None:
    note_notified(session, context, request, count=summary.notified, teams=len(summary.teams))


ACTS: Final = (
    incident_act(
        "notify", "Notify teams of the affected systems of an incident now", notify, title=N_("Notify affected teams"),
        button=N_("Notify now"), path="affected/notify", name="notify", noun="affected systems",
        command="affected notify", makes=True, audit=(AuditAction.EVENTS_NOTIFIED, AuditAction.INCIDENT_ENTRY),
        told="{reference}: {notified} events notify teams.",
        undo=NoUndo("It queues digests; its page says whom it notifies of what, and asks."),
    ),
)  # fmt: skip
"""What the pipeline does with the affected systems of an incident."""

"""The act of purging: one thing goes for good, whatever it is."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, cast

from pydantic import BaseModel, Field

from tocsin.incidents import IncidentReader
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.operations.backup_reading import backups_in
from tocsin.operations.purge import PurgeOutcome, foreseen, make_plan, purge, purged_before
from tocsin.pipeline.stores import NodeWithStores


class PurgeRequest(BaseModel):
    """What goes, and why."""

    reference: str = Field(
        min_length=1,
        max_length=100,
        title=N_("Reference"),
        description="What lists call it: event:12-3, row:12/3, ingest:12, mail:7, inbox:XXXX-XXXX, TOC-2026-0000012 …",
        examples=["event:12-3"],
    )
    reason: Annotated[
        str, Wording(lacking=N_("Give a reason."), hint=N_("Without any of the content: the reason is kept."))
    ] = Field(
        min_length=1,
        max_length=500,
        title=N_("Reason"),
        description="Why it goes; without what it says.",
    )
    never_held: bool = Field(
        default=False, title=N_("It is of a class that must never be held: no legal hold keeps it"),
        description="It is of a class that must never be held, so that no legal hold keeps it.",
    )  # fmt: skip


class PurgeResult(BaseModel):
    """What went, or would go. ``events``, ``rows``: how many events and set-aside rows.

    ``digests``: those that told of it. ``backups``: names of the backups known here that hold it; they purge it when
    they are restored. ``related``: what may hold the same and stays. ``taken_back``: what ``doctor --repair`` put aside
    goes, too. ``mail_on_server``: deleted, moved, not found, waiting (for the server), or empty.
    """

    reference: str
    kind: str
    came_at: datetime | None
    purged_at: datetime | None
    events: int
    rows: int
    digests: list[str]
    backups: list[str]
    related: list[str]
    taken_back: bool
    mail_on_server: str


def purge_content(context: ActContext, request: PurgeRequest) -> PurgeResult:
    """What it says is deleted everywhere here, without being shown. Its reference stays, with when and by whom.

    Restoring a backup that holds it purges it again.
    """
    node = cast("NodeWithStores", context.node)
    done = purge(
        node,
        request.reference,
        reason=request.reason,
        waits=context.waits,
        person=context.person,
        never_held=request.never_held,
        **context.by,
    )
    return _result(node, done)


def foresee(node: NodeWithStores, text: str, reader: IncidentReader) -> PurgeResult:
    """What would go with the thing that somebody names, or what went with it; ``reader``: who asks.

    Raises:
        UsageError: it names nothing, or several things.
        NotFoundError: there is no such thing here.

    """
    return _result(node, purged_before(node, text, reader) or foreseen(node, make_plan(node, text, reader)))


def _result(node: NodeWithStores, done: PurgeOutcome) -> PurgeResult:
    folder = node.settings.storage.backups
    known = backups_in(Path(folder)) if folder else []
    held = [one for one in known if done.came_at is None or one.made_at >= done.came_at]
    return PurgeResult(
        reference=done.reference,
        kind=done.kind,
        came_at=done.came_at,
        purged_at=done.at,
        events=done.events,
        rows=done.rows,
        digests=list(done.digests),
        backups=[one.name for one in held if done.at is None or one.made_at <= done.at],
        related=list(done.related),
        taken_back=done.taken_back,
        mail_on_server=done.on_server,
    )


ACTS: Final = (
    Act(
        "purge", "Purge what must not be here", purge_content, noun="content", permission=Permission.CONTENT_PURGE,
        audit=(AuditAction.CONTENT_PURGED,), command=OwnSurface("purge"), route="/purges/{reference}",
        page=OwnSurface("/purge/{reference}"), arguments=("reference",), told="{reference} is purged.",
        title=N_("Purge"),
        notice=N_(
            "Its content is deleted everywhere on this node, without being shown. The reference, the time and your"
            " name are kept. This cannot be undone."
        ),
    ),
)  # fmt: skip
"""What can be done with what must not be here."""

"""Events that leave as a file: asked of the gate, written to the audit log, then streamed.

Pages and the API both call `export_events`; what a file holds is in `tocsin.events.export`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tocsin.events import EventFilter, Events, ExportForm, media_of, written
from tocsin.node.accounts import PermissionScope
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.sharing.gate import Marking
from tocsin.sharing.visibility import event_scope_of, export_scope_of, marking_of

_PERSONAL = ("address", "text", "problem")  # conditions that may point at a person; the log says only that they were


@dataclass(frozen=True)
class ExportOffer:
    """What an export would hold: events that may leave, those of the page that stay here, and the marking of all.

    ``parts``: see `Figures`.
    """

    events: int
    withheld: int
    marking: Marking | None
    parts: int = 1


@dataclass(frozen=True)
class Export:
    """A file that is made while it is sent. ``marking``: of all that is in it; None where it is empty."""

    name: str
    media: str
    marking: Marking | None
    events: int
    body: Iterator[bytes]


def offer_of(node: Node, events: Events, wanted: EventFilter, *, reach: PermissionScope, now: datetime) -> ExportOffer:
    """What an export of these events would hold; nothing leaves."""
    seen = events.figures(wanted, now=now, sight=event_scope_of(node, events, reach))
    leaving = events.figures(wanted, now=now, sight=export_scope_of(node, events, reach))
    return ExportOffer(leaving.total, seen.total - leaving.total, marking_of(leaving), leaving.parts)


def export_events(
    node: Node,
    events: Events,
    wanted: EventFilter,
    form: ExportForm,
    *,
    reach: PermissionScope,
    actor: str,
    now: datetime,
) -> Export:
    """A file of the events that fit and may leave, as the audit log says from now on. ``actor``: as it names one."""
    sight = export_scope_of(node, events, reach)
    figures, batches = events.whole(wanted, now=now, sight=sight)
    marking = marking_of(figures)
    conditions = {name: "given" if name in _PERSONAL else value for name, value in wanted.query().items()}
    with node.database.begin() as session:
        audit(
            session,
            AuditAction.EVENTS_EXPORTED,
            at=now,
            actor=actor,
            subject="events",
            detail={"form": form.value, "events": figures.total, "marking": _words(marking), "conditions": conditions},
        )
    name = f"events-{now:%Y%m%dT%H%M%SZ}-{_words(marking).replace(':', '-').replace('+', '-')}.{form.value}"
    return Export(name, media_of(form), marking, figures.total, written(form, batches, node_uuid(node.database)))


def _words(marking: Marking | None) -> str:
    return f"TLP:{marking.tlp}" if marking else "empty"

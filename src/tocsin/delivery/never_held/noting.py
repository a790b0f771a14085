"""What an intake filter found is noted: a reference each, and where a key is set the message to the hotline."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from tocsin.delivery.never_held.hotline import open_hotline
from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.delivery.never_held.references import Reference, keyed_hash, note_reference
from tocsin.events.redaction import FoundReport
from tocsin.node.node import Node
from tocsin.node.records import cut


def note_found(node: Node, found: Iterable[FoundReport], *, place: str, now: datetime) -> None:
    """Note reports, each once, in a transaction of its own. ``place``: the way in by which they came.

    Raises:
        StorageError: they could not be noted.

    """
    cut("neverheld.found")
    hotline = open_hotline(node, now)
    with node.database.begin() as session:
        for one in found:
            reference = _reference(node.home, one)
            number = note_reference(session, reference, place=place, state=ReferenceState.NOTED, now=now)
            row = session.get_one(NeverHeldReference, number)
            known = select(HotlineMessage.id).where(HotlineMessage.reference_id == number)
            first = row.state == ReferenceState.NOTED and session.scalar(known) is None  # else it came back
            sealed = hotline.sealed(one.url, now) if first else None
            if sealed is not None:
                session.add(HotlineMessage.waiting(number, sealed, now))
                row.state = ReferenceState.WAITING.value
        cut("neverheld.noting")
    cut("neverheld.noted")


def _reference(home: Path, found: FoundReport) -> Reference:
    known = bool(found.report_id or found.url)
    return Reference(
        found.class_name,
        found.report_id,
        found.host,
        keyed_hash(home, found.url.encode("utf-8", "replace")) if found.url else "",
        "" if known else keyed_hash(home, found.digest),
    )

"""What is written of evidence; the entries are the caller's, in the same transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.incidents.evidence.models import IncidentEvidence, LegalHold
from tocsin.incidents.evidence.read import holds_above
from tocsin.incidents.evidence.states import EvidenceKind, EvidenceState
from tocsin.incidents.models import Incident
from tocsin.incidents.read import TEAM
from tocsin.node.blobs import Blobs
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.evidence_settings import EvidenceSettings
from tocsin.node.records import take_turns
from tocsin.node.sentences import say

_TURN = "evid"
"""Who adds a file and who deletes one take turns, so that the limits hold and no item lacks its bytes."""


def add_item(
    session: Session,
    incident: Incident,
    *,
    name: str,
    kind: EvidenceKind,
    sha256: str,
    size: int | None,
    kept: bool,
    seal: str = "",
    place: str = "",
    tlp: str = "",
    now: datetime,
) -> IncidentEvidence:
    """A new item. ``kept``: the store has its bytes; ``tlp``: of the incident, if empty."""
    made = IncidentEvidence(
        incident_id=incident.id, compartment_id=incident.compartment_id, name=name, kind=kind.value, sha256=sha256,
        size=size, kept=kept, seal=seal, place=place, tlp=tlp or incident.tlp, state=EvidenceState.HELD.value,
        added_at=now, destroy_by="",
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def add_hold(
    session: Session,
    incident: Incident,
    *,
    ordered_by: str,
    order_reference: str,
    until: datetime | None,
    now: datetime,
) -> LegalHold:
    """A new legal hold."""
    made = LegalHold(
        incident_id=incident.id, compartment_id=incident.compartment_id, ordered_by=ordered_by,
        order_reference=order_reference, begun_at=now, until=until, lifted_at=None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


def keep_holds(session: Session, incident: Incident, now: datetime) -> list[LegalHold]:
    """Put an incident itself under the legal holds that cover it by what it is merged into; those that are new.

    Who ordered one is left out where readers of the incident may not read that.
    """
    holds = holds_above(session, incident, now)
    own = {(one.ordered_by, one.order_reference, one.begun_at) for one in holds if one.incident_id == incident.id}
    made = []
    for one in holds:
        seen = one.compartment_id in {TEAM, incident.compartment_id}
        who, order = (one.ordered_by, one.order_reference) if seen else ("", "")
        if one.incident_id != incident.id and (who, order, one.begun_at) not in own:
            made.append(
                add_hold(session, incident, ordered_by=who, order_reference=order, until=one.until, now=one.begun_at)
            )
    return made


def hold_facts(hold: LegalHold) -> dict[str, Any]:
    """What the entry of a new legal hold says."""
    until = hold.until.isoformat() if hold.until else None
    return {"act": "held", "hold": hold.id, "who": hold.ordered_by, "order": hold.order_reference, "until": until}


def check_quota(session: Session, incident: Incident, size: int, settings: EvidenceSettings) -> None:
    """Whether so many bytes more may be kept.

    Raises:
        InputError: the file is too large.
        ConflictError: the incident, or the node, would keep more than the settings allow.

    """
    if size > settings.max_file_bytes:
        raise InputError(
            say("The file has more than %(n)s bytes.", n=f"{settings.max_file_bytes:,}"),
            hint=say("Keep it elsewhere, and add it by its hash."),
        )
    take_turns(session, _TURN)
    row = IncidentEvidence
    kept = select(func.coalesce(func.sum(row.size), 0)).where(row.kept.is_(True))
    hint = say("An administrator can raise the limit; or keep the file elsewhere, and add it by its hash.")
    if (session.scalar(kept.where(row.incident_id == incident.id)) or 0) + size > settings.max_incident_bytes:
        raise ConflictError(say("This incident may not keep more files."), hint=hint)
    if (session.scalar(kept) or 0) + size > settings.max_total_bytes:
        raise ConflictError(say("This node may not keep more files of evidence."), hint=hint)


def delete_file(session: Session, files: Blobs, sha256: str) -> None:
    """Delete bytes that no item has any more; before the transaction ends, which may come to nothing."""
    take_turns(session, _TURN)
    row = IncidentEvidence
    if sha256 and session.scalar(select(row.id).where(row.sha256 == sha256, row.kept.is_(True)).limit(1)) is None:
        files.delete(sha256)

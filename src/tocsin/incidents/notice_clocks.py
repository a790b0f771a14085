"""The one place where notices reach the clocks of an incident: what was submitted and answered, what is due next."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from tocsin.incidents.models import Incident


def notice_submitted(
    session: Session, incident: "Incident", kind: str, at: datetime, *, law: str, actor: str, now: datetime
) -> None:
    """An entity submitted a notice (a `NoticeKind`) of an incident under an act."""


def notice_answered(
    session: Session, incident: "Incident", kind: str, at: datetime, *, law: str, actor: str, now: datetime
) -> None:
    """We answered a notice of an incident."""


def next_due(_session: Session, _incident: "Incident", _law: str, _kind: str) -> datetime | None:
    """When the next notice of this kind is due by the clocks of an incident; None: no clock says."""
    return None

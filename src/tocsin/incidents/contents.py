"""All that is in an incident, in the tables of its parts, and how it comes into another compartment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import PublicReport
from tocsin.incidents.clocks import IncidentClock
from tocsin.incidents.duty import CallOut
from tocsin.incidents.evidence import IncidentEvidence, LegalHold
from tocsin.incidents.models import (
    Incident,
    IncidentAlias,
    IncidentEntry,
    IncidentObservable,
    IncidentPopulation,
    IncidentReport,
    IncidentTask,
    IncidentText,
    ObservableSighting,
    Party,
)
from tocsin.incidents.playbooks import IncidentPlaybook, IncidentPlaybookStep
from tocsin.incidents.takedowns import Takedown, TakedownRecipient, TakedownSighting
from tocsin.incidents.threads import IncidentDraft, IncidentMail, IncidentThread
from tocsin.incidents.write import settle_report

CONTENT: Final[tuple[Any, ...]] = (
    IncidentEntry, IncidentAlias, Party, IncidentTask, IncidentObservable, ObservableSighting, IncidentPopulation,
    IncidentText, IncidentThread, IncidentMail, IncidentDraft, IncidentClock, IncidentEvidence, LegalHold,
    IncidentPlaybook, IncidentPlaybookStep, Takedown, TakedownRecipient, TakedownSighting, CallOut,
)  # fmt: skip
"""The tables of what is in an incident, each with its compartment; its reports of the inbox may be in others, too."""


def move_to_compartment(session: Session, incident: Incident, compartment: int) -> None:
    """Let those of another compartment read an incident, and all that is in it, its reports of the inbox too."""
    incident.compartment_id = compartment
    for content in CONTENT:
        for row in session.scalars(select(content).where(content.incident_id == incident.id)):
            row.compartment_id = compartment
    held = select(IncidentReport.report_id).where(IncidentReport.incident_id == incident.id)
    for report in session.scalars(select(PublicReport).where(PublicReport.id.in_(held))):
        settle_report(session, report)

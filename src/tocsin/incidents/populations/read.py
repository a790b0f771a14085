"""The affected systems of incidents as somebody may read them, and what notifications of their teams say."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import DigestNote
from tocsin.incidents.arrivals import ReleaseScope, all_reports_in, unreleased
from tocsin.incidents.models import Incident, IncidentPopulation, IncidentText
from tocsin.incidents.populations.keys import unpack
from tocsin.incidents.read import TEAM, IncidentReader, merged_family, readable
from tocsin.incidents.states import UNDER_WAY, IncidentState
from tocsin.problems import FoundProblems, ProblemList, ProblemSearch
from tocsin.sharing.gate import read_marking

_CARRIED = (*UNDER_WAY, IncidentState.MERGED)  # the text of an incident that has ended is said to nobody


def populations_of(
    session: Session, reader: IncidentReader, incidents: Sequence[Incident]
) -> Sequence[IncidentPopulation]:
    """What incidents hold, in the order that it was attached."""
    row = IncidentPopulation
    of = row.incident_id.in_([one.id for one in incidents])
    return session.scalars(select(row).where(of, readable(session, reader, row)).order_by(row.id)).all()


def texts_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[IncidentText]:
    """What notifications say of incidents, by language; without what was withdrawn."""
    row = IncidentText
    of = row.incident_id.in_([one.id for one in incidents]), row.withdrawn_at.is_(None)
    return session.scalars(select(row).where(*of, readable(session, reader, row)).order_by(row.id)).all()


def affected_of(populations: Sequence[IncidentPopulation], problems: ProblemList, now: datetime) -> FoundProblems:
    """The problems of populations, each once, as far as events of them are stored."""
    keys = [keys_of(one, problems, now) for one in populations]
    every = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.uint64)
    return problems.among(every.tolist(), now=now)


def keys_of(population: IncidentPopulation, problems: ProblemList, now: datetime) -> npt.NDArray[np.uint64]:
    """The keys of the problems of one: those of its list, or that match now."""
    if population.frozen_at is not None:
        return unpack(population.keys)
    return problems.find(ProblemSearch.read(population.query), now=now).keys


def digest_notes(
    session: Session, problems: ProblemList, now: datetime
) -> Iterator[tuple[DigestNote, npt.NDArray[np.uint64]]]:
    """What notifications of problems with these keys say. Read as nobody: a restricted incident says nothing here."""
    row, open_ = IncidentText, Incident.state.in_([one.value for one in _CARRIED])
    query = select(row, Incident).join(Incident, Incident.id == row.incident_id)
    texts: dict[int, list[IncidentText]] = {}
    incidents: dict[int, Incident] = {}
    for text, incident in session.execute(
        query.where(row.withdrawn_at.is_(None), row.compartment_id == TEAM, open_).order_by(row.id)
    ):
        texts.setdefault(text.incident_id, []).append(text)
        incidents[incident.id] = incident
    for number, of in texts.items():
        rows = select(IncidentPopulation).where(IncidentPopulation.incident_id == number)
        keys = [keys_of(one, problems, now) for one in session.scalars(rows)]
        if keys:
            said = {one.language: (one.text, read_marking(one.tlp, None)) for one in of}
            held = held_from(session, IncidentReader(None, now), incidents[number])
            yield DigestNote(incidents[number].reference, said, held), np.unique(np.concatenate(keys))


def held_from(session: Session, reader: IncidentReader, incident: Incident) -> frozenset[str]:
    """Of supervisors and police, those who get nothing of an incident, since something of it came voluntarily."""
    reports = all_reports_in(session, merged_family(session, reader, incident))
    scopes = ReleaseScope.AUTHORITY, ReleaseScope.POLICE
    return frozenset(one for one in scopes if unreleased(session, reports, one))

"""Playbooks read: those that are offered, and those that are worked on incidents, inside their compartments."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident
from tocsin.incidents.playbooks.cacao import Playbook, PlaybookStep, known_playbook
from tocsin.incidents.playbooks.course import PlaybookCourse, StepVisit
from tocsin.incidents.playbooks.models import IncidentPlaybook, IncidentPlaybookStep, PlaybookEdition
from tocsin.incidents.playbooks.shipped import shipped_playbooks
from tocsin.incidents.read import IncidentReader, readable
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say


@dataclass(frozen=True)
class ListedPlaybook:
    """A playbook that is offered. ``edition``: None where it is as it came along."""

    key: str
    playbook: Playbook
    content: bytes
    edition: PlaybookEdition | None = None


@dataclass(frozen=True)
class PlaybookRun:
    """A playbook that is worked on an incident. ``steps``: each time that a step was reached, in order."""

    row: IncidentPlaybook
    playbook: Playbook
    steps: Sequence[IncidentPlaybookStep]

    @property
    def due(self) -> list[tuple[IncidentPlaybookStep, PlaybookStep]]:
        """The tasks and questions that wait for a person; none of one that was stopped."""
        waiting = [one for one in self.steps if not one.outcome] if self.row.ended_at is None else []
        return [(one, self.playbook.steps[one.step]) for one in waiting]

    @property
    def questions(self) -> list[tuple[IncidentPlaybookStep, PlaybookStep]]:
        """Those that are questions."""
        return [(one, step) for one, step in self.due if step.answers]

    def course(self) -> PlaybookCourse:
        """How far it is, to go on from."""
        visits = [StepVisit(one.number, one.step, one.within, one.outcome, one.ended) for one in self.steps]
        return PlaybookCourse(self.playbook, visits)


def listed_playbooks(session: Session) -> list[ListedPlaybook]:
    """All that are offered, by name; what was added here stands for a shipped one of the same id."""
    rows = session.scalars(select(PlaybookEdition).where(PlaybookEdition.listed).order_by(PlaybookEdition.id)).all()
    own = [ListedPlaybook(row.key, known_playbook(row.content.encode()), row.content.encode(), row) for row in rows]
    replaced = {one.playbook.id for one in own}
    shipped = shipped_playbooks().items()
    found = [ListedPlaybook(key, of, content) for key, (of, content) in shipped if of.id not in replaced]
    return sorted([*own, *found], key=lambda one: (one.playbook.name.casefold(), one.key))


def find_playbook(session: Session, name: str) -> ListedPlaybook:
    """One that is offered, by its key or its id in CACAO.

    Raises:
        NotFoundError: none is called so.

    """
    wanted = name.strip()
    for one in listed_playbooks(session):
        if wanted in {one.key, one.playbook.id}:
            return one
    raise NotFoundError(say("There is no playbook %(name)s.", name=wanted[:60]))


def suggested_for(listed: Collection[ListedPlaybook], rsit_type: str) -> list[ListedPlaybook]:
    """Those that are for a type of the Reference Security Incident Taxonomy."""
    return [one for one in listed if rsit_type and rsit_type in one.playbook.types()]


def runs_of(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> list[PlaybookRun]:
    """The playbooks that are or were worked on incidents, those that were started last first."""
    row, step = IncidentPlaybook, IncidentPlaybookStep
    of = row.incident_id.in_([one.id for one in incidents]), readable(session, reader, row)
    rows = session.scalars(select(row).where(*of).order_by(row.id.desc())).all()
    inside = step.run_id.in_([one.id for one in rows]), readable(session, reader, step)
    steps = session.scalars(select(step).where(*inside).order_by(step.number)).all()
    return [PlaybookRun(one, edition_of(session, one), [of for of in steps if of.run_id == one.id]) for one in rows]


def find_run(session: Session, reader: IncidentReader, incidents: Sequence[Incident], number: int) -> PlaybookRun:
    """One of them by its number.

    Raises:
        NotFoundError: the reader knows none of this number there.

    """
    for one in runs_of(session, reader, incidents):
        if one.row.id == number:
            return one
    raise NotFoundError(say("There is no such thing in incident %(name)s.", name=incidents[0].reference))


def edition_of(session: Session, run: IncidentPlaybook) -> Playbook:
    """The playbook in the edition that was started."""
    return known_playbook(session.get_one(PlaybookEdition, run.edition_id).content.encode())


def open_questions(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> int:
    """How many questions of playbooks wait for an answer."""
    return sum(len(one.questions) for one in runs_of(session, reader, incidents))


def uses_of(session: Session, reader: IncidentReader) -> dict[str, int]:
    """On how many incidents each playbook was started, by its id in CACAO, as far as the reader knows them."""
    row, edition = IncidentPlaybook, PlaybookEdition
    counted = select(edition.playbook, func.count()).join(row, row.edition_id == edition.id)
    return dict(session.execute(counted.where(readable(session, reader, row)).group_by(edition.playbook)).all())

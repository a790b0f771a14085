"""A team answers for its problems at once, wherever they were told: what the portal and the API do."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from tocsin.delivery import Delivery
from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import EventStore
from tocsin.node.errors import InputError
from tocsin.node.node import Node
from tocsin.node.records import cut
from tocsin.problems.answers.digest_problems import told_problems
from tocsin.problems.answers.models import Answer, AnswerVerdict, Via
from tocsin.problems.answers.record import record_answer
from tocsin.problems.answers.sheet import Sheets, TeamSheet
from tocsin.problems.problem_names import read_problem
from tocsin.problems.track import Tracker


@dataclass(frozen=True)
class TeamAnswer:
    """What a team says of problems (by their texts). ``days``: how long *accepted* holds."""

    verdict: AnswerVerdict
    problems: Collection[str]
    note: str
    days: int

    @property
    def digest(self) -> str:
        """The same in one word."""
        said = (self.verdict.value, sorted(self.problems), self.note, self.days)
        return hashlib.sha256(repr(said).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def sheets_of(node: Node, store: EventStore, tracker: Tracker) -> Sheets:
    """What makes the sheets of digests and teams, as the settings say."""
    tell, own = node.settings.tell, node.settings.node.own_teams
    return Sheets(node.database, store, tracker, tell.gone_after_days, tell.answer_days, own)


def answer_problems(
    node: Node,
    store: EventStore,
    sheet: TeamSheet,
    said: TeamAnswer,
    *,
    actor: str,
    act: str,
    now: datetime,
    door: str = "portal",
) -> list[Answer]:
    """Record it for each digest that told one of the problems, and give these answers.

    ``actor``: who is signed in, or empty. ``act``: the same act twice is recorded once. ``door``: as in `IntakeFilter`.

    Raises:
        InputError: one of the problems is not of this sheet, or the note is too long.

    """
    said = replace(said, note=IntakeFilter(node, door, lambda: now).kept_text(said.note))
    chosen = {read_problem(text) for text in said.problems}
    by_digest: dict[int, set[int]] = {}
    for line in sheet.lines:
        if line.key in chosen:
            by_digest.setdefault(line.digest, set()).add(line.key)
    if chosen - {key for keys in by_digest.values() for key in keys}:
        raise InputError("One of these problems is no longer open to answers.", hint="Load the list again.")
    with node.database.reading() as session:
        digests = {one.id: one for one in session.scalars(select(Delivery).where(Delivery.id.in_(list(by_digest))))}
        told = {number: told_problems(session, store, digest) for number, digest in digests.items()}
    with node.database.begin() as session:
        answers = [
            record_answer(
                session,
                delivery=digests[number],
                told=told[number] | keys,
                verdict=said.verdict,
                problems=keys,
                note=said.note,
                via=Via.PAGE,
                said_by=actor,
                at=now,
                key=f"{act}:{number}:{said.digest}",
                until=now + timedelta(days=said.days) if said.verdict is AnswerVerdict.ACCEPTED else None,
            )
            for number, keys in sorted(by_digest.items())
        ]
    cut("answers.recorded")
    return answers

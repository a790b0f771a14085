"""How far the problems of an incident are: counted from problems and answers, never kept. Pure."""

from dataclasses import dataclass
from typing import Final

from tocsin.problems import NOTIFICATION_STATES, FoundProblems, NotificationState
from tocsin.problems.answers import AnswerVerdict

_NOTIFIED: Final = NOTIFICATION_STATES.index(NotificationState.NOTIFIED)


@dataclass(frozen=True, slots=True)
class AffectedTally:
    """Problems of an incident: all, and those of them that each word says; ``teams``: that must know.

    ``notified``: its responsible teams were notified of it. ``answered``: a team said something of it. ``fixed``: its
    newest answer says so. ``seen``: its feed still finds it, or has not run since; ``lacking``: no team is known.
    """

    problems: int = 0
    notified: int = 0
    answered: int = 0
    fixed: int = 0
    seen: int = 0
    teams: int = 0
    lacking: int = 0


def tally(found: FoundProblems) -> AffectedTally:
    """The tally of problems."""
    frame = found.standings.frame.select("notification", "gone_at", "teams")[found.places]
    answers = found.standings.said_at(found.places).values()
    newest = [max(of, key=lambda one: (one.answer.at, one.answer.id)).verdict for of in answers]
    return AffectedTally(
        problems=frame.height,
        notified=int((frame["notification"] == _NOTIFIED).sum()),
        answered=len(answers),
        fixed=newest.count(AnswerVerdict.FIXED),
        seen=int((frame["gone_at"] == 0).sum()),
        teams=len(found.teams()),
        lacking=int((frame["teams"] == 0).sum()),
    )

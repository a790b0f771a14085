"""Two people at one thing: who sends a form of a state that is no more is told, and nothing is changed.

A form carries in its field ``seen`` the number of the last thing that happened when its page was made.
"""

from collections.abc import Collection, Sequence
from typing import Final

from tocsin.interface import number_in
from tocsin.problems import problem_text
from tocsin.problems.answers import ProblemRow
from tocsin.server.pages.words import N_

CHANGED: Final = N_(
    "This was answered or changed meanwhile, and nothing of yours is done yet. Look at what is new, then send it again."
)


def is_stale(seen: str, latest: int) -> bool:
    """Whether something happened after the page of a form was made; a form that does not say when is not stale."""
    known = number_in(seen) if seen else latest
    return known is None or latest > known


def last_answer(lines: Sequence[ProblemRow], chosen: Collection[str] | None = None, but: str = "") -> int:
    """The number of the last answer to one of the problems, or of the chosen ones; ``but``: not those of this act."""
    answers = (
        line.standing.answer for line in lines if line.standing and (chosen is None or problem_text(line.key) in chosen)
    )
    return max((answer.id for answer in answers if not (but and answer.key.startswith(f"{but}:"))), default=0)

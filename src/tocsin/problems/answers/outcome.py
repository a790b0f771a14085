"""How what a team said of a problem meets what the feeds saw since."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from tocsin.problems.answers.models import Answer, AnswerVerdict


class AnswerOutcome(StrEnum):
    """What the next sighting says of a claim."""

    PENDING = "pending"  # nothing seen since, and the feed has not run often enough to tell
    CONFIRMED = "confirmed"  # its feed ran, and the problem is gone
    CONTRADICTED = "contradicted"  # it was seen again after


CLAIMS = frozenset({AnswerVerdict.FIXED, AnswerVerdict.FALSE})
"""What a sighting can contradict; the others say what a team does, not what is there."""


@dataclass(frozen=True, slots=True)
class AnswerStanding:
    """What a team said last of one problem.

    ``outcome``: None where the verdict claims nothing that a sighting can test. ``since``: when the outcome came to
    be, as far as is known: the newest sighting that contradicts, or when the problem came to count as gone.
    """

    answer: Answer
    outcome: AnswerOutcome | None
    since: datetime | None = None

    @property
    def verdict(self) -> AnswerVerdict:
        """What was said."""
        return AnswerVerdict(self.answer.verdict)


def latest(answered: Iterable[tuple[Answer, Sequence[int]]]) -> dict[tuple[int, int], Answer]:
    """The newest answer for each (team, problem), of answers that come oldest first."""
    return {(answer.team_id, key): answer for answer, keys in answered for key in keys}


def standings(
    newest: Mapping[tuple[int, int], Answer], facts: Mapping[int, tuple[int, int]]
) -> dict[tuple[int, int], AnswerStanding]:
    """How each newest answer stands.

    ``facts``: for each problem when it was last seen and when it came to count as gone (0 where it does not), in
    seconds since 1970 UTC; a problem without facts was not seen again.
    """
    return {pair: stand(answer, *facts.get(pair[1], (0, 0))) for pair, answer in newest.items()}


def stand(answer: Answer, last_seen: int, gone_at: int) -> AnswerStanding:
    """How one answer stands; times as in `standings`.

    A sighting in the very second of the answer is not later. A contradicted claim stays so when the problem goes
    later: it took more than was said.
    """
    if answer.verdict not in CLAIMS:
        return AnswerStanding(answer, None)
    if last_seen > int(answer.at.timestamp()):
        return AnswerStanding(answer, AnswerOutcome.CONTRADICTED, datetime.fromtimestamp(last_seen, UTC))
    if gone_at:
        return AnswerStanding(answer, AnswerOutcome.CONFIRMED, max(answer.at, datetime.fromtimestamp(gone_at, UTC)))
    return AnswerStanding(answer, AnswerOutcome.PENDING)

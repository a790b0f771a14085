"""What teams said, one entry after the other."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tocsin.directory import merged_teams
from tocsin.node.records import Database
from tocsin.problems.answers.digest_problems import same_team, unpacked
from tocsin.problems.answers.models import Answer, AnsweredDigest
from tocsin.problems.problem_names import read_problem

_CHUNK: Final = 500


def answered(session: Session, team_id: int | None = None) -> Iterator[tuple[Answer, list[int]]]:
    """Every answer that was not withdrawn, oldest first, with its problems; of one team where asked for.

    The answers of a team that was merged into another are that other's.
    """
    return iter(without_withdrawn(answer_entries(session, team_id)))


def newest_answer(session: Session, team_id: int) -> int:
    """The number of a team's newest entry; 0 where it never said anything."""
    return session.scalar(select(func.max(Answer.id)).where(Answer.team_id.in_(same_team(session, team_id)))) or 0


def without_withdrawn(entries: Iterable[tuple[Answer, list[int]]]) -> list[tuple[Answer, list[int]]]:
    """The answers among entries that no other entry among these withdraws."""
    known = list(entries)
    withdrawn = {entry.withdraws for entry, _ in known}
    return [(entry, keys) for entry, keys in known if entry.withdraws is None and entry.id not in withdrawn]


def numbered_answers(database: Database, numbers: Collection[int]) -> dict[int, Answer]:
    """These entries by their numbers, of the teams that theirs were merged into; without what is not there any more."""
    found: dict[int, Answer] = {}
    with database.reading() as session:
        merged = merged_teams(session)
        wanted = sorted(numbers)
        for start in range(0, len(wanted), _CHUNK):
            for answer in session.scalars(select(Answer).where(Answer.id.in_(wanted[start : start + _CHUNK]))):
                set_committed_value(answer, "team_id", merged.get(answer.team_id, answer.team_id))
                found[answer.id] = answer
    return found


def answer_entries(session: Session, team_id: int | None = None) -> Iterator[tuple[Answer, list[int]]]:
    """Every entry, as `answered` gives them: also what was withdrawn, and what withdraws it."""
    merged = merged_teams(session)
    query = (
        select(Answer, AnsweredDigest.problems)
        .join(AnsweredDigest, AnsweredDigest.delivery_id == Answer.delivery_id)
        .order_by(Answer.at, Answer.id)
    )
    if team_id is not None:
        query = query.where(Answer.team_id.in_(same_team(session, team_id)))
    for answer, told in session.execute(query):
        set_committed_value(answer, "team_id", merged.get(answer.team_id, answer.team_id))
        yield (
            answer,
            unpacked(told).tolist() if answer.problems is None else [read_problem(text) for text in answer.problems],
        )

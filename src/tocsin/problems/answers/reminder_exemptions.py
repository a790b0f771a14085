"""Who need not be reminded of which problem, since they answered."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tocsin.directory import merged_teams
from tocsin.problems.answers.digest_problems import same_team, unpacked
from tocsin.problems.answers.models import Answer, AnsweredDigest, AnswerVerdict
from tocsin.problems.answers.problem_names import read_problem

FOR_GOOD = 2**63 - 1


def exempt_teams(said: Iterable[tuple[Answer, list[int]]], now: datetime) -> dict[int, dict[int, int]]:
    """For each problem (uint64 key) the teams (ids) that need not be reminded of it, each with the time up to which.

    Times in seconds since 1970 UTC: a sighting later than that contradicts what the team said, and is told. It is the
    time of the answer for *fixed*, and `FOR_GOOD` for *false*, *accepted* and *not ours*, which end by their date
    alone. The newest answer of a team to a problem counts; *acknowledged* promises nothing and so keeps nobody quiet.
    ``said``: as `answered` gives it.
    """
    silent: dict[int, dict[int, int]] = {}
    for answer, keys in said:
        holds = answer.until is not None and answer.until > now
        up_to = int(answer.at.timestamp()) if answer.verdict == AnswerVerdict.FIXED else FOR_GOOD
        for key in keys:
            if holds:
                silent.setdefault(key, {})[answer.team_id] = up_to
            elif key in silent:
                silent[key].pop(answer.team_id, None)
    return {key: teams for key, teams in silent.items() if teams}


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


def answer_entries(
    session: Session, team_id: int | None = None, *, after: int = 0
) -> Iterator[tuple[Answer, list[int]]]:
    """Every entry, as `answered` gives them: also what was withdrawn, and what withdraws it.

    ``after``: only those that were made after this one.
    """
    merged = merged_teams(session)
    query = (
        select(Answer, AnsweredDigest.problems)
        .join(AnsweredDigest, AnsweredDigest.delivery_id == Answer.delivery_id)
        .where(Answer.id > after)
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

"""An answer that is withdrawn leaves what stood before it, and two entries."""

import datetime as dt
import uuid
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from problems.answers.test_record import NOW, TEAM, TOLD, digest, say, silent
from tocsin.delivery import DELIVERY, Delivery
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import Database
from tocsin.node.records.audit import AuditEntry
from tocsin.problems.answers import (
    WITHDRAWN,
    Answer,
    AnswerVerdict,
    answered,
    answers_before,
    can_withdraw,
    latest,
    read_said,
    standings,
    withdraw_answers,
)

_HOUR = dt.timedelta(hours=1)
_LATER = NOW + dt.timedelta(days=40)
_PROBLEMS = st.sets(st.sampled_from(sorted(TOLD)), min_size=1)
_SAID = st.tuples(st.sampled_from(list(AnswerVerdict)), _PROBLEMS)


def withdraw(database: Database, *answers: Answer, at: dt.datetime) -> None:
    with database.begin() as session:
        withdraw_answers(session, [answer.uuid for answer in answers], actor="person:1", at=at)


def counts_now(database: Database, team: int, later: Delivery) -> dict[str, Any]:
    """All that is worked out of the answers: states, reminders, what a batch asks, and a digest that is made later."""
    with database.begin() as session:
        newest = latest(answered(session, team))
        facts = {key: (int(_LATER.timestamp()), 0) for key in TOLD}
        found: dict[str, Any] = {
            "states": {pair: (one.answer.id, one.outcome) for pair, one in standings(newest, facts).items()},
        }
    batches = [read_said(database, NOW + dt.timedelta(days=days)) for days in (0, 1, 20, 100, 400)]
    return found | {
        "digest": answers_before(database, told_by(later)).sort("problem").rows(),
        "batches": [
            (of.quiet_keys.tolist(), of.quiet_teams.tolist(), of.quiet_up_to.tolist(), of.answered_keys.tolist())
            for of in batches
        ],
    }


def told_by(delivery: Delivery) -> pl.DataFrame:
    """What a digest told, as the table of events has it."""
    problems = np.array(sorted(TOLD), dtype=np.uint64).view(np.int64)
    return pl.DataFrame({DELIVERY: [delivery.id] * len(problems), "problem": problems})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(before=st.lists(_SAID, max_size=3), undone=_SAID, again=st.booleans())
def test_an_answer_that_is_withdrawn_leaves_what_stood_before(
    database: Database, before: list[Any], undone: Any, *, again: bool
) -> None:
    team = uuid.uuid4().int % 10**9
    told, other, later = (digest(database, team=team) for _ in range(3))
    with database.begin() as session:
        session.get_one(Delivery, later.id).created_at = _LATER
    for number, (verdict, problems) in enumerate(before):
        say(database, told, verdict, *problems, at=NOW + number * _HOUR)
    was = counts_now(database, team, later)

    verdict, problems = undone
    made = say(database, other if again else told, verdict, *problems, at=NOW + 5 * _HOUR)
    withdraw(database, made, at=NOW + 5 * _HOUR + dt.timedelta(seconds=30))

    assert counts_now(database, team, later) == was
    with database.begin() as session:
        stored = session.scalars(select(Answer).where(Answer.team_id == team).order_by(Answer.id)).all()
        log = select(AuditEntry.word).where(AuditEntry.subject == f"answer:{made.uuid}").order_by(AuditEntry.id)
        assert list(session.scalars(log)) == ["answer.recorded", "answer.withdrawn"]
    assert [answer.verdict for answer in stored[-2:]] == [verdict.value, WITHDRAWN]
    assert len(stored) == len(before) + 2


def test_a_digest_that_was_made_between_stays_as_it_was(database: Database) -> None:
    made = say(database, digest(database), AnswerVerdict.FIXED, 1)
    between = digest(database)
    with database.begin() as session:
        session.get_one(Delivery, between.id).created_at = NOW + dt.timedelta(seconds=20)

    def said() -> list[Any]:
        return answers_before(database, told_by(between)).rows()

    before = said()
    withdraw(database, made, at=NOW + dt.timedelta(seconds=40))
    assert said() == before != []


def test_a_second_time_is_refused_and_so_is_what_was_answered_otherwise_since(database: Database) -> None:
    told = digest(database)
    first = say(database, told, AnswerVerdict.FALSE, 1, 2)
    withdraw(database, first, at=NOW)
    with pytest.raises(ConflictError, match="undone before"):
        withdraw(database, first, at=NOW)
    second = say(database, told, AnswerVerdict.FALSE, 1, 2)
    third = say(database, told, AnswerVerdict.FIXED, 2)
    with pytest.raises(ConflictError, match="Another status"):
        withdraw(database, second, at=NOW)
    assert silent(database) == {1: {TEAM}, 2: {TEAM}}
    withdraw(database, second, third, at=NOW)
    assert silent(database) == {}
    with pytest.raises(NotFoundError), database.begin() as session:
        withdraw_answers(session, [uuid.uuid4()], actor="person:1", at=NOW)


def test_of_several_answers_all_are_withdrawn_or_none(database: Database) -> None:
    one, two = (say(database, digest(database), AnswerVerdict.FALSE, of) for of in (1, 2))
    withdraw(database, two, at=NOW)
    with pytest.raises(ConflictError):
        withdraw(database, one, two, at=NOW)
    with database.begin() as session:
        assert session.scalar(select(func.count()).where(Answer.withdraws == one.id)) == 0


def test_there_is_a_minute_for_it(database: Database) -> None:
    made = say(database, digest(database), AnswerVerdict.FIXED)
    assert can_withdraw([made], NOW + dt.timedelta(seconds=59))
    assert not can_withdraw([made], NOW + dt.timedelta(seconds=60))
    assert not can_withdraw([], NOW)

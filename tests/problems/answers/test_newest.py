"""Answers in columns say of each problem what they say one by one."""

import datetime as dt
import random
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from problems.answers.test_record import digest, say
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.records import Database
from tocsin.problems.answers import (
    WITHDRAWN,
    Answer,
    AnswerTable,
    AnswerVerdict,
    NewestAnswers,
    ProblemState,
    Via,
    entry_numbers,
    latest,
    read_answers,
    standings,
    state_of,
    without_withdrawn,
)

BEGAN = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
KEYS = [0, 3, 2**63, 2**64 - 1]
STATES = tuple(ProblemState)
MINUTES = st.integers(0, 6)
SAID = st.fixed_dictionaries(
    {
        "team": st.integers(1, 3),
        "verdict": st.sampled_from([*AnswerVerdict, WITHDRAWN]),
        "keys": st.lists(st.sampled_from(KEYS), unique=True, min_size=1),
        "at": MINUTES,
        "until": st.none() | MINUTES,
    }
)
FACTS = st.fixed_dictionaries({"last_seen": MINUTES, "gone": st.booleans(), "told": st.booleans()})


def after(minutes: int) -> dt.datetime:
    return BEGAN + dt.timedelta(minutes=minutes)


def entries(said: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Answer, list[int]]]:
    """The entries; one that withdraws takes back the one before it."""
    for number, one in enumerate(said, 1):
        until = None if one["until"] is None else after(one["until"])
        withdraws = number - 1 if one["verdict"] == WITHDRAWN else None
        answer = Answer(
            id=number, uuid=uuid.uuid4(), delivery_id=1, team_id=one["team"], verdict=str(one["verdict"]),
            problems=None, note="", at=after(one["at"]), until=until, via=Via.PAGE.value,
            said_by="", key=uuid.uuid4().hex, withdraws=withdraws,
        )  # fmt: skip
        yield answer, one["keys"]


def table_of(said: Iterable[tuple[Answer, list[int]]]) -> AnswerTable:
    """As it is read of a database."""
    return AnswerTable.of(
        (entry_numbers((one.id, one.team_id, one.withdraws, one.at, one.until, one.verdict)), keys)
        for one, keys in said
    )


@given(st.lists(SAID, max_size=8), st.lists(FACTS, min_size=len(KEYS), max_size=len(KEYS)), st.integers(1, 4), MINUTES)
def test_columns_say_what_answers_say_one_by_one(
    said: list[dict[str, Any]], facts: list[dict[str, Any]], problems: int, now: int
) -> None:
    keys, facts = KEYS[:problems], facts[:problems]
    seen = [int(after(one["last_seen"]).timestamp()) for one in facts]
    gone_at = [int(after(9).timestamp()) if one["gone"] else 0 for one in facts]
    known = sorted(entries(said), key=lambda one: (one[0].at, one[0].id))
    one_by_one = standings(
        latest(without_withdrawn(known)), dict(zip(keys, zip(seen, gone_at, strict=True), strict=True))
    )
    by_number = {answer.id: answer for answer, _ in known}
    newest = NewestAnswers.of(table_of(known), lambda numbers: {number: by_number[number] for number in numbers})
    unanswered = [STATES.index(state_of((), told=one["told"], gone=one["gone"], now=after(now))) for one in facts]
    states = newest.states(
        np.array(unanswered, dtype=np.uint8),
        np.array(keys, dtype=np.uint64),
        np.array(seen),
        np.array(gone_at) > 0,
        after(now),
    )
    together = newest.standings(zip(keys, seen, gone_at, strict=True))
    for key, one, state in zip(keys, facts, states.tolist(), strict=True):
        of = [standing for (_, problem), standing in one_by_one.items() if problem == key]
        assert {(each.answer.id, each.outcome, each.since) for each in together[key]} == {
            (each.answer.id, each.outcome, each.since) for each in of
        }
        assert STATES[state] == state_of(of, told=one["told"], gone=one["gone"], now=after(now))


def newest(known: Iterable[tuple[Answer, list[int]]]) -> dict[tuple[int, int], int]:
    by_age = sorted(known, key=lambda one: (one[0].at, one[0].id))
    return {pair: answer.id for pair, answer in latest(without_withdrawn(by_age)).items()}


@given(st.lists(SAID, max_size=8), st.randoms(use_true_random=False), MINUTES, st.sets(st.sampled_from(KEYS)))
def test_columns_that_came_in_parts_say_what_was_said_until_a_time(
    said: list[dict[str, Any]], chance: random.Random, before: int, among: set[int]
) -> None:
    every = list(entries(said))
    chance.shuffle(every)
    cut = chance.randint(0, len(every))
    table = table_of(every[:cut]).joined(table_of(every[cut:]))
    by_age = [answer.id for answer, _ in sorted(every, key=lambda one: (one[0].at, one[0].id))]
    assert table.ids.tolist() == by_age
    rows = table.newest(
        before=int(after(before).timestamp()) * 1_000_000, among=np.array(sorted(among), dtype=np.uint64)
    )
    found = {
        (int(table.teams[place]), key): int(table.ids[place])
        for key, place in zip(table.keys[rows].tolist(), table.places[rows].tolist(), strict=True)
    }
    assert found == {
        pair: number
        for pair, number in newest(one for one in every if one[0].at < after(before)).items()
        if pair[1] in among
    }


def test_an_entry_that_is_seen_late_is_read_and_nothing_is_read_twice(database: Database) -> None:
    """Two write at once: the later number can be there first."""
    told = digest(database)
    first, second, third = (say(database, told, AnswerVerdict.FALSE, 1) for _ in range(3))
    with database.begin() as session:
        session.execute(delete(Answer).where(Answer.id == second.id))
    before = read_answers(database)
    assert before.ids.tolist() == [first.id, third.id]
    assert read_answers(database) is before
    with database.begin() as session:
        session.merge(second)
    assert read_answers(database).ids.tolist() == [first.id, second.id, third.id]


def test_what_is_purged_or_merged_is_read_again(database: Database) -> None:
    said = say(database, digest(database), AnswerVerdict.FALSE, 1)
    assert read_answers(database).teams.tolist() == [said.team_id]
    with database.begin() as session:
        session.execute(update(Answer).values(team_id=said.team_id + 1))
        session.execute(update(DirectoryStateRow).values(version="another"))
    assert read_answers(database).teams.tolist() == [said.team_id + 1]

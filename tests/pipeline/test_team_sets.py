"""Sets of teams by number agree with sets of Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.pipeline.team_sets import Int32s, TeamSets

SOME = st.lists(st.frozensets(st.integers(1, 5), max_size=4), min_size=1, max_size=20)


def numbers(sets: TeamSets, of: list[frozenset[int]]) -> Int32s:
    return np.array([sets.number(one) for one in of], dtype=np.int32)


@given(SOME, st.data())
def test_union_and_minus_are_those_of_sets(left: list[frozenset[int]], data: st.DataObject) -> None:
    right = data.draw(st.lists(st.sampled_from(left), min_size=len(left), max_size=len(left)))
    sets = TeamSets()
    one, other = numbers(sets, left), numbers(sets, right)

    together = [set(sets.members[number]) for number in sets.union(one, other)]
    without = [set(sets.members[number]) for number in sets.minus(one, other)]
    assert together == [a | b for a, b in zip(left, right, strict=True)]
    assert without == [a - b for a, b in zip(left, right, strict=True)]
    assert sets.number(()) == 0
    assert [sets.numbers[of] for of in sets.members] == list(range(len(sets.members)))


@given(SOME, st.data())
def test_a_problem_was_told_to_all_teams_of_its_events_and_those_before(
    told: list[frozenset[int]], data: st.DataObject
) -> None:
    problems = data.draw(st.lists(st.integers(0, 3), min_size=len(told), max_size=len(told)))
    before = data.draw(st.lists(st.frozensets(st.integers(1, 5)), min_size=4, max_size=4))
    sets = TeamSets()
    after = sets.of_problems(numbers(sets, before), numbers(sets, told), np.array(problems, dtype=np.intp))

    for problem, teams in enumerate(before):
        of = teams.union(*(one for one, at in zip(told, problems, strict=True) if at == problem))
        assert set(sets.members[after[problem]]) == of

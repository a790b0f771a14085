"""The next sighting confirms or contradicts what was said."""

import datetime as dt
import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.problems import NOTES, gone_since
from tocsin.problems.answers import Answer, AnswerOutcome, AnswerVerdict, Via, latest, stand, standings

SAID = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
AT = int(SAID.timestamp())
DAY = 86_400


def answer(verdict: AnswerVerdict, *, at: dt.datetime = SAID, team: int = 1) -> Answer:
    return Answer(
        uuid=uuid.uuid4(),
        delivery_id=1,
        team_id=team,
        verdict=verdict.value,
        problems=None,
        note="",
        at=at,
        until=None,
        via=Via.PAGE.value,
        said_by="",
        key=uuid.uuid4().hex,
    )


def outcome(verdict: AnswerVerdict, last_seen: int, gone_at: int = 0) -> AnswerOutcome | None:
    return stand(answer(verdict), last_seen, gone_at).outcome


def test_a_sighting_after_fixed_contradicts_and_says_when() -> None:
    found = stand(answer(AnswerVerdict.FIXED), AT + 2 * DAY, 0)
    assert found.outcome is AnswerOutcome.CONTRADICTED
    assert found.since == SAID + dt.timedelta(days=2)


def test_a_sighting_from_before_the_answer_that_arrives_later_contradicts_nothing() -> None:
    assert outcome(AnswerVerdict.FIXED, AT - 60) is AnswerOutcome.PENDING
    assert outcome(AnswerVerdict.FIXED, AT) is AnswerOutcome.PENDING


def test_gone_confirms_from_the_answer_on() -> None:
    later, before = (
        stand(answer(AnswerVerdict.FIXED), AT - DAY, AT + 3 * DAY),
        stand(answer(AnswerVerdict.FIXED), AT - 9 * DAY, AT - DAY),
    )
    assert (later.outcome, later.since) == (AnswerOutcome.CONFIRMED, SAID + dt.timedelta(days=3))
    assert (before.outcome, before.since) == (AnswerOutcome.CONFIRMED, SAID)


def test_contradicted_stays_so_when_the_problem_goes_later() -> None:
    assert outcome(AnswerVerdict.FIXED, AT + DAY, AT + 9 * DAY) is AnswerOutcome.CONTRADICTED


def test_only_claims_are_tested() -> None:
    assert outcome(AnswerVerdict.FALSE, AT + DAY) is AnswerOutcome.CONTRADICTED
    for verdict in (AnswerVerdict.ACKNOWLEDGED, AnswerVerdict.ACCEPTED, AnswerVerdict.NOT_OURS):
        assert outcome(verdict, AT + DAY, AT + 9 * DAY) is None


def test_the_newest_answer_of_each_team_counts_and_a_new_claim_starts_anew() -> None:
    first, other = answer(AnswerVerdict.FIXED), answer(AnswerVerdict.FALSE, team=2)
    again = answer(AnswerVerdict.FIXED, at=SAID + dt.timedelta(days=4))
    newest = latest([(first, [5, 6]), (other, [5]), (again, [5])])
    found = standings(newest, {5: (AT + 2 * DAY, 0), 6: (AT + 2 * DAY, 0)})
    assert {pair: one.outcome for pair, one in found.items()} == {
        (1, 5): AnswerOutcome.PENDING,
        (1, 6): AnswerOutcome.CONTRADICTED,
        (2, 5): AnswerOutcome.CONTRADICTED,
    }


@given(
    st.integers(0, 40),
    st.lists(st.integers(0, 40), min_size=1, unique=True),
    st.sets(st.integers(0, 40)),
    st.integers(1, 4),
)
def test_a_silent_feed_confirms_nothing(said_day: int, sightings: list[int], runs: set[int], after_days: int) -> None:
    """Against a recount day by day: the feed ran on some days, and saw the problem on some of these."""
    notes = np.zeros((1, len(NOTES)), dtype=np.uint32)
    notes[0, NOTES.index("last_seen")] = max(sightings) * DAY + 60
    days = sorted(runs | set(sightings))
    gone = int(gone_since(notes, {0: [(day, day * DAY + 120) for day in days]}, after_days=after_days)[0])
    said = answer(AnswerVerdict.FIXED, at=dt.datetime.fromtimestamp(said_day * DAY + 30, dt.UTC))

    found = stand(said, int(notes[0, NOTES.index("last_seen")]), gone)

    seen_after = [day for day in sightings if day * DAY + 60 > said_day * DAY + 30]
    clean_runs = [day for day in days if day > max(sightings)]
    if seen_after:
        assert found.outcome is AnswerOutcome.CONTRADICTED
        assert found.since == dt.datetime.fromtimestamp(max(seen_after) * DAY + 60, dt.UTC)
    else:
        assert (found.outcome is AnswerOutcome.CONFIRMED) == (len(clean_runs) >= after_days)

"""An answer is noted once, names only what the digest told, and says who need not be reminded."""

import datetime as dt
import uuid

import pytest
from sqlalchemy import func, select

from tocsin.delivery import Delivery
from tocsin.node.errors import InputError
from tocsin.node.records import Database
from tocsin.node.records.audit import AuditEntry
from tocsin.problems.answers import NOTE_LENGTH, Answer, AnswerVerdict, Via, read_said, record_answer

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
TOLD = frozenset({1, 2, 2**64 - 1})
TEAM = 7


def digest(database: Database, *, team: int = TEAM) -> Delivery:
    with database.begin() as session:
        made = Delivery(
            uuid=uuid.uuid4(),
            reference=f"TOC-2026-{uuid.uuid4().hex[:7]}",
            message_id="",
            team_id=team,
            events=3,
            state="sent",
            created_at=NOW,
            next_try_at=None,
            attempts=0,
            sent_at=NOW,
            channel="file",
            subject="",
            mails_sent=1,
            waiting=[],
            path="",
            size=0,
            counts={},
            error="",
        )
        session.add(made)
    return made


def say(
    database: Database,
    delivery: Delivery,
    verdict: AnswerVerdict,
    *problems: int,
    key: str = "",
    at: dt.datetime = NOW,
    note: str = "",
    told: frozenset[int] = TOLD,
    until: dt.datetime | None = None,
) -> Answer:
    with database.begin() as session:
        return record_answer(
            session,
            delivery=delivery,
            told=told,
            verdict=verdict,
            problems=problems or None,
            note=note,
            via=Via.PAGE,
            said_by="",
            at=at,
            key=key or uuid.uuid4().hex,
            until=until,
        )


def silent(database: Database, now: dt.datetime = NOW) -> dict[int, set[int]]:
    return {key: set(teams) for key, teams in spared(database, now).items()}


def spared(database: Database, now: dt.datetime = NOW) -> dict[int, dict[int, int]]:
    """Of each problem the teams that are not told of it, each with the time up to which."""
    said, found = read_said(database, now), dict[int, dict[int, int]]()
    of = (said.quiet_keys.tolist(), said.quiet_teams.tolist(), said.quiet_up_to.tolist())
    for key, team, up_to in zip(*of, strict=True):
        found.setdefault(key, {})[team] = up_to
    return found


def test_the_same_act_twice_is_one_answer_with_one_audit_entry(database: Database) -> None:
    delivery = digest(database)

    first = say(database, delivery, AnswerVerdict.FIXED, key="page:1")
    again = say(database, delivery, AnswerVerdict.FALSE, key="page:1")

    assert (again.uuid, again.verdict) == (first.uuid, "fixed")
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(Answer)) == 1
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.word == "answer.recorded"))
    assert entry.subject == f"answer:{first.uuid}"
    assert entry.detail == {"delivery": delivery.reference, "verdict": "fixed", "problems": 3}


def test_all_of_a_digest_keeps_its_team_quiet_for_each_of_its_problems(database: Database) -> None:
    say(database, digest(database), AnswerVerdict.FALSE)
    assert silent(database) == {key: {TEAM} for key in TOLD}


def test_a_later_answer_takes_the_place_of_an_earlier_one_for_its_problems_only(database: Database) -> None:
    delivery = digest(database)
    say(database, delivery, AnswerVerdict.FALSE, at=NOW)
    say(database, delivery, AnswerVerdict.ACKNOWLEDGED, 1, at=NOW + dt.timedelta(hours=1))
    assert silent(database, NOW + dt.timedelta(hours=2)) == {2: {TEAM}, 2**64 - 1: {TEAM}}


def test_one_team_speaks_for_itself(database: Database) -> None:
    say(database, digest(database, team=1), AnswerVerdict.NOT_OURS, 1)
    say(database, digest(database, team=2), AnswerVerdict.ACKNOWLEDGED, 1)
    assert silent(database) == {1: {1}}


def test_accepted_ends_at_its_date(database: Database) -> None:
    say(database, digest(database), AnswerVerdict.ACCEPTED, 1, until=NOW + dt.timedelta(days=30))
    assert silent(database, NOW + dt.timedelta(days=29)) == {1: {TEAM}}
    assert silent(database, NOW + dt.timedelta(days=30)) == {}


def test_no_answer_keeps_a_team_quiet_for_ever(database: Database) -> None:
    delivery = digest(database)
    for problem, verdict in enumerate(
        (AnswerVerdict.ACCEPTED, AnswerVerdict.FALSE, AnswerVerdict.NOT_OURS, AnswerVerdict.FIXED)
    ):
        say(database, delivery, verdict, problem, told=frozenset(range(4)))
    assert len(silent(database)) == 4
    assert silent(database, NOW + dt.timedelta(days=366)) == {}


def test_fixed_passes_over_sightings_up_to_the_moment_it_was_said(database: Database) -> None:
    delivery = digest(database)
    say(database, delivery, AnswerVerdict.FIXED, 1)
    say(database, delivery, AnswerVerdict.FALSE, 2)
    found = spared(database)
    assert found[1][TEAM] == int(NOW.timestamp())
    assert found[2][TEAM] > int((NOW + dt.timedelta(days=36_500)).timestamp())


def test_a_problem_that_the_digest_did_not_tell_is_refused(database: Database) -> None:
    with pytest.raises(InputError, match="does not have 0000000000000009"):
        say(database, digest(database), AnswerVerdict.FIXED, 1, 9)


def test_a_note_is_bounded_and_cannot_steer_a_terminal_or_turn_the_text(database: Database) -> None:
    delivery = digest(database)
    with pytest.raises(InputError, match="2000 characters"):
        say(database, delivery, AnswerVerdict.FIXED, note="x" * (NOTE_LENGTH + 1))
    said = say(database, delivery, AnswerVerdict.FIXED, note="\x00done\x1b[2J\r\nby \u202eus\n")
    assert said.note == "done [2J\nby  us"

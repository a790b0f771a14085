"""A week of many teams: every figure on screen equals an independent recount.

Without a word 4,000 problems over 400 teams; ``TOCSIN_WEEK=20000,2000`` makes it the whole size, some two minutes.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import lifelines
import pytest
from sqlalchemy import func, select

from support.week import DAYS, FEEDS, SILENT, VERDICTS, Week, open_week
from support.week_ledger import CAP, Answer, Problem, Team
from tocsin.cli.deliver import document
from tocsin.events import FeedRecord, Ingest
from tocsin.operations.demo.overview import COUNTS

PROBLEMS, TEAMS = (int(n) for n in os.environ.get("TOCSIN_WEEK", "4000,400").split(","))
FIGURES = ("digests", "mails", "events", "held", "full", "later", "failed", "withheld", "stuck", "expired", "letters")


def live_through(week: Week) -> None:
    """Eight days: reports, mails, and what follows from them."""
    for day in range(DAYS):
        if day == 1:
            week.live()
        week.at(day, 6.25)
        told(week)
        for feed, (_, _, hour) in FEEDS.items():
            if hour < 8 and not (feed == SILENT[0] and day in SILENT[1]):
                week.at(day, hour)
                week.hear(feed, day)
        week.at(day, 8)
        told(week)
        week.at(day, 13)
        week.hear("scan_telnet", day)
        week.at(day, 14)
        told(week)
        week.at(day, 20)
        week.watch()
        if day in {4, DAYS - 1}:
            week.look(day)


def told(week: Week) -> None:
    """A run; a person lets go what is held, and a second run sends it; then the world answers."""
    first = len(week.mails)
    run(week)
    if any(one.state == "held" for one in week.ledger.digests):
        week.now += timedelta(minutes=10)
        week.let_go()
        run(week)
    week.now += timedelta(minutes=30)
    week.people(first)


def run(week: Week) -> None:
    summary, expected = week.tell()
    said = document(summary)
    assert summary.problem == ""
    assert {name: said[name] for name in FIGURES} == {name: expected[name] for name in FIGURES}, week.now
    week.did += expected


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    """The week, over."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    folder = tmp_path_factory.mktemp("week")
    with open_week(folder, today - timedelta(days=DAYS), problems=PROBLEMS, teams=TEAMS, seed=1) as begun:
        live_through(begun)
        yield begun


def test_problems_are_where_the_recount_has_them(week: Week) -> None:
    for screens in week.seen.values():
        assert screens.listed == screens.states
        assert screens.notified == screens.notifications
    states = {state for screens in week.seen.values() for state in screens.states.values()}
    words = {how for screens in week.seen.values() for how in screens.notifications.values()}
    assert words >= {"no-contact", "no-address", "withheld", "not-delivered", "trial", "notified"}
    assert states >= {"told", "gone", "contradicted", "acknowledged", "accepted", "not-ours"}


def test_a_silent_feed_raises_one_alarm_and_its_problems_do_not_fade(week: Week) -> None:
    ours = [key for key in week.seen[4].listed if key[1] == str(FEEDS[SILENT[0]][1])]
    assert ours
    # Its runs end before it went silent: none of its problems can have been missed by three.
    assert not [key for key in ours if week.seen[4].listed[key] == "gone"]
    assert [feed.name for feed in week.seen[4].feeds if feed.alarms] == [f"shadowserver/{SILENT[0]}"]
    assert not [feed for feed in week.seen[DAYS - 1].feeds if feed.alarms]
    opened = [alarm.kind for change in week.alarms for alarm in change.opened]
    assert opened == ["late"]


def test_the_figures_of_everything_are_those_of_the_recount(week: Week) -> None:
    ledger, figures = week.ledger, week.seen[DAYS - 1].figures
    counted = set(COUNTS) - {"withheld", "deliveries"}
    assert {name: figures.counts[name] for name in counted} == {name: ledger.counts[name] for name in counted}
    told = {team.team: (team.digests, team.problems, team.events) for team in figures.told}
    assert told == told_by_mail(week)
    assert sorted((one.who, one.events, one.state) for one in figures.not_told) == sorted(expected_not_told(week))
    feeds = {one.record.name: (one.reports, one.rows) for one in week.seen[DAYS - 1].feeds}
    assert feeds == {
        name: (len(ledger.reports[code]), ledger.by_feed[code]["rows"]) for code, (name, _, _) in FEEDS.items()
    }
    sums = ("rows", "stored", "duplicates", "quarantined")
    assert sums_by_feed(week, sums) == {
        name: tuple(ledger.by_feed[code][what] for what in sums) for code, (name, _, _) in FEEDS.items()
    }


def sums_by_feed(week: Week, sums: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """What became of the rows of each feed, as its ingests have it."""
    columns = [func.sum(getattr(Ingest, what)) for what in sums]
    wanted = select(FeedRecord.name, *columns).join(Ingest, Ingest.feed_id == FeedRecord.id).group_by(FeedRecord.name)
    with week.node.database.reading() as session:
        return {name: tuple(map(int, found)) for name, *found in session.execute(wanted)}


def told_by_mail(week: Week) -> dict[str, tuple[int, int, int]]:
    """The same, from the mails that the SMTP server took and that did not come back."""
    found: dict[str, tuple[int, int, int]] = {}
    for one, mail in week.mails:
        if one.state == "sent":
            told = [(row["source.ip"], row["source.port"]) for row in mail.rows()]
            before = found.get(one.team.name, (0, 0, 0))
            found[one.team.name] = (before[0] + 1, before[1] + len(set(told)), before[2] + len(told))
    return found


def expected_not_told(week: Week) -> list[tuple[str, int, str]]:
    ledger = week.ledger
    shadow = sum(len(one.problems) for one in ledger.digests if one.state == "shadow")
    given_up = [one for one in ledger.digests if one.state in {"failed", "bounced", "retry", "held"}]
    return [
        ("no contact", ledger.counts["unrouted"], "unknown"),
        ("withheld", ledger.counts["withheld"], "withheld"),
        ("shadow mode", shadow, "withheld"),
        *((one.team.name, len(one.problems), "stuck") for one in given_up),
        *(
            (team.name, sum(len(of) for _, of in items), "waiting" if team.mailboxes else "stuck")
            for team, items in ledger.owed.items()
        ),
    ]


def test_the_list_of_digests_is_that_of_the_mails(week: Week) -> None:
    listed = week.tocsin.json("deliveries", "list", "--limit", "100000")
    assert Counter((one["team"], one["state"], one["counts"]["owed"]) for one in listed) == Counter(
        (one.team.key, one.state, len(one.problems)) for one in week.ledger.digests
    )
    references = {mail.message_id[1:17] for _, mail in week.mails}
    assert {one["reference"] for one in listed if one["state"] in {"sent", "bounced"}} == references
    assert all(week.ledger.shadow(one.made) for one in week.ledger.digests if one.state == "shadow")
    assert all(week.did[name] for name in ("held", "full", "later", "failed"))
    assert {one["state"] for one in listed} >= {"sent", "shadow", "bounced", "failed"}


def test_nobody_was_told_twice_and_no_mailbox_got_more_than_its_mails(week: Week) -> None:
    assert len({mail.message_id for _, mail in week.mails}) == len(week.mails) == len(week.office.arrived)
    told = Counter(
        (one.team.key, row["source.ip"], row["source.port"], row["time.source"])
        for one, mail in week.mails
        for row in mail.rows()
    )
    assert max(told.values()) == 1
    times: dict[str, list[datetime]] = {}
    for one, _ in week.mails:
        for box in one.team.mailboxes:
            times.setdefault(box, []).append(one.sent or one.made)
    for sent in times.values():
        assert max(sum(at <= other < at + timedelta(days=1) for other in sent) for at in sent) <= CAP


def test_who_answered_is_not_reminded(week: Week) -> None:
    told: dict[tuple[str, str, str], list[datetime]] = {}
    for one, mail in week.mails:
        for row in mail.rows():
            seen = datetime.fromisoformat(row["time.source"])
            told.setdefault((one.team.key, row["source.ip"], row["source.port"]), []).append(seen)
    spared = 0
    for (team, problem), answer in week.ledger.said.items():
        if answer.verdict in {"false", "accepted", "not_ours"}:
            assert max(told[(team.key, *problem.key)]) < answer.at
            spared += bool(problem.seen and problem.seen > answer.at)
    assert spared


def test_answers_stand_as_the_recount_has_them(week: Week) -> None:
    def outcomes(answer: Answer) -> tuple[int, ...]:
        counts = Counter(week.ledger.outcome(answer, problem) for problem in answer.about)
        return tuple(counts[name] for name in names)

    names = ("pending", "confirmed", "contradicted", "replaced")
    listed = week.tocsin.json("answers", "list", "--limit", "100000")
    found = Counter(
        (one["team"], one["verdict"], one["at"][:16], one["problems"], *(one[name] for name in names)) for one in listed
    )
    assert found == Counter(
        (one.team.key, one.verdict, f"{one.at:%Y-%m-%dT%H:%M}", len(one.about), *outcomes(one))
        for one in week.ledger.answers
    )
    contradicted = [one for one in week.ledger.answers if outcomes(one)[2]]
    assert contradicted
    assert len(week.tocsin.json("answers", "list", "--contradicted", "--limit", "100000")) == len(contradicted)
    assert {one["via"] for one in listed} == {"page", "mail"}
    assert {one["verdict"] for one in listed} == set(VERDICTS)


def test_replies_are_counted_by_what_they_are(week: Week) -> None:
    listed = week.tocsin.json("replies", "list", "--limit", "100000")
    expected: Counter[tuple[str, str]] = Counter()
    kinds = {
        "dead": ("bounce", "applied"),
        "late": ("bounce", "applied"),
        "away": ("automatic", "kept"),
        "rt": ("receipt", "kept"),
        "otrs": ("receipt", "kept"),
        "stranger": ("answer", "waiting"),
    }
    expected.update(kinds[one.team.habit] for one, _ in week.mails if one.team.habit in kinds)
    expected["answer", "applied"] += sum(one.team.habit == "mail" for one in week.ledger.answers)
    assert Counter((one["kind"], one["state"]) for one in listed) == +expected


def test_times_are_those_of_the_recount(week: Week) -> None:
    told: dict[tuple[Team, Problem], datetime | None] = {
        (team, problem): None for team, items in week.ledger.owed.items() for _, of in items for problem in of
    }
    for one in week.ledger.digests:
        for problem in one.problems:
            before = told.get((one.team, problem))
            sent = one.sent if one.state == "sent" else None
            told[one.team, problem] = min(filter(None, (before, sent)), default=None)
    courses = [(team, problem, at, week.ledger.missed(problem)) for (team, problem), at in told.items()]
    reached = [(team, problem, at, missed) for team, problem, at, missed in courses if at]
    fixing = [missed for _, _, at, missed in reached if missed is None or missed > at]
    answered = {
        (one.team, problem)
        for one in week.ledger.answers
        for problem in one.about
        if (at := told[one.team, problem]) and one.at >= at
    }
    (shown,) = week.tocsin.json("times")
    assert shown["problems"] == len({problem for _, problem in told})
    assert shown["gone_before_told"] == len(reached) - len(fixing)
    for name, times, ended in (
        ("telling", len(courses), len(reached)),
        ("answering", len(reached), len(answered)),
        ("fixing", len(fixing), len(list(filter(None, fixing)))),
    ):
        assert (shown[name]["times"], shown[name]["ended"]) == (times, ended), name
    now = week.now
    hours = [((at or now) - (problem.heard or now)) / timedelta(hours=1) for _, problem, at, _ in courses]
    curve = lifelines.KaplanMeierFitter().fit(hours, [at is not None for *_, at, _ in courses])
    assert shown["telling"]["latest_hours"] == pytest.approx(curve.median_survival_time_, abs=0.002)

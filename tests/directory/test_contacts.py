"""Registered is not responsive: the state of a contact, whom to ask, and an answer that counts once."""

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from support.directory_example import NOW, TEAMS, World
from tocsin.delivery.sent_log import note_posted
from tocsin.directory import (
    ContactPurpose,
    PersonStatement,
    add_denial,
    merge_teams,
    note_answer,
    note_bounce,
    note_delivered,
    note_verified,
    read_directory,
)
from tocsin.directory.contacts import (
    ANSWER_WITHIN,
    Ask,
    ConfirmationOutcome,
    Contact,
    ContactFact,
    ContactQuestion,
    ContactStanding,
    ContactState,
    Letters,
    Pace,
    Round,
    Sign,
    Terms,
    ask,
    contact_states,
    networks_of,
    open_question,
    plan_asks,
    plan_reminders,
    read_answers,
    read_rounds,
    remind,
    settle_question,
    state_of,
)
from tocsin.directory.contacts.tables import ContactFactRow
from tocsin.directory.tables import MailboxRow
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, AuditEntry, Database

TERMS = Terms(verify_days=365, answer_days=14)
DAY = dt.timedelta(days=1)


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


def verified(days: float, **more: object) -> ContactFact:
    return ContactFact(Sign.VERIFIED, ago(days), "reply", **more)  # type: ignore[arg-type]


def answered(days: float, after: float = 2, *, own: bool = True) -> ContactFact:
    return ContactFact(Sign.ANSWERED, ago(days), "page", told_at=ago(days + after), own=own)


def bounced(days: float, *, permanent: bool = True) -> ContactFact:
    return ContactFact(Sign.BOUNCED, ago(days), "5.1.1" if permanent else "4.2.2", permanent=permanent)


def delivered(days: float) -> ContactFact:
    return ContactFact(Sign.DELIVERED, ago(days))


def state(*facts: ContactFact, registered: bool = True) -> ContactStanding:
    return state_of(facts, registered=registered, now=NOW, terms=TERMS)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((), ContactState.REGISTERED),
        ((delivered(30),), ContactState.REGISTERED),
        ((verified(10),), ContactState.VERIFIED),
        ((verified(400),), ContactState.STALE),
        ((answered(10),), ContactState.ANSWERING),
        ((answered(10, after=15),), ContactState.REGISTERED),  # too late to be answering
        ((answered(10, own=False),), ContactState.ANSWERING),
        ((verified(100), answered(400)), ContactState.VERIFIED),
        ((verified(400), answered(500)), ContactState.STALE),
        ((verified(10), bounced(5)), ContactState.BOUNCING),
        ((bounced(10), verified(5)), ContactState.VERIFIED),
        ((bounced(10), answered(5, own=False)), ContactState.BOUNCING),  # others of the team answer
        ((bounced(20), delivered(10)), ContactState.REGISTERED),  # it arrived again
        ((bounced(20), delivered(10), bounced(9)), ContactState.BOUNCING),
        ((bounced(20), delivered(2)), ContactState.BOUNCING),  # whether it arrived is not known yet
        ((bounced(9, permanent=False), bounced(8, permanent=False)), ContactState.REGISTERED),
        (tuple(bounced(days, permanent=False) for days in (9, 8, 7)), ContactState.BOUNCING),
        (
            (bounced(30, permanent=False), bounced(29, permanent=False), delivered(20), bounced(2, permanent=False)),
            ContactState.REGISTERED,
        ),
    ],
)
def test_the_state_follows_from_what_was_seen(facts: tuple[ContactFact, ...], expected: ContactState) -> None:
    assert state(*facts).state is expected


def test_a_state_says_since_when_and_why() -> None:
    stale = state(verified(400))

    assert stale.since == dt.date(2026, 10, 20)
    assert stale.reason == "verified 2025-10-20 by reply; stale since 2026-10-20"
    assert state(bounced(5)).reason == "mails come back for good since 2026-11-19 (5.1.1)"
    assert state(answered(1)).reason == "acknowledged 2026-11-23 by page, 2 days after the mail"
    assert state(registered=False).state is ContactState.UNKNOWN


FACTS = st.builds(
    ContactFact,
    sign=st.sampled_from(Sign),
    at=st.integers(-30, 1500).map(ago),
    permanent=st.booleans(),
    told_at=st.none() | st.integers(0, 1500).map(ago),
    own=st.booleans(),
)


@given(st.lists(FACTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_facts_and_the_future_do_not_matter(facts: list[ContactFact], random: object) -> None:
    before = state(*facts)
    random.shuffle(facts)  # type: ignore[attr-defined]

    assert state(*facts).state is before.state
    assert state(*(fact for fact in facts if fact.at <= NOW)) == state(*facts)


@given(st.lists(FACTS, max_size=12))
def test_nothing_counts_without_a_person(facts: list[ContactFact]) -> None:
    found = state(*facts)
    persons = [fact for fact in facts if fact.sign in {Sign.VERIFIED, Sign.ANSWERED} and fact.at <= NOW]

    if found.state in {ContactState.VERIFIED, ContactState.ANSWERING}:
        assert any(NOW - fact.at < 365 * DAY for fact in persons)
        assert found.until is not None
        assert NOW < found.until <= NOW + 365 * DAY
    if not persons:
        assert found.state in {ContactState.REGISTERED, ContactState.BOUNCING}
    if not any(fact.sign is Sign.BOUNCED and fact.own for fact in facts):
        assert found.state is not ContactState.BOUNCING


@given(st.lists(FACTS, max_size=12))
def test_a_bounce_for_good_now_is_bouncing_and_a_confirmation_after_it_ends_that(facts: list[ContactFact]) -> None:
    past = [fact for fact in facts if fact.at < NOW]

    assert state(*past, bounced(0)).state is ContactState.BOUNCING
    later = state_of(
        [*past, bounced(0), ContactFact(Sign.VERIFIED, NOW + DAY)], registered=True, now=NOW + DAY, terms=TERMS
    )
    assert later.state in {ContactState.VERIFIED, ContactState.ANSWERING}


@given(st.lists(FACTS, max_size=8), st.integers(0, 400))
def test_without_new_facts_a_state_lasts_until_it_says(facts: list[ContactFact], days: int) -> None:
    found = state_of(facts, registered=True, now=NOW, terms=TERMS)
    past = [fact for fact in facts if fact.at <= NOW]
    later = state_of(past, registered=True, now=NOW + days * DAY, terms=TERMS)

    if found.until is not None and NOW + days * DAY < found.until:
        assert later.state is found.state
    if found.state in {ContactState.STALE, ContactState.UNKNOWN}:
        assert later.state is found.state


# The records.


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    made = World(database, tmp_path)
    made.bring("reg", TEAMS)
    return made


def number(world: World, key: str) -> int:
    return next(team.id for team in read_directory(world.database).teams if team.key == key)


def states(world: World) -> dict[str, str]:
    with world.database.begin() as session:
        return {one.mailbox: one.stand.state.value for one in contact_states(session, world.now + DAY, TERMS)}


def test_states_from_the_records(world: World) -> None:
    beta = number(world, "beta")
    with world.database.begin() as session:
        note_verified(session, team_id=number(world, "alpha"), mailbox="Abuse@Alpha.example", at=NOW, via="link")
        note_bounce(session, mailbox="old@beta.example", at=NOW, permanent=True, detail="5.1.1")
        note_answer(session, team_id=beta, mailbox="", at=world.tick(), told_at=world.now)

    assert states(world) == {
        "abuse@alpha.example": "verified",
        "abuse@beta.example": "answering",
        "old@beta.example": "bouncing",
        "abuse@gamma.example": "registered",
    }


def test_an_answer_of_the_team_counts_for_the_mailboxes_it_had_when_it_was_told(world: World) -> None:
    beta = number(world, "beta")

    def answer(told_at: dt.datetime) -> None:
        with world.database.begin() as session:
            note_answer(session, team_id=beta, mailbox="", at=world.tick(), told_at=told_at)

    def stand(mailbox: str) -> str:
        return states(world)[mailbox]

    answer(told := world.tick())
    world.say("beta mailbox New@beta.example")
    assert (stand("abuse@beta.example"), stand("New@beta.example")) == ("answering", "registered")
    answer(told)  # of what left before it was there
    assert stand("New@beta.example") == "registered"
    answer(world.tick())
    assert (stand("abuse@beta.example"), stand("New@beta.example")) == ("answering", "answering")
    # What imports say anew, or no longer and then again, is not new.
    for mailboxes in ("abuse@beta.example", "new@beta.example", "Abuse@beta.example new@beta.example"):
        world.bring("reg", f"key,name,mailboxes\nbeta,Beta,{mailboxes}\n", most_gone=100)
    assert {stand("Abuse@beta.example"), stand("New@beta.example")} == {"answering"}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chance", [0.0, 0.02, 0.5], ids=["never in time", "seldom", "mostly"])
def test_after_years_of_facts_the_state_is_that_of_all_of_them(world: World, seed: int, chance: float) -> None:
    """Only the newest of each sign are read, unless they do not tell."""
    draw = random.Random(seed)
    beta, boxes = number(world, "beta"), ["abuse@beta.example", "old@beta.example"]
    seen: dict[str, list[ContactFact]] = {box: [] for box in boxes}
    with world.database.begin() as session:
        session.execute(update(MailboxRow).values(recorded=ago(4000)))
        for _ in range(400):
            at, box = ago(draw.uniform(-20, 900)), draw.choice([*boxes, ""])
            sign = Sign.ANSWERED if not box or draw.random() < 0.8 else Sign.DELIVERED
            fact = ContactFact(sign, at, told_at=at - DAY * (3 if draw.random() < chance else 30), own=bool(box))
            session.add(
                ContactFactRow(
                    mailbox=box, team_id=beta if sign is Sign.ANSWERED else None, kind=sign.value, at=at, via="",
                    permanent=False, told_at=fact.told_at, detail="",
                )
            )  # fmt: skip
            for one in [box] if box else boxes:
                seen[one].append(fact)
        if draw.random() < 0.5:
            note_bounce(session, mailbox=boxes[0], at=ago(300), permanent=True, detail="5.1.1")
            seen[boxes[0]].append(bounced(300))
        note_answer(session, team_id=number(world, "alpha"), mailbox="", at=NOW, told_at=ago(1))  # of another team
        for days in (0, 100, 500):
            found = contact_states(session, ago(days), TERMS, teams=[beta])
            assert {one.mailbox: one.stand.state for one in found} == {
                box: state_of(facts, registered=True, now=ago(days), terms=TERMS).state for box, facts in seen.items()
            }


def test_a_team_without_mailbox_is_unknown_and_purposes_are_told_apart(world: World) -> None:
    world.bring("more", "key,name,mailboxes\ndelta,Delta,\nepsilon,Epsilon,cert@epsilon.example\n")
    with world.database.begin() as session:
        found = {one.team: one for one in contact_states(session, world.now, TERMS)}

    assert (found["delta"].stand.state, found["delta"].mailbox) == (ContactState.UNKNOWN, "")
    assert found["alpha"].purpose is ContactPurpose.ABUSE
    assert found["epsilon"].purpose is ContactPurpose.SECURITY


def test_facts_go_along_when_teams_are_merged_and_a_denied_mailbox_is_no_contact(world: World) -> None:
    with world.database.begin() as session:
        note_verified(session, team_id=number(world, "alpha"), mailbox="abuse@alpha.example", at=NOW, via="link")
    merge_teams(world.database, "alpha", "gamma", said_by="Ana", reason="one firm", actor="x", now=world.tick())
    denied = PersonStatement("beta", "mailbox", "old@beta.example", "Ana", "gone")
    add_denial(world.database, denied, actor="x", now=world.tick())

    assert states(world) == {
        "abuse@alpha.example": "verified",
        "abuse@beta.example": "registered",
        "abuse@gamma.example": "registered",
    }


def test_what_arrives_is_noted_once_a_week(world: World) -> None:
    with world.database.begin() as session:
        for days in range(10):
            note_delivered(session, ["A@x.example", "a@x.example", "b@x.example"], at=NOW + days * DAY)
        rows = session.scalars(select(ContactFactRow.mailbox).order_by(ContactFactRow.id)).all()

    assert Counter(rows) == {"a@x.example": 2, "b@x.example": 2}


@pytest.mark.parametrize(("way", "noted"), [("smtp", 1), ("file", 0), ("shadow", 0), ("redirect", 0)])
def test_only_a_mail_that_left_for_its_mailbox_is_delivered(world: World, way: str, noted: int) -> None:
    with world.database.begin() as session:
        note_posted(session, [("TOC-2026-0000001", ["abuse@alpha.example"])], way=way, now=NOW)
        assert len(session.scalars(select(ContactFactRow)).all()) == noted


# Whom to ask.


def contact(mailbox: str, found: ContactState = ContactState.REGISTERED, *, team: int = 1, left: int = 300) -> Contact:
    until = NOW + left * DAY if found in {ContactState.VERIFIED, ContactState.ANSWERING} else None
    return Contact(team, f"team-{team}", "XA", mailbox, ContactPurpose.ABUSE, ContactStanding(found, None, "", until))


def plan(contacts: Iterable[Contact], rounds: Iterable[Round] = (), *, begin: bool = True, pace: Pace = Pace()):  # type: ignore[no-untyped-def] # noqa: ANN201, B008
    return plan_asks(contacts, tuple(rounds), now=NOW, terms=TERMS, pace=pace, begin=begin)


def asked_days_ago(days: float, mailbox: str = "a@x.example", *, used: bool = False, reminders: int = 0) -> Round:
    return Round(1, mailbox, ago(days), ago(days) + ANSWER_WITHIN, reminders, used)


@pytest.mark.parametrize(
    ("found", "begin", "rounds", "asks"),
    [
        (contact("a@x.example"), True, (), 1),
        (contact("a@x.example"), False, (), 0),  # the daily run begins nothing
        (contact("a@x.example"), True, (asked_days_ago(10),), 0),
        (contact("a@x.example"), True, (asked_days_ago(100),), 0),  # nobody is pressed within a year
        (contact("a@x.example"), True, (asked_days_ago(400),), 1),
        (contact("a@x.example", ContactState.VERIFIED), True, (), 0),
        (contact("a@x.example", ContactState.VERIFIED, left=40), False, (asked_days_ago(325, used=True),), 1),
        (contact("a@x.example", ContactState.STALE), False, (), 1),
        (contact("a@x.example", ContactState.BOUNCING), True, (), 0),
        (contact("A@x.example"), True, (asked_days_ago(10),), 0),  # one mailbox, however it is written
    ],
)
def test_who_is_asked(found: Contact, begin: bool, rounds: tuple[Round, ...], asks: int) -> None:
    assert len(plan([found], rounds, begin=begin).asks) == asks


def test_a_mailbox_of_several_teams_is_asked_once_about_all() -> None:
    (one,) = plan([contact("a@x.example", team=3), contact("A@x.example", team=2)]).asks

    assert one == Ask("a@x.example", (2, 3), NOW)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60, unique=True),
    st.integers(1, 10),
    st.integers(1, 3),
)
def test_nobody_gets_more_on_a_day_than_is_allowed(mailboxes: list[tuple[int, int]], a_day: int, a_domain: int) -> None:
    contacts = [contact(f"m{name}@d{domain}.example") for name, domain in mailboxes]
    taken = [Round(9, "z@d0.example", NOW, NOW + ANSWER_WITHIN, 0, used=True)]
    made = plan(contacts, taken, pace=Pace(a_day, a_domain))
    asks = made.asks
    days = [(one.at.date(), one.mailbox.rpartition("@")[2]) for one in asks] + [(NOW.date(), "d0.example")]

    assert len({one.mailbox for one in asks}) == len(asks) == len(contacts) - sum(made.left.values())
    assert all(NOW <= one.at < NOW + 14 * DAY for one in asks)
    if made.left:  # then every day is full, for all or for some domain
        assert len(asks) + 1 >= min(a_day, a_domain) * 14
    assert max(Counter(day for day, _ in days).values()) <= a_day
    assert max(Counter(days).values()) <= a_domain


@pytest.mark.parametrize(
    ("days", "sent", "steps"),
    [(13, 0, []), (14, 0, [1]), (14, 1, []), (28, 1, [2]), (40, 0, [2]), (40, 2, []), (43, 0, [])],
)
def test_reminders_come_after_two_and_four_weeks_and_then_no_more(days: int, sent: int, steps: list[int]) -> None:
    rounds = [asked_days_ago(days, reminders=sent)]

    assert [one.step for one in plan_reminders([contact("a@x.example")], rounds, now=NOW)] == steps


def test_who_answered_bounces_or_is_gone_is_not_reminded() -> None:
    for found in (
        [contact("a@x.example", ContactState.BOUNCING)],
        [contact("a@x.example", ContactState.ANSWERING)],
        [],
    ):
        assert plan_reminders(found, [asked_days_ago(20)], now=NOW) == ()
    assert plan_reminders([contact("a@x.example")], [asked_days_ago(20, used=True)], now=NOW) == ()


# Asking and answering.


def write(question: ContactQuestion, step: int) -> tuple[str, str]:
    return f"step {step}", " ".join((question.name, *question.teams, *(value for _, value in question.networks)))


LETTERS = Letters(write, lambda reference: f"csirt+{reference.lower()}@example.org")


def put(world: World, *keys: str, mailbox: str = "abuse@alpha.example") -> str:
    """Ask one mailbox about these teams; the name of the question."""
    teams = tuple(number(world, key) for key in keys)
    with world.database.begin() as session:
        rules = networks_of(session, teams)
        return ask(session, Ask(mailbox, teams, world.now), rules, LETTERS, now=world.now).name


def settle(world: World, name: str, outcome: ConfirmationOutcome, *, not_ours: Iterable[tuple[str, str]] = ()) -> bool:
    with world.database.begin() as session:
        row = open_question(session, name, world.now)
        return row is not None and settle_question(
            session, row, outcome, now=world.now, via="link", not_ours=tuple(not_ours), note="ask\nnoc@x.example"
        )


def test_a_letter_asks_about_what_the_team_answers_for_and_reminders_are_other_letters(world: World) -> None:
    world.rules("reg", ["alpha prefix 192.0.2.0/24", "alpha asn 64500", "beta asn 64501"])
    name = put(world, "alpha")
    with world.database.begin() as session:
        (round_,) = read_rounds(session)
        (step,) = plan_reminders([contact("abuse@alpha.example")], [round_], now=world.now + 15 * DAY)
        assert remind(session, step, LETTERS, now=world.now + 15 * DAY)
        assert not remind(session, step, LETTERS, now=world.now + 15 * DAY)
        letters = session.scalars(select(Letter).order_by(Letter.id)).all()
        assert [(one.key, one.mailbox, one.subject) for one in letters] == [
            (f"verify:{round_.number}:0", "abuse@alpha.example", "step 0"),
            (f"verify:{round_.number}:1", "abuse@alpha.example", "step 1"),
        ]
        assert letters[0].body == f"{name} Alpha 192.0.2.0/24 64500"
        assert letters[0].reply_to.startswith("csirt+ltr-2026-")


def test_yes_is_a_persons_word_beside_imports(world: World) -> None:
    name = put(world, "alpha")
    assert settle(world, name, ConfirmationOutcome.OURS)

    assert states(world)["abuse@alpha.example"] == "verified"
    world.bring("reg", TEAMS.replace("abuse@alpha.example", "new@alpha.example"))
    teams = {team.key: team.mailboxes for team in read_directory(world.database).teams}
    assert set(teams["alpha"]) == {"abuse@alpha.example", "new@alpha.example"}
    with world.database.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == AuditAction.CONTACT_CONFIRMED.value))
        assert entry.actor == "person:verified"
        assert "alpha" not in str(entry.detail)


def test_no_takes_the_mailbox_from_the_team_and_keeps_what_was_written(world: World) -> None:
    assert settle(world, put(world, "alpha", "beta"), ConfirmationOutcome.OURS)
    world.tick()
    assert settle(world, put(world, "alpha"), ConfirmationOutcome.WRONG)

    teams = {team.key: team.mailboxes for team in read_directory(world.database).teams}
    assert teams["alpha"] == ()
    assert "abuse@alpha.example" in teams["beta"]
    with world.database.begin() as session:
        latest = read_answers(session)[0]
    assert (latest.teams, latest.outcome, latest.note) == (("alpha",), "wrong", "ask noc@x.example")


def test_networks_that_are_not_theirs_are_denied_and_others_stay(world: World) -> None:
    world.rules("reg", ["alpha prefix 192.0.2.0/24", "alpha asn 64500", "alpha domain alpha.example"])
    asked, never_asked = ("asn", "64500"), ("country", "XA")
    assert settle(world, put(world, "alpha"), ConfirmationOutcome.NOT_THESE, not_ours=[asked, never_asked])

    rules = {(rule.kind.value, rule.value) for rule in read_directory(world.database).rules}
    assert rules == {("prefix", "192.0.2.0/24"), ("domain", "alpha.example")}
    assert states(world)["abuse@alpha.example"] == "verified"


def test_a_question_counts_once_and_only_in_time(world: World) -> None:
    name = put(world, "alpha")
    assert settle(world, name, ConfirmationOutcome.OURS)
    assert not settle(world, name, ConfirmationOutcome.WRONG)
    late = put(world, "beta", mailbox="abuse@beta.example")
    world.now += ANSWER_WITHIN
    assert not settle(world, late, ConfirmationOutcome.OURS)

    assert states(world)["abuse@beta.example"] == "registered"
    with world.database.begin() as session:
        assert open_question(session, "0" * 32, world.now) is None


def test_of_many_that_answer_at_the_same_time_exactly_one_counts(world: World) -> None:
    name = put(world, "alpha")
    with world.database.begin() as session:
        row = open_question(session, name, world.now)
        assert row is not None

    def answer(outcome: ConfirmationOutcome) -> bool:
        with world.database.begin() as session:
            return settle_question(session, row, outcome, now=world.now, via="link")

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(answer, [ConfirmationOutcome.OURS, ConfirmationOutcome.WRONG] * 8))

    assert won.count(True) == 1
    with world.database.begin() as session:
        assert len(read_answers(session)) == 1
        kinds = session.scalars(select(AuditEntry.word)).all()
        assert kinds.count(AuditAction.CONTACT_CONFIRMED.value) == 1
        facts = len(session.scalars(select(ContactFactRow)).all())
        assert facts == (1 if won.index(True) % 2 == 0 else 0)


def test_an_answer_takes_back_the_letters_that_have_not_left(world: World) -> None:
    name = put(world, "alpha")
    assert settle(world, name, ConfirmationOutcome.OURS)

    with world.database.begin() as session:
        (letter,) = session.scalars(select(Letter))
        assert letter.state == LetterState.CANCELLED.value

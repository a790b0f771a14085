"""Signing in, on both databases: hostile input, cookies of known accounts that were made up, and half-done sign-ins."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.node.accounts import (
    AccountRole,
    Caller,
    HalfWay,
    Person,
    SignedIn,
    SignInRefusal,
    SiteConfig,
    ask_reset,
    block,
    confirm,
    enter,
    give_second_factor,
    hash_password,
    new_setup,
    open_link,
    read_session,
    set_password,
    set_up,
    sign_in,
)
from tocsin.node.records import Database
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUSE = SiteConfig(
    name="CSIRT Example", contact="csirt@example.org", url="https://csirt.example",
    strict=frozenset({AccountRole.MANAGER}),
    tokens=Tokens(b"a secret of thirty-two bytes, all"),
)  # fmt: skip
PASSWORD = "marmot tunes violet"
CALLER = Caller("192.0.2.7", "a browser")


def made(
    database: Database, mailbox: str = "ana@people.example", kept: str = "", role: AccountRole = AccountRole.ANALYST
) -> int:
    with database.begin() as session:
        person = Person(
            mailbox=mailbox, name="Ana", role=role.value, teams=[], password=kept or hash_password(PASSWORD),
            language="", theme="", made_at=NOW, blocked_at=None, removed_at=None,
        )  # fmt: skip
        session.add(person)
        session.flush()
        return person.id


def with_device(database: Database, person: int) -> pyotp.TOTP:
    setup = new_setup(HOUSE.tokens, person=person, mailbox="m", site="s")
    device = pyotp.TOTP(setup.secret)
    with database.begin() as session:
        assert set_up(session, HOUSE.tokens, person=person, sealed=setup.sealed, code=device.at(NOW), now=NOW)
    return device


@given(
    mailbox=st.text(max_size=400), password=st.text(max_size=200), known=st.text(max_size=200),
    agent=st.text(st.characters(exclude_characters="\0"), max_size=300),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_whatever_is_typed_is_refused_and_breaks_nothing(
    database: Database, mailbox: str, password: str, known: str, agent: str
) -> None:
    caller = Caller("192.0.2.7", agent, known, session=known)
    assert isinstance(sign_in(database, HOUSE, mailbox, password, caller, now=NOW), SignInRefusal)
    assert give_second_factor(database, HOUSE, known, password, caller, now=NOW) is None
    with database.begin() as session:
        ask_reset(session, HOUSE, mailbox, address=known, now=NOW)
        assert open_link(session, HOUSE, known, now=NOW) is None
    assert confirm(database, HOUSE, "no session", password, now=NOW) is not True


def test_a_password_without_second_factor_lets_in_or_in_a_limited_way(database: Database) -> None:
    made(database)
    made(database, "mo@people.example", role=AccountRole.MANAGER)
    for mailbox, limited in ((" Ana@People.example ", False), ("mo@people.example", True)):
        found = sign_in(database, HOUSE, mailbox, PASSWORD, CALLER, now=NOW)
        assert isinstance(found, SignedIn)
        assert found.limited is limited
        assert read_session(database, found.secret, now=NOW).unfinished is limited


@pytest.mark.parametrize("kept", ["", "what was never a hash"])
def test_an_account_without_a_password_is_not_entered_by_one(database: Database, kept: str) -> None:
    number = made(database)
    with database.begin() as session:
        session.get_one(Person, number).password = kept
    for password in ("", PASSWORD, "the password of nobody"):
        assert sign_in(database, HOUSE, "ana@people.example", password, CALLER, now=NOW) == SignInRefusal()


def test_a_password_kept_by_former_parameters_is_kept_by_new_ones_from_then_on(database: Database) -> None:
    number = made(database, kept=PasswordHasher(time_cost=1, memory_cost=8_192).hash(PASSWORD))
    assert isinstance(sign_in(database, HOUSE, "ana@people.example", PASSWORD, CALLER, now=NOW), SignedIn)
    with database.reading() as session:
        assert "m=19456,t=2" in session.get_one(Person, number).password
    assert isinstance(sign_in(database, HOUSE, "ana@people.example", PASSWORD, CALLER, now=NOW), SignedIn)


def test_only_a_cookie_of_this_account_and_this_node_is_known(database: Database) -> None:
    ana = made(database)
    bo = made(database, "bo@people.example")
    with database.begin() as session:
        known = {
            number: enter(session, HOUSE, session.get_one(Person, number), CALLER, now=NOW, how="x", strong=True).known
            for number in (ana, bo)
        }
    for n in range(10):
        sign_in(database, HOUSE, "ana@people.example", f"wrong {n}", CALLER, now=NOW)
    other_node = Tokens(b"another secret of thirty-two byte").make("device", f"{ana}-0011223344556677")
    for cookie in ("", known[bo], other_node, f"{ana}-0011223344556677.x", known[ana][:-1]):
        caller = Caller("192.0.2.7", known=cookie)
        refused = sign_in(database, HOUSE, "ana@people.example", PASSWORD, caller, now=NOW)
        assert isinstance(refused, SignInRefusal)
        assert refused.wait
    both = Caller("192.0.2.7", known=f"{known[bo]}~{known[ana]}")
    assert isinstance(sign_in(database, HOUSE, "ana@people.example", PASSWORD, both, now=NOW), SignedIn)


def test_a_known_browser_that_guesses_is_slowed_down_too(database: Database) -> None:
    ana = made(database)
    with database.begin() as session:
        known = enter(session, HOUSE, session.get_one(Person, ana), CALLER, now=NOW, how="x", strong=True).known
    caller = Caller("192.0.2.7", known=known)
    answers = [sign_in(database, HOUSE, "ana@people.example", f"no {n}", caller, now=NOW) for n in range(21)]
    waits = [isinstance(answer, SignInRefusal) and answer.wait is not None for answer in answers]
    assert waits == [False] * 20 + [True]


def test_a_half_done_sign_in_ends_after_ten_minutes_with_a_new_password_or_a_block(database: Database) -> None:
    number = made(database)
    device = with_device(database, number)

    def half(password: str, now: datetime) -> str:
        found = sign_in(database, HOUSE, "ana@people.example", password, CALLER, now=now)
        assert isinstance(found, HalfWay)
        return found.token

    def finish(token: str, now: datetime) -> SignedIn | SignInRefusal | None:
        return give_second_factor(database, HOUSE, token, device.at(now), CALLER, now=now)

    later = NOW + timedelta(minutes=11)
    assert finish(half(PASSWORD, NOW), later) is None
    token = half(PASSWORD, later)
    with database.begin() as session:
        set_password(session, HOUSE, session.get_one(Person, number), hash_password("new"), how="link", now=later)
    assert finish(token, later) is None
    token = half("new", later)
    with database.begin() as session:
        block(session, session.get_one(Person, number), actor="x", now=later)
    assert finish(token, later) is None


def test_guesses_of_codes_are_stopped_and_the_holder_is_told(database: Database) -> None:
    number = made(database)
    device = with_device(database, number)
    later = NOW + timedelta(minutes=5)
    found = sign_in(database, HOUSE, "ana@people.example", PASSWORD, CALLER, now=later)
    assert isinstance(found, HalfWay)
    wrong = [give_second_factor(database, HOUSE, found.token, "abc", CALLER, now=later) for _ in range(5)]
    assert wrong == [SignInRefusal()] * 5
    stopped = give_second_factor(database, HOUSE, found.token, device.at(later), CALLER, now=later)
    assert isinstance(stopped, SignInRefusal)
    assert stopped.wait
    with database.reading() as session:
        subjects = [row[0] for row in session.connection().exec_driver_sql("SELECT subject FROM letter")]
    assert subjects == ["Your password at CSIRT Example may be known to others"]

"""Second factors: codes of a device once and around now, recovery codes once, and nothing kept in the clear."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select

from tocsin.node.accounts import (
    Person,
    new_recovery_codes,
    new_setup,
    recovery_codes_left,
    remove_second_factor,
    set_up,
)
from tocsin.node.accounts.models import RecoveryCode, Totp
from tocsin.node.accounts.second_factor import use_code, use_recovery_code
from tocsin.node.records import Database
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TOKENS = Tokens(b"a secret of thirty-two bytes, all")


@pytest.fixture
def person(database: Database) -> int:
    with database.begin() as session:
        row = Person(
            mailbox="ana@people.example", name="Ana", role="analyst", teams=[], password="", language="", theme="",
            made_at=NOW, blocked_at=None, removed_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def device_of(database: Database, person: int) -> pyotp.TOTP:
    setup = new_setup(TOKENS, person=person, mailbox="ana@people.example", site="CSIRT")
    device = pyotp.TOTP(setup.secret)
    with database.begin() as session:
        assert set_up(session, TOKENS, person=person, sealed=setup.sealed, code=device.at(NOW), now=NOW)
    return device


def use(database: Database, person: int, code: str, now: datetime) -> bool:
    with database.begin() as session:
        return use_code(session, TOKENS, person=person, code=code, now=now)


def test_a_code_fits_once_and_one_step_to_either_side(database: Database, person: int) -> None:
    device = device_of(database, person)
    assert not use(database, person, device.at(NOW), NOW)  # it was used to set up
    later = NOW + timedelta(minutes=10)
    for far in (-60, 60):
        assert not use(database, person, device.at(later + timedelta(seconds=far)), later)
    assert use(database, person, device.at(later - timedelta(seconds=30)), later)
    assert use(database, person, f"{device.at(later)[:3]} {device.at(later)[3:]}", later)
    assert use(database, person, device.at(later + timedelta(seconds=30)), later)
    for used in (-30, 0, 30):
        assert not use(database, person, device.at(later + timedelta(seconds=used)), later)


def test_nothing_else_fits(database: Database, person: int) -> None:
    device = device_of(database, person)
    later = NOW + timedelta(minutes=10)
    for code in ("", "1", "abcdef", "١٢٣٤٥٦", device.at(later) + "0", "9" * 400):
        assert not use(database, person, code, later)
    assert not use(database, person + 1, device.at(later), later)


def test_a_secret_that_is_being_set_up_is_for_one_person_and_an_hour(database: Database, person: int) -> None:
    setup = new_setup(TOKENS, person=person, mailbox="ana@people.example", site="CSIRT")
    device = pyotp.TOTP(setup.secret)
    assert new_setup(TOKENS, person=person, mailbox="m", site="s", sealed=setup.sealed).secret == setup.secret
    assert new_setup(TOKENS, person=person + 1, mailbox="m", site="s", sealed=setup.sealed).secret != setup.secret
    assert setup.secret not in setup.sealed
    with database.begin() as session:
        for sealed, code in ((setup.sealed, "000000"), ("rubbish", device.at(NOW)), ("é", device.at(NOW))):
            assert not set_up(session, TOKENS, person=person, sealed=sealed, code=code, now=NOW)
        assert session.scalars(select(Totp)).all() == []


def test_the_secret_is_kept_sealed(database: Database, person: int) -> None:
    device = device_of(database, person)
    with database.reading() as session:
        assert device.secret not in session.get_one(Totp, person).secret


def test_each_recovery_code_fits_once_and_only_until_there_are_new_ones(database: Database, person: int) -> None:
    with database.begin() as session:
        first = new_recovery_codes(session, person)
        kept = session.scalars(select(RecoveryCode.code)).all()
    assert not set(kept) & {code.replace("-", "") for code in first}
    with database.begin() as session:
        for code in (first[0], first[1].upper(), first[2].replace("-", " ")):
            assert use_recovery_code(session, person=person, code=code, now=NOW)
            assert not use_recovery_code(session, person=person, code=code, now=NOW)
        assert not use_recovery_code(session, person=person + 1, code=first[3], now=NOW)
        assert not use_recovery_code(session, person=person, code="", now=NOW)
        assert recovery_codes_left(session, person) == 7
    with database.begin() as session:
        second = new_recovery_codes(session, person)
        assert not use_recovery_code(session, person=person, code=first[4], now=NOW)
        assert use_recovery_code(session, person=person, code=second[0], now=NOW)
        remove_second_factor(session, person)
        assert not use_recovery_code(session, person=person, code=second[1], now=NOW)

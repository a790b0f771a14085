"""Limits: never more attempts in a time than allowed, whatever their rhythm, and each bucket for itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from tocsin.node.accounts.models import Bucket
from tocsin.node.accounts.throttle import Attempt, Limit, forget_old, give_back, network_of, take
from tocsin.node.records import Database, open_database, sqlite_url
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TOKENS = Tokens(b"a secret of thirty-two bytes, all")


def attempt(database: Database, now: datetime, *attempts: Attempt) -> timedelta | None:
    with database.begin() as session:
        return take(session, TOKENS, attempts, now)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = open_database(sqlite_url(Path(tmp_path_factory.mktemp("quick")) / "records.sqlite"))
    database.migrate()
    return database


def test_a_full_bucket_says_how_long_and_drains(database: Database) -> None:
    one = Attempt(Limit.ACCOUNT, "ana@people.example")
    assert [attempt(database, NOW, one) for _ in range(10)] == [None] * 10
    wait = attempt(database, NOW, one)
    assert wait == timedelta(minutes=6)
    assert attempt(database, NOW, Attempt(Limit.ACCOUNT, "bo@people.example")) is None
    assert attempt(database, NOW + wait - timedelta(seconds=1), one) is not None
    assert attempt(database, NOW + wait, one) is None
    assert attempt(database, NOW + wait, one) is not None


def test_where_one_limit_is_reached_the_other_is_not_counted(database: Database) -> None:
    mine, network = Attempt(Limit.ACCOUNT, "ana@people.example"), Attempt(Limit.ADDRESS, "192.0.2.0/24")
    for _ in range(30):
        attempt(database, NOW, network, mine)
    others = [attempt(database, NOW, network, Attempt(Limit.ACCOUNT, f"{n}@people.example")) for n in range(95)]
    assert others.count(None) == 90


def test_what_was_right_counts_no_more(database: Database) -> None:
    one = Attempt(Limit.ACCOUNT, "ana@people.example")
    for _ in range(40):
        assert attempt(database, NOW, one) is None
        with database.begin() as session:
            give_back(session, TOKENS, [one], NOW)


def test_many_at_once_gain_nothing(database: Database) -> None:
    one = Attempt(Limit.ACCOUNT, "ana@people.example")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: attempt(database, NOW, one), range(32)))
    assert answers.count(None) == 10
    assert attempt(database, NOW, one) is not None


def test_no_address_and_no_mailbox_is_kept_and_nothing_for_longer_than_a_day(database: Database) -> None:
    attempt(database, NOW, Attempt(Limit.ACCOUNT, "ana@people.example"), Attempt(Limit.ADDRESS, "192.0.2.0/24"))
    with database.begin() as session:
        keys = session.scalars(select(Bucket.key)).all()
        assert all(len(key) == 64 and int(key, 16) for key in keys)
        forget_old(session, NOW + timedelta(hours=23))
        assert session.scalar(select(func.count()).select_from(Bucket)) == 2
        forget_old(session, NOW + timedelta(hours=25))
        assert session.scalar(select(func.count()).select_from(Bucket)) == 0


@given(
    gaps=st.lists(st.integers(0, 3_000), min_size=1, max_size=40), limit=st.sampled_from([Limit.CODE, Limit.MAIL]),
    what=st.uuids(),
)  # fmt: skip
def test_never_more_than_the_size_and_what_drained(
    quick: Database, gaps: list[int], limit: Limit, what: object
) -> None:
    size, drained = {Limit.CODE: (5, 3600), Limit.MAIL: (3, 10_800)}[limit]
    seconds, made = 0, 0
    for gap in gaps:
        seconds += gap
        made += attempt(quick, NOW + timedelta(seconds=seconds), Attempt(limit, str(what))) is None
    assert made <= size + size * seconds / drained + 1e-6


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network

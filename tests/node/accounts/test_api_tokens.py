"""Tokens: rights are what role and scopes both give, until they end; the records never hold what a program sends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.console_users import browser_of, person, session_of
from support.routes import doors
from support.world import START, World, copy_world, make_world, served
from tocsin.node.accounts import (
    IN_API,
    OPEN,
    AccountRole,
    Permission,
    Person,
    Principal,
    make_token,
    read_token,
    revoke_token,
    scopes_of,
)
from tocsin.node.accounts.people import remove
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database, open_database, sqlite_url
from tocsin.operations.backup import copy_records
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def _person(database: Database, role: AccountRole = AccountRole.ANALYST, teams: tuple[int, ...] = ()) -> int:
    with database.begin() as session:
        row = Person(
            mailbox=f"{role}@people.example", name="Name", role=role, teams=list(teams), password="", language="",
            theme="", made_at=NOW, blocked_at=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def _token(
    database: Database, number: int, *scopes: Permission, days: int = 30, name: str = "feed robot"
) -> tuple[int, str]:
    with database.begin() as session:
        holder = session.get_one(Person, number)
        row, secret = make_token(session, holder, name=name, scopes=scopes, days=days, now=NOW, actor="test")
        return row.id, secret


def test_a_token_gives_what_role_and_scopes_both_give(database: Database) -> None:
    number = _person(database)
    _, secret = _token(database, number, Permission.EVENTS_READ, Permission.REPORTS_WRITE)
    visitor = read_token(database, secret, now=NOW)
    assert secret.startswith("tcs_")
    assert visitor.person == number
    assert not visitor.session
    assert {act for act in Permission if visitor.may(act)} == {Permission.EVENTS_READ, Permission.REPORTS_WRITE, *OPEN}


def test_an_operators_token_stays_within_the_operators_networks(database: Database) -> None:
    _, secret = _token(database, _person(database, AccountRole.OPERATOR, (3,)), Permission.EVENTS_READ)
    visitor = read_token(database, secret, now=NOW)
    assert visitor.may(Permission.EVENTS_READ, [3])
    assert not visitor.may(Permission.EVENTS_READ, [4])


def test_a_role_that_shrinks_takes_its_tokens_along(database: Database) -> None:
    number = _person(database, AccountRole.MANAGER)
    _, secret = _token(database, number, Permission.AUDIT_READ)
    with database.begin() as session:
        session.get_one(Person, number).role = AccountRole.ANALYST
    assert not read_token(database, secret, now=NOW).may(Permission.AUDIT_READ)


def test_it_ends_by_time_by_revoking_and_with_its_person(database: Database) -> None:
    number = _person(database)
    (first, one), (_, other) = (_token(database, number, Permission.LOOKUP, days=2) for _ in range(2))
    assert read_token(database, one, now=NOW + 2 * DAY - timedelta(seconds=1)).person == number
    assert read_token(database, one, now=NOW + 2 * DAY).person is None
    with database.begin() as session:
        revoke_token(session, first, now=NOW, actor="test")
    assert read_token(database, one, now=NOW).person is None
    assert read_token(database, other, now=NOW).person == number
    with database.begin() as session:
        session.get_one(Person, number).blocked_at = NOW
    assert read_token(database, other, now=NOW).person is None


def test_a_number_in_the_audit_log_is_one_token_for_ever(database: Database, tmp_path: Path) -> None:
    first = _person(database)
    gone, _ = _token(database, first, Permission.LOOKUP)
    with database.begin() as session:
        remove(session, session.get_one(Person, first), actor="test", now=NOW)
    copy = open_database(sqlite_url(tmp_path / "copy.sqlite"))
    copy_records(database, copy)
    for records in (database, copy):
        other, _ = _token(records, _person(records, AccountRole.MANAGER), Permission.LOOKUP)
        assert other != gone
        with records.reading() as session:
            made = [row.subject for row in session.scalars(select(AuditEntry)) if row.word == "token.made"]
        assert made == [f"token:{gone}", f"token:{other}"]


def test_the_records_hold_neither_token_nor_a_name_in_the_audit(database: Database) -> None:
    number = _person(database)
    token, secret = _token(database, number, Permission.LOOKUP, name="robot of somebody")
    with database.begin() as session:
        revoke_token(session, token, now=NOW, actor="test")
    with database.reading() as session:
        rows = list(session.scalars(select(AuditEntry)))
        kept = str([(row.word, row.subject, row.detail) for row in rows])
    assert [row.word for row in rows] == ["token.made", "token.revoked"]
    assert "somebody" not in kept
    assert secret not in kept


@pytest.mark.parametrize(
    ("scopes", "days", "name"),
    [
        ((), 30, "robot"),
        ((Permission.LOOKUP,), 366, "robot"),
        ((Permission.LOOKUP,), 0, "robot"),
        ((Permission.LOOKUP,), 30, "  "),
        ((Permission.AUDIT_READ,), 30, "robot"),
        ((Permission.RULES_READ,), 30, "robot"),
        ((Permission.ACCOUNT_OWN,), 30, "robot"),
    ],
)
def test_what_no_token_can_be(database: Database, scopes: tuple[Permission, ...], days: int, name: str) -> None:
    number = _person(database)
    with pytest.raises(UsageError):
        _token(database, number, *scopes, days=days, name=name)


def test_nobody_takes_back_the_token_of_another(database: Database) -> None:
    token, _ = _token(database, number := _person(database), Permission.LOOKUP)
    with database.begin() as session, pytest.raises(NotFoundError):
        revoke_token(session, token, now=NOW, actor="test", person=number + 1)


def test_use_is_noted_but_not_at_each_request(database: Database) -> None:
    _, secret = _token(database, _person(database), Permission.LOOKUP)
    from tocsin.node.accounts import ApiToken

    used = []
    for seconds in (0, 100, 400):
        read_token(database, secret, now=NOW + timedelta(seconds=seconds))
        with database.reading() as session:
            used.append(session.scalar(select(ApiToken.used_at)))
    assert used == [NOW, NOW, NOW + timedelta(seconds=400)]


@given(st.sampled_from(AccountRole), st.frozensets(st.sampled_from(Permission)), st.sampled_from(Permission))
def test_scopes_never_add_a_right(role: AccountRole, scopes: frozenset[Permission], act: Permission) -> None:
    with_token = Principal(role=role, person=1, teams=frozenset({1}), scopes=scopes)
    without = Principal(role=role, person=1, teams=frozenset({1}))
    assert not with_token.may(act) or without.may(act)
    assert Permission.ACCOUNT_OWN not in scopes_of(role)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("tokens")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_at_the_door_a_bearer_is_who_the_token_says_whatever_the_cookie(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    analyst, auditor = (person(world.node, role, now=START) for role in (AccountRole.ANALYST, AccountRole.AUDITOR))
    with world.node.database.begin() as session:
        holder = session.get_one(Person, auditor)
        _, secret = make_token(
            session, holder, name="robot", scopes=[Permission.AUDIT_READ], days=3, now=START, actor="test"
        )
    with (
        served(application) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client,
    ):
        client.cookies.set(COOKIE, session_of(world.node, analyst, now=START))
        assert client.get("/today").status_code == 200
        assert client.get("/today", headers={"Authorization": f"Bearer {secret}"}).status_code == 404
        assert client.get("/today", headers={"Authorization": "Bearer tcs_wrong"}).status_code == 303


def test_only_what_the_api_needs_is_offered(world: World) -> None:
    routes = {door.act for door in doors(make_application(world.node)) if door.api} - {*OPEN}
    # Without an act of their own: events as a file, and the whole of /health.
    assert routes | {Permission.EVENTS_EXPORT, Permission.ADMIN_READ} == IN_API
    assert scopes_of(AccountRole.OPERATOR) == [
        Permission.ACTS_UNDO, Permission.EVENTS_READ, Permission.EVENTS_EXPORT, Permission.LOOKUP,
        Permission.DIRECTORY_READ,
        Permission.DIRECTORY_WRITE, Permission.CLAIMS_MAKE,
        Permission.DELIVERIES_READ, Permission.PORTAL_WRITE,
    ]  # fmt: skip
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(4,)) as browser:
        page = browser.get("/account/tokens").text
    assert "portal.read" not in page
    assert "events.read" in page


def test_on_the_command_line(world: World) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    made = world.tocsin.json(
        "tokens", "make", "analyst@people.example", "--name", "robot", "--scope", "events.read", "--days", "7"
    )
    visitor = read_token(world.node.database, made["token"], now=world.now)
    assert visitor.scopes == frozenset({Permission.EVENTS_READ})
    assert [row["state"] for row in world.tocsin.json("tokens", "list")] == ["working"]
    world.tocsin.json("tokens", "revoke", str(made["number"]))
    assert [row["state"] for row in world.tocsin.json("tokens", "list", "--person", "1")] == ["revoked"]
    assert read_token(world.node.database, made["token"], now=world.now).person is None

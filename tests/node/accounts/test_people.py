"""People: links are used once, the last administrator stays, sessions end with rights, and who leaves is forgotten."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from tocsin.node.accounts import (
    AccountRole,
    Caller,
    Person,
    Session,
    SiteConfig,
    WelcomeLink,
    ask_reset,
    block,
    end_session,
    enter,
    find_person,
    first_link,
    forget_ended_links,
    invite,
    join,
    list_people,
    new_recovery_codes,
    note_session_end,
    open_invitations,
    open_link,
    read_session,
    remove,
    reset_factor,
    reset_link,
    set_password,
    set_role,
    start_session,
    unblock,
    withdraw_invitation,
)
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry, Database
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUSE = SiteConfig(
    name="CSIRT Example", contact="csirt@example.org", url="https://csirt.example",
    strict=frozenset({AccountRole.MANAGER}),
    tokens=Tokens(b"a secret of thirty-two bytes, all"),
)  # fmt: skip


def token_of(link: str | None) -> str:
    assert link
    return link.rpartition("/")[2]


def made(session: Transaction, mailbox: str, role: AccountRole = AccountRole.ANALYST) -> Person:
    """Somebody who followed an invitation."""
    teams = [1] if role is AccountRole.OPERATOR else []
    token = token_of(invite(session, HOUSE, mailbox, role, teams=teams, actor="person:1", now=NOW))
    link = open_link(session, HOUSE, token, now=NOW)
    assert link
    return join(session, link, name="Ana Lima", mailbox="", password="kept", language="en", now=NOW)


def test_an_invitation_makes_one_account_with_the_role_it_fixes(database: Database) -> None:
    with database.begin() as session:
        person = made(session, " Ana@People.example", AccountRole.OPERATOR)
        assert (person.mailbox, person.role, person.teams) == ("ana@people.example", "operator", [1])
        used = session.scalars(select(WelcomeLink)).one()
        assert used.mailbox == ""
        with pytest.raises(ConflictError):
            join(session, used, name="Eve", mailbox="", password="kept", language="", now=NOW)
        with pytest.raises(ConflictError):
            invite(session, HOUSE, "ana@people.example", AccountRole.ANALYST, teams=[], actor="x", now=NOW)


def test_who_follows_a_link_twice_at_once_gets_one_account(database: Database) -> None:
    with database.begin() as session:
        token = token_of(
            invite(session, HOUSE, "ana@people.example", AccountRole.ANALYST, teams=[], actor="x", now=NOW)
        )

    def follow(_: int) -> bool:
        try:
            with database.begin() as session:
                link = open_link(session, HOUSE, token, now=NOW)
                if link is not None:
                    join(session, link, name="Ana", mailbox="", password="kept", language="", now=NOW)
                return link is not None
        except ConflictError:
            return False

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(follow, range(6))) == 1
    with database.begin() as session:
        assert len(session.scalars(select(Person)).all()) == 1


def test_a_second_invitation_takes_the_place_of_the_first(database: Database) -> None:
    with database.begin() as session:
        tokens = [
            token_of(invite(session, HOUSE, "ana@people.example", role, teams=[], actor="x", now=NOW))
            for role in (AccountRole.ANALYST, AccountRole.AUDITOR)
        ]
        assert [open_link(session, HOUSE, token, now=NOW) is not None for token in tokens] == [False, True]
        assert [link.role for link in open_invitations(session, now=NOW)] == ["auditor"]
        assert open_link(session, HOUSE, tokens[1], now=NOW + timedelta(days=7)) is None
        forget_ended_links(session, NOW + timedelta(days=6))
        assert [link.mailbox for link in open_invitations(session, now=NOW)] == ["ana@people.example"]
        forget_ended_links(session, NOW + timedelta(days=7))
        assert {link.mailbox for link in session.scalars(select(WelcomeLink))} == {""}
        for forged in ("", "x", tokens[1] + "x", tokens[1][:-1], "é"):
            assert open_link(session, HOUSE, forged, now=NOW) is None


def test_a_withdrawn_invitation_makes_no_account_and_its_mail_does_not_leave(database: Database) -> None:
    with database.begin() as session:
        tokens = [
            token_of(invite(session, HOUSE, mailbox, AccountRole.ANALYST, teams=[], actor="x", now=NOW))
            for mailbox in ("ana@people.example", "eve@people.example")
        ]
        ana = next(link for link in open_invitations(session, now=NOW) if link.mailbox == "ana@people.example")
        withdraw_invitation(session, ana.id, actor="person:1", now=NOW)
        assert [open_link(session, HOUSE, token, now=NOW) is not None for token in tokens] == [False, True]
        assert [link.mailbox for link in open_invitations(session, now=NOW)] == ["eve@people.example"]
        assert {one.mailbox: one.state for one in session.scalars(select(Letter))} == {
            "ana@people.example": "cancelled", "eve@people.example": "queued",
        }  # fmt: skip
        said = session.scalars(select(AuditEntry).where(AuditEntry.word == "invitation.withdrawn")).one()
        assert (said.actor, said.subject, said.detail) == ("person:1", f"link:{ana.id}", {})
        eve = open_link(session, HOUSE, tokens[1], now=NOW)
        assert eve
        join(session, eve, name="Eve", mailbox="", password="kept", language="en", now=NOW)
        for number in (ana.id, eve.id, 999):
            with pytest.raises(ConflictError):
                withdraw_invitation(session, number, actor="person:1", now=NOW)


@pytest.mark.parametrize("mailbox", ["", "ana", "a b@x.example", "ana@x.example, eve@y.example", "a\n@x.example"])
def test_what_is_no_mailbox_is_not_invited(database: Database, mailbox: str) -> None:
    with database.begin() as session, pytest.raises(InputError):
        invite(session, HOUSE, mailbox, AccountRole.ANALYST, teams=[], actor="x", now=NOW)


def test_an_operator_has_teams_and_nobody_else_has(database: Database) -> None:
    with database.begin() as session:
        for role, teams in ((AccountRole.OPERATOR, []), (AccountRole.ANALYST, [1]), (AccountRole.NOBODY, [])):
            with pytest.raises(UsageError):
                invite(session, HOUSE, "ana@people.example", role, teams=teams, actor="x", now=NOW)


def test_the_first_link_works_only_while_there_is_no_administrator(database: Database) -> None:
    with database.begin() as session:
        token = token_of(first_link(session, HOUSE, now=NOW))
        later = token_of(first_link(session, HOUSE, now=NOW + timedelta(hours=25)))
        assert token != later
        made(session, "ana@people.example", AccountRole.ADMINISTRATOR)
        assert open_link(session, HOUSE, later, now=NOW + timedelta(hours=26)) is None
        assert first_link(session, HOUSE, now=NOW) is None


def test_the_last_administrator_stays(database: Database) -> None:
    with database.begin() as session:
        ana, bo = (made(session, f"{name}@people.example", AccountRole.ADMINISTRATOR) for name in ("ana", "bo"))
        block(session, bo, actor="person:1", now=NOW)
        refused: list[Callable[[], object]] = [
            lambda: block(session, ana, actor="x", now=NOW),
            lambda: remove(session, ana, actor="x", now=NOW),
            lambda: set_role(session, ana, AccountRole.ANALYST, [], actor="x", now=NOW),
        ]
        for act in refused:
            with pytest.raises(ConflictError):
                act()
        unblock(session, bo, actor="person:1", now=NOW)
        assert set_role(session, ana, AccountRole.ANALYST, [], actor="x", now=NOW)


def test_two_administrators_who_block_each_other_at_once_leave_one(database: Database) -> None:
    with database.begin() as session:
        numbers = [made(session, f"{name}@people.example", AccountRole.ADMINISTRATOR).id for name in ("ana", "bo")]

    def act(number: int) -> bool:
        try:
            with database.begin() as session:
                block(session, session.get_one(Person, number), actor="x", now=NOW)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(act, numbers)) == [False, True]


def test_sessions_end_with_a_block_a_role_and_a_password(database: Database) -> None:
    acts: dict[str, Callable[[Transaction, Person], object]] = {
        "block": lambda session, person: block(session, person, actor="x", now=NOW),
        "role": lambda session, person: set_role(session, person, AccountRole.AUDITOR, [], actor="x", now=NOW),
        "password": lambda session, person: set_password(session, HOUSE, person, "new", how="link", now=NOW),
        "factor": lambda session, person: reset_factor(session, HOUSE, person, actor="x", now=NOW),
    }
    for name, act in acts.items():
        with database.begin() as session:
            person = made(session, f"{name}@people.example")
            secret = start_session(session, person, now=NOW)
        assert read_session(database, secret, now=NOW).person == person.id
        with database.begin() as session:
            act(session, session.get_one(Person, person.id))
        assert read_session(database, secret, now=NOW).person is None
        with database.reading() as session:
            assert session.scalars(select(Session)).all() == []


def test_when_somebody_was_last_there_stays_known_once_the_session_ended(database: Database) -> None:
    """The list names the sign in, later the last request, then the sign out; what others do to them is no sign."""
    hour = timedelta(hours=1)

    def seen() -> list[datetime | None]:
        with database.reading() as session:
            return [one.seen_at for one in list_people(session)]

    with database.begin() as session:
        ana = made(session, "ana@people.example")
        caller = Caller(address="192.0.2.1", agent="Browser")
        secret = enter(session, HOUSE, ana, caller, now=NOW, how="password", strong=True).secret
    assert seen() == [NOW]
    visitor = read_session(database, secret, now=NOW + hour)
    assert seen() == [NOW + hour]
    with database.begin() as session:
        end_session(session, secret)
        note_session_end(session, visitor, now=NOW + 2 * hour)
    assert seen() == [NOW + 2 * hour]
    with database.begin() as session:
        person = session.get_one(Person, ana.id)
        start_session(session, person, now=NOW + 2 * hour)
        set_role(session, person, AccountRole.AUDITOR, [], actor="person:9", now=NOW + 3 * hour)
    assert seen() == [NOW + 2 * hour]


def test_a_blocked_person_gets_no_link_and_comes_in_by_none(database: Database) -> None:
    with database.begin() as session:
        ana = made(session, "ana@people.example")
        token = token_of(reset_link(session, HOUSE, ana, actor="x", now=NOW))
        assert open_link(session, HOUSE, token, now=NOW)
        block(session, ana, actor="x", now=NOW)
        assert open_link(session, HOUSE, token, now=NOW) is None
        before = len(session.scalars(select(Letter)).all())
        ask_reset(session, HOUSE, "ana@people.example", address="192.0.2.1", now=NOW)
        assert len(session.scalars(select(Letter)).all()) == before


def test_of_who_is_removed_only_the_number_stays(database: Database) -> None:
    with database.begin() as session:
        ana = made(session, "ana@people.example")
        start_session(session, ana, now=NOW)
        new_recovery_codes(session, ana.id)
        reset_link(session, HOUSE, ana, actor="x", now=NOW)
        number = ana.id
        remove(session, ana, actor="person:7", now=NOW)
    with database.begin() as session:
        everything = " ".join(
            str([getattr(row, column.key) for column in row.__table__.columns])
            for table in (Person, Letter, AuditEntry, WelcomeLink, Session)
            for row in session.scalars(select(table))
        )
        assert "ana@" not in everything.lower()
        assert "lima" not in everything.lower()
        assert list_people(session) == []
        with pytest.raises(NotFoundError):
            find_person(session, number)
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last
        assert (last.word, last.subject, last.actor) == ("person.removed", f"person:{number}", "person:7")
        again = made(session, "ana@people.example")
        assert again.id != number

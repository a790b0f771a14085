"""Coming in: from the first link to an administrator with a second factor, and everything that must not work."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.sign_in_browsers import (
    OTHER,
    PASSWORD,
    another,
    awaited,
    house,
    invitation,
    joined,
    letters_to,
    path_of,
    set_up_device,
    visits,
    words_of,
)
from support.world import START, World, copy_world
from tocsin.node.accounts import AccountRole, Person, first_link
from tocsin.server.security import COOKIE


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_the_first_administrator_from_the_first_link_to_the_first_page(world: World) -> None:
    with world.node.database.begin() as transaction:
        link = first_link(transaction, house(world), now=world.now)
    with world.node.database.begin() as transaction:
        assert link == first_link(transaction, house(world), now=world.now + timedelta(hours=1))
    assert link
    with visits(world) as visit:
        page = visit.get(path_of(link))
        assert "Create the first account" in page.text
        done = visit.post(path_of(link), name="Ana", mailbox="Ana@People.example", password=PASSWORD)
        assert done.headers["location"] == "/account/second-factor"
        # Nothing but the second factor can be reached until it is there.
        assert visit.get("/today").headers["location"] == "/account/second-factor"
        assert visit.get("/").headers["location"] == "/account/second-factor"
        _, codes = set_up_device(visit)
        assert len(codes) == len(set(codes)) == 10
        assert visit.get("/").headers["location"] == "/today"
        assert visit.get("/today").status_code == 200
        # The link is used up, and no further first link is made.
        assert visit.get(path_of(link)).status_code == 404
    with world.node.database.begin() as transaction:
        assert first_link(transaction, house(world), now=world.now) is None
    assert words_of(world)[-4:] == ["person.invited", "person.joined", "session.started", "factor.changed"]


def test_signing_in_with_password_and_second_factor_and_out(world: World) -> None:
    with visits(world) as first:
        joined(first, role=AccountRole.MANAGER)
        device, codes = set_up_device(first)
        with another(first) as visit:
            world.now += timedelta(minutes=5)
            half = visit.sign_in("ana@people.example", PASSWORD, next="/teams")
            assert "code from your device" in half.text
            assert COOKIE not in visit.client.cookies
            token = re.search(r'name="half" value="([^"]+)"', half.text)[1]  # type: ignore[index]
            assert visit.post("/sign-in/code", half=token, code="123456").status_code == 422
            assert visit.post("/sign-in/code", half=token + "x", code=device.at(world.now)).status_code == 200
            assert not visit.is_in()
            code = device.at(world.now)
            done = visit.post("/sign-in/code", half=token, code=code, next="/teams")
            assert done.headers["location"] == "/teams"
            assert visit.is_in()
            # The same code is good no more; a recovery code is, once.
            with another(first) as third:
                assert third.post("/sign-in/code", half=token, code=code).status_code == 422
                assert third.post("/sign-in/code", half=token, code=codes[0].upper()).status_code == 303
            with another(first) as fourth:
                assert fourth.post("/sign-in/code", half=token, code=codes[0]).status_code == 422
            secret = visit.client.cookies[COOKIE]
            assert visit.send("/account", "/sign-out").headers["location"] == "/sign-in?done=out"
            visit.client.cookies.set(COOKIE, secret)
            assert not visit.is_in()


def test_a_stranger_learns_the_same_of_every_account(world: World) -> None:
    with visits(world) as first:
        joined(first)
        joined(first, "bo@people.example")
        with world.node.database.begin() as transaction:
            transaction.scalars(select(Person).where(Person.mailbox == "bo@people.example")).one().blocked_at = START
        with another(first) as visit:
            answers = [
                visit.sign_in(mailbox, password)
                for mailbox, password in [
                    ("ana@people.example", OTHER),
                    ("bo@people.example", PASSWORD),
                    ("no@people.example", OTHER),
                ]
            ]
            assert {answer.status_code for answer in answers} == {422}
            texts = {re.sub(r"\w+@people\.example", "X", answer.text) for answer in answers}
            assert len(texts) == 1
            asked = [visit.post("/forgotten", mailbox=mailbox) for mailbox in ("ana@people.example", "no@x.example")]
            assert asked[0].text == asked[1].text
            assert asked[0].status_code == asked[1].status_code == 200
            assert not visit.is_in()


def test_guessing_is_stopped_and_keeps_no_holder_out(world: World) -> None:
    with visits(world) as holder:
        joined(holder)
        holder.send("/account", "/sign-out")
        with another(holder) as stranger:
            tries = [stranger.sign_in("ana@people.example", f"{OTHER} {n}") for n in range(12)]
            assert [one.status_code for one in tries] == [422] * 10 + [429] * 2
            assert int(tries[-1].headers["retry-after"]) > 0
            # Even the right password is not looked at now; unknown accounts are limited alike.
            assert stranger.sign_in("ana@people.example", PASSWORD).status_code == 429
            others = [stranger.sign_in("no@people.example", f"{OTHER} {n}") for n in range(11)]
            assert [one.status_code for one in others] == [422] * 10 + [429]
        # The holder's own browser is not kept waiting; a restart resets nothing.
        assert holder.sign_in("ana@people.example", PASSWORD).status_code == 303
    with visits(world) as stranger:
        assert stranger.sign_in("ana@people.example", PASSWORD).status_code == 429
        world.now += timedelta(hours=1)
        assert stranger.sign_in("ana@people.example", PASSWORD).status_code == 303


def test_a_forgotten_password_is_set_by_a_mailed_link_and_ends_all_sessions(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        with another(visit) as other:
            for _ in range(5):
                other.post("/forgotten", mailbox=" Ana@people.example ")
            mails = awaited(world, "ana@people.example", 1 + 3)  # the invitation, and three in a few hours
            links = [re.search(r"https://\S+(/welcome/\S+)", letter.body)[1] for letter in mails]  # type: ignore[index]
            assert other.get(links[1]).status_code == 404  # only the newest works
            assert "Set a new password" in other.get(links[-1]).text
            assert other.post(links[-1], password="short").status_code == 422
            assert other.post(links[-1], password="ana.people.example").status_code == 422
            assert other.post(links[-1], password=OTHER).headers["location"] == "/sign-in?done=password"
            assert not visit.is_in()
            assert not other.is_in()
            assert other.sign_in("ana@people.example", PASSWORD).status_code == 422
            assert other.sign_in("ana@people.example", OTHER).status_code == 303
            assert other.post(links[-1], password=PASSWORD).status_code == 404
    # The server has ended, and with it all that it did after its answers.
    letters = letters_to(world, "ana@people.example")
    assert sum("/welcome/" in letter.body for letter in letters) == 1 + 3
    assert "Your password at CSIRT Example was changed" in [letter.subject for letter in letters]


def test_an_unknown_browser_is_told_of_and_a_known_one_is_not(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        count = len(letters_to(world, "ana@people.example"))
        visit.sign_in("ana@people.example", PASSWORD)
        assert len(letters_to(world, "ana@people.example")) == count
        with another(visit) as other:
            other.client.headers["User-Agent"] = "Firefox of a stranger"
            other.sign_in("ana@people.example", PASSWORD)
    letter = letters_to(world, "ana@people.example")[-1]
    assert letter.subject.startswith("A new browser")
    assert "Firefox of a stranger" in letter.body


def test_links_lead_nowhere_else_and_forms_come_from_here_only(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        with another(visit) as other:
            done = other.sign_in("ana@people.example", PASSWORD, next="//elsewhere.example/")
            assert done.headers["location"] == "/"
        with another(visit) as other:
            other.client.headers["Sec-Fetch-Site"] = "cross-site"
            assert other.sign_in("ana@people.example", PASSWORD).status_code == 404
        assert visit.post("/account/profile", name="Eve").status_code == 403
        assert visit.post("/sign-out").status_code == 403
        assert visit.is_in()


def test_links_end(world: World) -> None:
    path = invitation(world)
    with visits(world) as visit:
        assert visit.get(path).status_code == 200
        assert visit.get(path[:-2] + "xx").status_code == 404
        world.now += timedelta(days=7)
        assert visit.get(path).status_code == 404
        assert visit.post(path, name="Ana", password=PASSWORD).status_code == 404
    with world.node.database.reading() as transaction:
        assert transaction.scalars(select(Person)).all() == []


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    with visits(world) as visit:
        given = joined(visit).headers.get_list("set-cookie")
        assert len(given) == 2
        for cookie in given:
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert "Path=/" in cookie

"""The own account: what changes there, what is asked again first, and what other browsers notice of it."""

import hashlib
import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.sign_in_browsers import (
    OTHER,
    PASSWORD,
    another,
    invitation,
    joined,
    letters_to,
    set_up_device,
    visits,
    words_of,
)
from support.world import World, copy_world, serving
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.accounts.models import Passkey
from tocsin.pipeline.stores import open_node
from tocsin.server.security import COOKIE


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_a_new_password_asks_for_the_old_one_and_signs_other_browsers_out(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        with another(visit) as other:
            other.sign_in("ana@people.example", PASSWORD)
            assert other.is_in()
            wrong = visit.send("/account", "/account/password", current=OTHER, password=OTHER)
            assert wrong.status_code == 422
            assert "not your current password" in wrong.text
            weak = visit.send("/account", "/account/password", current=PASSWORD, password="csirt example 2026")
            assert weak.status_code == 422
            done = visit.send("/account", "/account/password", current=PASSWORD, password=OTHER)
            assert done.headers["location"] == "/account?done=password"
            assert visit.is_in()
            assert not other.is_in()
            assert other.sign_in("ana@people.example", PASSWORD).status_code == 422
            assert other.sign_in("ana@people.example", OTHER).status_code == 303
    assert any("was changed" in letter.subject for letter in letters_to(world, "ana@people.example"))


def test_ways_to_sign_in_change_only_after_the_password_was_given_lately(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        assert visit.get("/account/second-factor").status_code == 200
        world.now += timedelta(minutes=16)
        asked = visit.get("/account/second-factor")
        assert asked.headers["location"] == "/account/confirm?next=%2Faccount%2Fsecond-factor"
        page = asked.headers["location"]
        assert visit.send(page, "/account/confirm", password=OTHER).status_code == 422
        assert visit.send(page, "/account/confirm", password=PASSWORD).headers["location"] == "/account/second-factor"
        _, codes = set_up_device(visit)
        world.now += timedelta(minutes=16)
        for path in ("/account/recovery-codes", "/account/second-factor/off"):
            assert visit.send("/account", path).headers["location"].startswith("/account/confirm")
        visit.send("/account/confirm", "/account/confirm", password=PASSWORD)
        renewed = visit.send("/account", "/account/recovery-codes")
        assert codes[0] not in renewed.text
        assert len(re.findall(r"<li><code", renewed.text)) == 10
        assert visit.send("/account", "/account/second-factor/off").headers["location"] == "/account?done=factor-off"
        with another(visit) as other:
            assert other.sign_in("ana@people.example", PASSWORD).status_code == 303
    assert words_of(world).count("factor.changed") == 3


def test_guesses_of_the_password_in_a_stolen_session_are_limited(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        answers = [visit.send("/account/confirm", "/account/confirm", password=f"{OTHER} {n}") for n in range(11)]
        assert [answer.status_code for answer in answers] == [422] * 10 + [429]


def test_a_role_that_needs_a_second_factor_cannot_switch_it_off(world: World) -> None:
    with visits(world) as visit:
        joined(visit, role=AccountRole.MANAGER)
        set_up_device(visit)
        assert "/account/second-factor/off" not in visit.get("/account").text
        assert visit.send("/account", "/account/second-factor/off").status_code == 404


def test_other_browsers_are_listed_and_signed_out_one_or_all(world: World) -> None:
    with visits(world) as visit, another(visit) as second, another(visit) as third:
        joined(visit)
        second.client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        second.sign_in("ana@people.example", PASSWORD)
        third.sign_in("ana@people.example", PASSWORD)
        page = html.unescape(visit.get("/account").text)
        assert len(re.findall(r"<tr><th scope=\"row\">", page.partition('id="sessions"')[2])) == 3
        assert page.count("This browser") == 1
        row = re.search(r"Firefox on Linux.*?name=\"session\" value=\"(\d+)\"", page, re.DOTALL)
        assert row
        visit.send("/account", "/account/sessions", session=row[1])
        assert [visit.is_in(), second.is_in(), third.is_in()] == [True, False, True]
        second.sign_in("ana@people.example", PASSWORD)
        visit.send("/account", "/account/sessions", session="others")
        assert [visit.is_in(), second.is_in(), third.is_in()] == [True, False, False]


def test_sessions_end_only_after_the_password_was_given_lately(world: World) -> None:
    with visits(world) as visit, another(visit) as second:
        joined(visit)
        second.sign_in("ana@people.example", PASSWORD)
        world.now += timedelta(minutes=16)
        asked = visit.send("/account", "/account/sessions", session="others")
        assert asked.headers["location"] == "/account/confirm?next=%2Faccount"
        assert second.is_in()
        visit.send("/account/confirm", "/account/confirm", password=PASSWORD)
        visit.send("/account", "/account/sessions", session="others")
        assert [visit.is_in(), second.is_in()] == [True, False]


def test_nobody_ends_the_session_of_somebody_else(world: World) -> None:
    with visits(world) as ana, another(ana) as bo:
        joined(ana)
        joined(bo, "bo@people.example")
        for number in range(1, 9):
            bo.send("/account", "/account/sessions", session=str(number))
        assert ana.is_in()


def test_name_language_and_colours_are_kept_with_the_account(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        assert visit.send("/account", "/account/profile", name=" ").status_code == 422
        visit.send("/account", "/account/profile", name="Ana  <b>Lima</b>", language="en", theme="dark")
        page = visit.get("/account").text
        assert "Ana &lt;b&gt;Lima&lt;/b&gt;" in page
        assert 'data-theme="dark"' in page
        # The switch at the foot of each page changes the account too.
        visit.post("/settings", theme="light", language="en", next="/account")
        assert 'data-theme="light"' in visit.get("/account").text


def test_a_new_sign_in_ends_the_session_that_the_browser_had(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        before = visit.client.cookies[COOKIE]
        visit.sign_in("ana@people.example", PASSWORD)
        assert visit.client.cookies[COOKIE] != before
        assert visit.is_in()
        visit.client.cookies.clear()
        visit.client.cookies.set(COOKIE, before)
        assert not visit.is_in()


@pytest.mark.parametrize("cut", ["accounts.joining", "accounts.joined"])
def test_a_kill_while_somebody_joins_loses_and_doubles_nothing(world: World, cut: str) -> None:
    world.now = datetime.now(UTC)
    path = invitation(world)
    with serving(world.node.home, cut, public=False) as client, pytest.raises(httpx.TransportError):
        client.post(path, data={"name": "Ana", "password": PASSWORD})
    with visits(world) as visit:
        again = visit.post(path, name="Ana", password=PASSWORD)
        assert again.status_code == {"accounts.joining": 303, "accounts.joined": 404}[cut]
        visit.client.cookies.clear()
        assert visit.sign_in("ana@people.example", PASSWORD).status_code == 303
    with world.node.database.reading() as transaction:
        assert len(transaction.scalars(select(Person)).all()) == 1
    assert words_of(world).count("person.joined") == 1


def test_a_link_of_a_command_leads_to_the_port_that_is_served(world: World) -> None:
    (world.node.home / "tocsin.toml").write_text('[node]\nname = "CSIRT Example"\n')
    people = ("people", "invite", "ana@people.example", "analyst")
    with serving(world.node.home, public=False) as client:
        assert world.tocsin.json(*people)["link"].startswith(f"{client.base_url}".rstrip("/") + "/")
    assert world.tocsin.json(*people)["link"].startswith("http://127.0.0.1:8080/")


def test_a_form_of_another_site_signs_nobody_in(world: World) -> None:
    with visits(world) as visit:
        joined(visit)
        visit.client.cookies.clear()
        own = str(visit.client.base_url).rstrip("/")
        assert '<meta name="referrer" content="same-origin">' in visit.get("/sign-in").text
        for headers, status in (
            ({"Origin": "null"}, 404),  # a page within a frame of another site, or one that names no origin
            ({"Origin": "https://elsewhere.example"}, 404),
            ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 404),
            ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
            ({"Origin": own}, 303),
            ({}, 303),
        ):
            fields = {"mailbox": "ana@people.example", "password": PASSWORD}
            visit.client.cookies.clear()
            assert visit.client.post("/sign-in", data=fields, headers=headers).status_code == status, headers


def test_who_only_knows_the_password_sets_up_no_factor_beside_a_passkey(world: World) -> None:
    with visits(world) as visit:
        joined(visit, role=AccountRole.MANAGER)
        with world.node.database.begin() as transaction:
            person = transaction.scalars(select(Person)).one().id
            key = {"name": "key", "credential": "abc", "public_key": b"", "uses": 0, "made_at": world.now}
            transaction.add(Passkey(person_id=person, used_at=None, **key))
        with another(visit) as other:
            assert other.sign_in("ana@people.example", PASSWORD).headers["location"] == "/account/second-factor"
            assert "Sign in with your passkey" in other.get("/account/second-factor").text
            csrf = re.search(r'name="csrf" value="([^"]+)"', other.get("/account").text)
            assert csrf
            done = other.post("/account/second-factor", csrf=csrf[1], setup="", code="")
            assert done.headers["location"] == "/account/second-factor"
            assert other.get("/today").headers["location"] == "/account/second-factor"


def test_a_leaked_password_is_not_taken(world: World) -> None:
    leaked = world.folder / "leaked.txt"
    hashed = hashlib.sha1(OTHER.encode(), usedforsecurity=False).hexdigest().upper()
    leaked.write_text(f"{'0' * 40}:3\n{hashed}:1\n{'F' * 40}:2\n")
    with (world.node.home / "tocsin.toml").open("a") as settings:
        settings.write(f'[accounts]\nleaked_passwords = "{leaked}"\n')
    world = World(world.folder, open_node(world.node.home))
    with visits(world) as visit:
        joined(visit)
        refused = visit.send("/account", "/account/password", current=PASSWORD, password=OTHER)
        assert refused.status_code == 422
        assert "stolen passwords" in refused.text
        taken = visit.send("/account", "/account/password", current=PASSWORD, password=f"{OTHER} 7")
        assert taken.headers["location"] == "/account?done=password"


def test_a_token_is_told_of_by_mail_and_outlives_no_taking_back(world: World) -> None:
    """Who sat down at an open browser does not keep a way in that its person never hears of."""
    with visits(world) as visit:
        joined(visit)
        made = visit.send("/account/tokens", "/account/tokens", name="robot", scope="lookup", days="30")
        secret = re.search(r"tcs_[\w-]{43}", made.text)
        assert secret
        mail = letters_to(world, "ana@people.example")[-1]
        assert mail.subject == "A token for programs was made for your account at CSIRT Example"
        assert secret[0] not in mail.body
        headers = {"authorization": f"Bearer {secret[0]}"}
        with another(visit) as program:
            assert program.client.get("/api/v1/lookup?query=192.0.2.1", headers=headers).status_code == 200
            number = re.search(r'name="token" value="(\d+)"', visit.get("/account/tokens").text)
            assert number
            visit.send("/account/tokens", "/account/tokens/revoke", token=number[1])
            assert program.client.get("/api/v1/lookup?query=192.0.2.1", headers=headers).status_code == 401

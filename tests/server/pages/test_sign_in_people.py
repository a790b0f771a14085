"""People on the command line, and their letters on their way: an invitation arrives, and lets in whom it should."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from support.mail_server import post_office
from support.sign_in_browsers import OTHER, PASSWORD, another, path_of, visits
from support.world import World, copy_world
from tocsin.server.security import COOKIE


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_from_nobody_to_a_node_with_people(world: World) -> None:
    tocsin = world.tocsin
    assert tocsin.json("people", "list") == []
    first = tocsin.json("people", "first")["link"]
    assert tocsin.json("people", "first")["link"] == first
    with visits(world) as visit:
        visit.post(path_of(first), name="Ana", mailbox="ana@people.example", password=PASSWORD)
        assert tocsin.call("people", "first")[0] == 1
        invited = tocsin.json("people", "invite", "bo@people.example", "operator", "--team", "operator")["link"]
        with another(visit) as bo:
            bo.post(path_of(invited), name="Bo", password=PASSWORD)
            assert bo.is_in()
            people = tocsin.json("people", "list")
            assert [(one["name"], one["role"], len(one["teams"])) for one in people] == [
                ("Ana", "administrator", 0),
                ("Bo", "operator", 1),
            ]
            tocsin.run("people", "role", "bo@people.example", "auditor")
            assert not bo.is_in()
            bo.sign_in("bo@people.example", PASSWORD)
            assert bo.is_in()
            tocsin.run("people", "block", "2")
            assert not bo.is_in()
            assert bo.sign_in("bo@people.example", PASSWORD).status_code == 422
            tocsin.run("people", "unblock", "2")
            link = tocsin.json("people", "reset", "bo@people.example", "--second-factor")["link"]
            bo.post(path_of(link), password=OTHER)
            assert bo.sign_in("bo@people.example", OTHER).status_code == 303
            assert tocsin.call("people", "remove", "2")[0] == 2
            tocsin.run("people", "remove", "2", "--yes")
            assert not bo.is_in()
        for refused in (("block", "1"), ("remove", "1", "--yes"), ("role", "1", "analyst")):
            assert tocsin.call("people", *refused)[0] == 1
        for unknown in ("2", "99999999999999999999", "no@people.example"):
            assert tocsin.call("people", "block", unknown)[0] == 1
    assert [one["name"] for one in tocsin.json("people", "list")] == ["Ana"]


def test_an_invitation_arrives_though_first_mails_are_held(world: World) -> None:
    with post_office() as office:
        path = world.node.home / "tocsin.toml"
        mail = f'[mail]\nchannel = "smtp"\nport = {office.port}\nsecurity = "none"\n'
        path.write_text(path.read_text() + mail)
        link = world.tocsin.json("people", "invite", "ana@people.example", "analyst")["link"]
        world.tocsin.run("deliver")
        ((recipients, content),) = office.arrived
    message = message_from_bytes(content, policy=policy.default)
    text = message.get_body().get_content()  # type: ignore[union-attr]  # it has one
    assert recipients == ["ana@people.example"]
    assert message["Subject"] == "Your account at CSIRT Example"
    assert link in text
    assert max(map(len, re.sub(r"https://\S+", "", text).splitlines())) <= 76


def test_behind_https_the_cookies_are_bound_to_the_host(world: World) -> None:
    link = world.tocsin.json("people", "first")["link"]
    with visits(world) as visit:
        visit.client.headers["X-Forwarded-Proto"] = "https"
        given = visit.post(path_of(link), name="Ana", mailbox="ana@people.example", password=PASSWORD)
    cookies = given.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "Domain" not in cookie
    assert cookies[0].startswith(f"__Host-{COOKIE}=")

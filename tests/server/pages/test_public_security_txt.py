"""What programs ask the server for: its security.txt, read by a reader of RFC 9116; robots.txt; the icon."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.world import START, World, copy_world
from tocsin.directory.registry.security_txt import parse_security_txt, why_not


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_our_own_security_txt_is_good_and_names_who_to_write_to(world: World) -> None:
    world.tocsin.run("keys", "node-make", "--format", "openpgp")
    world.now = datetime.now(UTC) + timedelta(days=1)  # the key is of today
    place = "https://csirt.example/.well-known/security.txt"
    with world.open:
        client = world.client(public=True)
        answer = client.get("/.well-known/security.txt")
        key = client.get("/.well-known/openpgp.asc")
    found = parse_security_txt(answer.text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert why_not(found, place, now=world.now) == ""
    assert not found.refused
    assert found.all("contact") == ["mailto:csirt@localhost", "https://csirt.example/report"]
    assert found.all("canonical") == [place]
    assert found.expires is not None
    assert 30 < (found.expires - world.now).days < 365
    assert found.all("encryption")[0] == "https://csirt.example/.well-known/openpgp.asc"
    assert key.text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert "PRIVATE" not in key.text


def test_a_node_without_key_or_address_says_less(world: World) -> None:
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace('url = "https://csirt.example"', ""))
    plain = copy_world(world.folder, world.folder.with_name("plain"))
    with plain.open:
        client = plain.client(public=True)
        found = parse_security_txt(client.get("/.well-known/security.txt").text)
        assert client.get("/.well-known/openpgp.asc").status_code == 404
    assert why_not(found, "", now=START) == ""
    assert not found.all("encryption") + found.all("canonical") + found.all("policy")


def test_first_page_robots_and_icon(world: World) -> None:
    with world.open:
        client = world.client(public=True)
        assert client.get("/").headers["location"] == "/help"
        assert "Disallow: /\n" in client.get("/robots.txt").text
        assert client.get("/favicon.ico", follow_redirects=True).headers["content-type"].startswith("image/svg")

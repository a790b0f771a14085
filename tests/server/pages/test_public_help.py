"""Find a team: whoever asks is led to the right public team, and learns nothing that is not public."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.browser import browser
from support.world import START, World, copy_world, served, text_of
from tocsin.directory.public import is_role
from tocsin.server.server import make_application

MORE = """
[[team]]
key = "cert-mu"
name = "National CSIRT of Mauritius"
kind = "national"
country = "MU"
mailboxes = ["cert@cert.example", "jane.doe@cert.example"]
countries = ["MU"]
domains = ["gov.example"]
languages = ["en", "fr"]
hours = ["mon-fri 08:45-16:00"]

[[team]]
key = "secret-cert"
name = "Unseen Team"
kind = "sectoral"
mailboxes = ["cert@unseen.example"]
prefixes = ["198.51.100.0/24"]
"""


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    world = copy_world(fresh, tmp_path)
    (tmp_path / "more.toml").write_text(MORE)
    world.tocsin.run("directory", "import", tmp_path / "more.toml")
    return world


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with world.open:
        yield world.client(public=True)


def _ask(client: httpx.Client, about: str, value: str | None = None) -> httpx.Response:
    return client.get("/find", params={"about": about} | ({"value": value} if value is not None else {}))


@pytest.mark.parametrize(
    ("about", "value", "team", "why"),
    [
        ("address", "192.0.2.200", "Bank Sector Team", "It answers for the network"),
        ("address", "192.0.2.128/26", "Bank Sector Team", "It answers for the network"),
        ("domain", "https://www.gov.example:8080/page?x=1", "National CSIRT of Mauritius", "this domain"),
        ("domain", "somebody@mail.gov.example", "National CSIRT of Mauritius", "this domain"),
        ("domain", "shop.mu", "National CSIRT of Mauritius", "answers for the country: Mauritius"),
        ("country", "MU", "National CSIRT of Mauritius", "answers for the country: Mauritius"),
    ],
)
def test_the_right_team_and_why(client: httpx.Client, about: str, value: str, team: str, why: str) -> None:
    page = text_of(_ask(client, about, value))
    assert f"{team} can help" in page
    assert why in page


def test_what_is_not_public_is_not_said(client: httpx.Client) -> None:
    page = text_of(_ask(client, "address", "192.0.2.5"))  # an operator answers for it, which is no public team
    assert "CSIRT Example can help" in page
    assert "Report it to us" in page
    assert "Example Operator" not in page
    assert "operator.example" not in page
    assert "jane.doe" not in text_of(_ask(client, "country", "MU"))
    assert client.get("/directory/operator").status_code == client.get("/directory/nobody-at-all").status_code == 404


def test_a_hidden_team_is_named_nowhere(world: World) -> None:
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace("[node]", '[node]\nhidden_teams = ["secret-cert"]'))
    hidden = copy_world(world.folder, world.folder.with_name("hidden"))
    with hidden.open:
        client = hidden.client(public=True)
        pages = [_ask(client, "address", "198.51.100.7"), client.get("/directory")]
        assert all("Unseen" not in page.text for page in pages)
        assert client.get("/directory/secret-cert").status_code == 404


def test_a_made_up_country_has_the_name_that_the_node_gives_it(world: World) -> None:
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace("[node]", '[node]\ncountry_names = { XA = "Kestria" }'))
    (world.folder / "exercise-asn.csv").write_text("193.0.0.0,193.0.0.255,64496,Harbour Telecom\n")
    (world.folder / "exercise-asn-country.csv").write_text("193.0.0.0,193.0.0.255,XA\n")
    for table in ("asn", "asn-country"):
        world.tocsin.run("networks", "load", world.folder / f"exercise-{table}.csv")
    named = copy_world(world.folder, world.folder.with_name(f"{world.folder.name}-named"))
    with named.open:
        page = text_of(_ask(named.client(public=True), "address", "193.0.0.7"))
    assert "belongs to Harbour Telecom (AS64496). They place it in: Kestria." in page


@pytest.mark.parametrize("value", ["", "999.1.1.1", "a b", "x" * 5_000, "<script>alert(1)</script>", "AS0"])
def test_a_wrong_address_keeps_what_was_typed(client: httpx.Client, value: str) -> None:
    page = _ask(client, "address", value)
    assert page.status_code == 422
    assert "Write one such as 192.0.2.1" in page.text
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("value", ["garbage??", "garbage", "a..example", "a b.example", "-x.example", "é??.example"])
def test_what_can_be_no_domain_is_refused(client: httpx.Client, value: str) -> None:
    page = _ask(client, "domain", value)
    assert page.status_code == 422
    assert "Write one such as example.org" in page.text


def test_the_own_connection_is_what_a_trusted_proxy_says(world: World) -> None:
    def asks(settings: str) -> str:
        path = world.node.home / "tocsin.toml"
        path.write_text(path.read_text().replace("[server]", f"[server]\n{settings}"))
        fresh = copy_world(world.folder, world.folder.with_name(f"proxied{len(settings)}"))
        with fresh.open:
            client = fresh.client(public=True)
            page = client.get("/find?about=connection", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.200"})
            assert page.headers["cache-control"] == "no-store"
            return text_of(page)

    assert "You reach us from 192.0.2.200" in asks("")  # the proxy's own word, not what its client claims
    assert "You reach us from 127.0.0.1" in asks("trusted_proxies = ['192.0.2.0/24']")


def test_public_pages_are_kept_a_while_and_set_no_cookie(client: httpx.Client) -> None:
    for path in ("/help", "/help/leak", "/find", "/directory", "/directory/cert-mu"):
        page = client.get(path)
        assert page.headers["cache-control"] == "public, max-age=300"
        assert page.headers["x-robots-tag"] == "all"
        assert "set-cookie" not in page.headers
        assert "<script>" not in page.text
        assert (
            sum(map(int, (page.headers["content-length"], client.get("/static/page.css").headers["content-length"])))
            < 25_000
        )


def test_the_directory_is_searched(client: httpx.Client) -> None:
    assert "5 teams in the directory" in text_of(client.get("/directory"))
    found = text_of(client.get("/directory?q=mauritius&kind=national"))
    assert "National CSIRT of Mauritius" in found
    assert "Bank Sector Team" not in found
    assert "No matches" in text_of(client.get("/directory?q=nothing-like-it&page=x"))


@pytest.mark.parametrize(
    ("mailbox", "key", "role"),
    [
        ("abuse@x.example", "", True), ("csirt@x.example", "", True), ("kest-cert@x.example", "", True),
        ("govcert@x.example", "", True), ("soc-team@x.example", "", True), ("cert-mu@x.example", "cert-mu", True),
        ("jane.doe@x.example", "", False), ("robert@x.example", "", False), ("j.lacerte@x.example", "", False),
    ],
)  # fmt: skip
def test_mailboxes_of_people_are_told_from_those_of_roles(mailbox: str, key: str, *, role: bool) -> None:
    assert is_role(mailbox, key) is role


def test_three_steps_by_keyboard_without_scripts(world: World) -> None:
    application = make_application(world.node, public=True, clock=lambda: START)
    with served(application) as port, browser(scripts=False) as page:
        page.open(f"http://127.0.0.1:{port}/find")
        page.read("document.getElementById('about-connection').focus()")
        page.press("Space", "Down")
        before = page.loads
        page.press("Enter")
        page.wait_for_load(before)
        assert page.read("document.title").startswith("Which address")
        page.read("document.getElementById('value').focus()")
        page.write("192.0.2.200")
        before = page.loads
        page.press("Enter")
        page.wait_for_load(before)
        assert page.read("document.querySelector('.standing').textContent") == "Bank Sector Team can help"


def test_signing_in_is_offered_where_one_can(world: World) -> None:
    with world.open:
        assert 'href="/sign-in"' in world.client().get("/help").text
        assert 'href="/sign-in"' not in world.client(public=True).get("/help").text


def test_a_profile_that_was_issued_is_public_but_for_names_of_people(world: World) -> None:
    (world.folder / "issued.toml").write_text(
        '[[team]]\nkey = "operator"\nname = "Example Operator"\nkind = "operator"\n'
        'mailboxes = ["abuse@operator.example"]\nprefixes = ["192.0.2.0/24"]\n'
        '[team.statements]\nmission = "We keep it running."\nmembers = "Jane Doe leads."\n'
    )
    world.tocsin.run("directory", "import", world.folder / "issued.toml")
    with world.open:
        client = world.client(public=True)
        assert client.get("/directory/operator").status_code == 404
        world.tocsin.run("directory", "profile", "operator", "--issue")
        page = text_of(client.get("/directory/operator"))  # it is a new team to the public at once
        assert "Version 1 of" in page
        assert "We keep it running." in page
        assert "192.0.2.0/24" in page
        assert "Jane Doe" not in page
        assert "Example Operator can help" in text_of(_ask(client, "address", "192.0.2.5"))


def test_an_answer_does_not_tell_whether_something_was_seen_there(world: World, client: httpx.Client) -> None:
    before = _ask(client, "address", "192.0.2.200").text
    assert world.hear("192.0.2.200").stored == 1
    world.tell()
    assert _ask(client, "address", "192.0.2.200").text == before

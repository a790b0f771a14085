"""Single sign-on against a real provider: who is let in, and every way in which its word does not hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import ValidationError
from sqlalchemy import select

from support.console_users import person
from support.openid_provider import CLIENT, SECRET, OpenIDProvider, code_of, openid_provider
from support.world import START, World, copy_world, make_world, served
from tocsin.node.accounts import AccountRole, Person, Provider, Session, invite, site_config_of
from tocsin.node.accounts.models import AccountElsewhere, Totp
from tocsin.node.errors import RemoteError
from tocsin.node.records import AuditEntry
from tocsin.node.settings import SingleSignOnSettings
from tocsin.node.tokens import open_tokens
from tocsin.server.server import make_application

OURS = "http://csirt.example"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("sso")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def provider() -> Iterator[OpenIDProvider]:
    with openid_provider(START) as running:
        yield running


@dataclass
class Visit:
    """A browser on its way to the provider and back."""

    client: httpx.Client
    out: str = ""

    def leave(self, wanted: str = "/account") -> str:
        """Go to the provider; the address that it leads back to."""
        self.out = self.client.get("/sign-in/elsewhere", params={"next": wanted}).headers["location"]
        back = httpx.get(self.out, trust_env=False, timeout=120).headers["location"]
        assert back.startswith(f"{OURS}/sign-in/elsewhere/back?")
        return back.removeprefix(OURS)

    def come(self, wanted: str = "/account") -> httpx.Response:
        """There and back."""
        return self.client.get(self.leave(wanted))


@contextmanager
def visit(world: World, provider: OpenIDProvider, **more: Any) -> Iterator[Visit]:
    secret = world.node.home / "provider.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    elsewhere = SingleSignOnSettings(
        issuer=provider.issuer, client_id=CLIENT, client_secret_file=str(secret), name="Ministry", **more
    )
    settings = world.node.settings
    update = {"single_sign_on": elsewhere, "server": settings.server.model_copy(update={"url": OURS})}
    world.node = replace(world.node, settings=settings.model_copy(update=update))
    with (
        served(make_application(world.node, clock=lambda: world.now)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client,
    ):
        yield Visit(client)


def _sessions(world: World) -> list[int]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(Session.person_id)))


def test_a_person_comes_in_by_the_mailbox_and_then_by_the_link(world: World, provider: OpenIDProvider) -> None:
    number = person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        assert "Sign in with Ministry" in there.client.get("/sign-in").text
        came = there.come("/today?day=1")
        assert (came.status_code, came.headers["location"]) == (303, "/today?day=1")
        assert there.client.get("/today").status_code == 200
        provider.email = "married@people.example"
        there.client.cookies.clear()
        assert there.come().status_code == 303
    assert _sessions(world) == [number, number]
    with world.node.database.reading() as session:
        kept = str([(row.subject, row.detail) for row in session.scalars(select(AuditEntry))])
    assert "people.example" not in kept


def test_what_is_asked_for_is_what_the_standards_want(world: World, provider: OpenIDProvider) -> None:
    with visit(world, provider) as there:
        there.leave()
        asked = code_of(there.out)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
        assert "verifier" not in there.out


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("nonce", {"claims": {"nonce": "other"}}),
    ("audience", {"claims": {"aud": "other"}}),
    ("also for others", {"claims": {"aud": [CLIENT, "other"], "azp": "other"}}),
    ("issuer", {"claims": {"iss": "https://elsewhere.example"}}),
    ("expired", {"claims": {"exp": int(START.timestamp()) - 61}}),
    ("no expiry", {"claims": {"exp": None}}),
    ("no subject", {"claims": {"sub": None}}),
    ("alg none", {"unsigned": True}),
    ("shared key", {"shared_key": True}),
]


def test_a_word_of_the_provider_that_does_not_hold(world: World, provider: OpenIDProvider) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    before = vars(provider).copy()
    taken = []
    with visit(world, provider) as there:
        for name, wrong in WRONG:
            vars(provider).update(before | wrong)
            if there.come().status_code != 502:
                taken.append(name)
    assert taken == []
    assert _sessions(world) == []


def test_a_token_that_another_signed(world: World, provider: OpenIDProvider) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        back = there.leave()
        right = provider.token
        body, signature = right(code_of(there.out)["nonce"]).rsplit(".", 1)
        provider.token = lambda nonce: f"{body}.{signature[:-6]}AAAAAA"  # type: ignore[method-assign]  # noqa: ARG005
        assert there.client.get(back).status_code == 502
    assert _sessions(world) == []


def test_the_way_back_is_taken_once_in_the_browser_that_left_and_in_time(
    world: World, provider: OpenIDProvider
) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        back = there.leave()
        kept = dict(there.client.cookies)
        there.client.cookies.clear()
        assert there.client.get(back).status_code == 403
        there.client.cookies.update(kept)
        assert there.client.get(back.replace("state=", "state=1")).status_code == 403
        assert there.client.get(back).status_code == 303
        there.client.cookies.update(kept)
        code = code_of(there.leave())["code"]
        there.client.cookies.clear()
        there.client.cookies.update(kept)
        again = back.replace(code_of(back)["code"], code)
        assert there.client.get(again).status_code in {403, 502}
        assert len(_sessions(world)) == 1
        late = there.leave()
        world.now = START + timedelta(minutes=11)
        assert there.client.get(late).status_code == 403
        assert there.client.get("/sign-in/elsewhere/back?error=access_denied").status_code == 403
        assert there.client.get(f"{late}&iss=https://elsewhere.example").status_code == 403


def test_a_page_elsewhere_sends_nobody_to_the_provider(world: World, provider: OpenIDProvider) -> None:
    """Who is signed in there would be signed in here without an act of theirs (ASVS 5, 7.6.2)."""
    with visit(world, provider) as browser:
        for site in ("cross-site", "same-site", "none"):
            asked = browser.client.get("/sign-in/elsewhere?next=/events%3Ftext%3Dx", headers={"sec-fetch-site": site})
            assert asked.headers["location"] == "/sign-in?next=%2Fevents%3Ftext%3Dx"
            assert not asked.cookies
        here = browser.client.get("/sign-in/elsewhere", headers={"sec-fetch-site": "same-origin"})
        assert here.headers["location"].startswith(provider.issuer)


def test_an_unverified_mailbox_opens_no_account(world: World, provider: OpenIDProvider) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        for verified in (False, None, "true", 1):
            provider.verified = verified
            assert there.come().status_code == 403, verified
    assert _sessions(world) == []


def test_a_mailbox_of_a_domain_that_is_not_taken(world: World, provider: OpenIDProvider) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider, domains=["gov.example"]) as there:
        assert there.come().status_code == 403


def test_a_stranger_gets_no_account_and_an_invited_one_gets_the_invited_role(
    world: World, provider: OpenIDProvider
) -> None:
    provider.email = "New@People.example"
    with visit(world, provider) as there:
        assert there.come().status_code == 403
        with world.node.database.begin() as session:
            assert session.scalar(select(Person)) is None
            house = site_config_of(world.node.settings, open_tokens(world.node.home))
            invite(session, house, "new@people.example", AccountRole.ASSESSOR, teams=[], actor="test", now=START)
        assert there.come().status_code == 303
    with world.node.database.reading() as session:
        made = session.scalars(select(Person)).one()
        assert (made.mailbox, made.role, made.password) == ("new@people.example", "assessor", "")
        assert session.scalars(select(AccountElsewhere.subject)).all() == ["s-1"]


def test_a_blocked_account_stays_closed(world: World, provider: OpenIDProvider) -> None:
    number = person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        assert there.come().status_code == 303
        with world.node.database.begin() as session:
            session.get_one(Person, number).blocked_at = START
        assert there.come().status_code == 403


@pytest.mark.parametrize(
    ("claims", "two", "first"), [({}, False, False), ({"amr": ["mfa"]}, False, True), ({}, True, True)]
)
def test_a_role_that_needs_two_factors(
    world: World, provider: OpenIDProvider, claims: dict[str, Any], two: bool, first: bool
) -> None:
    person(world.node, AccountRole.MANAGER, now=START)
    provider.email, provider.claims = "manager@people.example", claims
    with visit(world, provider, two_factors=two) as there:
        assert there.come().headers["location"] == ("/account" if first else "/account/second-factor")
        assert there.client.get("/today").status_code == (200 if first else 303)


def test_whoever_has_a_second_factor_here_gives_it_before_anything_is_linked(
    world: World, provider: OpenIDProvider
) -> None:
    number = person(world.node, AccountRole.ANALYST, now=START)
    with world.node.database.begin() as session:
        session.add(Totp(person_id=number, secret="x", step=0, made_at=START))
    with visit(world, provider) as there:
        came = there.come()
        assert came.status_code == 200
        assert 'action="/sign-in/code"' in came.text
    assert _sessions(world) == []
    with world.node.database.reading() as session:
        assert session.scalar(select(AccountElsewhere)) is None


def test_a_mailbox_that_is_said_beside_the_token(world: World, provider: OpenIDProvider) -> None:
    person(world.node, AccountRole.ANALYST, now=START)
    provider.in_userinfo = True
    with visit(world, provider) as there:
        assert there.come().status_code == 303


def test_a_new_key_of_the_provider_is_fetched(
    world: World, provider: OpenIDProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin.node.accounts import provider as module

    monkeypatch.setattr(module, "_RENEWED", -1.0)
    person(world.node, AccountRole.ANALYST, now=START)
    with visit(world, provider) as there:
        assert there.come().status_code == 303
        provider.rotate = True
        assert there.come().status_code == 303
    assert provider.calls == ["keys", "keys"]


def test_a_provider_that_does_not_answer(world: World, provider: OpenIDProvider) -> None:
    with visit(world, replace(provider, issuer="http://127.0.0.1:9")) as there:
        assert there.client.get("/sign-in/elsewhere").status_code == 502
        assert there.client.get("/sign-in").status_code == 200


@pytest.mark.parametrize("issuer", ["http://sso.example", "ftp://sso.example", "https://sso.example?x=1"])
def test_a_provider_in_the_clear_is_no_setting(issuer: str) -> None:
    with pytest.raises(ValidationError):
        SingleSignOnSettings(issuer=issuer, client_id="tocsin")


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_provider_with_a_short_key_signs_nobody_in(provider: OpenIDProvider) -> None:
    provider.key = RSAKey.generate_key(1_024, {"kid": "one"}, private=True)
    with pytest.raises(RemoteError, match="1,024 bits"):
        Provider(provider.issuer, CLIENT, SECRET).check()

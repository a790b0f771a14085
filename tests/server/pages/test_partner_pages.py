"""A partner on pages: read from its file, confirmed, checked; whoever only reads is offered nothing to press."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from support.console_users import Browser, browsers_of
from support.partner_examples import (
    CALL,
    NAME,
    NODE,
    fingerprint,
    named_by_the_old_key,
    packed,
    pin_expiring,
    profile,
)
from support.world import copy_world, text_of
from tocsin.node.accounts import AccountRole


@pytest.fixture(scope="module")
def partner(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Browser]]:
    """A node with a partner whose pinned key expires soon, as its manager and its analyst see it."""
    world = copy_world(fresh, tmp_path_factory.mktemp("partner"))
    with world.open, browsers_of(pin_expiring(world), AccountRole.MANAGER, AccountRole.ANALYST) as browsers:
        yield browsers


def upload(browser: Browser, content: bytes) -> httpx.Response:
    """A file that a partner sent."""
    data, files = {"csrf": browser.csrf}, {"file": ("invitation.zip", content)}
    return browser.client.post("/partners/profile", data=data, files=files, follow_redirects=False)


def test_a_partner_is_added_from_its_file_confirmed_and_checked(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open, browsers_of(world, AccountRole.MANAGER, AccountRole.ANALYST) as (manager, analyst):
        form = manager.get("/partners/profile")
        assert 'type="file"' in form.text
        wrong = upload(manager, b"PK")
        assert (wrong.status_code, "This is no invitation" in text_of(wrong)) == (409, True)
        done = upload(manager, packed(profile(world)))
        path = done.headers["location"].partition("?")[0]
        shown = text_of(analyst.get(path))
        assert ("Not confirmed" in shown, "No confirmed key" in shown, "Confirm key" in shown) == (True, True, False)
        assert NAME in text_of(analyst.get("/partners?need=claimed"))
        confirm = f"{path}/keys/1/confirm"
        assert fingerprint()[:4].upper() in text_of(manager.get(confirm))
        refused = manager.send(confirm, **CALL | {"evidence": ""})
        assert (refused.status_code, CALL["said_by"] in refused.text) == (409, True)
        assert analyst.send(confirm, **CALL).status_code == 404
        assert manager.send(confirm, **CALL).status_code == 303
        assert "Check due" in text_of(analyst.get(path))
        assert manager.send(f"{path}/check", way="signed-mail", result="answered", once="1").status_code == 303
        assert NAME in text_of(analyst.get("/partners?state=works"))
        assert manager.send(f"{path}/change", name=NAME, node=str(NODE), hours="8 to 17").status_code == 303
        shown = text_of(analyst.get(path))
        assert ("8 to 17" in shown, "team@cert.aland.example" in shown, "Works" in shown) == (True, False, True)
        manager.send(f"{path}/keys/1/end", why="compromised", reason="Ada rang")
        assert "Compromised" in text_of(analyst.get(path))


def test_a_token_of_a_partner_is_shown_once_and_revoked(partner: list[Browser]) -> None:
    manager, analyst = partner
    path, secrets = "/partners/1/access", list[str]()
    assert "No active token" in text_of(analyst.get(path))
    assert analyst.send("/partners/1/tokens", protocol="taxii", scopes="read").status_code == 404
    assert "Choose what it may do." in text_of(manager.send("/partners/1/tokens", protocol="taxii"))
    for _ in range(2):
        made = manager.send("/partners/1/tokens", protocol="taxii", scopes="read")
        secrets += re.findall(r"tcf[A-Za-z0-9]{37}", made.text)
        assert "not shown again" in made.text
    shown = analyst.get(path)
    assert ("1 active token" in text_of(shown), len(set(secrets)), any(one in shown.text for one in secrets)) == (
        True, 2, False,
    )  # fmt: skip
    for _ in range(2):
        assert manager.send("/partners/1/tokens/revoke", protocol="taxii").status_code == 303
    assert "No active token" in text_of(manager.get(path))


def test_a_key_and_an_attestation_that_expire_soon_are_found_and_what_is_missing_is_recorded(
    fresh: Path, tmp_path: Path
) -> None:
    world = copy_world(fresh, tmp_path)
    pin_expiring(world)
    rules = world.folder / "rules.toml"
    rules.write_text('[[transfer]]\nid = "nda"\nclass = "evidence"\nrequires = "NDA"\nsend = "hash"\n')
    world.tocsin.run("rules", "set", rules, "--why", "Contract")
    with world.open, browsers_of(world, AccountRole.MANAGER, AccountRole.ANALYST) as (manager, analyst):
        assert NAME in text_of(analyst.get("/partners?need=expiring"))
        shown = text_of(analyst.get("/partners/1"))
        assert ("required by the rule nda" in shown, "Record it" in shown) == (True, False)
        link = "/partners/1/attest?attestation=NDA"
        assert link in manager.get("/partners/1").text
        assert 'value="NDA"' in manager.get(link).text
        said = {"attestation": "NDA", "issuer": "Ada, director"}
        assert "Write who issued it." in text_of(manager.send("/partners/1/attest", attestation="NDA"))
        assert analyst.send("/partners/1/attest", **said).status_code == 404
        soon = f"{world.now + timedelta(days=9):%Y-%m-%dT%H:%M}"
        assert manager.send("/partners/1/attest", **said, expires=soon).status_code == 303
        shown = text_of(analyst.get("/partners/1"))
        assert ("Ada, director" in shown, "Soon" in shown, "Missing" in shown) == (True, True, False)
        assert NAME in text_of(analyst.get("/partners?need=attestation"))
        assert manager.send("/partners/1/unattest", attestation="nda").status_code == 303
        assert "required by the rule nda" in text_of(analyst.get("/partners/1"))


def test_a_key_that_the_old_one_vouches_for_is_confirmed_by_one_act(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    named_by_the_old_key(world)
    with world.open, browsers_of(world, AccountRole.MANAGER) as (manager,):
        assert "names this one as its replacement" in text_of(manager.get("/partners/1"))
        assert CALL["said_by"] in text_of(manager.get("/partners/1/keys/2/accept")), "how the old one was confirmed"
        assert manager.send("/partners/1/keys/2/accept").status_code == 303
        shown = text_of(manager.get("/partners/1"))
        assert ("Replaced by another key" in shown, "names this one" in shown) == (True, False)

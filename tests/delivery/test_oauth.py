"""Mail accounts that take access tokens and no password: asked for, renewed, and never shown."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.https_server import Answer, web_server
from support.imap_server import imap_server
from support.mail_server import PostOffice, post_office
from support.token_server import TokenProvider
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.delivery.mailbox import account_of, open_mailbox
from tocsin.node.errors import RemoteError, StorageError
from tocsin.node.oauth import AccessTokens, bearer_answer
from tocsin.node.oauth_settings import OAuthSettings
from tocsin.node.settings import MailboxSettings

USER = "csirt@example.org"


@pytest.fixture
def provider() -> Iterator[TokenProvider]:
    with web_server(None) as server:
        yield TokenProvider(server)


def files(folder: Path, provider: TokenProvider, **secrets: str) -> dict[str, str]:
    for name, secret in secrets.items():
        (folder / name).touch(0o600)
        (folder / name).write_text(f"{secret}\n")
    placed = {f"{name}_file": str(folder / name) for name in secrets}
    return {"token_url": provider.url, "client_id": "a:b", "scope": "mail offline", **placed}


def test_tokens_are_asked_for_renewed_and_kept_until_they_end(provider: TokenProvider, tmp_path: Path) -> None:
    provider.refresh = ["first"]
    settings = OAuthSettings(**files(tmp_path, provider, client_secret="s3cret/+", refresh_token="first"))
    tokens = AccessTokens()

    assert [tokens.get(settings), tokens.get(settings)] == ["access-0", "access-0"]
    tokens.forget(settings)
    provider.lasts = "30"  # shorter than it takes to use one
    assert [tokens.get(settings), tokens.get(settings)] == ["access-1", "access-2"]

    assert [form["refresh_token"] for form in provider.forms()] == ["first", "refresh-1", "refresh-2"]
    assert {(form["grant_type"], form["scope"]) for form in provider.forms()} == {("refresh_token", "mail offline")}
    asked = provider.server.asked[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(asked) == b"a%3Ab:s3cret%2F%2B"
    kept = tmp_path / "refresh_token"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("refresh-3\n", 0o600)

    provider.refresh.append("another")
    with pytest.raises(RemoteError, match="gives no access token: invalid_grant") as caught:
        tokens.get(settings)
    assert "refresh-3" not in f"{caught.value}{caught.value.hint}"
    assert kept.read_text() == "refresh-3\n"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"access_token": "a\\nb"}', b"x" * 200_000, b"[" * 90_000])
def test_an_answer_that_holds_no_token_is_an_error(provider: TokenProvider, tmp_path: Path, body: bytes) -> None:
    provider.server.pages["/token"] = Answer(body)
    settings = OAuthSettings(**files(tmp_path, provider, client_secret="s3cret"))
    with pytest.raises(RemoteError, match="gives no access token"):
        AccessTokens().get(settings)


def test_a_mailbox_is_opened_with_a_token(provider: TokenProvider, tmp_path: Path) -> None:
    given = files(tmp_path, provider, client_secret="s3cret")
    with imap_server(introspection=provider.server.url("/introspect")) as server:
        server.put(b"Subject: one\r\n\r\nHello\r\n", user=USER)
        account = account_of(MailboxSettings(host="127.0.0.1", port=server.port, security="none", user=USER, **given))
        with open_mailbox(account) as mailbox:
            assert len(list(mailbox.waiting())) == 1
        provider.active.clear()  # withdrawn: the one that is kept is refused, and the next is new
        with pytest.raises(StorageError, match="cannot be used") as caught, open_mailbox(account):
            pass
        with open_mailbox(account) as mailbox:
            assert len(list(mailbox.waiting())) == 1

    assert [form["grant_type"] for form in provider.forms()] == ["client_credentials"] * 2
    assert not any(secret in f"{caught.value}{account!r}" for secret in ("s3cret", *provider.given))


@pytest.fixture
def post(provider: TokenProvider) -> Iterator[PostOffice]:
    with post_office(tokens=provider.active) as office:
        yield office


def test_mails_leave_with_a_token(provider: TokenProvider, post: PostOffice, tmp_path: Path) -> None:
    settings = post.settings(user=USER, **files(tmp_path, provider, client_secret="s3cret"))
    assert not SmtpChannel(settings).probe()
    assert post.logins == [(USER.encode(), provider.given[0].encode())]

    provider.active.clear()
    problem = SmtpChannel(settings).probe()
    assert "cannot be used: 535" in problem
    assert provider.given[0] not in problem
    assert not SmtpChannel(settings).probe()

    provider.server.pages["/token"] = Answer(status=503)
    provider.active.clear()
    SmtpChannel(settings).probe()
    assert "gives no access token: " in SmtpChannel(settings).probe()


def test_a_user_cannot_say_more_than_its_name() -> None:
    said = bearer_answer("OAUTHBEARER", "a,b=c", "token", "mail.example", 993)
    assert said == "n,a=a=2Cb=3Dc,\x01host=mail.example\x01port=993\x01auth=Bearer token\x01\x01"

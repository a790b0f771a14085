"""The mailbox on a real IMAP server: read in order, moved, never deleted, and each refusal said in words."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.imap_server import ImapServer, imap_server
from support.mail_server import made_certificate
from tocsin.delivery.mailbox import Account, account_of, open_mailbox
from tocsin.node.errors import SettingError, StorageError
from tocsin.node.settings import MailboxSettings

MAILS = [f"Subject: number {number}\r\n\r\nHello {number}\r\n".encode() for number in range(3)]


@pytest.fixture(scope="module")
def server() -> Iterator[ImapServer]:
    with imap_server() as started:
        yield started


def test_mails_wait_in_order_and_are_moved_one_by_one(server: ImapServer) -> None:
    server.put(*MAILS, user="one")

    with open_mailbox(server.account("one")) as mailbox:
        seen = []
        for received in mailbox.waiting():
            seen.append(received.raw)
            mailbox.move(received.uid, "read")
        assert seen == MAILS
        assert list(mailbox.waiting()) == []

    assert server.mails("INBOX", "one") == []
    assert server.mails("read", "one") == MAILS


def test_looking_changes_nothing(server: ImapServer) -> None:
    server.put(*MAILS, user="two")

    for _ in range(2):
        with open_mailbox(server.account("two")) as mailbox:
            assert [(one.raw, one.size, one.too_large) for one in mailbox.waiting()] == [
                (mail, len(mail), False) for mail in MAILS
            ]


def test_of_a_mail_that_is_too_large_only_the_headers_come(server: ImapServer) -> None:
    large = b"Subject: large\r\n\r\n" + b"x" * 78 * 200
    server.put(large, MAILS[0], user="three")

    with open_mailbox(server.account("three", max_bytes=10_000)) as mailbox:
        found = list(mailbox.waiting())

    assert [(one.too_large, one.size) for one in found] == [(True, len(large)), (False, len(MAILS[0]))]
    assert found[0].raw == b"Subject: large\r\n\r\n"


def test_a_server_without_move_loses_nothing() -> None:
    with imap_server(without=("MOVE",)) as server:
        server.put(*MAILS)
        with open_mailbox(server.account()) as mailbox:
            mailbox.move(next(iter(mailbox.waiting())).uid, "read")
        assert server.mails("read") == MAILS[:1]
        assert server.mails() == MAILS[1:]


def test_without_uidplus_a_moved_mail_stays_marked_and_is_not_read_again() -> None:
    with imap_server(without=("MOVE", "UIDPLUS")) as server:
        server.put(*MAILS)
        with open_mailbox(server.account()) as mailbox:
            mailbox.move(next(iter(mailbox.waiting())).uid, "read")
            assert [one.raw for one in mailbox.waiting()] == MAILS[1:]
        assert server.mails("read") == MAILS[:1]
        assert server.mails() == MAILS


def test_tls_from_the_start_and_by_upgrade(tmp_path: Path) -> None:
    _, trusting = made_certificate(tmp_path)
    with imap_server(certificate=tmp_path) as server:
        server.put(MAILS[0])
        for security in ("tls", "starttls"):
            account = server.account(security=security)
            with open_mailbox(account, tls=trusting) as mailbox:
                assert [one.raw for one in mailbox.waiting()] == MAILS[:1]
            with pytest.raises(StorageError, match="certificate"), open_mailbox(account):
                pass


def test_refusals_are_said_in_words_without_the_password(server: ImapServer) -> None:
    wrong = Account("127.0.0.1", "csirt", "not-this-one", port=server.port, security="none")
    closed = Account("127.0.0.1", "csirt", port=1, security="none")
    nowhere = server.account(folder="not-there")
    for account in (wrong, closed, nowhere):
        with pytest.raises(StorageError, match="cannot be used") as caught, open_mailbox(account):
            pass
        assert "not-this-one" not in f"{caught.value} {caught.value.hint} {account!r}"


def test_what_the_caller_raises_is_not_taken_for_the_servers(server: ImapServer) -> None:
    with pytest.raises(ValueError, match="mine"), open_mailbox(server.account("four")):
        raise ValueError("mine")


def test_the_account_of_the_settings(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    settings = MailboxSettings(host="imap.example.org", user="csirt", password_file=str(secret))

    assert account_of(settings).password == "geheim"
    with pytest.raises(SettingError, match="No IMAP account"):
        account_of(MailboxSettings())
    secret.chmod(0o644)
    with pytest.raises(SettingError, match="read by others"):
        account_of(settings)
    shutil.rmtree(tmp_path)
    with pytest.raises(SettingError, match="cannot be read"):
        account_of(settings)

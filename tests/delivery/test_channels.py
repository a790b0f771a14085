"""Both channels keep one contract; the SMTP channel against a real server."""

import email
import email.policy
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.mail_server import PostOffice, made_certificate, post_office
from tocsin.delivery import Channel, Mail, MailOutcome, open_channel, reach_smtp
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.node.errors import SettingError, StorageError
from tocsin.node.settings import MailSettings, Settings


def mail(number: int = 1, *, part: int = 1, parts: int = 1, to: tuple[str, ...] = ("noc@isp.example",)) -> Mail:
    identity = f"<TOC-2026-{number:07d}.{part}@csirt.example>"
    head = f"Subject: {number}\r\nTo: {', '.join(to)}\r\nMessage-ID: {identity}\r\n\r\n"
    content = head.encode() + b"text\r\n.a line that starts with a dot\r\n"
    return Mail(f"TOC-2026-{number:07d}", part, parts, identity, "csirt@csirt.example", to, "2026-11-24", content)


Opened = tuple[Channel, Callable[[], list[bytes]]]


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(params=["file", "smtp"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, office: PostOffice) -> Iterator[Opened]:
    """A channel, and what has left through it."""
    if request.param == "file":
        folder = tmp_path / "mails"
        yield FileChannel(folder), lambda: [path.read_bytes() for path in sorted(folder.rglob("*.eml"))]
    else:
        channel = SmtpChannel(office.settings())
        yield channel, lambda: [content for _, content in office.arrived]
        channel.close()


def test_what_is_given_leaves_whole_and_in_order(opened: Opened) -> None:
    channel, left = opened
    mails = [mail(1), mail(2, part=1, parts=2), mail(2, part=2, parts=2), mail(3)]
    receipts = channel.send(mails)
    channel.close()

    assert [receipt.outcome for receipt in receipts] == [MailOutcome.SENT] * 4
    assert left() == [one.content for one in mails]


def test_the_same_mail_again_is_recognisable(opened: Opened) -> None:
    channel, left = opened
    first = channel.send([mail(1)])
    again = channel.send([mail(1)])
    channel.close()

    found = [email.message_from_bytes(content, policy=email.policy.default)["Message-ID"] for content in left()]
    assert set(found) == {mail(1).message_id}
    assert first == again


def test_a_closed_channel_can_be_used_again(opened: Opened) -> None:
    channel, left = opened
    channel.close()
    channel.send([mail(1)])
    channel.close()
    channel.send([mail(2)])
    channel.close()

    assert len(left()) == 2


def test_files_are_found_by_day_and_reference(tmp_path: Path) -> None:
    (whole, part) = FileChannel(tmp_path).send([mail(7), mail(8, part=2, parts=3)])

    assert (whole.path, part.path) == ("2026-11-24/TOC-2026-0000007.eml", "2026-11-24/TOC-2026-0000008-2of3.eml")
    assert [path.name for path in tmp_path.rglob("*.part")] == []


def test_a_disk_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "mails").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match="cannot be written"):
        FileChannel(tmp_path / "mails").send([mail()])


def test_one_connection_carries_many_mails(office: PostOffice) -> None:
    with closing(SmtpChannel(office.settings())) as channel:
        for number in range(5):
            channel.send([mail(number)])

    assert (office.connections, len(office.arrived)) == (1, 5)


@pytest.mark.parametrize(
    ("at_rcpt", "answer", "outcome", "waiting"),
    [
        (True, "550 5.1.1 No such user", MailOutcome.REFUSED, ()),
        (True, "450 4.2.0 Greylisted", MailOutcome.LATER, ("noc@isp.example",)),
        (False, "552 5.3.4 Too large", MailOutcome.REFUSED, ()),
        (False, "452 4.3.1 Disk full", MailOutcome.LATER, ()),
    ],
)
def test_refused_for_now_and_for_good_are_told_apart(
    office: PostOffice, at_rcpt: bool, answer: str, outcome: MailOutcome, waiting: tuple[str, ...]
) -> None:
    office.refused = {"noc@isp.example": answer} if at_rcpt else {}
    office.data_answers = [] if at_rcpt else [answer]
    with closing(SmtpChannel(office.settings())) as channel:
        (receipt,) = channel.send([mail()])
        (after,) = channel.send([mail(2, to=("other@isp.example",))])

    assert (receipt.outcome, receipt.waiting) == (outcome, waiting)
    assert answer in receipt.detail
    assert after.outcome is MailOutcome.SENT


def test_one_of_two_mailboxes_refused_for_now_is_the_only_one_left(office: PostOffice) -> None:
    office.refused = {"b@isp.example": "451 4.7.1 Try later"}
    with closing(SmtpChannel(office.settings())) as channel:
        (receipt,) = channel.send([mail(to=("a@isp.example", "b@isp.example"))])

    assert (receipt.outcome, receipt.waiting) == (MailOutcome.LATER, ("b@isp.example",))
    assert [to for to, _ in office.arrived] == [["a@isp.example"]]


def test_one_of_two_mailboxes_refused_for_good_does_not_hold_the_other(office: PostOffice) -> None:
    office.refused = {"b@isp.example": "550 5.1.1 No such user"}
    with closing(SmtpChannel(office.settings())) as channel:
        (receipt,) = channel.send([mail(to=("a@isp.example", "b@isp.example"))])

    assert receipt.outcome is MailOutcome.SENT
    assert "b@isp.example: 550" in receipt.detail


def test_a_server_that_ends_the_connection_gets_a_new_one(office: PostOffice) -> None:
    with closing(SmtpChannel(office.settings())) as channel:
        channel.send([mail(1)])
        office.data_answers = ["421 4.7.0 Enough for now"]
        (receipt,) = channel.send([mail(2)])
        office.data_answers = ["421 4.7.0 Enough", "421 4.7.0 Enough"]
        (tired,) = channel.send([mail(3)])

    assert (receipt.outcome, tired.outcome) == (MailOutcome.SENT, MailOutcome.LATER)
    assert len(office.arrived) == 2


def test_no_server_is_not_a_refusal() -> None:
    with post_office() as gone:
        settings = gone.settings()
    with closing(SmtpChannel(settings)) as channel:
        (receipt,) = channel.send([mail()])

    assert receipt.outcome is MailOutcome.DOWN
    assert f"127.0.0.1:{settings.port}" in receipt.detail
    assert reach_smtp(settings)[0] is False


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_connections_are_protected_and_certificates_checked(tmp_path: Path, security: str) -> None:
    server, trusting = made_certificate(tmp_path)
    with post_office(server, implicit=security == "tls") as office:
        settings = office.settings(security=security)
        with closing(SmtpChannel(settings, tls=trusting)) as channel:
            (sent,) = channel.send([mail()])
        with closing(SmtpChannel(settings, tls=ssl.create_default_context())) as channel:
            (refused,) = channel.send([mail()])

    assert (sent.outcome, refused.outcome) == (MailOutcome.SENT, MailOutcome.DOWN)
    assert "certificate verify failed" in refused.detail
    assert len(office.arrived) == 1


def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(office: PostOffice) -> None:
    with closing(SmtpChannel(office.settings(security="starttls"))) as channel:
        (receipt,) = channel.send([mail()])

    assert receipt.outcome is MailOutcome.DOWN
    assert office.arrived == []


def test_the_password_comes_from_a_file_that_only_the_user_can_read(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    with pytest.raises(SettingError, match="can be read by others"):
        open_channel(Settings(mail=MailSettings(channel="smtp", password_file=str(secret))), tmp_path)
    with pytest.raises(SettingError, match="cannot be read"):
        open_channel(Settings(mail=MailSettings(channel="smtp", password_file=str(tmp_path / "missing"))), tmp_path)

    secret.chmod(0o600)
    with post_office(login=True) as office:
        mail_settings = office.settings(user="tocsin", password_file=str(secret))
        with closing(open_channel(Settings(mail=mail_settings), tmp_path)) as channel:
            (sent,) = channel.send([mail()])
        secret.write_text("wrong\n")
        with closing(open_channel(Settings(mail=mail_settings), tmp_path)) as channel:
            (refused,) = channel.send([mail()])
        assert reach_smtp(mail_settings)[0] is False

    assert (sent.outcome, refused.outcome) == (MailOutcome.SENT, MailOutcome.DOWN)
    assert office.logins[0] == (b"tocsin", b"secret")
    assert "535" in refused.detail


def test_the_settings_name_the_channel(tmp_path: Path, office: PostOffice) -> None:
    assert open_channel(Settings(), tmp_path).name == "file"
    assert open_channel(Settings(mail=MailSettings(channel="smtp")), tmp_path).name == "smtp"
    assert reach_smtp(office.settings())[0] is True

"""Letters: sent once under one Message-ID, tried again, held and counted like digests; nothing is injected by them."""

import email
import email.policy
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from support.delivery_examples import NOW, UNLIMITED, Told, node, team
from support.delivery_kills import killed
from support.mail_server import PostOffice, post_office
from tocsin.delivery import DeliverySummary, deliver, letters
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.node.letters import Letter, LetterState, empty_letters, queue_letter
from tocsin.node.records import AuditEntry, Database
from tocsin.node.tell_settings import TellSettings


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


def ask(
    database: Database, *keys: str, mailbox: str = "noc@isp.example", answers: str = "", reply_to: str = ""
) -> None:
    with database.begin() as session:
        for key in keys:
            assert queue_letter(
                session,
                key=key,
                kind="verify",
                mailbox=mailbox,
                subject=f"Please confirm: {key}",
                body=f"Is {key} yours?\n",
                now=NOW,
                answers=answers,
                reply_to=reply_to,
            )


def send(
    database: Database, channel: FileChannel | SmtpChannel, hours: float = 0, tell: TellSettings = UNLIMITED
) -> DeliverySummary:
    at = NOW + timedelta(hours=hours)
    return deliver(database, teams={1: team()}, events_of=Told({}), channel=channel, node=node(tell=tell), now=at)


def rows(database: Database) -> list[Letter]:
    with database.begin() as session:
        return list(reversed(letters(session)))


def read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def test_a_letter_leaves_once_as_plain_text_that_robots_do_not_answer(database: Database, office: PostOffice) -> None:
    ask(database, "a", "é", reply_to="desk@csirt.example", answers="<1@isp.example>")
    first = send(database, SmtpChannel(office.settings()))
    again = send(database, SmtpChannel(office.settings()), hours=1)

    assert (first.letters, again.letters, first.digests) == (2, 0, 0)
    messages = [read(content) for _, content in office.arrived]
    assert [to for to, _ in office.arrived] == [["noc@isp.example"]] * 2
    assert [message["Subject"] for message in messages] == ["Please confirm: a", "Please confirm: é"]
    assert messages[0].get_content() == "Is a yours?\r\n"
    assert messages[0]["Auto-Submitted"] == "auto-generated"
    assert (messages[0]["Reply-To"], messages[0]["In-Reply-To"]) == ("desk@csirt.example", "<1@isp.example>")
    assert [message["Message-ID"] for message in messages] == [letter.message_id for letter in rows(database)]
    with database.begin() as session:
        assert session.scalars(select(AuditEntry.word)).all() == ["letter.sent"] * 2


def test_a_refused_letter_is_tried_again_and_one_that_cannot_be_addressed_is_given_up(
    database: Database, office: PostOffice
) -> None:
    ask(database, "later")
    ask(database, "nowhere", mailbox="no mailbox")
    office.data_answers = ["451 4.3.0 Not now"]
    first = send(database, SmtpChannel(office.settings()))
    early = send(database, SmtpChannel(office.settings()), hours=0.05)
    second = send(database, SmtpChannel(office.settings()), hours=0.1)

    assert (first.later, first.failed, early.letters, second.letters) == (1, 1, 0, 1)
    sent, lost = rows(database)
    assert (sent.state, sent.attempts, len(office.arrived)) == (LetterState.SENT, 1, 1)
    assert (lost.state, lost.error) == (LetterState.FAILED, "No mail can be addressed to this email address.")


def test_what_others_wrote_adds_no_header(database: Database, office: PostOffice) -> None:
    ask(database, "x\r\nBcc: y@example.net", answers="<1@a>\r\nBcc: z@example.net", reply_to="a@b.example\nX: 1")
    send(database, SmtpChannel(office.settings()))

    message = read(office.arrived[0][1])
    assert "Bcc" not in message
    assert "X" not in message
    assert "In-Reply-To" not in message


def test_files_are_named_after_the_letter(database: Database, tmp_path: Path) -> None:
    ask(database, "a")
    send(database, FileChannel(tmp_path / "mails"))
    (letter,) = rows(database)

    assert (letter.channel, letter.path) == ("file", "2026-11-24/LTR-2026-0000001.eml")
    assert read((tmp_path / "mails" / letter.path).read_bytes())["To"] == "noc@isp.example"


@pytest.mark.parametrize(
    "place",
    [
        "letters.naming",
        "letters.named",
        "deliver.smtp.accepted:2",
        "letters.sent",
        "letters.sent:3",
        "letters.noting:2",
    ],
)
def test_killed_while_sending_at_most_one_letter_comes_twice_under_its_own_message_id(
    database: Database, tmp_path: Path, office: PostOffice, place: str
) -> None:
    ask(database, *"abcde")
    killed(database, tmp_path, place, office.port)
    send(database, SmtpChannel(office.settings()))

    identities = [read(content)["Message-ID"] for _, content in office.arrived]
    assert len(identities) - len(set(identities)) <= 1
    assert sorted(set(identities)) == sorted(letter.message_id for letter in rows(database))
    assert {letter.state for letter in rows(database)} == {LetterState.SENT.value}


def test_the_first_letter_to_a_team_waits_but_an_answer_to_a_mail_does_not(
    database: Database, office: PostOffice
) -> None:
    ask(database, "first")
    ask(database, "answer", answers="<1@isp.example>")
    done = send(database, SmtpChannel(office.settings()), tell=TellSettings())

    assert done.letters == 1
    assert [letter.state for letter in rows(database)] == [LetterState.HELD, LetterState.SENT]
    assert read(office.arrived[0][1])["In-Reply-To"] == "<1@isp.example>"


def test_old_letters_lose_their_text_but_nobody_is_asked_twice(database: Database, tmp_path: Path) -> None:
    ask(database, "a")
    send(database, FileChannel(tmp_path / "mails"))
    ask(database, "b")
    with database.begin() as session:
        empty_letters(session, NOW + timedelta(days=1))
        again = queue_letter(session, key="a", kind="verify", mailbox="x@y.example", subject="", body="", now=NOW)

    assert not again
    assert [letter.body for letter in rows(database)] == ["", "Is b yours?\n"]

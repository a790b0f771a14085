"""Mails that answer none of ours: a person's becomes a report or belongs to one; what programs send opens nothing."""

import email.policy
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.abuse_reports import REFERENCE, canaries, noted, shapes, xarf
from support.world import START, World, copy_world, make_world
from tocsin.delivery import letters
from tocsin.delivery.mailbox import MailState, delete_received, read_mail
from tocsin.directory import read_team
from tocsin.incidents import IncidentReader, add_incident, mail_context
from tocsin.incidents.arrivals import (
    CloseReason,
    PublicReport,
    ReporterLetter,
    ReportState,
    answer_report,
    attachments_of,
    close_report,
    delete_closed,
    erase_report,
    mails_of,
    put_into,
    read_report,
    take_out,
)
from tocsin.incidents.arrivals.handling import hand_over_report
from tocsin.node.letters import Letter
from tocsin.problems.replies import FilingResult, file_mail

SETTINGS = '[mailbox]\naddress = "csirt@example.org"\n'


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh"), SETTINGS).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def mail(
    text: str, number: str, *, answers: str = "", sender: str = "Ann <ann@example.net>", **head: str
) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = sender, "csirt@example.org"
    made["Subject"], made["Message-ID"] = head.pop("subject", "Phishing of our bank"), f"<{number}@example.net>"
    if answers:
        made["In-Reply-To"] = made["References"] = answers
    for name, value in head.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def send(world: World, made: EmailMessage) -> FilingResult:
    desk = mail_context(world.node, world.node.store)
    return file_mail(desk, made.as_bytes(policy=email.policy.SMTP), now=world.now)


def reports(world: World) -> list[PublicReport]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(PublicReport).order_by(PublicReport.id)))


def test_a_persons_mail_becomes_a_report_with_its_attachments_left_in_it(world: World) -> None:
    made = mail("See hxxp://bank[.]example/login", "one")
    made.add_attachment(b"MZ\0evil", maintype="application", subtype="octet-stream", filename="run.exe")
    filed = send(world, made)
    assert filed.decision.state is MailState.INBOX
    (report,) = reports(world)
    assert (report.door, report.kind, report.state) == ("mail", "deceit", "new")
    assert (report.sender, report.mailbox, report.subject) == ("Ann", "ann@example.net", "Phishing of our bank")
    assert report.secret == ""
    with world.node.database.reading() as session:
        (kept,) = mails_of(session, report)
        assert read_report(session, report, IncidentReader(None, world.now)).files == []
    raw = world.node.mailroom.read(kept.sha256)
    assert attachments_of(read_mail(raw)) == [("run.exe", 7)]
    assert list(world.node.inbox.folder.rglob("*.*")) == []
    assert send(world, made).again
    assert len(reports(world)) == 1


def test_a_later_mail_of_the_same_sender_and_thread_goes_to_the_same_report(world: World) -> None:
    send(world, mail("First", "one"))
    send(world, mail("Second", "two", answers="<one@example.net>"))
    send(world, mail("Third", "three", answers="<unknown@example.net> <two@example.net>"))
    send(world, mail("Not hers", "four", answers="<one@example.net>", sender="eve@example.com"))
    send(world, mail("No thread", "five"))
    first, *others = reports(world)
    assert [one.what.strip() for one in others] == ["Not hers", "No thread"]
    with world.node.database.reading() as session:
        said = read_report(session, first, IncidentReader(None, world.now)).entries
        assert [one.text.strip() for one in said] == ["Second", "Third"]
        assert len(mails_of(session, first)) == 3


def test_mails_of_one_ticket_are_one_report(world: World) -> None:
    for number in ("one", "two"):
        send(world, mail(f"We write in {number}", number, subject="[soc.example #77] Attack", sender="soc@example.net"))
    assert len(reports(world)) == 1


def test_a_reply_to_our_answer_goes_to_its_report_and_opens_it_again(world: World) -> None:
    send(world, mail("First", "one"))
    with world.node.database.begin() as session:
        report = session.scalars(select(PublicReport)).one()
        by: dict[str, Any] = {"person": 1, "actor": "person:1", "now": world.now}
        answer_report(session, report, "Which page?", letter=ReporterLetter("Answer", "Which page?"), **by)
        close_report(session, report, CloseReason.SOLVED, **by)
        assert report.state == ReportState.CLOSED
        letter = session.scalars(select(Letter)).one()
        assert letter.answers == "<one@example.net>"
        letter.message_id = "<ours@csirt.example>"
    send(world, mail("This one", "two", answers="<ours@csirt.example>"))
    send(world, mail("I am another", "three", answers="<ours@csirt.example>", sender="eve@example.com"))
    first, second = reports(world)
    assert (first.state, second.what.strip()) == (ReportState.OPEN, "I am another")


def test_what_the_team_writes_that_has_a_report_now_is_not_for_its_reporter(world: World) -> None:
    send(world, mail("First", "one"))
    team, _ = read_team(world.node.database, "sector")
    with world.node.database.begin() as session:
        report = session.scalars(select(PublicReport)).one()
        by: dict[str, Any] = {"person": 1, "actor": "person:1", "now": world.now}
        hand_over_report(session, report, team, ReporterLetter("A report for you", "Please look at it."), **by)
        session.scalars(select(Letter)).one().message_id = "<given@csirt.example>"
    send(world, mail("Our customer is to blame", "two", answers="<given@csirt.example>", sender=team.mailboxes[0]))
    (report,) = reports(world)
    with world.node.database.reading() as session:
        seen, own = (read_report(session, report, who).entries for who in (IncidentReader(None, world.now), None))
    assert [entry.text.strip() for entry in seen if entry.kind == "mail"] == ["Our customer is to blame"]
    assert "customer" not in str([entry.text for entry in own])
    assert report.state == ReportState.NEW


PROGRAMS = {
    "newsletter": {"List_Unsubscribe": "<https://news.example/out>"},
    "list": {"List_Id": "<news.example>"},
    "bulk": {"Precedence": "bulk"},
    "automatic": {"Auto_Submitted": "auto-replied"},
    "vacation": {"subject": "Out of office: your mail"},
    "ticket": {"subject": "[soc.example #12] AutoReply: received", "Auto_Submitted": "auto-replied"},
    "bounce": {"Return_Path": "<>", "subject": "Undelivered Mail Returned to Sender"},
}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_what_programs_send_opens_nothing_and_opens_nothing_again(world: World, name: str) -> None:
    send(world, mail("First", "one"))
    with world.node.database.begin() as session:
        report = session.scalars(select(PublicReport)).one()
        close_report(session, report, CloseReason.INFORMATION, person=1, actor="person:1", now=world.now)
    filed = send(world, mail("I am a program", "two", answers="<one@example.net>", **PROGRAMS[name]))
    assert filed.decision.state is not MailState.INBOX
    (report,) = reports(world)
    assert report.state == ReportState.CLOSED_WITHOUT


def test_a_mail_without_words_is_a_report_too(world: World) -> None:
    made = EmailMessage()
    made["From"], made["To"], made["Message-ID"] = "ann@example.net", "csirt@example.org", "<photo@example.net>"
    made["Subject"] = "Letter"
    made.add_attachment(b"\xff\xd8\xff photo", maintype="image", subtype="jpeg", filename="letter.jpg")
    send(world, made)
    assert [one.subject for one in reports(world)] == ["Letter"]


def test_of_a_mail_with_a_report_of_abuse_only_the_reference_is_kept(world: World) -> None:
    made = mail("We found this", "one")
    made.add_attachment(shapes(xarf())["line.json"], maintype="application", subtype="json", filename="a.json")
    send(world, made)
    assert canaries(world.node.home) == []
    assert noted(world.node.home) == [("csam", REFERENCE, "mail")]


def test_mails_of_open_reports_stay_and_go_with_their_report(world: World) -> None:
    send(world, mail("First", "one"))
    (report,) = reports(world)
    with world.node.database.reading() as session:
        kept = mails_of(session, report)[0].sha256
    later = START + timedelta(days=4000)
    delete_received(world.node.database, world.node.mailroom, later.date())
    assert kept in world.node.mailroom
    erase_report(
        world.node.database, world.node.inbox, report.id, mails=world.node.mailroom, actor="person:1", now=world.now
    )
    assert kept not in world.node.mailroom
    assert reports(world) == []


def test_of_closed_reports_the_mails_go_after_their_time(world: World) -> None:
    send(world, mail("First", "one"))
    with world.node.database.begin() as session:
        report = session.scalars(select(PublicReport)).one()
        close_report(session, report, CloseReason.SPAM, person=1, actor="person:1", now=world.now)
        kept = mails_of(session, report)[0].sha256
    assert delete_closed(world.node.database, world.node.inbox, START + timedelta(days=400)) == 1
    delete_received(world.node.database, world.node.mailroom, (START + timedelta(days=4000)).date())
    assert kept not in world.node.mailroom


def test_the_mail_of_a_restricted_report_is_not_in_the_mailroom_either(world: World) -> None:
    send(world, mail("Our director did it", "one", subject="The director"))
    (number,) = (one["number"] for one in world.tocsin.json("replies", "list"))
    by: dict[str, Any] = {"person": 1, "actor": "person:1", "now": world.now}
    with world.node.database.begin() as session:
        secret = add_incident(session, title="Leak", actor="person:1", now=world.now, members=[1])
        report = session.scalars(select(PublicReport)).one()
        answer_report(session, report, "Which director?", letter=ReporterLetter("Answer", "Which director?"), **by)
        assert [one.subject for one in letters(session)] == ["Answer"]
        put_into(session, report, secret, **by)
        answer_report(session, report, "Thank you", letter=ReporterLetter("Answer", "Thank you"), **by)
        assert letters(session) == []
    assert world.tocsin.json("replies", "list") == []
    code, said = world.tocsin.call("replies", "show", str(number))[:2]
    assert (code, "director" in str(said)) == (1, False)
    assert world.tocsin.call("replies", "reclassify", str(number), "--as", "automatic")[0] == 1
    world.tell()
    with world.node.database.begin() as session:
        assert {one.state for one in session.scalars(select(Letter))} == {"sent"}
        take_out(session, session.scalars(select(PublicReport)).one(), session.merge(secret), **by)
        assert len(letters(session)) == 2

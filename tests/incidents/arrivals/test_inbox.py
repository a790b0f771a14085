"""The inbox: filed once, found with its secret only, worked on with every step on record, gone when it must go."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from tocsin.events.classify import classes
from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import (
    EntryKind,
    PublicFile,
    PublicReport,
    ReportAttachment,
    ReporterLetter,
    ReportFilter,
    ReportForm,
    ReportKind,
    ReportState,
    Ticket,
    add_message,
    answer_report,
    attached,
    counts_by_state,
    delete_closed,
    erase_report,
    file_report,
    form_word,
    give_back,
    list_reports,
    new_reports,
    note_on_report,
    read_report,
    report_for,
    rsit_of,
    set_state,
    take_report,
    ticket_of,
)
from tocsin.incidents.arrivals.tickets import plain
from tocsin.node.blobs import Blobs
from tocsin.node.letters import Letter as Mail
from tocsin.node.records import AuditEntry, Database
from tocsin.node.tokens import Tokens

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TEAM = IncidentReader(None, NOW)
TOKENS = Tokens(b"a secret of the node, for a test.")


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "inbox")


def _ticket() -> Ticket:
    ticket = ticket_of(form_word(TOKENS, NOW), TOKENS, NOW)
    assert ticket is not None
    return ticket


def _file(database: Database, blobs: Blobs, *files: ReportAttachment, **fields: str) -> Ticket:
    ticket = _ticket()
    filed = ReportForm(
        ReportKind.DECEIT, fields.get("what", "A false page of the bank"), mailbox=fields.get("mailbox", "")
    )
    assert file_report(database, blobs, ticket, filed, files, now=NOW)
    return ticket


def _get(database: Database, ticket: Ticket) -> PublicReport:
    with database.reading() as session:
        found = report_for(session, ticket.reference, ticket.secret)
    assert found is not None
    return found


def test_one_form_is_one_report_and_shows_the_same_secret(database: Database, blobs: Blobs) -> None:
    word = form_word(TOKENS, NOW)
    first, second = ticket_of(word, TOKENS, NOW), ticket_of(word, TOKENS, NOW + timedelta(hours=2))
    assert first is not None
    assert first == second
    assert file_report(database, blobs, first, ReportForm(ReportKind.SPAM, "spam"), now=NOW)
    assert not file_report(database, blobs, first, ReportForm(ReportKind.SPAM, "spam"), now=NOW)
    with database.reading() as session:
        assert counts_by_state(session, TEAM)[ReportState.NEW] == 1
        assert new_reports(session, TEAM)[1] == NOW
        assert first.secret not in str(vars(session.scalars(select(PublicReport)).one()))


@pytest.mark.parametrize(
    "word", ["", "x", "1/2.sig", form_word(Tokens(b"another node"), NOW)], ids=["empty", "x", "bad", "of-another-node"]
)
def test_a_form_that_is_not_ours_or_too_old_makes_no_ticket(word: str) -> None:
    assert ticket_of(word, TOKENS, NOW) is None
    assert ticket_of(form_word(TOKENS, NOW), TOKENS, NOW + timedelta(days=1, seconds=1)) is None


def test_only_reference_and_secret_together_open_a_report(database: Database, blobs: Blobs) -> None:
    ticket, other = _file(database, blobs), _file(database, blobs)
    with database.reading() as session:
        typed = ticket.secret.lower().replace("-", " ").replace("0", "o").replace("1", "l")
        assert report_for(session, ticket.reference.lower(), typed) is not None
        assert report_for(session, ticket.reference, other.secret) is None
        assert report_for(session, ticket.reference, "") is None
        assert report_for(session, "0000-0000", "") is None


def test_a_report_goes_its_way_and_every_step_is_on_record(database: Database, blobs: Blobs) -> None:
    ticket = _file(database, blobs, mailbox="reporter@example.org")
    with database.begin() as session:
        report = report_for(session, ticket.reference, ticket.secret)
        assert report is not None
        acts: dict[str, Any] = {"person": 7, "actor": "person:7", "now": NOW}
        take_report(session, report, 7, actor="person:7", now=NOW)
        note_on_report(session, report, "the bank knows", **acts)
        letter = ReporterLetter("An answer", "Which page was it?")
        answer_report(session, report, "Which page was it?", **acts, asks=True, letter=letter, act="a")
        answer_report(session, report, "Which page was it?", **acts, asks=True, letter=letter, act="a")
        assert report.state == ReportState.WAITING
        assert add_message(session, report, "https://bank.example", now=NOW, act="b")
        assert not add_message(session, report, "https://bank.example", now=NOW, act="b")
        assert report.state == ReportState.OPEN
        set_state(session, report, ReportState.CLOSED, **acts)
        give_back(session, report, **acts)
    with database.reading() as session:
        seen = read_report(session, report, None).entries
        assert [entry.kind for entry in seen if entry.kind != EntryKind.STATE] == ["answer", "message"]
        assert "the bank knows" not in str([entry.text for entry in seen])
        words = list(session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)))
        assert words == [
            "inbox.received", "inbox.taken", "inbox.moved", "inbox.noted", "inbox.answered", "inbox.moved",
            "inbox.added", "inbox.moved", "inbox.moved", "inbox.taken",
        ]  # fmt: skip
        audited = str([vars(entry) for entry in session.scalars(select(AuditEntry))])
        assert "reporter@example.org" not in audited
        mail = session.scalars(select(Mail)).one()
        assert (mail.mailbox, mail.body) == ("reporter@example.org", "Which page was it?")


def test_whoever_stays_unknown_gets_no_mail(database: Database, blobs: Blobs) -> None:
    ticket = _file(database, blobs)
    with database.begin() as session:
        report = report_for(session, ticket.reference, ticket.secret)
        assert report is not None
        answer_report(session, report, "Thanks", person=7, actor="person:7", now=NOW, letter=ReporterLetter("s", "b"))
        assert session.scalar(select(func.count(Mail.id))) == 0
        assert (report.owner, report.state) == (7, ReportState.OPEN)


def test_lists_page_by_page_without_gap(database: Database, blobs: Blobs) -> None:
    tickets = [_file(database, blobs, what=f"report-{number} 100% sure") for number in range(7)]
    found: list[str] = []
    before = 0
    with database.reading() as session:
        while True:
            page = list_reports(session, TEAM, ReportFilter(words="report- SURE"), before=before, limit=3)
            found += [line.reference for line in page.lines]
            before = page.further
            if not before:
                break
        assert found == [ticket.reference for ticket in reversed(tickets)]
        assert not list_reports(session, TEAM, ReportFilter(states=[ReportState.CLOSED])).lines
        assert not list_reports(session, TEAM, ReportFilter(owner=3)).lines
        assert [line.start for line in list_reports(session, TEAM, ReportFilter(words="report-4 100%")).lines] == [
            "report-4 100% sure"
        ]


def test_what_was_asked_to_go_is_gone_everywhere(database: Database, blobs: Blobs) -> None:
    shared, own = ReportAttachment("a.txt", b"shared"), ReportAttachment("b.txt", b"own")
    ticket = _file(database, blobs, shared, own, mailbox="reporter@example.org")
    _file(database, blobs, shared)
    report = _get(database, ticket)
    with database.begin() as session:
        row = session.get_one(PublicReport, report.id)
        answer_report(session, row, "Hello", person=1, actor="person:1", now=NOW, letter=ReporterLetter("s", "text"))
    erase_report(database, blobs, report.id, actor="person:1", now=NOW)
    with database.reading() as session:
        assert report_for(session, ticket.reference, ticket.secret) is None
        assert session.scalar(select(func.count(PublicFile.id))) == 1
        assert (session.scalars(select(Mail)).one().body, session.scalars(select(Mail)).one().mailbox) == ("", "")
    assert blobs.read(sha256(b"shared").hexdigest()) == b"shared"
    assert sha256(b"own").hexdigest() not in blobs


def test_closed_reports_go_after_their_time_and_open_ones_stay(database: Database, blobs: Blobs) -> None:
    closed, _open = _file(database, blobs, ReportAttachment("a.txt", b"1")), _file(database, blobs)
    with database.begin() as session:
        row = session.get_one(PublicReport, _get(database, closed).id)
        set_state(session, row, ReportState.CLOSED, person=1, actor="person:1", now=NOW)
    assert delete_closed(database, blobs, NOW) == 0
    assert delete_closed(database, blobs, NOW + timedelta(days=1)) == 1
    with database.reading() as session:
        assert sum(counts_by_state(session, TEAM).values()) == 1
    assert sha256(b"1").hexdigest() not in blobs


@given(st.text(max_size=60), st.binary(max_size=20))
def test_names_of_files_are_harmless(name: str, content: bytes) -> None:
    found = attached(f"{name}.txt", content)
    if found is not None:
        assert content
        assert found.name.endswith(".txt")
        assert not set('/\\\0\r\n"<>;:') & set(found.name)
        assert not found.name.startswith(".")
        assert len(found.name) <= 104


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.pdf", b"MZ\x90\0"),
        ("x.png", b"<svg onload=alert(1)>"),
        ("x.jpg", b"\x89PNG\r\n\x1a\n"),
        ("x.msg", b"From: a@b.example"),
        ("x.txt", b"MZ\x90\0\x03"),
        ("x.csv", b"PK\x03\x04\x14\0"),
        ("x.json", b"\x7fELF\0"),
        ("x.eml", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"),
    ],
)
def test_what_is_not_what_its_name_says_is_not_taken(name: str, content: bytes) -> None:
    assert attached(name, content) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.pdf", b"%PDF-1.7\n\0"),
        ("x.png", b"\x89PNG\r\n\x1a\n\0"),
        ("x.JPEG", b"\xff\xd8\xff\xe0\0"),
        ("x.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"),
        ("x.txt", "Grüße".encode()),
        ("x.txt", "Grüße".encode("latin-1")),
        ("x.csv", "ip;port".encode("utf-16")),
        ("x.eml", b"From: a@b.example\r\n\r\nHello"),
    ],
)
def test_what_is_what_its_name_says_is_taken(name: str, content: bytes) -> None:
    found = attached(name, content)
    assert found is not None
    assert found.content == content


@pytest.mark.parametrize("name", ["x.exe", "x.html", "x.svg", "x", ".txt/../x.sh", "x.zip", ""])
def test_other_types_are_not_taken(name: str) -> None:
    assert attached(name, b"1") is None


@given(st.text(max_size=200))
def test_a_typed_secret_has_only_its_letters(text: str) -> None:
    assert set(plain(text)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize("kind", list(ReportKind))
def test_each_kind_is_one_of_the_reference_taxonomy(kind: ReportKind) -> None:
    taxonomy, type_ = rsit_of(kind)
    assert (classes(type_).rsit_taxonomy, classes(type_).rsit_type) == (taxonomy, type_)


def test_files_of_a_report_that_was_never_filed_go_after_their_time(database: Database, blobs: Blobs) -> None:
    attachment = ReportAttachment("a.txt", b"filed")
    _file(database, blobs, attachment)
    left = blobs.put(b"killed before it was filed")
    assert delete_closed(database, blobs, datetime.now(UTC) + timedelta(days=2)) == 0
    assert left not in blobs
    assert blobs.read(sha256(attachment.content).hexdigest()) == b"filed"

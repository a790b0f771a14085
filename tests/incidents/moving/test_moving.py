"""Moving in from another tool: each incident once, whole, in its compartment; nothing is sent to anybody."""

import json
import mailbox
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from support.incident_mails import SETTINGS, Case
from support.mail_server import post_office
from support.processes import KILLED, command
from support.world import START, World, copy_world, make_world
from tocsin.incidents import (
    Incident,
    IncidentReader,
    IncidentState,
    entries_of,
    find_incident,
    mail_context,
    merged_root,
    observables_of,
    parties_of,
)
from tocsin.incidents.moving import ImportCounts, Importer, ImportOptions, import_mails, read_tickets
from tocsin.incidents.threads import mails_of, threads_of
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.paths import HomeFile
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import open_node
from tocsin.problems.replies import file_mail

HOSPITAL, CSIRT, OUR = "it@hospital.example", "csirt@example.org", "cert@old.example"

TICKET: dict[str, Any] = {
    "type": "ticket",
    "id": 4711,
    "Subject": "Ransomware at the hospital",
    "Status": "resolved",
    "Queue": {"id": "5", "Name": "Incidents"},
    "Owner": {"id": "jdoe", "type": "user"},
    "Created": "2024-03-01T09:00:00Z",
    "Resolved": "2024-03-09T17:30:00Z",
    "Requestor": [{"id": HOSPITAL, "type": "user"}],
    "Cc": [{"id": "noc@isp.example"}],
    "CustomFields": [{"name": "IP", "values": ["192.0.2.7", "2001:db8::7"]}, {"name": "Impact", "values": ["Wards"]}],
    "Transactions": [
        {"id": "1", "Type": "Create", "Created": "2024-03-01T09:00:00Z", "Creator": {"id": HOSPITAL},
         "Attachments": [
             {"Subject": "Help", "ContentType": "text/plain", "Content": "T3VyIGZpbGVzIGFyZSBsb2NrZWQu"},
             {"Filename": "note.png", "ContentType": "image/png", "Content": "AAAA"}]},
        {"id": "2", "Type": "Correspond", "Created": "2024-03-01T10:00:00Z", "Creator": "jdoe",
         "Content": "Unplug it."},
        {"id": "3", "Type": "Comment", "Created": "2024-03-02T10:00:00Z", "Creator": "jdoe", "Content": "They pay."},
        {"id": "4", "Type": "EmailRecord", "Created": "2024-03-01T10:00:00Z", "Content": "Unplug it."},
        {"id": "5", "Type": "Status", "Field": "Status", "OldValue": "open", "NewValue": "resolved",
         "Created": "2024-03-09T17:30:00Z", "Creator": "jdoe"},
    ],
}  # fmt: skip
REPORT = {
    **TICKET, "id": 4712, "Subject": "A report", "Status": "open", "Resolved": None, "MemberOf": ["4711"],
    "Transactions": [], "CustomFields": {}, "Cc": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("moving"), SETTINGS).folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Iterator[World]:
    world = copy_world(made, tmp_path / "copy")
    yield world
    world.node.database.close()


def importer(world: World, *, tag: str = "CERT", members: tuple[int, ...] = (), dry_run: bool = False) -> Importer:
    return Importer(world.node, ImportOptions(tag, members, dry_run), "operator", world.now)


def move(world: World, path: Path, **options: Any) -> ImportCounts:
    return importer(world, **options).import_tickets(read_tickets(path))


def tickets(folder: Path, *found: object) -> Path:
    path = folder / "tickets.jsonl"
    path.write_text("".join(one if isinstance(one, str) else json.dumps(one) + "\n" for one in found))
    return path


def table(folder: Path, text: str) -> Path:
    path = folder / "incidents.csv"
    path.write_text(text, encoding="utf-8")
    return path


def whole(world: World, name: str, person: int | None = None) -> tuple[Incident, list[tuple[str, str]]]:
    """An incident, and what its entries say, the oldest first."""
    reader = IncidentReader(person, world.now)
    with world.node.database.reading() as session:
        found = find_incident(session, reader, name)
        return found, [(one.kind, one.text) for one in reversed(entries_of(session, reader, [found]))]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_ticket_of_rt_is_an_incident_with_all_that_it_says(world: World, tmp_path: Path) -> None:
    counts = move(world, tickets(tmp_path, TICKET))
    assert (counts.incidents, counts.parties, counts.observables, counts.mails, counts.broken) == (1, 2, 2, 2, [])
    incident, said = whole(world, "CERT #4711")
    assert incident.title == "Ransomware at the hospital"
    assert (incident.state, incident.opened_at, incident.closed_at) == (
        IncidentState.CLOSED, at("2024-03-01 09:00"), at("2024-03-09 17:30")
    )  # fmt: skip
    assert incident.changed_at == incident.closed_at
    reader = IncidentReader(None, world.now)
    with world.node.database.reading() as session:
        entries = entries_of(session, reader, [incident])
        parties = parties_of(session, reader, [incident])
        assert [(one.role, one.mailbox) for one in parties] == [("reporter", HOSPITAL), ("other", "noc@isp.example")]
        assert [one.value for one in observables_of(session, reader, [incident])] == ["192.0.2.7", "2001:db8::7"]
        mails = mails_of(session, reader, threads_of(session, reader, parties).values())
        assert [(one.ours, one.text) for one in mails] == [
            (False, "Our files are locked.\n[note.png]"), (True, "Unplug it."),
        ]  # fmt: skip
        assert {one.turn for one in threads_of(session, reader, parties).values()} == {"quiet"}
    (comment,) = [one for one in entries if one.text == "jdoe: They pay."]
    assert (comment.kind, comment.happened_at, comment.recorded_at) == ("note", at("2024-03-02 10:00"), world.now)
    assert ("note", "jdoe: Status: open → resolved") in said
    (rest,) = [text for _, text in said if "Impact" in text]
    assert rest == "Queue: Incidents\nOwner: jdoe\nIP: 192.0.2.7, 2001:db8::7\nImpact: Wards"


def test_texts_and_the_parent_are_read_as_rest_2_lists_them(world: World, tmp_path: Path) -> None:
    created = {"id": "8", "Type": "Create", "Created": "2024-03-01T09:00:00Z", "Creator": {"id": HOSPITAL}}
    texts = [{"TransactionId": {"id": 8}, "ContentType": "text/plain", "Content": "Our files"}]
    links = [{"ref": "self", "type": "ticket", "id": "4712"}, {"ref": "parent", "type": "ticket", "id": "4711"}]
    report = {**REPORT, "MemberOf": None, "_hyperlinks": links, "Transactions": [created], "Attachments": texts}
    assert move(world, tickets(tmp_path, TICKET, report)).merged == 1
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        parties = parties_of(session, reader, [find_incident(session, reader, "CERT #4712")])
        (mail,) = mails_of(session, reader, threads_of(session, reader, parties).values())
    assert mail.text == "Our files"


def test_what_belonged_to_an_incident_is_merged_into_it(world: World, tmp_path: Path) -> None:
    assert move(world, tickets(tmp_path, REPORT, TICKET)).merged == 1
    report, _ = whole(world, "CERT #4712")
    with world.node.database.reading() as session:
        assert merged_root(session, IncidentReader(None, world.now), report).title == TICKET["Subject"]


OTHER = {**TICKET, "id": 4713, "Subject": "Phishing at the ministry", "Transactions": []}
LINKS = [{"ref": "parent", "type": "ticket", "id": number} for number in ("4711", "4713", "9999")]
TWO_PARENTS = {
    "links": {**REPORT, "MemberOf": None, "_hyperlinks": LINKS},
    "a list": {**REPORT, "MemberOf": [{"id": "4711", "type": "ticket"}, {"id": 4713}, "9999"]},
    "a text": {**REPORT, "MemberOf": "#4711, #4713; https://rt.example/REST/2.0/ticket/9999"},
    "both": {**REPORT, "MemberOf": "4711", "_hyperlinks": LINKS},
}


@pytest.mark.parametrize("by", TWO_PARENTS)
def test_a_ticket_with_two_parents_keeps_both_and_the_report_says_so(world: World, tmp_path: Path, by: str) -> None:
    counts = move(world, tickets(tmp_path, TICKET, TWO_PARENTS[by], OTHER))
    assert counts.merged == 1
    (said,) = counts.several
    assert (said.line, said.reason) == (
        2, "CERT #4712 is part of several: merged into CERT #4711, and noted: CERT #4713, CERT #9999 (not here)."
    )  # fmt: skip
    report, own = whole(world, "CERT #4712")
    assert ("note", "Also part of CERT #4713, CERT #9999 (not here).") in own
    other, theirs = whole(world, "CERT #4713")
    assert any(kind == "note" and report.reference in text for kind, text in theirs)
    assert other.changed_at == at("2024-03-09 17:30")
    with world.node.database.reading() as session:
        assert merged_root(session, IncidentReader(None, world.now), report).title == TICKET["Subject"]
    again = move(world.at(1), tickets(tmp_path, TICKET, TWO_PARENTS[by], OTHER))
    assert (again.entries, again.merged, again.several) == (0, 0, [])
    assert whole(world, "CERT #4713")[1] == theirs


def test_of_a_restricted_ticket_its_second_parent_learns_nothing(world: World, tmp_path: Path) -> None:
    move(world, tickets(tmp_path, TICKET, OTHER))
    before = whole(world, "CERT #4713")[1]
    move(world, tickets(tmp_path, TWO_PARENTS["links"]), members=(7,))
    assert whole(world, "CERT #4713")[1] == before


def test_again_changes_nothing_and_a_longer_file_adds_what_is_new(world: World, tmp_path: Path) -> None:
    move(world, tickets(tmp_path, TICKET, REPORT))
    before = [whole(world, name) for name in ("CERT #4711", "CERT #4712")]
    again = move(world.at(1), tickets(tmp_path, TICKET, REPORT))
    assert (again.known, again.incidents, again.entries, again.parties, again.observables, again.merged) == (
        2,
        *[0] * 5,
    )
    for (incident, said), name in zip(before, ("CERT #4711", "CERT #4712"), strict=True):
        now, says = whole(world, name)
        assert says == said
        assert (now.state, now.changed_at) == (incident.state, incident.changed_at)

    more = {
        "id": "9",
        "Type": "Correspond",
        "Creator": {"id": HOSPITAL},
        "Created": "2024-04-01T00:00:00Z",
        "Content": "Again!",
    }
    reopened = {**TICKET, "Status": "open", "Resolved": None, "Transactions": [*TICKET["Transactions"], more]}
    third = {**TICKET, "id": 4713, "Transactions": []}
    longer = move(world.at(2), tickets(tmp_path, reopened, REPORT, third))
    assert (longer.incidents, longer.mails, longer.known) == (1, 1, 2)
    incident, said = whole(world, "CERT #4711")
    assert (incident.state, incident.closed_at) == (IncidentState.NEW, None)
    assert [kind for kind, _ in said][-2:] == ["mail-in", "state"]
    assert move(world.at(3), tickets(tmp_path, reopened, REPORT, third)).entries == 0
    assert (
        move(world.at(4), tickets(tmp_path, {**reopened, "Status": "resolved", "Resolved": "2024-05-01"})).entries == 1
    )
    assert whole(world, "CERT #4711")[0].closed_at == at("2024-05-01")


def test_broken_rows_are_named_by_their_line_and_the_others_are_taken(world: World, tmp_path: Path) -> None:
    lines = tickets(
        tmp_path, TICKET, "{broken\n", {"Subject": "no number"}, {"id": 3, "Created": "tomorrow"}, "[]\n", REPORT
    )
    counts = move(world, lines)
    assert [one.line for one in counts.broken] == [2, 3, 4, 5]
    assert counts.broken[2].reason == "tomorrow is no time."
    assert counts.incidents == 2


def test_a_sheet_is_read_by_the_names_of_its_columns(world: World, tmp_path: Path) -> None:
    sheet = table(
        tmp_path,
        'Number;Title;Status;Created;Resolved;Severity;TLP;Reporter;IP;Notes;Sector\n'
        '7;"Phishing\nof a bank";closed;05.02.2023 08:00;06.02.2023 10:00;high;TLP:GREEN;'
        '"Eva <eva@bank.example>";198.51.100.9;They rang.;Banks\n'
        "8;One;2;3;4;5;6;7;8;9;10;too;many\n"
        "9;Open one;in progress;05.02.2024 08:00;;;;;;;\n"
        "10;Short;new;05.02.2024 08:00\n",
    )  # fmt: skip
    counts = move(world, sheet, tag="")
    assert [(one.line, one.reason[:15]) for one in counts.broken] == [(4, "It has 13 colum")]
    assert counts.incidents == 3
    incident, said = whole(world, "#7")
    assert (incident.title, incident.severity, incident.tlp) == ("Phishing\nof a bank", "high", "GREEN")
    assert incident.closed_at == at("2023-02-06 10:00")
    assert ("note", "IP: 198.51.100.9\nThey rang.\nSector: Banks") in said
    assert whole(world, "#9")[0].state == IncidentState.NEW
    with pytest.raises(InputError, match="no column with the numbers"):
        move(world, table(tmp_path, "Title,Created\nA,2024-01-01\n"))


def test_a_spreadsheet_of_rt_is_read(world: World, tmp_path: Path) -> None:
    head = "id\tQueue\tSubject\tStatus\tOwnerName\tRequestors\tCreated\tResolved\tCustomField.{IP}\n"
    row = f"12\tIncidents\tScan\tresolved\tNobody\t{HOSPITAL}\tFri Mar 01 09:00:00 2024\tNot set\t192.0.2.1\n"
    assert move(world, table(tmp_path, head + row)).observables == 1
    assert whole(world, "CERT #12")[0].opened_at == at("2024-03-01 09:00")


def test_a_dry_run_counts_and_stores_nothing(world: World, tmp_path: Path) -> None:
    counts = move(world, tickets(tmp_path, REPORT, TICKET), dry_run=True)
    assert (counts.incidents, counts.mails, counts.merged) == (2, 2, 1)
    with pytest.raises(NotFoundError):
        whole(world, "CERT #4711")


def test_what_is_moved_in_restricted_is_found_by_those_alone_also_later(world: World, tmp_path: Path) -> None:
    move(world, tickets(tmp_path, TICKET), members=(7,))
    more = {"id": "9", "Type": "Comment", "Creator": "jdoe", "Created": "2024-04-01T00:00:00Z", "Content": "Secret."}
    move(world, tickets(tmp_path, {**TICKET, "Transactions": [more]}))  # by who forgets the option
    for outsider in (None, 8):
        with pytest.raises(NotFoundError):
            whole(world, "CERT #4711", outsider)
    assert ("note", "jdoe: Secret.") in whole(world, "CERT #4711", 7)[1]


def mail(sender: str, to: str, subject: str, text: str, days: float, number: int, answers: int = 0) -> bytes:  # noqa: PLR0917 (a line a mail)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"], message["Message-ID"] = START + timedelta(days=days), f"<{number}@old.example>"
    if answers:
        message["In-Reply-To"] = f"<{answers}@old.example>"
    message.set_content(text)
    return message.as_bytes()


MAILS = (
    mail(HOSPITAL, OUR, "Locked files", "Help.", -90, 1),
    mail("desk@isp.example", OUR, "Scans", "Your network scans us.", -5, 10),
    mail(OUR, HOSPITAL, "[CERT #4711] Re: Locked files", "Unplug it.", -89, 2, answers=1),
    mail(HOSPITAL, OUR, "Re: [CERT #4711] Re: Locked files", "Done.", -88, 3, answers=2),
    mail("MAILER-DAEMON@isp.example", OUR, "Undelivered Mail Returned to Sender", "No such user.", -4, 20),
)


def mbox(folder: Path, *mails: bytes) -> Path:
    path = folder / "shared.mbox"
    path.unlink(missing_ok=True)
    box = mailbox.mbox(path)
    for one in mails:
        box.add(one)
    box.close()
    return path


def move_mails(world: World, path: Path, **options: Any) -> ImportCounts:
    return import_mails(importer(world, **options), path, ours=[CSIRT, OUR])


def test_each_thread_of_a_mailbox_is_an_incident(world: World, tmp_path: Path) -> None:
    path = mbox(tmp_path, *MAILS)
    counts = move_mails(world, path)
    assert (counts.incidents, counts.mails, counts.left_out, counts.broken) == (2, 4, 1, [])
    incident, said = whole(world, "CERT #4711")
    assert (incident.title, incident.state) == ("Locked files", IncidentState.CLOSED)
    assert [kind for kind, _ in said if kind.startswith("mail")] == ["mail-in", "mail-out", "mail-in"]
    assert incident.closed_at == START - timedelta(days=88)
    assert move_mails(world.at(1), path).entries == 0

    more = mail(HOSPITAL, OUR, "Once more", "It is back.", 1, 4, answers=3)
    longer = move_mails(world.at(2), mbox(tmp_path, more, *MAILS))
    assert (longer.incidents, longer.mails) == (0, 1)
    assert whole(world, "CERT #4711")[1][-1] == ("mail-in", "Once more")


def test_mails_go_into_the_incident_of_their_number(world: World, tmp_path: Path) -> None:
    move(world, tickets(tmp_path, TICKET))
    counts = move_mails(world, mbox(tmp_path, *MAILS[:4]))
    assert (counts.incidents, counts.mails) == (1, 4)
    assert [text for kind, text in whole(world, "CERT #4711")[1] if kind == "mail-in"][
        -1
    ] == "Re: [CERT #4711] Re: Locked files"


def test_a_reply_to_the_former_number_lands_in_its_incident(world: World, tmp_path: Path) -> None:
    move(world, tickets(tmp_path, TICKET))
    context = mail_context(world.node, world.node.store)
    known = mail(HOSPITAL, CSIRT, "Re: [CERT #4711] Ransomware", "It is back.", 0, 50)
    stranger = mail("x@else.example", CSIRT, "Re: [CERT #4711] Ransomware", "Tell me all.", 0, 51)
    for raw in (known, stranger):
        file_mail(context, raw, now=world.now)
    texts = [text for kind, text in whole(world, "CERT #4711")[1] if kind == "mail-in"]
    assert texts[1:] == ["Re: [CERT #4711] Ransomware"]


def test_a_month_beside_the_other_tool_answers_nobody(made: Path, tmp_path: Path) -> None:
    """By SMTP and with all that a person may do, in shadow mode nothing reaches the mail server."""
    world = copy_world(made, tmp_path / "copy")
    with post_office() as office:
        server = f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
        settings = world.node.home / HomeFile.SETTINGS
        settings.write_text(settings.read_text() + server + '[tell]\nmode = "shadow"\n')
        world.node.database.close()
        world.node = open_node(world.node.home)
        move(world, tickets(tmp_path, TICKET, REPORT))
        move_mails(world, mbox(tmp_path, *MAILS))
        context = mail_context(world.node, world.node.store)
        file_mail(context, mail(HOSPITAL, CSIRT, "Re: [CERT #4711]", "Hello?", 0, 60), now=world.now)
        file_mail(context, mail("new@else.example", CSIRT, "A report", "See http://bad.example", 0, 61), now=world.now)
        Case(world, "CERT #4711", {"Hospital": 1}).do("send", party="Hospital", subject="Hello", text="We try this.")
        for days in range(31):
            tell(world.node, now=world.now + timedelta(days=days, minutes=5))
        assert office.arrived == []
    assert [one.name for one in (world.node.mails / "shadow").rglob("*.eml")] != []
    world.node.database.close()


@pytest.mark.parametrize("batch", [1, 2])
def test_a_kill_within_a_batch_loses_and_doubles_nothing(world: World, tmp_path: Path, batch: int) -> None:
    path = tickets(tmp_path, *({**TICKET, "id": number} for number in range(1, 260)))
    words = ["incidents", "import", str(path), "--tag", "CERT"]
    environment = {**os.environ, "TOCSIN_CUT": f"import.batch:{batch}"}
    assert command(world.node.home, *words, environment=environment).wait() == KILLED
    assert command(world.node.home, *words, environment={**os.environ}).wait() == 0
    counts = move(world, path)
    assert (counts.known, counts.incidents, counts.entries, counts.parties) == (259, 0, 0, 0)
    assert len(whole(world, "CERT #259")[1]) == len(whole(world, "CERT #1")[1])

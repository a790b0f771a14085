"""A mail that came in: whose it is, what it says of which problems; nothing follows from what proves nothing."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select, update

from support.abuse_reports import REFERENCE, WORDS, canaries, noted, shapes, xarf
from support.delivery_examples import Read
from support.mail_corpus import AUTOMATIC, LISTS, RECEIPTS, Sample
from support.reply_examples import OPERATOR, answers, delivery_of, file, reply, stands, with_mailboxes
from support.world import World
from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery.mailbox import (
    MailKind,
    MailState,
    ReceivedMail,
    delete_received,
    verdicts_in,
)
from tocsin.directory.contacts import Ask, Letters, ask
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tokens import Tokens
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import open_node
from tocsin.problems import read_problem
from tocsin.problems.answers import Via
from tocsin.problems.replies import MailContext, file_mail, open_context
from tocsin.problems.replies.case import told_of
from tocsin.problems.replies.decide import problems_at


def test_a_digest_asks_for_replies_at_an_address_of_its_own(digest: Read, other: Read) -> None:
    assert digest.headers["Reply-To"].startswith("csirt+toc-2026-")
    assert digest.headers["Reply-To"] != other.headers["Reply-To"]
    assert "By mail:    reply, and begin with one of these words: fixed," in digest.body
    assert max(len(line) for line in digest.body.splitlines() if "https:" not in line) <= 76


def test_a_digest_that_is_quoted_without_marks_says_nothing(digest: Read) -> None:
    assert verdicts_in(digest.body) == ()


@pytest.mark.parametrize(
    ("by", "sender", "shown"),
    [
        ("token", OPERATOR, (True, True)),
        ("token", "helpdesk@tickets.example", (True, False)),
        ("thread", "alice@operator.example", (False, True)),
        ("thread", "alice@noc.operator.example", (False, True)),
    ],
)
def test_who_proves_that_the_digest_came_answers_it(
    world: World, digest: Read, by: str, sender: str, shown: tuple[bool, bool]
) -> None:
    desk = open_context(world.node, world.node.store)
    filed = file(world, desk, reply(digest, "fixed, thanks", sender=sender, token=shown[0], thread=shown[1]))

    assert (filed.decision.kind, filed.decision.state) == (MailKind.ANSWER, MailState.APPLIED), filed.decision.why
    assert filed.decision.match.by == by
    (answer,) = answers(desk)
    assert (answer.verdict, answer.problems, answer.via, answer.said_by) == ("fixed", None, Via.MAIL, sender)
    assert answer.at == world.now
    assert answer.note == "fixed, thanks"


def test_where_no_plus_is_taken_the_last_line_proves_it(world: World) -> None:
    settings = world.node.home / "tocsin.toml"
    settings.write_text(settings.read_text().replace("[mailbox]\n", "[mailbox]\nsubaddress = false\n"))
    world.node.database.close()
    world.node = open_node(world.node.home)
    desk = open_context(world.node, world.node.store)
    world.hear("192.0.2.50", "192.0.2.51")
    digest = world.at(1).tell()[OPERATOR]
    mark = digest.body.rstrip().splitlines()[-1]

    assert digest.headers["Reply-To"] == "csirt@example.org"
    assert re.fullmatch(r"\[toc-2026-\d{7}\.[a-z2-7]{16}\]", mark)
    for text, by in ((f"fixed\n\n> {mark}", "token"), ("fixed", ""), (f"fixed\n\n> {mark.replace('.', '.a')}", "")):
        raw = reply(digest, text, sender="helpdesk@tickets.example", thread=False)
        assert file(world, desk, raw).decision.match.by == by
    bounce = b"".join([
        b"From: MAILER-DAEMON@mx.example\r\nTo: csirt@example.org\r\nSubject: Undelivered\r\nReturn-Path: <>\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n--b\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n",
        f"Final-Recipient: rfc822; {OPERATOR}\r\nAction: failed\r\nStatus: 5.1.1\r\n".encode(),
        f"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {digest.message_id}\r\n\r\n".encode(),
        f"{mark}\r\n--b--\r\n".encode(),
    ])  # fmt: skip
    assert file(world, desk, bounce).decision.match.by == "report"


def test_a_mail_without_a_word_says_that_somebody_read_it(world: World, desk: MailContext, digest: Read) -> None:
    file(world, desk, reply(digest, "We have asked the customer.\nMore tomorrow."))

    (answer,) = answers(desk)
    assert (answer.verdict, answer.note) == ("acknowledged", "We have asked the customer.\nMore tomorrow.")


def test_a_reply_can_speak_of_some_problems(world: World, desk: MailContext, digest: Read) -> None:
    filed = file(world, desk, reply(digest, "fixed 192.0.2.1:3389, 192.0.2.2\nnot ours 192.0.2.3\nfalse 198.51.100.9"))

    assert [(answer.verdict, len(answer.problems or ())) for answer in answers(desk)] == [("fixed", 2), ("not_ours", 1)]
    one = answers(desk)[1].problems or [""]
    assert {read_problem(one[0])} == problems_at("192.0.2.3", told_of(desk, delivery_of(desk, digest)))
    assert filed.decision.reasons == ("Not in this digest: 198.51.100.9.",)


def test_what_proves_nothing_waits_for_a_person(world: World, desk: MailContext, digest: Read, other: Read) -> None:
    mine = digest.headers["Reply-To"]
    forged = reply_addresses("csirt@example.org", Tokens(b"guessed"))("TOC-2026-0000001")
    doubts = {
        "Unmatched: the sender is not of this team.": [
            reply(digest, "fixed", token=False, sender="x@evil.example"),
            reply(digest, "fixed", token=False, sender="x@operator.example.evil.example"),
            reply(other, "fixed", token=False),
            reply(digest, "fixed", address=forged, sender="x@evil.example"),
        ],
        "Its address and the mail it answers are of different teams.": [reply(other, "fixed", address=mine)],
        "It is addressed to 2 digests at once.": [
            reply(digest, "fixed", address=f"{mine}, {other.headers['Reply-To']}"),
        ],
        "It answers none of our mails.": [
            reply(digest, "fixed", token=False, thread=False),
            reply(digest, "fixed", address=forged, thread=False),
        ],
        "It only names TOC-2026-0000001, which anybody can.": [
            reply(digest, "fixed", token=False, thread=False, subject="Re: toc-2026-0000001"),
        ],
    }
    for why, mails in doubts.items():
        for raw in mails:
            decision = file(world, desk, raw).decision
            assert (decision.state, decision.why) == (MailState.WAITING, why)
    assert answers(desk) == []


def test_in_a_domain_of_everybody_only_the_mailbox_itself_answers(world: World, digest: Read) -> None:
    desk = with_mailboxes(world, "noc-of-op@gmail.com")

    stranger = file(world, desk, reply(digest, "fixed", token=False, sender="stranger@gmail.com"))
    team = file(world, desk, reply(digest, "fixed", token=False, sender="NOC-of-op@gmail.com"))

    assert (stranger.decision.state, team.decision.state) == (MailState.WAITING, MailState.APPLIED)


@pytest.mark.parametrize("sample", [*AUTOMATIC, *RECEIPTS], ids=lambda sample: f"{sample.kind}-{sample.name}")
def test_what_programs_send_never_counts_as_an_answer(
    world: World, desk: MailContext, digest: Read, sample: Sample
) -> None:
    filed = file(world, desk, sample.raw(digest.headers["Reply-To"]))

    assert (filed.decision.kind, filed.decision.state) == (sample.kind, MailState.KEPT)
    assert filed.decision.ticket == sample.ticket
    assert answers(desk) == []


@pytest.mark.parametrize("way", LISTS, ids=lambda sample: sample.name)
def test_a_verdict_through_a_list_or_from_nobody_is_offered_to_a_person(
    world: World, desk: MailContext, digest: Read, way: Sample
) -> None:
    """Abuse desks answer through groups: their "fixed" is not lost, and does not count by itself."""
    said = Sample("", way.kind, "fixed 192.0.2.1:3389", way.head).raw(digest.headers["Reply-To"])
    filed = file(world, desk, said)

    assert (filed.decision.kind, filed.decision.state) == (MailKind.UNKNOWN, MailState.WAITING)
    assert "It says “fixed”" in filed.decision.why
    assert answers(desk) == []
    shown = world.tocsin.json("replies", "show", str(filed.number))
    assert shown["says"] == [{"verdict": "fixed", "places": ["192.0.2.1:3389"]}]
    offer = world.tocsin.run("replies", "show", str(filed.number))
    assert f"'tocsin replies reclassify {filed.number} --as answer' lets what it says count." in offer

    world.tocsin.run("replies", "reclassify", str(filed.number), "--as", "answer")
    assert [(one.verdict, len(one.problems or ())) for one in answers(desk)] == [("fixed", 1)]


@pytest.mark.parametrize("way", LISTS, ids=lambda sample: sample.name)
def test_other_words_through_a_list_or_from_nobody_say_nothing(
    world: World, desk: MailContext, digest: Read, way: Sample
) -> None:
    filed = file(world, desk, way.raw(digest.headers["Reply-To"]))

    assert (filed.decision.kind, filed.decision.state) == (MailKind.AUTOMATIC, MailState.KEPT)
    assert answers(desk) == []


def test_why_a_mail_through_a_list_would_not_count_anyhow_is_said(world: World, desk: MailContext) -> None:
    filed = file(world, desk, Sample("", MailKind.UNKNOWN, "fixed", LISTS[0].head, "Hello").raw())

    assert filed.decision.reasons == ("It answers none of our mails.",)


def test_our_own_digest_that_comes_back_is_known(world: World, desk: MailContext) -> None:
    (path,) = [path for path in world.node.mails.rglob("*.eml") if OPERATOR.encode() in path.read_bytes()]
    filed = file(world, desk, path.read_bytes().replace(b"Auto-Submitted: auto-generated\r\n", b""))

    assert (filed.decision.kind, filed.decision.why) == (MailKind.AUTOMATIC, "Our own mail, come back.")
    assert answers(desk) == []


def test_the_same_mail_twice_is_one_answer(world: World, desk: MailContext, digest: Read) -> None:
    raw = reply(digest, "fixed")
    by_another_way = b"Received: from elsewhere\r\n" + raw

    first, again, copied = (file(world, desk, mail) for mail in (raw, raw, by_another_way))

    assert (again.again, again.number) == (True, first.number)
    assert copied.decision.why == f"A copy of mail {first.number}."
    assert len(answers(desk)) == 1


def test_two_that_read_the_same_mail_at_once_note_one_answer(world: World, desk: MailContext, digest: Read) -> None:
    raws = [reply(digest, f"fixed\n{number}") for number in range(5)]
    with ThreadPoolExecutor(4) as executor:
        filed = list(executor.map(lambda raw: file(world, desk, raw), raws * 4))

    assert len({one.number for one in filed}) == len(answers(desk)) == len(raws)


def test_a_mail_that_takes_the_name_of_another_does_not_hide_it(world: World, desk: MailContext, digest: Read) -> None:
    raw = reply(digest, "fixed")
    name = next(line for line in raw.splitlines() if line.startswith(b"Message-ID:"))
    file(world, desk, b"From: x@evil.example\r\n" + name + b"\r\n\r\nspam")

    assert file(world, desk, raw).decision.state is MailState.APPLIED


def test_every_mail_is_kept_as_it_came_and_audited(world: World, desk: MailContext, digest: Read) -> None:
    raw = reply(digest, "fixed")
    filed = file(world, desk, raw)

    with desk.node.database.begin() as session:
        row = session.scalars(select(ReceivedMail)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "mail.read")).one()
    assert desk.node.mailroom.read(row.sha256) == raw
    assert entry.subject == f"mail:{filed.number}"
    reference = digest.message_id[1:].partition(".")[0]
    assert entry.detail == {"kind": "answer", "state": "applied", "delivery": reference}


_TEXTS = {"in the text": "REPORT", "text of one in it": "Dear colleagues, see: REPORT"}


@pytest.mark.parametrize(
    "inside", ["attached", "forwarded", "packed", "in the text", "text of one in it", "HTML", "in other bytes", "deep"]
)
def test_of_a_mail_with_a_report_of_abuse_only_its_way_is_kept(world: World, desk: MailContext, inside: str) -> None:
    data = shapes(xarf())["packed.zip" if inside == "packed" else "pretty.json"]
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = "a@r.example", WORDS, "<1@r.example>"
    message.set_content(_TEXTS.get(inside, WORDS).replace("REPORT", data.decode("utf-8", "replace")))
    if inside == "HTML":
        message.add_alternative(f"<pre>{html.escape(data.decode())}</pre>", subtype="html")
    elif inside not in _TEXTS:
        wrapped = b"\x78\x9f\x3e\x22\0" + data + b"\0" if inside == "in other bytes" else data
        message.add_attachment(wrapped, maintype="application", subtype="octet-stream", filename="report")
    for _ in range({"forwarded": 1, "text of one in it": 1, "deep": 8}.get(inside, 0)):
        inner, message = message, EmailMessage()
        message["From"], message["Subject"] = "a@r.example", WORDS
        message.add_attachment(inner)
    filed = file(world, desk, bytes(message))
    with desk.node.database.begin() as session:
        row = session.scalars(select(ReceivedMail)).one()
    assert (filed.sender, row.subject) == ("a@r.example", "A report that was not kept")
    assert b"must never be held" in desk.node.mailroom.read(row.sha256)
    assert canaries(desk.node.home) == []
    assert file(world, desk, bytes(message)).again
    assert filed.never_held
    assert noted(desk.node.home) == [("csam", REFERENCE, "mail")]


def test_a_dry_run_changes_nothing(world: World, desk: MailContext, digest: Read) -> None:
    filed = file_mail(desk, reply(digest, "fixed"), now=world.now, dry_run=True)

    assert (filed.number, filed.decision.state) == (None, MailState.APPLIED)
    assert answers(desk) == []
    assert not desk.node.mailroom.folder.exists()


def test_a_digest_takes_answers_for_some_time(world: World, desk: MailContext, digest: Read) -> None:
    filed = file(world.at(90.1), desk, reply(digest, "fixed"))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, "That digest is more than 90 days old.")


@pytest.mark.parametrize("state", [DeliveryState.SHADOW, DeliveryState.REDIRECTED])
def test_a_digest_that_was_only_tried_out_takes_none(
    world: World, desk: MailContext, digest: Read, state: DeliveryState
) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(state=state.value))
    filed = file(world, desk, reply(digest, "fixed"))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, "That digest was not sent to its team.")
    assert answers(desk) == []


def test_an_answer_came_when_our_server_took_it(world: World, desk: MailContext, digest: Read) -> None:
    raw = reply(digest, "fixed", Date="Tue, 01 Jan 2030 00:00:00 +0000")
    file_mail(desk, raw, now=world.now, arrived=world.now - timedelta(hours=1))

    assert answers(desk)[0].at == world.now - timedelta(hours=1)


def test_of_a_mail_that_was_too_large_a_person_is_told(world: World, desk: MailContext, digest: Read) -> None:
    head = reply(digest, "fixed").split(b"\r\n\r\n")[0]
    filed = file(world, desk, head, unread=99_000_000)

    assert filed.decision.state is MailState.WAITING
    assert "99,000,000 bytes" in filed.decision.why
    assert filed.decision.match.delivery is not None
    assert answers(desk) == []


@pytest.mark.file_times
def test_old_mails_are_deleted_but_for_those_that_wait(world: World, desk: MailContext, digest: Read) -> None:
    applied, waiting = reply(digest, "fixed"), reply(digest, "fixed", token=False, sender="x@evil.example")
    for raw in (applied, waiting):
        file(world, desk, raw)
    assert delete_received(desk.node.database, desk.node.mailroom, datetime.now(UTC).date()) == 0
    assert delete_received(desk.node.database, desk.node.mailroom, datetime.now(UTC).date() + timedelta(days=1)) == 1

    assert [path.read_bytes() for path in desk.node.mailroom.folder.glob("??/*")] == [waiting]
    assert "not here any more" in world.tocsin.call("replies", "show", "1")[2]


# Contacts -----------------------------------------------------------------------------------------------------------


def asked(world: World, desk: MailContext) -> tuple[Letter, str]:
    """The letter that asks whether the operator's mailbox is theirs, and the address to answer it to."""
    write = Letters(lambda _, __: ("Is this yours?", "Answer yes."), reply_addresses("csirt@example.org", desk.tokens))
    (number,) = [number for number, team in desk.teams.items() if team.key == "operator"]
    with desk.node.database.begin() as session:
        ask(session, Ask(OPERATOR, (number,), world.now), {}, write, now=world.now)
    tell(world.node, now=world.now)
    with desk.node.database.begin() as session:
        letter = session.scalars(select(Letter)).one()
    return letter, letter.reply_to


def answer_to(letter: Letter, text: str, *, to: str, sender: str = OPERATOR) -> bytes:
    head = f"From: {sender}\r\nTo: {to}\r\nMessage-ID: <{len(text)}@x>\r\nIn-Reply-To: {letter.message_id}\r\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()


@pytest.mark.parametrize(("channel", "state"), [("smtp", "answering"), ("file", "registered")])
def test_who_answers_a_mail_that_left_is_answering(
    world: World, desk: MailContext, digest: Read, channel: str, state: str
) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(channel=channel))
    file(world, desk, reply(digest, "We look at it."))

    assert stands(world, desk)[0] == state


def test_an_automatic_reply_does_not_make_a_mailbox_answering(world: World, desk: MailContext, digest: Read) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(channel="smtp"))
    file(world, desk, AUTOMATIC[0].raw(digest.headers["Reply-To"]))

    assert stands(world, desk)[0] == "registered"


@pytest.mark.parametrize("sender", [OPERATOR, "helpdesk@tickets.example"])
def test_yes_in_a_reply_verifies_a_mailbox(world: World, desk: MailContext, sender: str) -> None:
    letter, address = asked(world, desk)
    filed = file(world, desk, answer_to(letter, "Yes, thank you", to=address, sender=sender))

    assert (filed.decision.state, filed.decision.match.by) == (MailState.APPLIED, "token")
    assert stands(world, desk)[0] == "verified"


def test_a_question_takes_one_answer(world: World, desk: MailContext) -> None:
    letter, address = asked(world, desk)
    file(world, desk, answer_to(letter, "Yes", to=address))
    late = file(world, desk, answer_to(letter, "Wrong address", to=address))

    assert (late.decision.state, late.decision.why) == (
        MailState.WAITING,
        f"{letter.reference} takes no answer any more.",
    )
    assert stands(world, desk)[0] == "verified"


@pytest.mark.parametrize(
    ("text", "sender", "why"),
    [
        ("Yes", "x@evil.example", "Unmatched: the sender is not the one we wrote to."),
        ("Who are you?", OPERATOR, "It answers the verification request LTR-2026-0000001."),
        ("no", OPERATOR, "It answers the verification request LTR-2026-0000001."),
    ],
)
def test_what_does_not_answer_the_question_waits(
    world: World, desk: MailContext, text: str, sender: str, why: str
) -> None:
    letter, _ = asked(world, desk)
    filed = file(world, desk, answer_to(letter, text, to="csirt@example.org", sender=sender))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, why)
    assert stands(world, desk)[0] == "registered"

"""A mail that came in: whose it is, what it says of which problems; nothing follows from what proves nothing."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from answer_world import World, copy_world, make_world
from delivery_cast import Read, read_folder
from mailroom_corpus import AUTOMATIC, FULL, GONE, LATE, QMAIL, RECEIPTS, Sample, report
from reply_cast import SETTINGS, reply
from tocsin.answers import Answer, Via, read_problem
from tocsin.delivery import Delivery, DeliveryState
from tocsin.directory.contacts import Ask, Letters, Terms, ask, contact_states
from tocsin.letters import Letter, LetterState, queue_letter
from tocsin.mailroom import (
    Kind,
    MailBounce,
    MailState,
    ReceivedMail,
    delete_received,
    kept_mail,
    verdicts_in,
)
from tocsin.node.reply_addresses import reply_addresses
from tocsin.records import AuditEntry
from tocsin.replies import Desk, Filed, file_mail, open_desk
from tocsin.replies.case import told_of
from tocsin.replies.decide import problems_at
from tocsin.telling import tell
from tocsin.tokens import Tokens, open_tokens

OPERATOR, SECTOR = "abuse@operator.example", "cert@banks.example"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Read]]:
    """A node that told two teams of some problems, and the mails."""
    world = make_world(tmp_path_factory.mktemp("told"), SETTINGS)
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.200")
    return world.folder, world.tell()


@pytest.fixture
def world(told: tuple[Path, dict[str, Read]], tmp_path: Path) -> Iterator[World]:
    made = copy_world(told[0], tmp_path / "copy")
    yield made.at(0.1)
    made.node.database.engine.dispose()


@pytest.fixture
def desk(world: World) -> Desk:
    return open_desk(world.node, world.node.store)


@pytest.fixture
def digest(told: tuple[Path, dict[str, Read]]) -> Read:
    """What the operator was told."""
    return told[1][OPERATOR]


@pytest.fixture
def other(told: tuple[Path, dict[str, Read]]) -> Read:
    """What the sector team was told."""
    return told[1][SECTOR]


def answers(desk: Desk) -> list[Answer]:
    with desk.node.database.begin() as session:
        return list(session.scalars(select(Answer).order_by(Answer.id)))


def delivery_of(desk: Desk, digest: Read) -> Delivery:
    with desk.node.database.begin() as session:
        return session.scalars(select(Delivery).where(Delivery.message_id == digest.message_id)).one()


def with_mailboxes(world: World, *mailboxes: str) -> Desk:
    """The desk once the operator also has these mailboxes."""
    path = world.folder / "more.toml"
    path.write_text(f'[[team]]\nkey = "operator"\nname = "Example Operator"\nmailboxes = {json.dumps(mailboxes)}\n')
    world.tocsin.run("directory", "import", path)
    return open_desk(world.node, world.node.store)


def file(world: World, desk: Desk, raw: bytes, unread: int = 0) -> Filed:
    return file_mail(desk, raw, now=world.now, unread=unread)


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
    desk = open_desk(world.node, world.node.store)
    filed = file(world, desk, reply(digest, "fixed, thanks", sender=sender, token=shown[0], thread=shown[1]))

    assert (filed.decision.kind, filed.decision.state) == (Kind.ANSWER, MailState.APPLIED), filed.decision.why
    assert filed.decision.match.by == by
    (answer,) = answers(desk)
    assert (answer.verdict, answer.problems, answer.via, answer.said_by) == ("fixed", None, Via.MAIL, sender)
    assert answer.at == world.now
    assert answer.note == "fixed, thanks"


def test_a_mail_without_a_word_says_that_somebody_read_it(world: World, desk: Desk, digest: Read) -> None:
    file(world, desk, reply(digest, "We have asked the customer.\nMore tomorrow."))

    (answer,) = answers(desk)
    assert (answer.verdict, answer.note) == ("acknowledged", "We have asked the customer.\nMore tomorrow.")


def test_a_reply_can_speak_of_some_problems(world: World, desk: Desk, digest: Read) -> None:
    filed = file(world, desk, reply(digest, "fixed 192.0.2.1:3389, 192.0.2.2\nnot ours 192.0.2.3\nfalse 198.51.100.9"))

    assert [(answer.verdict, len(answer.problems or ())) for answer in answers(desk)] == [("fixed", 2), ("not_ours", 1)]
    one = answers(desk)[1].problems or [""]
    assert {read_problem(one[0])} == problems_at("192.0.2.3", told_of(desk, delivery_of(desk, digest)))
    assert filed.decision.reasons == ("Not in this digest: 198.51.100.9.",)


def test_what_proves_nothing_waits_for_a_person(world: World, desk: Desk, digest: Read, other: Read) -> None:
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
        "It answers no mail of ours.": [
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
def test_what_programs_send_never_counts_as_an_answer(world: World, desk: Desk, digest: Read, sample: Sample) -> None:
    filed = file(world, desk, sample.raw(digest.headers["Reply-To"]))

    assert (filed.decision.kind, filed.decision.state) == (sample.kind, MailState.KEPT)
    assert filed.decision.ticket == sample.ticket
    assert answers(desk) == []


def test_our_own_digest_that_comes_back_is_known(world: World, desk: Desk) -> None:
    (path,) = [path for path in world.node.mails.rglob("*.eml") if OPERATOR.encode() in path.read_bytes()]
    filed = file(world, desk, path.read_bytes().replace(b"Auto-Submitted: auto-generated\r\n", b""))

    assert (filed.decision.kind, filed.decision.why) == (Kind.AUTOMATIC, "Our own mail, come back.")
    assert answers(desk) == []


def test_the_same_mail_twice_is_one_answer(world: World, desk: Desk, digest: Read) -> None:
    raw = reply(digest, "fixed")
    by_another_way = b"Received: from elsewhere\r\n" + raw

    first, again, copied = (file(world, desk, mail) for mail in (raw, raw, by_another_way))

    assert (again.again, again.number) == (True, first.number)
    assert copied.decision.why == f"A copy of mail {first.number}."
    assert len(answers(desk)) == 1


def test_two_that_read_the_same_mail_at_once_note_one_answer(world: World, desk: Desk, digest: Read) -> None:
    raws = [reply(digest, f"fixed\n{number}") for number in range(5)]
    with ThreadPoolExecutor(4) as executor:
        filed = list(executor.map(lambda raw: file(world, desk, raw), raws * 4))

    assert len({one.number for one in filed}) == len(answers(desk)) == len(raws)


def test_a_mail_that_takes_the_name_of_another_does_not_hide_it(world: World, desk: Desk, digest: Read) -> None:
    raw = reply(digest, "fixed")
    name = next(line for line in raw.splitlines() if line.startswith(b"Message-ID:"))
    file(world, desk, b"From: x@evil.example\r\n" + name + b"\r\n\r\nspam")

    assert file(world, desk, raw).decision.state is MailState.APPLIED


def test_every_mail_is_kept_as_it_came_and_audited(world: World, desk: Desk, digest: Read) -> None:
    raw = reply(digest, "fixed")
    filed = file(world, desk, raw)

    with desk.node.database.begin() as session:
        row = session.scalars(select(ReceivedMail)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == "mail.read")).one()
    assert kept_mail(desk.folder, row.sha256) == raw
    assert entry.subject == f"mail:{filed.number}"
    reference = digest.message_id[1:].partition(".")[0]
    assert entry.detail == {"kind": "answer", "state": "applied", "delivery": reference}


def test_a_dry_run_changes_nothing(world: World, desk: Desk, digest: Read) -> None:
    filed = file_mail(desk, reply(digest, "fixed"), now=world.now, dry_run=True)

    assert (filed.number, filed.decision.state) == (None, MailState.APPLIED)
    assert answers(desk) == []
    assert not desk.folder.exists()


def test_a_digest_takes_answers_for_some_time(world: World, desk: Desk, digest: Read) -> None:
    filed = file(world.at(90.1), desk, reply(digest, "fixed"))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, "That digest is more than 90 days old.")


@pytest.mark.parametrize("state", [DeliveryState.SHADOW, DeliveryState.REDIRECTED])
def test_a_digest_that_was_only_tried_out_takes_none(
    world: World, desk: Desk, digest: Read, state: DeliveryState
) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(state=state.value))
    filed = file(world, desk, reply(digest, "fixed"))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, "That digest was not sent to its team.")
    assert answers(desk) == []


def test_an_answer_came_when_our_server_took_it(world: World, desk: Desk, digest: Read) -> None:
    raw = reply(digest, "fixed", Date="Tue, 01 Jan 2030 00:00:00 +0000")
    file_mail(desk, raw, now=world.now, arrived=world.now - timedelta(hours=1))

    assert answers(desk)[0].at == world.now - timedelta(hours=1)


def test_of_a_mail_that_was_too_large_a_person_is_told(world: World, desk: Desk, digest: Read) -> None:
    head = reply(digest, "fixed").split(b"\r\n\r\n")[0]
    filed = file(world, desk, head, unread=99_000_000)

    assert filed.decision.state is MailState.WAITING
    assert "99,000,000 bytes" in filed.decision.why
    assert filed.decision.match.delivery is not None
    assert answers(desk) == []


# Bounces ------------------------------------------------------------------------------------------------------------


def bounces(desk: Desk) -> list[tuple[str, bool, bool, str]]:
    with desk.node.database.begin() as session:
        rows = session.scalars(select(MailBounce).order_by(MailBounce.id))
        return [(row.mailbox, row.failed, row.permanent, row.status) for row in rows]


def state_of(desk: Desk, digest: Read) -> str:
    return delivery_of(desk, digest).state


def to_operator(fields: str) -> str:
    return fields.replace("noc@isp.example", OPERATOR)


def test_a_bounce_for_good_marks_the_digest(world: World, desk: Desk, digest: Read) -> None:
    filed = file(world, desk, report(to_operator(GONE), original=digest.message_id).raw())

    assert (filed.decision.kind, filed.decision.state) == (Kind.BOUNCE, MailState.APPLIED)
    assert bounces(desk) == [(OPERATOR, True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_of_several_parts_each_is_known(world: World, desk: Desk, digest: Read) -> None:
    part = digest.message_id.replace("@", ".3@")
    file(world, desk, report(to_operator(FULL), original=part).raw())

    assert bounces(desk) == [(OPERATOR, True, False, "4.2.2")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_late_mail_may_still_arrive(world: World, desk: Desk, digest: Read) -> None:
    file(world, desk, report(to_operator(LATE), original=digest.message_id).raw())

    assert bounces(desk) == [(OPERATOR, False, False, "4.4.1")]
    assert state_of(desk, digest) == DeliveryState.SENT


def test_a_digest_that_reached_one_of_two_mailboxes_is_not_lost(world: World, digest: Read) -> None:
    desk = with_mailboxes(world, OPERATOR, "noc@operator.example")

    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw())
    assert state_of(desk, digest) == DeliveryState.SENT
    both = GONE.replace("noc@isp.example", "noc@operator.example")
    file(world, desk, report(both, original=digest.message_id).raw())
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_bounce_from_where_a_mailbox_forwards_to_does_not_condemn_it(world: World, desk: Desk, digest: Read) -> None:
    file(world, desk, report(GONE, original=digest.message_id).raw())

    assert bounces(desk) == [("noc@isp.example", True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.SENT


def test_what_came_back_can_be_sent_again_to_a_mended_mailbox(world: World, desk: Desk, digest: Read) -> None:
    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw())
    with_mailboxes(world, "new@operator.example")
    reference = delivery_of(desk, digest).reference
    shown = world.tocsin.json("deliveries", "show", reference)
    assert shown["not_reached"] == {OPERATOR: "gone for good (5.1.1): 550 5.1.1 no user"}

    world.tocsin.run("deliveries", "retry", reference)
    tell(world.node, now=datetime.now(UTC) + timedelta(hours=1))  # the command retried now
    assert "new@operator.example" in read_folder(world.node.mails)[f"{reference}.eml"].to


def test_old_mails_are_deleted_but_for_those_that_wait(world: World, desk: Desk, digest: Read) -> None:
    applied, waiting = reply(digest, "fixed"), reply(digest, "fixed", token=False, sender="x@evil.example")
    for raw in (applied, waiting):
        file(world, desk, raw)
    assert delete_received(desk.node.database, desk.folder, datetime.now(UTC).date()) == 0
    assert delete_received(desk.node.database, desk.folder, datetime.now(UTC).date() + timedelta(days=1)) == 1

    assert [path.read_bytes() for path in desk.folder.glob("??/*")] == [waiting]
    assert "not here any more" in world.tocsin.call("replies", "show", "1")[2]


def test_a_report_without_our_mail_comes_to_the_address_of_the_digest(world: World, desk: Desk, digest: Read) -> None:
    raw = QMAIL.raw(digest.headers["Reply-To"]).replace(b"noc@isp.example", OPERATOR.encode())
    file(world, desk, raw)

    assert bounces(desk) == [(OPERATOR, True, True, "")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_report_in_other_words_is_of_the_mailbox_that_it_names(world: World, desk: Desk, digest: Read) -> None:
    raw = QMAIL.raw().replace(b"noc@isp.example", OPERATOR.encode())
    file(world, desk, raw.replace(b"<TOC-2026-0000001.abc@example.org>", digest.message_id.encode()))

    assert bounces(desk) == [(OPERATOR, True, True, "")]


def test_a_forged_bounce_changes_nothing(world: World, desk: Desk, digest: Read) -> None:
    guessed = digest.message_id.replace(digest.message_id.split(".")[1][:4], "0000", 1)
    waiting = file(world, desk, report(to_operator(GONE), original=guessed).raw())
    spam = file(world, desk, report(GONE, original="<x@elsewhere.example>").raw())

    assert (waiting.decision.state, spam.decision.state) == (MailState.WAITING, MailState.KEPT)
    assert state_of(desk, digest) == DeliveryState.SENT


def test_a_letter_that_bounces_is_marked(world: World, desk: Desk) -> None:
    with desk.node.database.begin() as session:
        queue_letter(session, key="k", kind="test", mailbox=OPERATOR, subject="s", body="b", now=world.now)
    tell(world.node, now=world.now)
    with desk.node.database.begin() as session:
        letter = session.scalars(select(Letter)).one()
    assert letter.state == LetterState.SENT

    address = reply_addresses("csirt@example.org", open_tokens(world.node.home))(letter.reference)
    filed = file(world, desk, report(to_operator(GONE), original="<lost@isp.example>").raw(address))

    assert filed.decision.match.letter is not None
    with desk.node.database.begin() as session:
        assert session.scalars(select(Letter.state)).one() == LetterState.BOUNCED


# Contacts -----------------------------------------------------------------------------------------------------------


def stands(world: World, desk: Desk, team: str = "operator") -> tuple[str, str]:
    """How the team's mailbox stands, and why."""
    with desk.node.database.begin() as session:
        found = contact_states(session, world.now, Terms())
    (contact,) = [one for one in found if one.team == team]
    return contact.stand.state.value, contact.stand.reason


def asked(world: World, desk: Desk) -> tuple[Letter, str]:
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


def test_a_mailbox_that_sends_mails_back_is_bouncing(world: World, desk: Desk, digest: Read) -> None:
    assert stands(world, desk)[0] == "registered"
    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw())

    assert stands(world, desk)[0] == "bouncing"


def test_a_late_mail_says_nothing_of_its_mailbox(world: World, desk: Desk, digest: Read) -> None:
    file(world, desk, report(to_operator(LATE), original=digest.message_id).raw())

    assert stands(world, desk)[0] == "registered"


@pytest.mark.parametrize(("channel", "state"), [("smtp", "answering"), ("file", "registered")])
def test_who_answers_a_mail_that_left_is_answering(
    world: World, desk: Desk, digest: Read, channel: str, state: str
) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(channel=channel))
    file(world, desk, reply(digest, "We look at it."))

    assert stands(world, desk)[0] == state


def test_an_automatic_reply_does_not_make_a_mailbox_answering(world: World, desk: Desk, digest: Read) -> None:
    with desk.node.database.begin() as session:
        session.execute(update(Delivery).values(channel="smtp"))
    file(world, desk, AUTOMATIC[0].raw(digest.headers["Reply-To"]))

    assert stands(world, desk)[0] == "registered"


@pytest.mark.parametrize("sender", [OPERATOR, "helpdesk@tickets.example"])
def test_yes_in_a_reply_verifies_a_mailbox(world: World, desk: Desk, sender: str) -> None:
    letter, address = asked(world, desk)
    filed = file(world, desk, answer_to(letter, "Yes, thank you", to=address, sender=sender))

    assert (filed.decision.state, filed.decision.match.by) == (MailState.APPLIED, "token")
    assert stands(world, desk)[0] == "verified"


def test_a_question_takes_one_answer(world: World, desk: Desk) -> None:
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
        ("Who are you?", OPERATOR, "It answers the letter LTR-2026-0000001."),
        ("no", OPERATOR, "It answers the letter LTR-2026-0000001."),
    ],
)
def test_what_does_not_answer_the_question_waits(world: World, desk: Desk, text: str, sender: str, why: str) -> None:
    letter, _ = asked(world, desk)
    filed = file(world, desk, answer_to(letter, text, to="csirt@example.org", sender=sender))

    assert (filed.decision.state, filed.decision.why) == (MailState.WAITING, why)
    assert stands(world, desk)[0] == "registered"

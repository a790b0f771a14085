"""What comes back: whose mailbox was not reached, where the report proves that it saw our mail, or a person says so."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from support.delivery_examples import Read, read_folder
from support.mail_corpus import FULL, GONE, LATE, QMAIL, report
from support.reply_examples import OPERATOR, delivery_of, file, reply, stands, with_mailboxes
from support.world import World
from tocsin.delivery import DeliveryState
from tocsin.delivery.mailbox import (
    MailBounce,
    MailKind,
    MailState,
)
from tocsin.node.letters import Letter, LetterState, queue_letter
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.notify import tell
from tocsin.problems.replies import MailContext


def bounces(desk: MailContext) -> list[tuple[str, bool, bool, str]]:
    with desk.node.database.begin() as session:
        rows = session.scalars(select(MailBounce).order_by(MailBounce.id))
        return [(row.mailbox, row.failed, row.permanent, row.status) for row in rows]


def state_of(desk: MailContext, digest: Read) -> str:
    return delivery_of(desk, digest).state


def to_operator(fields: str) -> str:
    return fields.replace("noc@isp.example", OPERATOR)


def test_a_bounce_for_good_marks_the_digest(world: World, desk: MailContext, digest: Read) -> None:
    filed = file(world, desk, report(to_operator(GONE), original=digest.message_id).raw(digest.headers["Reply-To"]))

    assert (filed.decision.kind, filed.decision.state) == (MailKind.BOUNCE, MailState.APPLIED)
    assert bounces(desk) == [(OPERATOR, True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_of_several_parts_each_is_known(world: World, desk: MailContext, digest: Read) -> None:
    part = digest.message_id.replace("@", ".3@")
    file(world, desk, report(to_operator(FULL), original=part).raw(digest.headers["Reply-To"]))

    assert bounces(desk) == [(OPERATOR, True, False, "4.2.2")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_late_mail_may_still_arrive(world: World, desk: MailContext, digest: Read) -> None:
    file(world, desk, report(to_operator(LATE), original=digest.message_id).raw(digest.headers["Reply-To"]))

    assert bounces(desk) == [(OPERATOR, False, False, "4.4.1")]
    assert state_of(desk, digest) == DeliveryState.SENT


def test_a_digest_that_reached_one_of_two_mailboxes_is_not_lost(world: World, digest: Read) -> None:
    desk = with_mailboxes(world, OPERATOR, "noc@operator.example")

    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw(digest.headers["Reply-To"]))
    assert state_of(desk, digest) == DeliveryState.SENT
    both = GONE.replace("noc@isp.example", "noc@operator.example")
    file(world, desk, report(both, original=digest.message_id).raw(digest.headers["Reply-To"]))
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_bounce_from_where_a_mailbox_forwards_to_does_not_condemn_it(
    world: World, desk: MailContext, digest: Read
) -> None:
    filed = file(world, desk, report(GONE, original=digest.message_id).raw(digest.headers["Reply-To"]))

    assert (filed.decision.state, filed.decision.why) == (
        MailState.WAITING,
        "It does not name an address that the mail was sent to as not reached.",
    )
    assert bounces(desk) == [("noc@isp.example", True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.SENT


def test_what_came_back_can_be_sent_again_to_a_mended_mailbox(world: World, desk: MailContext, digest: Read) -> None:
    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw(digest.headers["Reply-To"]))
    with_mailboxes(world, "new@operator.example")
    reference = delivery_of(desk, digest).reference
    shown = world.tocsin.json("deliveries", "show", reference)
    assert shown["not_reached"] == {OPERATOR: "gone for good (5.1.1): 550 5.1.1 no user"}

    world.tocsin.run("deliveries", "retry", reference)
    tell(world.node, now=world.now + timedelta(hours=1))
    assert "new@operator.example" in read_folder(world.node.mails)[f"{reference}.eml"].to


def test_a_report_without_our_mail_comes_to_the_address_of_the_digest(
    world: World, desk: MailContext, digest: Read
) -> None:
    raw = QMAIL.raw(digest.headers["Reply-To"]).replace(b"noc@isp.example", OPERATOR.encode())
    file(world, desk, raw.replace(b"Message-ID: <TOC-2026-0000001.abc@example.org>\r\n", b""))

    assert bounces(desk) == [(OPERATOR, True, True, "")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED


def test_a_report_in_other_words_is_of_the_mailbox_that_it_names(world: World, desk: MailContext, digest: Read) -> None:
    raw = QMAIL.raw(digest.headers["Reply-To"]).replace(b"noc@isp.example", OPERATOR.encode())
    file(world, desk, raw.replace(b"<TOC-2026-0000001.abc@example.org>", digest.message_id.encode()))

    assert bounces(desk) == [(OPERATOR, True, True, "")]


def test_a_forged_bounce_changes_nothing(world: World, desk: MailContext, digest: Read) -> None:
    guessed = digest.message_id.replace(digest.message_id.split(".")[1][:4], "0000", 1)
    waiting = file(world, desk, report(to_operator(GONE), original=guessed).raw())
    spam = file(world, desk, report(GONE, original="<x@elsewhere.example>").raw())

    assert (waiting.decision.state, spam.decision.state) == (MailState.WAITING, MailState.KEPT)
    assert state_of(desk, digest) == DeliveryState.SENT


def test_a_bounce_that_names_our_mail_but_came_to_another_address_waits_for_a_person(
    world: World, desk: MailContext, digest: Read
) -> None:
    """A Message-ID is no secret: whoever has seen one must not make a mailbox look gone."""
    forged = report(to_operator(GONE), original=digest.message_id).raw("csirt@example.org")
    filed = file(world, desk, forged)

    assert (filed.decision.kind, filed.decision.state) == (MailKind.BOUNCE, MailState.WAITING)
    assert "anybody can have written it" in filed.decision.why
    assert state_of(desk, digest) == DeliveryState.SENT
    assert stands(world, desk)[0] == "registered"
    assert world.tocsin.json("deliveries", "show", delivery_of(desk, digest).reference)["not_reached"] == {}


def test_a_bounce_that_returns_another_mail_waits_for_a_person(
    world: World, desk: MailContext, digest: Read, other: Read
) -> None:
    for original in (other.message_id, "<lost@isp.example>"):
        filed = file(world, desk, report(to_operator(GONE), original=original).raw(digest.headers["Reply-To"]))
        assert (filed.decision.state, filed.decision.why) == (
            MailState.WAITING,
            "It came to the address of one mail and returns another.",
        )
    assert (state_of(desk, digest), state_of(desk, other)) == (DeliveryState.SENT, DeliveryState.SENT)
    assert stands(world, desk)[0] == "registered"


@pytest.mark.parametrize("mailbox", [OPERATOR, "noc@isp.example"])
def test_a_person_says_that_it_is_a_bounce(world: World, desk: MailContext, digest: Read, mailbox: str) -> None:
    """Also where it names where the team's only mailbox forwards to."""
    gone = GONE.replace("noc@isp.example", mailbox)
    number = file(world, desk, report(gone, original=digest.message_id).raw("csirt@example.org")).number
    said = world.tocsin.json("replies", "reclassify", str(number), "--as", "bounce")

    assert (said["state"], said["matched_by"]) == ("applied", "person")
    assert bounces(desk) == [(OPERATOR, True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.BOUNCED
    assert stands(world, desk)[0] == "bouncing"


def test_a_person_is_told_where_no_mailbox_fits(world: World, digest: Read) -> None:
    desk = with_mailboxes(world, OPERATOR, "noc@operator.example")
    number = file(world, desk, report(GONE, original=digest.message_id).raw("csirt@example.org")).number

    code, _, error = world.tocsin.call("replies", "reclassify", str(number), "--as", "bounce")
    assert (code, "which email address was not reached" in error) == (2, True)
    world.tocsin.run("replies", "reclassify", str(number), "--as", "automatic")
    assert state_of(desk, digest) == DeliveryState.SENT


@pytest.mark.parametrize("by", ["the address", "a person"])
def test_a_digest_that_was_answered_stays_answered(world: World, desk: MailContext, digest: Read, by: str) -> None:
    file(world, desk, reply(digest, "We look at it."))
    to = digest.headers["Reply-To"] if by == "the address" else "csirt@example.org"
    number = file(world.at(0.2), desk, report(to_operator(GONE), original=digest.message_id).raw(to)).number
    if by == "a person":
        world.tocsin.run("replies", "reclassify", str(number), "--as", "bounce")

    assert bounces(desk) == [(OPERATOR, True, True, "5.1.1")]
    assert state_of(desk, digest) == DeliveryState.SENT
    assert stands(world, desk)[0] == "bouncing"


def test_a_letter_that_bounces_is_marked(world: World, desk: MailContext) -> None:
    with desk.node.database.begin() as session:
        queue_letter(session, key="k", kind="test", mailbox=OPERATOR, subject="s", body="b", now=world.now)
    tell(world.node, now=world.now)
    with desk.node.database.begin() as session:
        letter = session.scalars(select(Letter)).one()
    assert letter.state == LetterState.SENT

    address = reply_addresses("csirt@example.org", open_tokens(world.node.home))(letter.reference)
    filed = file(world, desk, report(to_operator(GONE), original=letter.message_id).raw(address))

    assert filed.decision.match.letter is not None
    with desk.node.database.begin() as session:
        assert session.scalars(select(Letter.state)).one() == LetterState.BOUNCED


def test_a_mailbox_that_sends_mails_back_is_bouncing(world: World, desk: MailContext, digest: Read) -> None:
    assert stands(world, desk)[0] == "registered"
    file(world, desk, report(to_operator(GONE), original=digest.message_id).raw(digest.headers["Reply-To"]))

    assert stands(world, desk)[0] == "bouncing"


def test_a_late_mail_says_nothing_of_its_mailbox(world: World, desk: MailContext, digest: Read) -> None:
    file(world, desk, report(to_operator(LATE), original=digest.message_id).raw(digest.headers["Reply-To"]))

    assert stands(world, desk)[0] == "registered"

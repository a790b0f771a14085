"""Mails of an incident: each to one party alone; what comes back is where it belongs, and nothing answers by itself."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from support.incident_mails import ANALYST, Case, answer_to, make_case
from support.mail_keys import gnupg
from support.world import World
from tocsin.delivery import letters
from tocsin.delivery.mailbox import MailState, ReceivedMail
from tocsin.directory import read_team
from tocsin.incidents import Incident, IncidentState, Party, PartyRole
from tocsin.incidents.threads import MOST_A_DAY, QuotedTextError, ThreadMailState, ThreadTurn
from tocsin.interface import RequestError
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter
from tocsin.node.records import undo
from tocsin.node.records.undo import UndoRecord
from tocsin.pipeline.notify import tell

TEXT = "Please look at your file server, which was seen in the traffic of a ransomware group."
HOSPITAL, OPERATOR = "it@hospital.example", "noc@isp.example"


def states(case: Case, party: str) -> list[str]:
    return [one.state for one in case.thread(party)[1]]


def turn(case: Case, party: str) -> str:
    thread, _ = case.thread(party)
    assert thread is not None
    return thread.turn


def waiting(world: World) -> int:
    """The mails of nobody's thread that a person must look at."""
    with world.node.database.reading() as session:
        mine = select(func.count()).where(ReceivedMail.state == MailState.WAITING.value)
        return session.scalar(mine) or 0


def test_a_mail_goes_to_its_party_alone_and_its_answer_comes_back(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    assert sent.to == HOSPITAL
    assert "Cc" not in sent.headers
    assert str(sent.headers["Subject"]) == f"[{case.reference}] About your systems"
    assert sent.body.split()[:3] == ["TLP:AMBER", "Please", "look"]
    assert "Auto-Submitted" not in sent.headers
    assert turn(case, "Hospital") == ThreadTurn.THEIRS
    case.receive(answer_to(sent, "We pulled the plug.", sender=HOSPITAL))
    _, (ours, theirs) = case.thread("Hospital")
    assert (ours.ours, theirs.ours, theirs.text) == (True, False, "We pulled the plug.")
    assert turn(case, "Hospital") == ThreadTurn.OURS
    assert case.thread("Operator") == (None, [])
    again = case.write("Hospital", "Thank you.")
    assert again.headers["In-Reply-To"] == theirs.message_id
    assert str(again.headers["References"]).split() == [ours.message_id, theirs.message_id]


@pytest.mark.parametrize("sign", ["token", "id", "subject"])
def test_each_sign_is_enough_from_the_party(case: Case, sign: str) -> None:
    sent = case.write("Hospital", TEXT)
    raw = answer_to(sent, "Done.", sender=HOSPITAL, token=sign == "token", thread=sign == "id")
    case.receive(raw)
    assert states(case, "Hospital") == [ThreadMailState.SENT, ThreadMailState.PLACED]


def test_a_mail_that_names_only_a_mail_of_theirs_is_of_the_thread(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    case.receive(answer_to(sent, "Done.", sender=HOSPITAL))
    theirs = case.thread("Hospital")[1][-1].message_id
    more = answer_to(sent, "And more.", sender=HOSPITAL, token=False, thread=False, subject="More", References=theirs)
    case.receive(more)
    assert case.thread("Hospital")[1][-1].text == "And more."


def test_a_reference_in_the_subject_is_nothing_from_a_stranger(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    case.receive(answer_to(sent, "Tell me all.", sender="eve@evil.example", token=False, thread=False))
    assert states(case, "Hospital") == [ThreadMailState.SENT]
    assert waiting(case.world) == 1


@pytest.mark.parametrize("sign", ["token", "id"])
def test_a_proof_from_another_sender_waits_for_a_person(case: Case, sign: str) -> None:
    sent = case.write("Hospital", TEXT)
    case.receive(
        answer_to(sent, "From home.", sender="doctor@home.example", token=sign == "token", thread=sign == "id")
    )
    assert states(case, "Hospital") == [ThreadMailState.SENT, ThreadMailState.UNCERTAIN]
    assert turn(case, "Hospital") == ThreadTurn.THEIRS
    assert waiting(case.world) == 0
    mail = case.thread("Hospital")[1][-1]
    case.do("accept-mail", party="Hospital", mail=mail.id)
    assert turn(case, "Hospital") == ThreadTurn.OURS
    case.receive(answer_to(sent, "More.", sender="doctor@home.example"))
    assert states(case, "Hospital")[1:] == [ThreadMailState.PLACED, ThreadMailState.PLACED]
    with pytest.raises(ConflictError):
        case.do("accept-mail", party="Hospital", mail=mail.id)


def test_a_mail_to_two_threads_waits_for_a_person(case: Case) -> None:
    first, other = case.write("Hospital", TEXT), case.write("Operator", "Please look at your router.")
    both = f"{first.headers['Reply-To']}, {other.headers['Reply-To']}"
    case.receive(answer_to(first, "To all.", sender=HOSPITAL, to=both))
    assert ThreadMailState.UNCERTAIN in states(case, "Hospital") + states(case, "Operator")
    assert ThreadMailState.PLACED not in states(case, "Hospital") + states(case, "Operator")


def test_the_address_of_one_and_the_mail_of_another_is_no_proof(case: Case) -> None:
    first, other = case.write("Hospital", TEXT), case.write("Operator", "Please look at your router.")
    case.receive(answer_to(other, "Forwarded to me.", sender=HOSPITAL, to=str(first.headers["Reply-To"])))
    assert states(case, "Hospital")[-1] == ThreadMailState.UNCERTAIN


def test_a_former_address_counts_no_more(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    case.do("replace-address", party="Hospital")
    case.receive(answer_to(sent, "Spam.", sender="eve@evil.example", thread=False, subject="Offer"))
    assert states(case, "Hospital") == [ThreadMailState.SENT]
    assert waiting(case.world) == 1
    again = case.write("Hospital", "Please use the new address.")
    assert again.headers["Reply-To"] != sent.headers["Reply-To"]
    case.receive(answer_to(again, "We do.", sender=HOSPITAL, thread=False))
    assert states(case, "Hospital")[-1] == ThreadMailState.PLACED


def test_one_address_brings_so_many_mails_a_day_and_none_is_lost(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    for number in range(MOST_A_DAY + 2):
        case.receive(answer_to(sent, f"Mail {number}.", sender=HOSPITAL))
    assert states(case, "Hospital").count(ThreadMailState.PLACED) == MOST_A_DAY
    assert states(case, "Hospital").count(ThreadMailState.OVER_LIMIT) == 2
    case.world.now += timedelta(days=2)
    case.receive(answer_to(sent, "The next day.", sender=HOSPITAL))
    assert states(case, "Hospital")[-1] == ThreadMailState.PLACED


AUTOMATIC = {"Auto_Submitted": "auto-replied"}
RECEIPT = {"X_RT_Loop_Prevention": "rt.example", "RT_Ticket": "rt.example #77", "Auto_Submitted": "auto-replied"}


@pytest.mark.parametrize("head", [AUTOMATIC, RECEIPT])
def test_what_a_program_writes_is_noted_and_nothing_follows(case: Case, head: dict[str, Any]) -> None:
    sent = case.write("Hospital", TEXT)
    case.receive(answer_to(sent, "We opened a ticket.", sender="robot@hospital.example", **head))
    assert states(case, "Hospital") == [ThreadMailState.SENT, ThreadMailState.AUTOMATIC]
    assert turn(case, "Hospital") == ThreadTurn.THEIRS


def test_a_mail_that_did_not_arrive_is_ours_to_write_again(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    with case.world.node.database.begin() as session:
        session.scalars(select(Letter)).one().state = "sent"
    case.receive(_bounce(str(sent.headers["Reply-To"]), sent.message_id))
    with case.world.node.database.reading() as session:
        assert session.scalars(select(Letter.state)).one() == "bounced"
    assert turn(case, "Hospital") == ThreadTurn.OURS


def test_the_same_mail_twice_is_one(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    raw = answer_to(sent, "Done.", sender=HOSPITAL)
    assert [case.receive(raw).again, case.receive(raw).again] == [False, True]
    assert len(states(case, "Hospital")) == 2


@pytest.mark.parametrize("state", [IncidentState.CLOSED, IncidentState.MERGED])
def test_a_mail_for_a_closed_or_merged_incident_lands_in_its_thread(case: Case, state: IncidentState) -> None:
    sent = case.write("Hospital", TEXT)
    with case.world.node.database.begin() as session:
        session.scalars(select(Incident)).one().state = state.value
    case.receive(answer_to(sent, "It is back.", sender=HOSPITAL))
    assert states(case, "Hospital")[-1] == ThreadMailState.PLACED


def test_the_text_of_another_thread_is_asked_about(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    secret = "our backup tapes are in the cellar of the old laundry"
    case.receive(answer_to(sent, f"For you only: {secret}.", sender=HOSPITAL))
    for quoted in (secret, "> our backup tapes\n> are in the cellar of\n> the old laundry", f"Ask {HOSPITAL}."):
        with pytest.raises(QuotedTextError, match="Hospital"):
            case.do("send", party="Operator", subject="Look", text=f"They say: {quoted}")
    assert case.thread("Operator") == (None, [])
    assert case.write("Operator", f"They say: {secret}", quotes_checked=True).to == OPERATOR
    assert case.write("Hospital", f"You say: {secret}").to == HOSPITAL


def test_a_template_in_two_threads_is_no_quotation(case: Case) -> None:
    announced = case.do("announce", parties=(1, 2), subject="Closed", text=TEXT)
    assert [one.name for one in announced] == ["Hospital", "Operator"]
    sent = case.world.tell()
    assert sorted(sent) == [HOSPITAL, OPERATOR]
    assert not [address for box, mail in sent.items() for address in sent if address != box and address in str(mail)]


def test_what_nobody_filled_in_does_not_leave(case: Case) -> None:
    with pytest.raises(RequestError, match="deadline") as refused:
        case.do("send", party="Hospital", subject="Answer", text='Answer by {deadline}. {"json": 1}')
    assert refused.value.wrongs[0][0] == "text"
    assert case.write("Hospital", 'Answer by Friday. {"json": 1}')


def test_the_gate_decides_by_marking_and_role(world: World) -> None:
    case = make_case(world, {"Paper": "desk@paper.example"}, role=PartyRole.PRESS)
    with pytest.raises(RequestError) as refused:
        case.do("send", party="Paper", subject="Answer", text="No comment.")
    assert refused.value.wrongs[0][0] == "tlp"
    assert case.write("Paper", "No comment.", tlp="CLEAR").body.startswith("TLP:CLEAR")


def test_red_goes_to_one_named_person(world: World) -> None:
    case = make_case(world, {"Director": "ana.silva@bank.example", "Bank": "security@bank.example"}, tlp="RED")
    with pytest.raises(RequestError):
        case.do("send", party="Director", subject="Red", text="For you alone.")
    with pytest.raises(RequestError):
        case.do("send", party="Bank", subject="Red", text="For you alone.", to_person=True)
    assert case.write("Director", "For you alone.", to_person=True).body.startswith("TLP:RED")


def test_who_may_not_read_the_incident_finds_nothing_of_its_mails(world: World) -> None:
    case = make_case(world, {"Hospital": HOSPITAL}, members=(ANALYST,))
    sent = case.write("Hospital", TEXT)
    case.receive(answer_to(sent, "Done.", sender=HOSPITAL))
    case.receive(answer_to(sent, "From home.", sender="doctor@home.example"))
    assert len(case.thread("Hospital")[1]) == 3
    for name in ("send", "no-answer", "replace-address"):
        given = {"subject": "a", "text": "b"} if name == "send" else {}
        with pytest.raises(NotFoundError):
            case.do(name, party="Hospital", person=8, **given)
    with world.node.database.reading() as session:
        assert letters(session) == []
        assert session.scalar(select(func.count()).select_from(ReceivedMail)) == 0


def test_a_mail_is_sent_once_and_can_be_taken_back(case: Case) -> None:
    for _ in range(2):
        case.do("send", party="Hospital", subject="Once", text=TEXT, once="form-1")
    with case.world.node.database.begin() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 1
        first = select(UndoRecord).order_by(UndoRecord.id).limit(1)
        undo(session, session.scalars(first).one(), now=case.world.now)
    assert case.world.tell() == {}
    assert case.thread("Hospital") == (None, [])


def test_who_needs_no_answer_is_quiet_until_the_next_mail(case: Case) -> None:
    sent = case.write("Hospital", TEXT)
    case.receive(answer_to(sent, "Thank you.", sender=HOSPITAL))
    case.do("no-answer", party="Hospital")
    assert turn(case, "Hospital") == ThreadTurn.QUIET
    case.receive(answer_to(sent, "One thing more.", sender=HOSPITAL))
    assert turn(case, "Hospital") == ThreadTurn.OURS


def test_a_team_that_requires_it_gets_its_mail_encrypted_or_none(world: World) -> None:
    world.tocsin.run("directory", "set", "operator", "encrypt", "true", "--said-by", "A")
    world.tocsin.run("keys", "node-make")
    case = make_case(world.after_today(1), {"Operator": "abuse@operator.example"})
    with world.node.database.begin() as session:
        session.scalars(select(Party)).one().team_id = read_team(world.node.database, "operator")[0].id
    with pytest.raises(ConflictError, match="encrypted"):
        case.do("send", party="Operator", subject="Secret subject", text=TEXT)
    assert case.thread("Operator") == (None, [])
    with gnupg() as gpg:
        gpg.run("--import", given=world.tocsin.run("keys", "node-export").encode())
        path = world.folder / "key.pgp"
        made = gpg.make("NOC <abuse@operator.example>", at=f"{world.now - timedelta(days=3):%Y%m%dT%H%M%S}")
        path.write_bytes(gpg.public(made))
        world.tocsin.run("keys", "import", "operator", path, "--said-by", "A")
        case.do("send", party="Operator", subject="Secret subject", text=TEXT)
        tell(world.node, now=world.now)
        (raw,) = [one.read_bytes() for one in world.node.mails.rglob("*.eml")]
        assert f"Subject: [{case.reference}]\r\n".encode() in raw
        assert b"Secret subject" not in raw
        assert b"ransomware group" in gpg.run(
            "--decrypt", given=raw, at=f"{world.now + timedelta(days=1):%Y%m%dT%H%M%S}"
        )


def _bounce(to: str, message_id: str) -> bytes:
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@isp.example\r\nTo: {to}\r\nSubject: Undelivered Mail\r\n"
        "Message-ID: <b1@isp.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; isp.example\r\n\r\n"
        f"Final-Recipient: rfc822; {HOSPITAL}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\nTo: {HOSPITAL}\r\n\r\n--b--\r\n"
    ).encode()

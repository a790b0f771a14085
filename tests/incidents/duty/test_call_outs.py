"""Call-outs: nobody is called before a rule; then along the chain until someone acknowledges, or to its end."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.api_client import caller
from support.pager import pager
from tocsin.incidents import IncidentReader, SeverityLevel
from tocsin.incidents.duty import call_out_due, call_outs
from tocsin.incidents.duty.calling import acknowledge_by_sms
from tocsin.incidents.duty.channels import post_webhook, spool_sms
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.duty_settings import DutySettings
from tocsin.node.errors import ConflictError, InputError, RemoteError, SettingError, UsageError
from tocsin.node.letters import Letter
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import every_item

from .conftest import WEEKLY, Duty, ruled, secret_file, with_settings


def states(duty: Duty) -> list[str]:
    return [one.state for one in duty.call_outs]


def items(duty: Duty) -> list[ItemKind]:
    return [one.kind for one in every_item(duty.world.node, duty.world.now, duty.people["kim"])]


def test_nobody_is_called_before_a_person_set_a_rule(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    duty.incident()
    duty.look()
    assert (duty.call_outs, duty.letters("call")) == ([], [])
    with pytest.raises(UsageError, match="Only managers"):
        duty.do("ruleCallOut", "ana", name="Nights", roster="CSIRT", severity="low", channels=("mail",))


def test_it_goes_along_the_chain_to_its_end_and_then_managers_are_asked(duty: Duty) -> None:
    ruled(duty)
    duty.incident()
    duty.look()
    duty.look()
    assert (duty.called, states(duty)) == (["ana"], ["open"])
    duty.later(minutes=9).look()
    assert duty.called == ["ana"]
    duty.later(minutes=1).look()
    assert duty.called == ["ana", "eve"]
    duty.later(minutes=10).look()
    assert (states(duty), len(duty.letters("call"))) == (["unanswered"], 2)
    assert [one.mailbox for one in duty.letters("missed")] == ["kim@csirt.example"]
    assert ItemKind.CALL_OUTS in items(duty)
    with caller(duty.world, AccountRole.ANALYST) as client:
        (shown,) = client.get("/duty/call-outs?state=unanswered").json()["items"]
        assert client.get("/duty/call-outs?state=open").json() == {"items": [], "next": None}
    assert (shown["number"], shown["reference"], shown["acknowledged_at"]) == (1, "CALL-0000001", None)
    assert {one["person"] for one in shown["calls"]} == {duty.people[name] for name in ("ana", "eve")}
    duty.do("acknowledgeCallOut", "kim", call_out=1, remark="Rang eve")
    assert (states(duty), ItemKind.CALL_OUTS in items(duty)) == (["acknowledged"], False)


def test_a_mail_carries_reference_level_and_number_and_nothing_of_the_incident(duty: Duty) -> None:
    with_settings(duty, phone="+230 555 0100")
    ruled(duty)
    reference = duty.incident()
    duty.look()
    (letter,) = duty.letters("call")
    assert [one for one in (reference, "critical", "+230 555 0100", "/call/") if one not in letter.body] == []
    assert [one for one in ("Lagoon", "Hospital") if one in letter.subject + letter.body] == []
    assert letter.about == f"incident:{reference}"


def test_an_incident_calls_once_and_again_only_when_it_gets_worse_or_comes_anew(duty: Duty) -> None:
    ruled(duty, severity="high")
    reference = duty.incident(SeverityLevel.HIGH)
    duty.look()
    duty.do("acknowledgeCallOut", "ana", call_out=1)
    duty.later(hours=5).look()
    assert states(duty) == ["acknowledged"]
    duty.change_incident(reference, severity="critical")
    duty.look()
    assert states(duty) == ["acknowledged", "open"]
    duty.change_incident(reference, severity="high")
    duty.look()
    assert states(duty) == ["acknowledged", "open"]
    duty.change_incident(reference, state="closed")
    duty.look()
    assert states(duty) == ["acknowledged", "ended"]


def test_a_restricted_incident_calls_only_who_may_read_it(duty: Duty) -> None:
    ruled(duty)
    reference = duty.incident(only=("eve",))
    duty.look()
    assert duty.called == ["eve"]
    duty.later(minutes=10).look()
    assert (states(duty), duty.letters("missed")) == (["unanswered"], [])
    assert ItemKind.CALL_OUTS not in items(duty)
    with pytest.raises(Exception, match="no such call-out"):
        duty.do("acknowledgeCallOut", "kim", call_out=1)
    duty.do("acknowledgeCallOut", "eve", call_out=1)
    assert reference not in "".join(one.body for one in duty.rows(Letter) if not one.mailbox.startswith("eve"))


def test_a_call_out_is_restricted_with_its_incident(duty: Duty) -> None:
    ruled(duty)
    reference = duty.incident()
    duty.look()
    duty.do("restrictIncident", "eve", reference=reference, persons=(str(duty.people["eve"]),))
    with duty.world.node.database.reading() as session:
        seen = [call_outs(session, IncidentReader(duty.people[who], duty.world.now)) for who in ("kim", "eve")]
    assert [len(one) for one in seen] == [0, 1]
    duty.later(minutes=10).look()
    assert duty.called == ["ana", "eve"]


def test_where_nobody_of_the_chain_may_read_it_its_lead_is_called(duty: Duty) -> None:
    ruled(duty, people=())
    duty.incident(only=("ben",))
    duty.look()
    assert duty.called == ["ben"]


def test_to_do_items_call_and_wait_in_quiet_hours(duty: Duty) -> None:
    kind = ItemKind.INCIDENT_LEAD.value
    ruled(duty, severity="high", kinds=(kind,), quiet_from="09:00", quiet_to="11:00", quiet_below="critical")
    duty.incident(SeverityLevel.HIGH)  # at 10:00 in Mauritius
    duty.look()
    assert duty.call_outs == []
    duty.later(hours=1).look()
    assert sorted(one.level for one in duty.call_outs) == ["", "high"]
    assert {one.subject for one in duty.call_outs if not one.level} == {kind}


def test_a_change_of_shift_calls_the_new_one_too(duty: Duty) -> None:
    ruled(duty, people=())
    duty.later(days=6, hours=21, minutes=55)  # five minutes before ben
    duty.incident()
    duty.look()
    duty.later(minutes=10).look()
    assert duty.called == ["ana", "ben"]


def test_a_gap_and_closed_accounts_go_to_the_end_of_the_chain_at_once(duty: Duty) -> None:
    ruled(duty, people=())
    duty.do("retireRosterDuty", roster="CSIRT")
    duty.incident()
    duty.look()
    assert (states(duty), [one.mailbox for one in duty.letters("missed")]) == (["unanswered"], ["kim@csirt.example"])


def test_a_test_calls_the_chain_and_is_no_to_do_item(duty: Duty) -> None:
    ruled(duty, people=())
    made = duty.do("testCallOut", rule="Nights")
    assert duty.do("testCallOut", rule="Nights") == made
    duty.look()
    (letter,) = duty.letters("call")
    assert ("test" in letter.subject, duty.called) == (True, ["ana"])
    duty.later(minutes=10).look()
    assert (states(duty), duty.letters("missed"), ItemKind.CALL_OUTS in items(duty)) == (["unanswered"], [], False)


def sms_node(duty: Duty, folder: Path, kind: str) -> tuple[Path, Path]:
    out, came = folder / "outgoing", folder / "incoming"
    out.mkdir()
    came.mkdir()
    with_settings(duty, sms_folder=str(out), sms_incoming=str(came), sms_format=kind)
    return out, came


def lost() -> None:
    raise ConflictError("another machine may call by now")


@pytest.mark.parametrize("kind", ["smstools", "gammu"])
def test_an_sms_is_one_whole_file_and_its_word_acknowledges(duty: Duty, tmp_path: Path, kind: str) -> None:
    out, came = sms_node(duty, tmp_path, kind)
    ruled(duty, channels=("sms",))
    duty.do("phoneDuty", "ana", phone="+2305550101")
    reference = duty.incident()
    with pytest.raises(ConflictError):
        call_out_due(duty.world.node, (), duty.world.now, lost)
    assert list(out.iterdir()) == []
    duty.look()
    (file,) = out.iterdir()
    text = file.read_text(encoding="ascii")
    code = duty.calls[0].code
    assert [one for one in (reference, "critical", code) if one not in text] == []
    assert ("+2305550101" in file.name) if kind == "gammu" else text.startswith("To: 2305550101\n\n")

    def answer(number: str, word: str) -> Path:
        name = f"IN20261116_100000_00_{number}_00.txt" if kind == "gammu" else "GSM1.abc"
        path = came / name
        path.write_text(word if kind == "gammu" else f"From: {number[1:]}\nAlphabet: ISO\n\n{word}\n")
        return path

    answer("+2305559999", f"OK {code}")
    assert (acknowledge_by_sms(duty.world.node, duty.world.now), states(duty)) == (0, ["open"])
    answer("+2305550101", "OK 000000x")
    assert acknowledge_by_sms(duty.world.node, duty.world.now) == 0
    path = answer("+2305550101", f"ok {code}")
    duty.look()
    assert (states(duty), duty.call_outs[0].acknowledged_by) == (["acknowledged"], "number +2305550101")
    assert not path.exists()


@pytest.mark.parametrize("why", ["closed", "not a reader"])
def test_who_may_no_more_does_not_acknowledge_by_sms(duty: Duty, tmp_path: Path, why: str) -> None:
    _, came = sms_node(duty, tmp_path, "smstools")
    ruled(duty, channels=("sms",))
    duty.do("phoneDuty", "ana", phone="+2305550101")
    reference = duty.incident(only=("ben", "ana"))
    duty.look()
    if why == "closed":
        with duty.world.node.database.begin() as session:
            session.get_one(Person, duty.people["ana"]).blocked_at = duty.world.now
    else:
        duty.do("takeOutIncident", "ben", reference=reference, person=str(duty.people["ana"]))
    (came / "GSM1.abc").write_text(f"From: 2305550101\n\nOK {duty.calls[0].code}\n")
    assert (acknowledge_by_sms(duty.world.node, duty.world.now), states(duty)) == (0, ["open"])


def test_number_and_text_of_an_sms_are_checked_before_a_file_is_written(tmp_path: Path) -> None:
    settings = DutySettings(sms_folder=str(tmp_path))
    for number, text in [("12345", "x"), ("+230555\nTo: 1", "x"), ("+2305550101", "é"), ("+2305550101", "x" * 161)]:
        with pytest.raises(InputError):
            spool_sms(settings, number, text, name="1")
    assert list(tmp_path.iterdir()) == []


def test_where_all_channels_of_a_person_fail_the_next_one_is_called_at_once(duty: Duty) -> None:
    ruled(duty, channels=("sms",))  # there is no SMS server
    duty.incident()
    for _ in range(3):
        duty.look()
    assert (duty.called, states(duty)) == (["ana", "eve"], ["unanswered"])
    assert {one.error for one in duty.calls} == {"There is no SMS server in the settings."}


def test_a_webhook_is_signed_and_says_no_more(duty: Duty, tmp_path: Path) -> None:
    with pager() as (url, got):
        with_settings(duty, webhook=url, webhook_secret_file=secret_file(tmp_path), phone="112")
        ruled(duty, channels=("webhook",))
        reference = duty.incident()
        duty.look()
        duty.look()
    ((headers, body),) = got
    at, signature = (part.partition("=")[2] for part in headers["Tocsin-Signature"].split(","))
    assert hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest() == signature
    said = json.loads(body)
    assert (said["subject"], said["level"], said["ring"]) == (reference, "critical", "112")
    assert said.keys() == {"call_out", "subject", "level", "ring", "to", "link"}


def test_a_webhook_follows_no_redirect_and_leaves_no_private_network(tmp_path: Path) -> None:
    secret, now = secret_file(tmp_path), datetime(2026, 11, 16, tzinfo=UTC)
    with pager() as (other, reached), pager(lambda: 302, other) as (url, _):
        settings = DutySettings(webhook=url, webhook_secret_file=secret)
        with pytest.raises(RemoteError, match="302"):
            post_webhook(settings, {}, name="1", now=now)
    assert reached == []
    for outside in ("http://192.0.2.1/", "http://8.8.8.8/", "http://169.254.169.254/", "http://[::ffff:8.8.8.8]/"):
        with pytest.raises(SettingError):
            post_webhook(settings.model_copy(update={"webhook": outside}), {}, name="1", now=now)

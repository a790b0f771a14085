"""What must never be held: noted once by its reference, sealed for the hotline alone, sent one at a time, destroyed."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from support.abuse_reports import REFERENCE, URL, canaries, noted, xarf
from support.mail_keys import Gpg, gnupg
from support.mail_server import PostOffice, post_office
from support.processes import KILLED, command
from support.world import World, copy_world, make_world
from tocsin.delivery import stop
from tocsin.delivery.never_held import (
    IntakeFilter,
    Reference,
    ReferenceState,
    forget_references,
    list_references,
    note_reference,
    open_hotline,
    references_to_ring,
)
from tocsin.node.records import Database
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import open_node
from tocsin.problems.replies import file_mail, open_context

HOTLINE = "reports@hotline.example"
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
SETTINGS = f"""[mailbox]
address = "csirt@example.org"
[never_held]
name = "The Hotline"
mailbox = "{HOTLINE}"
phone = "+000 1234"
"""
POINTS = ["neverheld.found", "neverheld.noting", "neverheld.noted"]
SENDING = ["neverheld.leaving", "neverheld.left", "neverheld.settling"]


@dataclass(frozen=True)
class Keys:
    """The keyrings of the hotline and of everybody else, and the hotline's certificate."""

    hotline: Gpg
    others: Gpg
    certificate: bytes


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with gnupg() as hotline, gnupg() as others:
        made = hotline.make(f"Hotline <{HOTLINE}>", at="20260101T000000")  # the clock of these tests is behind
        others.make("CSIRT <csirt@example.org>")
        yield Keys(hotline, others, hotline.public(made))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("plain"), SETTINGS).folder


@pytest.fixture
def world(plain: Path, tmp_path: Path) -> World:
    return copy_world(plain, tmp_path / "copy")


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


@pytest.fixture
def sealing(world: World, keys: Keys, office: PostOffice) -> World:
    """The node once it knows the hotline's key and a mail server."""
    path = world.node.home / "tocsin.toml"
    (world.node.home / "hotline.pgp").write_bytes(keys.certificate)
    mail = f'[mail]\nchannel = "smtp"\nport = {office.port}\nsecurity = "none"\n'
    path.write_text(path.read_text().replace("[never_held]", f'{mail}[never_held]\nopenpgp_key = "hotline.pgp"'))
    world.node = open_node(world.node.home)
    return world


def take(world: World, number: int = 1, **more: str) -> bytes:
    """What is kept of a report that came by an upload."""
    report = xarf(report_id=f"{REFERENCE[:-1]}{number}", url=f"{URL}/{number}", **more)
    return IntakeFilter(world.node, "upload", lambda: world.now).kept(json.dumps(report).encode())[0]


def states(world: World) -> list[str]:
    with world.node.database.reading() as session:
        return [line.row.state for line in list_references(session)][::-1]


def ringing(world: World, hours: float) -> int:
    with world.node.database.reading() as session:
        return len(references_to_ring(session, world.now + timedelta(hours=hours)))


def sealed_in(mail: bytes) -> bytes:
    [_control, message] = message_from_bytes(mail, policy=policy.SMTP).iter_parts()
    return bytes(message.get_content())


def receipt(mail: bytes, *, sender: str = HOTLINE, token: bool = True, thread: bool = True) -> bytes:
    """What the hotline answers, with what its mail program quotes."""
    given, made = message_from_bytes(mail, policy=policy.SMTP), EmailMessage()
    made["From"], made["Subject"] = sender, f"Re: {given['Subject']}"
    made["To"] = given["Reply-To"] if token else "csirt@example.org"
    if thread:
        made["In-Reply-To"] = given["Message-ID"]
    made.set_content(f"We have it.\n\n> {URL}/1\n")
    return bytes(made)


def test_a_report_is_noted_once_with_its_first_time_and_way(database: Database) -> None:
    report = Reference("csam", "4711", "192.0.2.1", "ab")
    with database.begin() as session:
        first = note_reference(session, report, place="upload", state=ReferenceState.NOTED, now=NOW)
        later = NOW + timedelta(days=1)
        again = note_reference(session, report, place="mail", state=ReferenceState.NOTED, now=later)
        others = [
            note_reference(session, one, place="mail", state=ReferenceState.PURGED, now=later)
            for one in (Reference("csem", "4711", "", "ab"), Reference("csam"), Reference("csam"))
        ]
    assert first == again
    assert len({first, *others}) == 4
    with database.reading() as session:
        row = list_references(session)[-1].row
    assert (row.at, row.place, row.times, row.reference) == (NOW, "upload", 2, f"NHR-2026-{first:07d}")


def test_references_are_forgotten_after_their_days(database: Database) -> None:
    with database.begin() as session:
        for days in (0, 2):
            at = NOW + timedelta(days=days)
            note_reference(session, Reference("csam", f"no-{days}"), place="x", state=ReferenceState.NOTED, now=at)
        assert forget_references(session, NOW + timedelta(days=1), actor="retention", now=NOW) == 1
    with database.reading() as session:
        assert [line.row.report_id for line in list_references(session)] == ["no-2"]


def test_without_a_key_the_url_is_gone_and_a_person_rings(world: World) -> None:
    take(world)
    take(world)
    assert (states(world), ringing(world, 0)) == (["noted"], 1)
    assert noted(world.node.home) == [("csam", f"{REFERENCE[:-1]}1", "upload")]
    [row] = world.tocsin.json("never-held", "list")
    assert set(row) == {"reference", "class", "report_id", "at", "place", "state"}
    shown = world.tocsin.json("never-held", "show", row["reference"])
    assert (shown["host"], shown["times"], shown["ring"], shown["phone"]) == ("192.0.2.1", 2, True, "+000 1234")
    assert world.tocsin.json("never-held", "receipt", row["reference"]) == {
        "reference": row["reference"], "state": "received",
    }  # fmt: skip
    assert ringing(world, 100) == 0
    assert canaries(world.node.home) == []


def test_only_the_hotline_can_open_what_it_is_sent(sealing: World, keys: Keys, office: PostOffice) -> None:
    take(sealing)
    assert canaries(sealing.node.home) == []
    tell(sealing.node, now=sealing.now)

    [(to, mail)] = office.arrived
    [row] = sealing.tocsin.json("never-held", "list")
    head = message_from_bytes(mail)
    assert (to, head["Subject"]) == ([HOTLINE], row["reference"])
    assert b"secret-place" not in mail
    assert f"{URL}/1".encode() in keys.hotline.run("--decrypt", given=sealed_in(mail))
    with pytest.raises(subprocess.CalledProcessError):
        keys.others.run("--decrypt", given=sealed_in(mail))
    assert row["state"] == "sent"


def test_the_next_message_waits_for_the_receipt_of_the_one_before(sealing: World, office: PostOffice) -> None:
    for number in (1, 2, 3):
        take(sealing, number)
    for _ in range(3):
        tell(sealing.node, now=sealing.now)
    assert (len(office.arrived), states(sealing)) == (1, ["sent", "waiting", "waiting"])
    desk = open_context(sealing.node, sealing.node.store)
    filed = file_mail(desk, receipt(office.arrived[0][1]), now=sealing.now)
    assert (filed.number, filed.never_held) == (None, True)
    tell(sealing.node, now=sealing.now)
    assert (len(office.arrived), states(sealing)) == (2, ["received", "sent", "waiting"])
    assert canaries(sealing.node.home) == []  # the receipt quoted it


def test_after_the_receipt_nothing_is_left_to_open(sealing: World, office: PostOffice) -> None:
    take(sealing)
    tell(sealing.node, now=sealing.now)
    line = sealed_in(office.arrived[0][1]).splitlines()[4]
    sealing.node.database.close()
    held = [path.name for path in sealing.node.home.rglob("*") if path.is_file() and line in path.read_bytes()]
    assert held == ["records.sqlite"]
    [row] = sealing.tocsin.json("never-held", "list")
    sealing.tocsin.run("never-held", "receipt", row["reference"])
    assert not [path for path in sealing.node.home.rglob("*") if path.is_file() and line in path.read_bytes()]


@pytest.mark.parametrize(
    "answer", [{"sender": "attacker@example.net"}, {"token": False, "thread": False}], ids=["sender", "guessed"]
)
def test_nobody_else_can_have_a_message_destroyed(
    sealing: World, office: PostOffice, answer: dict[str, str | bool]
) -> None:
    take(sealing)
    tell(sealing.node, now=sealing.now)
    desk = open_context(sealing.node, sealing.node.store)
    file_mail(desk, receipt(office.arrived[0][1], **answer), now=sealing.now)  # type: ignore[arg-type]
    assert states(sealing) == ["sent"]


def test_without_a_receipt_in_a_day_a_person_rings_and_lets_it_leave_again(sealing: World, office: PostOffice) -> None:
    take(sealing)
    tell(sealing.node, now=sealing.now)
    assert (ringing(sealing, 23.9), ringing(sealing, 24)) == (0, 1)
    [row] = sealing.tocsin.json("never-held", "list")
    sealing.tocsin.run("never-held", "send-again", row["reference"])
    tell(sealing.node, now=datetime.now(UTC))  # the command has the clock of the machine
    assert len(office.arrived) == 2


def test_what_is_stopped_waits_and_what_is_refused_rings(sealing: World, office: PostOffice) -> None:
    take(sealing)
    office.data_answers = ["451 4.3.0 Not now"]
    tell(sealing.node, now=sealing.now)
    assert states(sealing) == ["waiting"]
    with sealing.node.database.begin() as session:
        stop(session, reason="test", actor="test", now=sealing.now)
    tell(sealing.node, now=sealing.now + timedelta(hours=1))
    assert (office.arrived, states(sealing)) == ([], ["waiting"])
    sealing.tocsin.run("resume")
    office.data_answers = ["550 5.7.1 No"]
    tell(sealing.node, now=sealing.now + timedelta(hours=2))
    assert (states(sealing), ringing(sealing, 3)) == (["noted"], 1)
    assert "secret-place" not in take(sealing).decode()  # its sender reports it once more
    with sealing.node.database.reading() as session:
        assert [(line.row.state, line.row.times) for line in list_references(session)] == [("noted", 2)]


@pytest.mark.parametrize(
    ("how", "state", "words"),
    [
        ("good", "waiting", None),
        ("expired", "noted", "expired"),
        ("expired but for what encrypts", "waiting", "expired"),
        ("signs only", "noted", "no"),
        ("revoked", "noted", "revoked"),
    ],
)
def test_a_key_that_cannot_be_used_is_known_before_and_makes_a_person_ring(
    sealing: World, keys: Keys, how: str, state: str, words: str | None
) -> None:
    made = keys.others.make(
        f"{how} <{HOTLINE}>",
        encrypts="" if how == "signs only" else "cv25519",
        lasts="30d" if how.startswith("expired") else "2y",
        subkey_lasts="2y" if how == "expired but for what encrypts" else "",
        at="20260101T000000",
    )
    if how == "revoked":
        keys.others.run("--import", given=keys.others.revocation(made))
    (sealing.node.home / "hotline.pgp").write_bytes(keys.others.public(made))
    take(sealing)
    assert states(sealing) == [state]
    problem = open_hotline(sealing.node, sealing.now).problem
    assert words in problem if words else problem == ""


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_the_door_no_report_is_lost(sealing: World, keys: Keys, office: PostOffice, point: str) -> None:
    path = sealing.folder / "abuse.json"
    path.write_text(json.dumps(xarf()))
    killed = command(sealing.node.home, "ingest", path, environment={**os.environ, "TOCSIN_CUT": point})
    assert killed.wait() == KILLED, killed.said
    assert canaries(sealing.node.home) == []
    sealing.tocsin.run("ingest", path)
    assert noted(sealing.node.home) == [("csam", REFERENCE, "ingest")]
    tell(sealing.node, now=datetime.now(UTC))
    assert URL.encode() in keys.hotline.run("--decrypt", given=sealed_in(office.arrived[0][1]))


@pytest.mark.parametrize("point", SENDING)
def test_killed_on_the_way_out_it_is_not_sent_twice_and_not_forgotten(
    sealing: World, office: PostOffice, point: str
) -> None:
    take(sealing)
    killed = command(sealing.node.home, "deliver", environment={**os.environ, "TOCSIN_CUT": point})
    assert killed.wait() == KILLED, killed.said
    before = len(office.arrived)
    sealing.tocsin.run("deliver")
    assert len(office.arrived) == before <= 1
    assert states(sealing) == ["sent"]
    assert ringing(sealing, 24 * 365 * 30) == 1
    assert canaries(sealing.node.home) == []

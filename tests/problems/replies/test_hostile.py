"""Mails made to harm: nothing is run, nothing is believed, each is kept with a reason."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.databases import Cluster
from support.mail_corpus import AUTOMATIC, GONE, PEOPLE, QMAIL, RECEIPTS, report
from support.reply_examples import SETTINGS, reply
from support.world import World, make_world
from tocsin.delivery.mailbox import LIMITS, MailState, ReceivedMail
from tocsin.problems.answers import Answer
from tocsin.problems.replies import MailContext, file_mail, open_context

OPERATOR = "abuse@operator.example"
STRANGER = "From: x@evil.example\r\nTo: csirt@example.org\r\nMessage-ID: <h@evil.example>\r\n"


@pytest.fixture(scope="module")
def world(postgresql: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node that told a team of two problems; PostgreSQL takes less in a text than SQLite does."""
    storage = f'[storage]\ndatabase = "{postgresql.fresh()}"\n'
    made = make_world(tmp_path_factory.mktemp("hostile"), storage + SETTINGS)
    made.hear("192.0.2.1", "192.0.2.2")
    yield made.at(0.1)
    made.node.database.close()


@pytest.fixture(scope="module")
def desk(world: World) -> MailContext:
    return open_context(world.node, world.node.store)


@pytest.fixture(scope="module")
def forged(world: World) -> bytes:
    """A reply to a real digest from somebody who knows its Message-ID, but not its token, and is not of the team."""
    return reply(world.tell()[OPERATOR], "fixed", token=False, sender="x@evil.example")


def answers(desk: MailContext) -> list[Answer]:
    with desk.node.database.begin() as session:
        return list(session.scalars(select(Answer)))


def hostile() -> dict[str, bytes]:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fixed.txt", b"fixed\n" * 1_000_000)
    many = "".join(f'--b\r\nContent-Disposition: attachment; filename="{n}"\r\n\r\n{n}\r\n' for n in range(10_000))
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(5_000))
    mails: dict[str, str | bytes] = {
        "ten thousand files": f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{many}--b--",
        "deep parts": deep,
        "deep mails": "Content-Type: message/rfc822\r\n\r\n" * 5_000,
        "huge headers": "X-A: b\r\n" * 50_000 + "\r\nfixed",
        "zip bomb": b"Content-Type: application/zip; name=x.zip\r\n\r\n" + bomb.getvalue(),
        "nulls": b"Subject: a\0b\r\nX: \0\r\n\r\nfixed\0\0",
        "wrong charset": b"Content-Type: text/plain; charset=utf-16\r\n\r\nfixed\xff",
        "unknown charset": b"Content-Type: text/plain; charset=zip_codec\r\n\r\nx\x9c\xff",
        "script": b"Content-Type: text/html\r\n\r\n<script>fixed</script><img src=x onerror=fixed>&#x202e;dexif",
        "surrogates": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n\xed\xa0\x80",
        "injection": b"Subject: =?utf-8?q?a=0D=0ABcc:_victim@x.example?=\r\n\r\n'; DROP TABLE received_mail; --",
        "odd bytes": bytes(range(256)) * 50,
        "terminal": b"Subject: \x1b]0;owned\x07\x1b[2J\r\n\r\n\x1b[31mfixed",
        "endless line": b"Subject: x\r\n\r\n" + b"fixed " * 400_000,
    }
    return {
        name: STRANGER.encode() + (mail if isinstance(mail, bytes) else mail.encode()) for name, mail in mails.items()
    }


@pytest.mark.parametrize("name", hostile())
def test_it_is_kept_whole_with_a_reason_and_nothing_follows(world: World, desk: MailContext, name: str) -> None:
    raw = hostile()[name]
    filed = file_mail(desk, raw, now=world.now)

    assert filed.decision.state is MailState.WAITING
    assert "fault of Tocsin" not in filed.decision.why
    assert answers(desk) == []
    with desk.node.database.begin() as session:
        row = session.get(ReceivedMail, filed.number)
    assert row is not None
    assert desk.node.mailroom.read(row.sha256) == raw
    assert all(sign.isprintable() for sign in row.subject + row.sender + row.message_id)
    shown = world.tocsin.run("replies", "show", str(filed.number)) + world.tocsin.run("replies", "list")
    assert "\x1b" not in shown
    assert "\0" not in shown
    assert "onerror" not in shown


def test_beyond_the_limits_the_list_says_so(world: World, desk: MailContext) -> None:
    reasons = {
        name: file_mail(desk, hostile()[name], now=world.now).decision.reasons
        for name in ("ten thousand files", "deep parts", "deep mails", "huge headers")
    }
    assert reasons == {
        "ten thousand files": (f"Only its first {LIMITS.parts} parts are read.",),
        "deep parts": (f"Parts more than {LIMITS.depth} deep are not read.",),
        "deep mails": (f"Parts more than {LIMITS.depth} deep are not read.",),
        "huge headers": (f"Only the first {LIMITS.header_bytes:,} bytes of its headers are read.",),
    }


class Breaks(frozenset[str]):
    """Addresses that break whoever asks for one."""

    def __contains__(self, _: object) -> bool:
        raise RuntimeError("boom")


def test_a_fault_of_ours_lets_the_mail_wait_and_the_next_is_filed(world: World, desk: MailContext) -> None:
    raw = PEOPLE[0].raw() + b"\r\na fault"
    filed = file_mail(replace(desk, ours=Breaks({"csirt@example.org"})), raw, now=world.now)

    assert filed.decision.state is MailState.WAITING
    assert filed.decision.why == "It could not be understood (RuntimeError), which is a fault of Tocsin."
    assert filed.sender
    assert file_mail(desk, PEOPLE[1].raw() + b"\r\nnext", now=world.now).number == (filed.number or 0) + 1


def test_what_the_records_cannot_hold_waits_with_what_they_can(world: World, desk: MailContext) -> None:
    raw = STRANGER.encode() + b"Subject: very large\r\n\r\n"
    filed = file_mail(desk, raw, now=world.now, unread=2**40)

    assert (filed.decision.state, filed.subject) == (MailState.WAITING, "")
    assert file_mail(desk, raw, now=world.now, unread=2**40).again


def test_an_archive_is_kept_and_not_opened(world: World, desk: MailContext) -> None:
    raw = hostile()["zip bomb"]
    number = file_mail(desk, raw, now=world.now).number

    (file,) = world.tocsin.json("replies", "show", str(number))["files"]
    assert (file["name"], file["bytes"] < 20_000) == ("x.zip", True)


@given(data=st.data())
def test_whatever_is_changed_in_a_forged_reply_it_is_no_answer(
    world: World, desk: MailContext, forged: bytes, data: st.DataObject
) -> None:
    raw = _mutated(forged, data)
    file_mail(desk, raw, now=world.now)
    assert answers(desk) == []


SEEDS = [one.raw() for one in (*PEOPLE, *AUTOMATIC[:3], *RECEIPTS[:3], report(GONE), QMAIL)]


@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_whatever_comes_is_filed(world: World, desk: MailContext, seed: bytes, data: st.DataObject) -> None:
    raw = _mutated(seed, data)
    filed = file_mail(desk, raw, now=world.now)

    assert "fault of Tocsin" not in filed.decision.why
    assert filed.decision.state in {MailState.WAITING, MailState.KEPT}
    with desk.node.database.begin() as session:
        row = session.get(ReceivedMail, filed.number)
    assert row is not None
    assert desk.node.mailroom.read(row.sha256) == raw


def _mutated(raw: bytes, data: st.DataObject) -> bytes:
    """The mail with some pieces cut out, doubled, or replaced by others or by any bytes."""
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(changed)))
        end = data.draw(st.integers(start, min(len(changed), start + 300)))
        other = data.draw(st.sampled_from(SEEDS))
        place = data.draw(st.integers(0, len(other)))
        piece = st.one_of(st.just(b""), st.binary(max_size=30), st.just(bytes(other[place : place + 300])))
        changed[start:end] = data.draw(piece)
    return bytes(changed)


def test_the_folder_of_mails_holds_nothing_but_mails(desk: MailContext) -> None:
    assert {path.suffix for path in desk.node.mailroom.folder.rglob("*") if path.is_file()} == {".eml"}

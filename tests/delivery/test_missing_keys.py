"""What must be encrypted and cannot be does not leave: it is stuck for a reason, and its team is asked for a key."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len
from sqlalchemy import select

from support.delivery_examples import Told, events, node, owe, read_mail
from support.mail_keys import certificate
from support.sealing_examples import (
    BOXES,
    EVENTS,
    NOW,
    SECRETS,
    Breaking,
    Cast,
    fresh,
    isp,
    key,
    many_events,
    opened_by_openssl,
    outside,
    parsed,
    pgp,
    revoked,
    run,
    sealing,
)
from tocsin.delivery import Delivery, DeliveryState, deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.sealing import Seals, remind_of_keys
from tocsin.delivery.sealing.key_letters import cannot_encrypt, expiring
from tocsin.directory.keys import TeamKey
from tocsin.node.letters import Letter, LetterState
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditEntry, Database
from tocsin.node.tell_settings import TellSettings

CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
BAD: dict[str, tuple[Callable[[Cast], list[TeamKey]], str]] = {
    "no-key": (lambda _: [], "isp has no key"),
    "expired": (lambda cast: [pgp(cast, lasts="1y", at="20240101T000000")], "It expired on 2024-12-31."),
    "revoked": (lambda cast: [revoked(cast)], "Its owner revoked it."),
    "weak": (lambda cast: [pgp(cast, "rsa1024", "rsa1024")], "RSA with 1024 bits can be broken"),
    "no-encryption": (lambda cast: [pgp(cast, encrypts="")], "no key that encrypts"),
    "not-yet-valid": (lambda cast: [pgp(cast, at="20390101T000000")], "valid from 2039-01-01"),
    "unsupported": (
        lambda cast: [key(certificate(cast.folder, BOXES[0], key=CURVE, name="ec"))],
        "RSA certificates only",
    ),
    "wrong-mailbox": (lambda cast: [pgp(cast, user="X <x@x.example>")], "not an email address of the team"),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD)
def test_what_cannot_be_encrypted_is_stuck_for_a_reason_and_only_a_notice_without_content_leaves(
    cast: Cast, tmp_path: Path, why: str
) -> None:
    make, words = BAD[why]
    database, told = fresh(tmp_path), replace(isp(), key="isp")
    summary, mails = run(database, tmp_path / "mails", sealing(cast, *make(cast)), told)
    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "delivery.stuck")).all()

    assert (summary.stuck, summary.digests, summary.letters) == (1, 0, 1)
    assert (row.state, row.subject, row.path) == (DeliveryState.STUCK, "", "")
    assert words in row.error
    assert entry.detail["why"] == why
    (letter,) = mails
    assert not [word for word in (*SECRETS, "TOC-") if word in letter.decode()]
    assert "must be encrypted" in parsed(letter).get_content()
    assert parsed(letter)["Subject"] == "[TLP:CLEAR] A message for Example ISP needs an encryption key"


def test_a_stuck_digest_leaves_once_there_is_a_key_with_all_that_came_meanwhile(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    folder, later = tmp_path / "mails", NOW + timedelta(days=1)
    run(database, folder, sealing(cast), isp())
    more = events({"source.ip": "192.0.2.200"}, ingest=2)
    frames = {1: EVENTS.vstack(more.select(EVENTS.columns))}
    owe(database, {1: isp()}, {1: more}, later)
    waiting = deliver(
        database, teams={1: isp()}, events_of=Told(frames), channel=FileChannel(folder), node=sealing(cast), now=later
    )
    with database.begin() as session:
        first = session.scalars(select(Delivery)).one()
    mended = deliver(
        database,
        teams={1: isp()},
        events_of=Told(frames),
        channel=FileChannel(folder),
        node=sealing(cast, cast.pgp),
        now=later,
    )
    sealed = [parsed(path.read_bytes()) for path in sorted(folder.rglob("TOC*.eml"))]
    opened = [read_mail(cast.gpg.opened(path.read_bytes())[0]) for path in sorted(folder.rglob("TOC*.eml"))]

    assert (waiting.stuck, waiting.digests) == (1, 0)
    assert (mended.stuck, mended.digests, mended.events) == (0, 2, 4)
    assert str(sealed[0]["Message-ID"]) == first.message_id
    assert [len(one.rows()) for one in opened] == [3, 1]


def test_a_team_is_asked_for_a_key_once_a_week(cast: Cast, database: Database, tmp_path: Path) -> None:
    run(database, tmp_path, sealing(cast), isp(*BOXES))
    asked = []
    for days in (1, 6, 8, 9):
        run(database, tmp_path, sealing(cast), isp(*BOXES), now=NOW + timedelta(days=days), owed=False)
        with database.begin() as session:
            asked.append(len(session.scalars(select(Letter)).all()))

    assert asked == [2, 2, 4, 4]  # one to each mailbox


def test_a_letter_of_shadow_mode_asked_nobody(cast: Cast, database: Database, tmp_path: Path) -> None:
    run(database, tmp_path, sealing(cast, tell=TellSettings(mode="shadow")), isp())
    summary, _ = run(database, tmp_path, sealing(cast), isp(), now=NOW + timedelta(days=1), owed=False)
    with database.begin() as session:
        states = [letter.state for letter in session.scalars(select(Letter).order_by(Letter.id))]

    assert (summary.stuck, states) == (1, [LetterState.SHADOW, LetterState.SENT])


def test_a_digest_is_stuck_without_asking_anybody_where_this_node_lacks_the_key(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    lacking = replace(node(), seals=Seals(lambda _: [cast.pgp], replace(cast.own, openpgp=None), None, NOW))
    summary, mails = run(database, tmp_path, lacking, isp())
    both = replace(node(), seals=Seals(lambda _: [cast.pgp, cast.cert], replace(cast.own, openpgp=None), None, NOW))
    mended, (mail,) = run(database, tmp_path, both, isp(), owed=False)

    assert (summary.stuck, mails) == (1, [])
    assert mended.digests == 1
    assert read_mail(opened_by_openssl(cast, mail)).body


def test_without_any_keys_at_hand_nothing_that_must_be_encrypted_leaves(database: Database, tmp_path: Path) -> None:
    summary, mails = run(database, tmp_path, node(), isp())

    assert (summary.digests, summary.stuck) == (0, 1)
    assert [parsed(mail)["Subject"] for mail in mails] == [
        "[TLP:CLEAR] A message for Example ISP needs an encryption key"
    ]


def test_a_key_that_turns_bad_between_two_parts_keeps_the_rest_back(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    many = many_events()
    frames, small = {1: many}, sealing(cast, cast.pgp, max_bytes=50_000)
    owe(database, {1: isp()}, frames, NOW)
    breaking = Breaking(FileChannel(tmp_path), after=1)
    deliver(database, teams={1: isp()}, events_of=Told(frames), channel=breaking, node=small, now=NOW)
    barred = sealing(cast, revoked(cast), max_bytes=50_000)
    later = NOW + timedelta(hours=1)
    stuck = deliver(
        database, teams={1: isp()}, events_of=Told(frames), channel=FileChannel(tmp_path), node=barred, now=later
    )
    with database.begin() as session:
        row = session.scalars(select(Delivery)).one()

    assert (stuck.stuck, row.state, row.mails_sent) == (1, DeliveryState.STUCK, 1)
    assert [path.name for path in tmp_path.rglob("TOC*.eml")] == [f"TOC-{NOW:%Y}-0000001-1of{row.counts['mails']}.eml"]


def test_a_digest_that_is_tried_again_is_the_same_mail_encrypted_anew(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    sealed = sealing(cast, cast.pgp)
    _, (first,) = run(database, tmp_path, sealed, isp())
    with database.begin() as session:
        session.scalars(select(Delivery)).one().state = DeliveryState.QUEUED.value
        session.scalars(select(Delivery)).one().mails_sent = 0
    _, (second,) = run(database, tmp_path, sealed, isp(), owed=False)

    assert first != second
    assert outside(first) == outside(second)
    assert cast.gpg.opened(first)[0] == cast.gpg.opened(second)[0]


def test_the_first_digest_to_a_team_is_still_held_for_a_person_after_it_was_stuck(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    held = TellSettings(hold_first_mail=True)
    channel = Breaking(FileChannel(tmp_path), after=9, name="smtp")
    owe(database, {1: isp()}, {1: EVENTS}, NOW)
    states = []
    for keys in ([], [cast.pgp]):
        deliver(
            database,
            teams={1: isp()},
            events_of=Told({1: EVENTS}),
            channel=channel,
            node=sealing(cast, *keys, tell=held),
            now=NOW,
        )
        with database.begin() as session:
            states.append(session.scalars(select(Delivery)).one().state)

    assert states == [DeliveryState.STUCK, DeliveryState.HELD]
    assert not list(tmp_path.rglob("TOC*.eml"))


@pytest.mark.parametrize("language", ["en", "fr", "es", "pt", "ar", "xx"])
def test_the_letters_are_in_the_language_of_the_team(cast: Cast, language: str) -> None:
    sender, one = NodeSettings(name="CSIRT Ünï"), isp(language=language)
    asking = [cannot_encrypt(one, BOXES[0], why, cast.pgp, sender) for why in BAD]

    assert len({letter.body for letter in asking}) == len(BAD)
    for letter in [*asking, expiring(one, cast.pgp, NOW, sender)]:
        assert letter.subject.startswith("[TLP:CLEAR] ")
        assert "{" not in letter.subject + letter.body
        assert "CSIRT Ünï" in letter.body
        assert ("encrypt" in letter.body) is (language in {"en", "xx"})
        assert max(cell_len(line) for line in letter.body.splitlines()) <= 76


def test_a_team_whose_key_ends_soon_is_asked_once_for_the_next(cast: Cast, database: Database) -> None:
    soon, long = pgp(cast, lasts="20d"), pgp(cast, lasts="2y")
    made = []
    for days, keys in ((0, [soon]), (1, [soon]), (2, [soon, long])):
        with database.begin() as session:
            at = NOW + timedelta(days=days, minutes=1)
            made.append(remind_of_keys(session, [isp(*BOXES)], lambda _, k=keys: k, NodeSettings(), at))  # type: ignore[misc]
    with database.begin() as session:
        (letter,) = session.scalars(select(Letter)).all()

    assert made == [1, 0, 0]  # the other mailbox has no key at all, which is another matter
    assert letter.mailbox == BOXES[0]
    assert soon.facts.spelled.split()[0] in letter.body
    assert f"{soon.facts.until:%Y-%m-%d}" in letter.subject

"""What comes encrypted to the key that the node publishes is read at each place that takes mails, in each form."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import process_time

import pytest
from pysequoia import ArmorKind, Cert, armor
from pysequoia.packet import PacketPile
from sqlalchemy import select

from support.abuse_reports import canaries, noted, xarf
from support.delivery_examples import Read
from support.imap_server import imap_server
from support.incident_mails import make_case
from support.ledger_examples import make_node, own_key
from support.mail_keys import Gpg, certificate, gnupg
from support.reply_examples import OPERATOR
from support.sealed_mails import ENCRYPTED, SMIME_ENCRYPTED, WORDS, Sealing, around, as_mail, entity
from support.sizes import WHOLE
from support.world import World, copy_world
from tocsin.delivery.mailbox import MailState, ReceivedMail, read_mail, sealed_part, signatures_in
from tocsin.delivery.sealing import ClosedMailError, OpeningKeys, open_mail
from tocsin.directory import read_team
from tocsin.incidents import Party, mail_context
from tocsin.incidents.arrivals import PublicReport, acts
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.confined import ConfinedError
from tocsin.node.letters import Letter
from tocsin.pipeline.collectors.imap import Imap, ImapSettings, IncomingMail
from tocsin.pipeline.notify import tell
from tocsin.problems.answers import Answer
from tocsin.problems.replies import FilingResult, file_mail, open_context, read_mailbox

FORMS = ENCRYPTED | SMIME_ENCRYPTED


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


@pytest.fixture(scope="module")
def sealed(
    told: tuple[Path, dict[str, Read]], tmp_path_factory: pytest.TempPathFactory, gpg: Gpg
) -> tuple[World, Sealing]:
    """A node with keys of both formats, and who writes to it."""
    folder = tmp_path_factory.mktemp("keys")
    world = copy_world(told[0], tmp_path_factory.mktemp("sealed") / "node")
    now = world.at(0.1).now
    make_node(world, 1).now = now
    gpg.run("--import", given=own_key(world).encode())
    certificate(folder, "csirt@example.org", name="node")
    certificate(folder, OPERATOR)
    own = world.node.home / "keys" / "smime.pem"
    own.write_bytes((folder / "node.key").read_bytes() + (folder / "node.pem").read_bytes())
    own.chmod(0o600)
    key = gpg.make(f"Operator <{OPERATOR}>")
    return world, Sealing(gpg, key, Cert.from_bytes(own_key(world).encode()).fingerprint, folder)


@pytest.fixture
def world(sealed: tuple[World, Sealing], tmp_path: Path) -> Iterator[World]:
    made = copy_world(sealed[0].folder, tmp_path / "copy")
    made.now = sealed[0].now
    yield made
    made.node.database.close()


@pytest.fixture
def sealing(sealed: tuple[World, Sealing]) -> Sealing:
    return sealed[1]


def filed(world: World, raw: bytes) -> FilingResult:
    return file_mail(mail_context(world.node, world.node.store), raw, now=world.now)


def received(world: World) -> list[ReceivedMail]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(ReceivedMail)))


Make = Callable[[str], bytes]
"""The MIME entity in a form that says these words."""


def as_report(world: World, make: Make, digest: Read) -> None:
    del digest
    filed(world, as_mail(make(WORDS), sender="Ann <ann@example.net>"))
    with world.node.database.reading() as session:
        assert session.scalars(select(PublicReport)).one().mailbox == "ann@example.net"
    (row,) = received(world)
    assert (row.state, bool(row.encrypted)) == (MailState.INBOX, True)
    assert WORDS in read_mail(world.node.mailroom.read(row.sha256)).text


def as_answer(world: World, make: Make, digest: Read) -> None:
    raw = as_mail(make("fixed, thanks"), sender=OPERATOR, answers=digest.message_id)
    filed(world, raw.replace(b"csirt@example.org", digest.headers["Reply-To"].encode(), 1))
    with world.node.database.reading() as session:
        assert session.scalars(select(Answer)).one().verdict == "fixed"


def as_party(world: World, make: Make, digest: Read) -> None:
    del digest
    case = make_case(world, {"Operator": OPERATOR})
    sent = case.write("Operator", "Please look.")
    filed(world, as_mail(make(WORDS), sender=OPERATOR, answers=sent.message_id))
    _, (_, mail) = case.thread("Operator")
    assert WORDS in mail.text
    assert mail.encrypted


def as_feed(world: World, make: Make, digest: Read) -> None:
    del digest
    settings = ImapSettings(kind="imap", host="127.0.0.1", user="u", secret_file="s")
    made = make(f"{WORDS}\n\n{json.dumps(xarf())}")
    offer, never = Imap(settings, world.node.home)._read(
        IncomingMail("1", len(made), as_mail(made, sender="f@x.example"))
    )
    assert never
    assert [one.name for one in offer.items] == ["report.json"]


PLACES = {"report": as_report, "answer": as_answer, "party": as_party, "collector": as_feed}
ASKED = [(place, form) for place in PLACES for form in FORMS]
PART = ASKED if WHOLE else [("report", form) for form in FORMS] + Random(32).sample(ASKED[len(FORMS) :], 10)


@pytest.mark.parametrize(("place", "form"), PART)
def test_each_form_is_read_at_each_place(world: World, sealing: Sealing, digest: Read, place: str, form: str) -> None:
    PLACES[place](world, lambda text: FORMS[form](sealing, text), digest)


@pytest.mark.parametrize("form", ["one layer", "nested", "inline", "AES-256 around signed"])
def test_what_is_inside_passes_the_filter_of_what_is_never_held(world: World, sealing: Sealing, form: str) -> None:
    made = FORMS[form](sealing, json.dumps(xarf()))
    done = filed(world, as_mail(made, sender="ann@example.net"))
    assert done.never_held
    assert len(noted(world.node.home)) == 1
    assert canaries(world.node.home) == []


def too_many(sealing: Sealing) -> bytes:
    packets = [*PacketPile.from_bytes(sealing.encrypted(entity("x")))]
    return around(armor(bytes(packets[0]) * 40 + bytes(packets[1]), ArmorKind.Message).encode())


def bomb(sealing: Sealing) -> bytes:
    return around(sealing.encrypted(b"\0" * 200_000_000, "--compress-algo", "zlib"))


def deep(sealing: Sealing) -> bytes:
    made = entity("deep")
    for _ in range(6):
        made = around(sealing.encrypted(made))
    return made


def other_key(sealing: Sealing) -> bytes:
    return around(replace(sealing, to=sealing.key).encrypted(entity("x")))


def broken(sealing: Sealing) -> bytes:
    made = around(sealing.encrypted(entity("x" * 4_000)))
    lines = made.split(b"\r\n")
    lines[len(lines) // 2] = lines[len(lines) // 2][::-1]
    return b"\r\n".join(lines)


def other_certificate(sealing: Sealing) -> bytes:
    certificate(sealing.folder, "x@x.example", name="stranger")
    return SMIME_ENCRYPTED["AES-256 around signed"](replace(sealing, node="stranger"), "x")


CLOSED: dict[Callable[[Sealing], bytes], str] = {
    too_many: "at most 32 are tried",
    other_key: "it is encrypted for", broken: "no OpenPGP message|was changed", deep: "lie in one another",
    other_certificate: "certificate of this node does not open it", bomb: "larger|No key of this node|ended",
}  # fmt: skip


@pytest.mark.parametrize("made", CLOSED)
def test_what_cannot_be_opened_stays_on_its_server_with_its_reason(
    world: World, sealing: Sealing, tmp_path: Path, made: Callable[[Sealing], bytes]
) -> None:
    raw = as_mail(made(sealing), sender="Mallory <mallory@stranger.example>")
    with imap_server() as imap:
        password = tmp_path / "password"
        password.write_text(f"{imap.password}\n")
        password.chmod(0o600)
        server = {"host": "127.0.0.1", "port": imap.port, "security": "none", "user": "csirt"}
        mailbox = world.node.settings.mailbox.model_copy(update=server | {"password_file": str(password)})
        settings = world.node.settings.model_copy(update={"mailbox": mailbox})
        desk = open_context(replace(world.node, settings=settings), world.node.store)
        imap.put(raw)
        runs = [read_mailbox(desk, now=lambda: world.now).mails for _ in range(2)]
        left = imap.mails()
    assert (runs, len(left)) == ([1, 0], 1)
    (row,) = received(world)
    assert (row.state, row.sender, row.subject) == (MailState.WAITING, "Mallory <mallory@stranger.example>", "")
    assert row.size == len(left[0])
    assert any(words in row.why for words in CLOSED[made].split("|")), row.why
    assert row.sha256 not in world.node.mailroom


def test_a_key_that_was_replaced_opens_what_was_encrypted_for_it(world: World, sealing: Sealing) -> None:
    made = FORMS["one layer"](sealing, WORDS)
    world.tocsin.run("keys", "node-make", "--format", "openpgp", "--replace")
    assert not filed(world, as_mail(made, sender="ann@example.net")).stays


def test_an_answer_goes_to_the_key_that_signed_or_a_person_says_that_it_may_go_in_clear(
    world: World, sealing: Sealing
) -> None:
    case = make_case(world, {"Operator": OPERATOR})
    sent = case.write("Operator", "Please look.")
    filed(world, as_mail(FORMS["one layer"](sealing, WORDS), sender=OPERATOR, answers=sent.message_id))
    with pytest.raises(RequestError) as refused:
        case.write("Operator", "Thanks.")
    assert [name for name, _ in refused.value.wrongs] == ["in_clear"]
    assert "Thanks." in case.write("Operator", "Thanks.", in_clear=True).body


def test_reading_grows_no_faster_than_what_is_read() -> None:
    """Its own signs, n, 2n and 4n of them: nothing in it opens, and nothing holds what reads it."""
    signs = (
        b"-----BEGIN PGP MESSAGE-----\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n",
        b"--b\nContent-Type: multipart/signed\n\n",
        b"\n\n--b\nContent-Type: application/pkcs7-mime\n\n\x30\x80", b"-----END PGP MESSAGE-----\n", b"a:\n b\n",
    )  # fmt: skip
    for sign in signs:
        head = b'From: a@b.example\nContent-Type: multipart/encrypted; boundary="b"\n\n'
        took = [min(seconds(head + sign * n) for _ in range(2)) for n in (5_000, 20_000)]
        assert took[1] < 8 * max(took[0], 0.02), (sign, took)


def seconds(raw: bytes) -> float:
    began = process_time()
    sealed_part(raw)
    signatures_in(raw)
    return process_time() - began


def test_whatever_comes_is_opened_or_refused(sealing: Sealing) -> None:
    """Each form with bytes that were changed: what it says, or one refused thing, and no error of ours."""
    drawn = Random(7)
    for form in FORMS.values() if WHOLE else drawn.sample([*FORMS.values()], 4):
        raw = as_mail(form(sealing, WORDS), sender=OPERATOR)
        for _ in range(40 if WHOLE else 4):
            changed = bytearray(raw)
            for _ in range(drawn.randrange(1, 9)):
                changed[drawn.randrange(len(changed))] = drawn.randrange(256)
            said = ""
            try:
                open_mail(bytes(changed), OpeningKeys)
            except (ClosedMailError, ConfinedError) as error:
                said = str(error)
            assert "error of Tocsin" not in said


def test_an_answer_is_encrypted_to_the_key_that_signed_where_it_is_a_key_of_the_team(
    world: World, sealing: Sealing, tmp_path: Path
) -> None:
    (tmp_path / "key.asc").write_bytes(sealing.gpg.public(sealing.key))
    world.now = datetime.now(UTC) + timedelta(seconds=3)  # a key that is made in this second is not valid yet
    world.tocsin.run("keys", "import", "operator", tmp_path / "key.asc", "--said-by", "A")
    case = make_case(world, {"Operator": OPERATOR})
    with world.node.database.begin() as session:
        session.scalars(select(Party)).one().team_id = read_team(world.node.database, "operator")[0].id
    sent = case.write("Operator", "Please look.")
    filed(world, as_mail(FORMS["nested"](sealing, WORDS), sender=OPERATOR, answers=sent.message_id))
    _, mails = case.thread("Operator")
    assert mails[-1].signed_by == sealing.key.lower()
    case.do("send", party="Operator", subject="About your systems", text="Thanks, secretly.")
    tell(world.node, now=world.now)
    raw = max(world.node.mails.rglob("*.eml"), key=lambda path: path.stat().st_mtime_ns).read_bytes()
    assert b"multipart/encrypted" in raw
    assert b"Thanks, secretly." in sealing.gpg.run("--decrypt", given=raw)


def test_who_reported_encrypted_is_answered_in_clear_only_by_a_persons_word(world: World, sealing: Sealing) -> None:
    filed(world, as_mail(FORMS["inline"](sealing, WORDS), sender="ann@example.net"))
    with world.node.database.reading() as session:
        reference = session.scalars(select(PublicReport)).one().reference
    act = next(one for one in acts.ACTS if one.name == "answer")
    context = ActContext(world.node, world.now, "person:7", "Analyst", 7, act=act)
    said = {"reference": reference, "text": "Thank you, secretly."}
    with pytest.raises(RequestError, match="encrypted"):
        act.function(context, read_request(act, said))
    with world.node.database.reading() as session:
        assert session.scalars(select(Letter)).all() == []
    act.function(context, read_request(act, said | {"in_clear": True}))
    with world.node.database.reading() as session:
        assert "secretly" in session.scalars(select(Letter)).one().body

"""What mail programs really send as a signed answer is a receipt, in each form; what is none says why."""

import email
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pysequoia import Cert
from sqlalchemy import select

from exchange.test_mail_ways import MAILBOX, carry, mailing, meet_person, rows, strengths
from support.ledger_examples import make_incident, own_key
from support.mail_keys import Gpg, certificate, gnupg
from support.mail_server import PostOffice, post_office
from support.partner_examples import CALL, do
from support.sealed_mails import ENCRYPTED, FORMS, SIGNED, SMIME, SMIME_ENCRYPTED, SUBJECT, WORDS, Sealing, as_mail
from support.world import World, copy_world
from tocsin.delivery.mailbox import MailState, ReceivedMail, read_mail
from tocsin.delivery.sealing import OpeningKey, check_message
from tocsin.exchange.ledger import OutgoingRow
from tocsin.exchange.partners import PartnerKey
from tocsin.exchange.ways import EvidenceStrength, take_exchange_mail
from tocsin.incidents import mail_context
from tocsin.node.letters import Letter
from tocsin.operations.doctor import examine
from tocsin.operations.health_finding import HealthKind
from tocsin.problems.replies import FilingResult, file_mail


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def sent(
    fresh: Path, tmp_path_factory: pytest.TempPathFactory, office: PostOffice, gpg: Gpg
) -> Iterator[tuple[World, Sealing, str]]:
    """A node that sent a dispatch to a partner with gpg and a certificate; its Message-ID."""
    folder = tmp_path_factory.mktemp("keys")
    world = copy_world(fresh, tmp_path_factory.mktemp("sent") / "one")
    with world.open:
        mailing(world, office)
        key = meet_person(world, gpg)
        do(world, "add-key", partner="D", content=certificate(folder, MAILBOX).decode())
        with world.node.database.reading() as session:
            made = session.scalars(select(PartnerKey).order_by(PartnerKey.id.desc())).first()
            assert made is not None
        do(world, "confirm-key", partner="D", key=made.fingerprint, **CALL)
        certificate(folder, "csirt@example.org", name="node")
        own = world.node.home / "keys" / "smime.pem"
        own.write_bytes((folder / "node.key").read_bytes() + (folder / "node.pem").read_bytes())
        own.chmod(0o600)
        world.tocsin.run("exchange", "send", "D", "--incident", make_incident(world, "D"))
        office.arrived.clear()
        carry(world)
        ((_, raw),) = office.arrived
        to = Cert.from_bytes(own_key(world).encode()).fingerprint
        yield world, Sealing(gpg, key, to, folder), str(email.message_from_bytes(raw)["Message-ID"])


@pytest.fixture
def world(sent: tuple[World, Sealing, str], tmp_path: Path) -> Iterator[World]:
    made = copy_world(sent[0].folder, tmp_path / "copy")
    made.now = sent[0].now
    with made.open:
        yield made


def filed(world: World, raw: bytes) -> FilingResult:
    return file_mail(mail_context(world.node, world.node.store, take_exchange_mail), raw, now=world.now)


def text_kept(world: World) -> str:
    (row,) = rows(world, ReceivedMail)
    return read_mail(world.node.mailroom.read(row.sha256)).text


@pytest.mark.parametrize("form", FORMS)
def test_it_is_a_receipt_and_people_read_what_it_says(
    world: World, sent: tuple[World, Sealing, str], form: str
) -> None:
    _, sealing, message = sent
    done = filed(world, as_mail(FORMS[form](sealing, WORDS), sender=MAILBOX, answers=message))
    assert "counts as a receipt" in done.decision.why
    assert strengths(world) == [EvidenceStrength.SIGNED_REPLY, EvidenceStrength.ACCEPTED]
    assert [row.state for row in rows(world, OutgoingRow)] == ["received"]
    (row,) = rows(world, ReceivedMail)
    assert WORDS in text_kept(world)
    came = "openpgp" if form in ENCRYPTED else "smime" if form in SMIME_ENCRYPTED else ""
    assert (row.encrypted, row.subject in {"...", SUBJECT}) == (came, True)
    if form in ("one layer", "nested"):
        assert row.subject == SUBJECT


OTHER = {
    "another key": "which is none of D",
    "nobody confirmed": "which nobody confirmed",
    "ended": "which was ended",
    "expired": "has expired",
    "an older one": "before our mail of",
    "not signed": "has no signature",
}


@pytest.mark.parametrize("form", [*SIGNED, *ENCRYPTED])
def test_the_reason_for_which_it_is_none_is_the_true_one(
    world: World, sent: tuple[World, Sealing, str], form: str
) -> None:
    _, sealing, message = sent
    other = sealing.gpg.make(f"Somebody else {form} <x@d.example>")
    mail = as_mail(FORMS[form](replace(sealing, key=other), WORDS), sender=MAILBOX, answers=message)
    done = filed(world, mail)
    assert "which is none of D" in done.decision.why
    assert other in done.decision.why
    assert strengths(world) == [EvidenceStrength.ACCEPTED]


@pytest.mark.parametrize("why", ["nobody confirmed", "ended", "expired", "an older one", "not signed"])
def test_a_key_that_is_not_good_is_named_with_its_reason(
    world: World, sent: tuple[World, Sealing, str], why: str
) -> None:
    _, sealing, message = sent
    made = FORMS["one layer"](sealing, WORDS)
    if why == "not signed":
        made = b"Content-Type: text/plain\r\n\r\nyes\r\n"
    with world.node.database.begin() as session:
        for key in session.scalars(select(PartnerKey)):
            if why == "nobody confirmed":
                key.confirmed_at = None
            if why == "ended":
                key.ended_at = world.now
            if why == "expired":
                key.expires_at = world.now - timedelta(days=1)
        for letter in session.scalars(select(Letter)) if why == "an older one" else ():
            letter.created_at = world.now + timedelta(days=1)
    done = filed(world, as_mail(made, sender=MAILBOX, answers=message))
    assert OTHER[why] in done.decision.why
    assert done.decision.state is MailState.WAITING
    assert strengths(world) == [EvidenceStrength.ACCEPTED]


def test_what_was_changed_is_no_receipt(world: World, sent: tuple[World, Sealing, str]) -> None:
    _, sealing, message = sent
    for number, form in enumerate(["PGP/MIME", "clear-signed", *SMIME]):
        made = as_mail(FORMS[form](sealing, WORDS), sender=MAILBOX, answers=message, number=str(number))
        changed = made.replace(b"we have it", b"we lost it")
        if changed != made:
            assert "no receipt" in filed(world, changed).decision.why or "does not hold" in (
                filed(world, changed).decision.why
            )
    assert strengths(world) == [EvidenceStrength.ACCEPTED]


INSIDE = [form for form in ENCRYPTED if form != "nested"]


@pytest.mark.parametrize("form", FORMS)
def test_without_the_program_what_is_signed_inside_its_encryption_is_read_and_is_no_receipt(
    world: World, sent: tuple[World, Sealing, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    _, sealing, message = sent
    made = as_mail(FORMS[form](sealing, WORDS), sender=MAILBOX, answers=message)
    monkeypatch.setenv("PATH", str(tmp_path))
    why = filed(world, made).decision.why
    assert WORDS in text_kept(world)
    assert (strengths(world) == [EvidenceStrength.ACCEPTED]) is (form in INSIDE)
    assert ("this machine cannot verify: it is no receipt. Install the Debian package sqop" in why) is (form in INSIDE)


def test_without_the_program_another_key_is_named_as_with_it(
    world: World, sent: tuple[World, Sealing, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, sealing, message = sent
    other = sealing.gpg.make("Somebody without sqop <x@d.example>")
    made = FORMS["one layer"](replace(sealing, key=other), WORDS)
    monkeypatch.setenv("PATH", str(tmp_path))
    why = filed(world, as_mail(made, sender=MAILBOX, answers=message)).decision.why
    assert f"{other}, which is none of D" in why


def test_the_doctor_says_whether_the_program_is_there_where_a_key_asks_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def found() -> list[tuple[HealthKind | None, str]]:
        what = "signatures inside encrypted mails"
        return [(one.kind, one.mend) for one in examine(world.node.home, world.now) if one.what == what]

    assert found() == [(HealthKind.OK, "")]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found() == [(HealthKind.TO_DO, "Install the Debian package sqop.")]
    (world.node.home / "keys" / "openpgp.asc").unlink()
    assert found() == []


@pytest.mark.parametrize("password", ["", "a word"])
def test_a_signature_counts_for_what_was_read_and_no_other(sent: tuple[World, Sealing, str], password: str) -> None:
    """Also with a key of the node that has a password, and for one of RSA."""
    sealing = sent[1]
    gpg = sealing.gpg
    to = gpg.make(f"Node {password} <n@x.example>", "rsa2048", "rsa2048", password=password)
    secret = gpg.run("--export-secret-keys", to, password=password)
    key = OpeningKey(secret, password)
    message = replace(sealing, to=to).encrypted(b"what it says", *sealing.signer)
    certs = (gpg.public(to), gpg.public(sealing.key))
    found = check_message(message, b"what it says", (key,), certs)
    assert (found.fingerprint, found.issuers) == (sealing.key.lower(), (sealing.key.lower(),))
    assert found.at is not None
    assert check_message(message, b"another", (key,), certs).fingerprint == ""

"""Dispatches that travel by mail: between nodes, and to a partner who has a mail program and gpg, and no node."""

import email
import email.policy
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from random import Random
from ssl import PEM_cert_to_DER_cert
from typing import Any
from uuid import UUID

import httpx
import pytest
from pysequoia import Cert
from sqlalchemy import select, update

from support.console_users import browser_of
from support.ledger_examples import act, make_incident, make_node, own_key
from support.mail_corpus import GONE, report
from support.mail_keys import Gpg, certificate, gnupg, openssl
from support.mail_server import PostOffice, post_office
from support.partner_examples import CALL, NAME, do, pin
from support.processes import KILLED, command
from support.sizes import WHOLE
from support.world import World, copy_world, text_of
from tocsin.delivery.sealing import signed_at
from tocsin.exchange.ledger import IncomingRow, NoPartnerKeyError, OutgoingRow, PassedItem
from tocsin.exchange.partners import LinkState, PartnerCheck, pinned_keys, read_partner
from tocsin.exchange.ways import EvidenceStrength, evidence_of, take_exchange_mail
from tocsin.exchange.ways.acts import DispatchNamed, resend
from tocsin.incidents import mail_context
from tocsin.interface import ActContext
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError
from tocsin.node.letters import EXCHANGE, Letter
from tocsin.node.reply_addresses import reply_addresses
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.exchange_delivery import DeliveryRound, deliver_dispatches
from tocsin.pipeline.notify import tell
from tocsin.problems.replies import file_mail
from tocsin.server.server import make_application

MAILBOX = "csirt@d.example"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def gpg() -> Iterator[Gpg]:
    with gnupg() as ring:
        yield ring


@pytest.fixture
def world(fresh: Path, tmp_path: Path, office: PostOffice) -> Iterator[World]:
    made = copy_world(fresh, tmp_path / "one")
    with made.open:
        yield mailing(made, office)


def mailing(world: World, office: PostOffice, **more: Any) -> World:
    mailbox = world.node.settings.mailbox.model_copy(update={"address": "csirt@example.org"})
    settings = world.node.settings.model_copy(update={"mail": office.settings(**more), "mailbox": mailbox})
    world.node = replace(world.node, settings=settings)
    return world


def carry(world: World) -> DeliveryRound:
    """One round of dispatches, the mails that it asks for, and what became of them."""
    world.now = max(world.now, datetime.now(UTC))  # what commands sealed meanwhile is due
    done = deliver_dispatches(world.node, now=world.now)
    assert not tell(world.node, now=world.now).problem
    deliver_dispatches(world.node, now=world.now)
    return done


def read_all(world: World, office: PostOffice) -> list[str]:
    """Let a node read the mails that came; what it says of each."""
    desk = mail_context(world.node, world.node.store, take_exchange_mail)
    raws, office.arrived[:] = [raw for _, raw in office.arrived], []
    return [file_mail(desk, raw, now=world.now).decision.why for raw in raws]


def rows(world: World, table: Any) -> list[Any]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def test_a_large_dispatch_goes_by_several_mails_and_its_receipt_comes_back(
    pair: tuple[World, World], office: PostOffice, tmp_path: Path
) -> None:
    world, other = pair
    mailing(world, office, max_bytes="100000")
    mailing(other, office)
    content = bytes(range(256)) * 4 + b"".join(i.to_bytes(3, "big") for i in range(70_000))
    (tmp_path / "a.bin").write_bytes(content)
    world.tocsin.run("exchange", "send", "B", "--document", tmp_path / "a.bin", "--tlp", "CLEAR")
    carry(world)
    assert [row.state for row in rows(world, OutgoingRow)] == ["handed-over"]
    subjects = [str(email.message_from_bytes(raw)["Subject"]) for _, raw in office.arrived]
    assert len(subjects) > 1
    assert subjects[0] == f"1 (1/{len(subjects)})"
    office.arrived.reverse()
    whys = read_all(other, office)
    assert [(row.number, row.state) for row in rows(other, IncomingRow)] == [(1, "taken")], whys
    carry(other)
    read_all(world, office)
    assert [row.state for row in rows(world, OutgoingRow)] == ["received"]
    assert deliver_dispatches(world.node, now=world.now + timedelta(days=9)).carried == []


DELIVER, MAIL = ("exchange", "deliver"), ("deliver",)
STEPS: tuple[tuple[int, tuple[str, ...], str], ...] = (
    (0, DELIVER, "exchange.mailing"),
    (0, MAIL, ""),
    (0, DELIVER, "exchange.settling"),
    (1, ("replies", "file", "mail.eml"), "exchange.arriving"),
    (1, DELIVER, "exchange.settling"),
    (1, MAIL, ""),
    (0, ("replies", "file", "mail.eml"), "exchange.receipting"),
)
"""Which node does what, and where it is killed before it does it whole; a file holds the newest mail."""


def test_killed_on_the_way_by_mail_nothing_is_lost_or_doubled(
    pair: tuple[World, World], office: PostOffice, tmp_path: Path
) -> None:
    world, other = nodes = pair
    for node in nodes:
        with (node.node.home / "tocsin.toml").open("a") as out:
            out.write(f'\n[mail]\nchannel = "smtp"\nport = {office.port}\nsecurity = "none"\n')
    (tmp_path / "a.txt").write_text("Text")
    world.tocsin.run("exchange", "send", "B", "--document", tmp_path / "a.txt", "--tlp", "CLEAR")
    for number, words, cut in STEPS:
        if office.arrived:
            (tmp_path / "mail.eml").write_bytes(office.arrived[-1][1])
        named = [str(tmp_path / word) if word.endswith(".eml") else word for word in words]
        if cut:
            environment = {**os.environ, "TOCSIN_CUT": cut}
            assert command(nodes[number].node.home, *named, environment=environment).wait() == KILLED, cut
        nodes[number].tocsin.run(*named)
    assert len(office.arrived) == 2, "the dispatch and its receipt"
    assert [row.state for row in rows(world, OutgoingRow)] == ["received"]
    assert [row.state for row in rows(other, IncomingRow)] == ["taken"]


def meet_person(world: World, gpg: Gpg, name: str = "D", lasts: str = "2y") -> str:
    """A partner with a mailbox and a key that gpg made, and no node; its fingerprint."""
    make_node(world, 1)
    key = gpg.make(f"CSIRT D <{MAILBOX}>", lasts=lasts)
    world.now += timedelta(seconds=2)  # a key that is made in this second is not valid yet
    gpg.run("--import", given=own_key(world).encode())
    do(world, "add", name=name, mailbox=MAILBOX)
    do(world, "add-key", partner=name, content=gpg.run("--armor", "--export", key).decode())
    do(world, "confirm-key", partner=name, key=key, **CALL)
    return key


def opened(gpg: Gpg, raw: bytes) -> tuple[EmailMessage, str]:
    """What a mail program shows of an encrypted mail, and whose signature it has."""
    outer = email.message_from_bytes(raw, policy=email.policy.default)
    _, sealed = outer.iter_parts()
    content = sealed.get_payload(decode=True)
    assert isinstance(content, bytes)
    plain, signer = gpg.opened(content)
    return email.message_from_bytes(plain, policy=email.policy.default), signer


def reply(gpg: Gpg, raw: bytes, key: str) -> bytes:
    """A signed answer to a mail, as a mail program makes it (RFC 3156)."""
    entity = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThank you, we have it.\r\n"
    signature = gpg.run("--local-user", key, "--armor", "--detach-sign", given=entity)
    answered = email.message_from_bytes(raw)["Message-ID"]
    head = (
        f"From: D <{MAILBOX}>\r\nTo: csirt@example.org\r\nSubject: Re: [1]\r\nMessage-ID: <r1@d.example>\r\n"
        f"In-Reply-To: {answered}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed;\r\n"
        ' micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="=-b"\r\n\r\n'
    )
    part = b"Content-Type: application/pgp-signature\r\n\r\n" + signature.replace(b"\n", b"\r\n")
    return head.encode() + b"--=-b\r\n" + entity + b"\r\n--=-b\r\n" + part + b"\r\n--=-b--\r\n"


def smime_reply(folder: Path, raw: bytes, *, key: str = "team") -> bytes:
    """The same by a certificate, as a mail program makes it (RFC 8551)."""
    (folder / "answer.txt").write_bytes(b"Content-Type: text/plain; charset=utf-8\r\n\r\nThank you, we have it.\r\n")
    signer = ("-in", "answer.txt", "-signer", f"{key}.pem", "-inkey", f"{key}.key")
    signed = openssl("cms", "-sign", "-crlfeol", *signer, folder=folder)
    answered = email.message_from_bytes(raw)["Message-ID"]
    head = f"From: E <csirt@e.example>\nTo: csirt@example.org\nMessage-ID: <{key}@e.example>\nIn-Reply-To: {answered}\n"
    return head.encode() + signed


def strengths(world: World, number: int = 1) -> list[EvidenceStrength]:
    with world.node.database.reading() as session:
        return [one.strength for one in evidence_of(session, session.get_one(OutgoingRow, number))]


def test_a_partner_with_gpg_alone_gets_answers_and_is_recalled(world: World, office: PostOffice, gpg: Gpg) -> None:
    key = meet_person(world, gpg)
    reference = make_incident(world, "D")
    world.tocsin.run("exchange", "send", "D", "--incident", reference)
    carry(world)
    ((to, raw),) = office.arrived
    assert (to, [row.state for row in rows(world, OutgoingRow)]) == ([MAILBOX], ["handed-over"])
    assert str(email.message_from_bytes(raw)["Subject"]) == "[CSIRT Example 1]"
    mail, signer = opened(gpg, raw)
    text, *files = mail.iter_parts()
    assert "observables.csv" in {one.get_filename() for one in files}
    assert "TLP:GREEN" in text.get_content()
    assert signer
    assert strengths(world) == [EvidenceStrength.ACCEPTED]

    desk = mail_context(world.node, world.node.store, take_exchange_mail)
    forged = reply(gpg, raw, key).replace(b"we have it", b"we lost it")
    file_mail(desk, forged, now=world.now)
    assert strengths(world) == [EvidenceStrength.ACCEPTED]
    answered = reply(gpg, raw, key)
    for _ in range(2):
        file_mail(desk, answered, now=world.now)
    assert strengths(world) == [EvidenceStrength.SIGNED_REPLY, EvidenceStrength.ACCEPTED]
    assert [row.state for row in rows(world, OutgoingRow)] == ["received"]
    with world.node.database.reading() as session:
        assert read_partner(session, "D", world.now).state is LinkState.WORKS

    office.arrived.clear()
    assert world.tocsin.json("exchange", "recall", "--incident", reference, "--code", "wrong")["sent"] == 1
    carry(world)
    mail, _ = opened(gpg, office.arrived[0][1])
    said = mail.get_body().get_content()  # type: ignore[union-attr]
    assert "message 1" in said
    (path,) = re.findall(r"https://csirt\.example(/receipt/\S+)", said)
    client = world.client()
    assert "Phishing" not in client.get(path).text
    (made,) = re.findall(r'name="made" value="([^"]+)"', client.get(path).text)
    origin = {"Origin": "https://csirt.example"}
    answer = {"made": made, "say": "kept", "code": "nothing"}
    assert client.post(path, data=answer, headers=origin).status_code == 422
    assert client.post(path, data=answer | {"code": "law"}, headers=origin).status_code == 200
    assert client.get(path).status_code == 404
    assert [(row.way, row.answer, row.answer_code) for row in rows(world, PassedItem)] == [("mail", "kept", "law")]


def test_a_link_confirms_a_mail_once(world: World, office: PostOffice, gpg: Gpg) -> None:
    meet_person(world, gpg)
    world.tocsin.run("exchange", "send", "D", "--incident", make_incident(world, "D"))
    carry(world)
    mail, _ = opened(gpg, office.arrived[0][1])
    (path,) = re.findall(r"https://csirt\.example(/receipt/\S+)", mail.as_string())
    client: httpx.Client = world.client(public=True)
    (made,) = re.findall(r'name="made" value="([^"]+)"', client.get(path).text)
    origin = {"Origin": "https://csirt.example"}
    assert client.post(path, data={"made": made, "say": "arrived"}, headers=origin).status_code == 200
    assert client.post(path, data={"made": made, "say": "arrived"}, headers=origin).status_code == 404
    assert strengths(world) == [EvidenceStrength.LINK, EvidenceStrength.ACCEPTED]
    assert client.get("/receipt/1.x").status_code == 404


def test_a_partner_whose_key_expired_is_told_so_without_content(world: World, office: PostOffice, gpg: Gpg) -> None:
    meet_person(world, gpg, lasts="20d")
    reference = make_incident(world, "D")
    act(world, "send", partner="D", incident=reference)
    carry(world)
    office.arrived.clear()
    world.now += timedelta(days=30)
    for _ in range(2):
        with pytest.raises(NoPartnerKeyError):
            act(world, "send", partner="D", incident=reference)
    act(world, "recall", incident=reference, code="wrong")
    carry(world)
    sent = [raw for _, raw in office.arrived]
    assert len(sent) == 2, "once a day that a key is missing, and that something is recalled"
    assert all(b"multipart/signed" in raw and b"Phishing" not in raw for raw in sent)
    assert b"no key of yours" in sent[0]
    assert b"/receipt/" in sent[1]


def test_a_check_is_asked_by_mail_and_its_signed_answer_is_the_proof(
    world: World, office: PostOffice, gpg: Gpg
) -> None:
    key = meet_person(world, gpg)
    world.now += timedelta(days=2)
    carry(world)
    carry(world)
    ((_, raw),) = office.arrived
    assert str(email.message_from_bytes(raw)["Subject"]) == "Communication check"
    later = world.now + timedelta(days=15)
    deliver_dispatches(world.node, now=later)
    with world.node.database.reading() as session:
        assert read_partner(session, "D", later).state is LinkState.FAILING
    desk = mail_context(world.node, world.node.store, take_exchange_mail)
    file_mail(desk, reply(gpg, raw, key), now=later)
    assert [row.result for row in rows(world, PartnerCheck)] == ["no-answer"], "it was signed before it was asked"
    with world.node.database.begin() as session:  # libraries verify by the clock of the machine
        session.execute(update(Letter).values(created_at=datetime.now(UTC)))
    file_mail(desk, reply(gpg, raw, key).replace(b"<r1@", b"<r2@"), now=later)
    assert [(row.way, row.result) for row in rows(world, PartnerCheck)] == [("signed-mail", "answered")]
    with world.node.database.reading() as session:
        assert read_partner(session, "D", later).state is LinkState.WORKS


def test_a_partner_with_gpg_alone_is_told_of_a_new_key_by_the_old_one(world: World, gpg: Gpg) -> None:
    meet_person(world, gpg)
    old = Cert.from_bytes(own_key(world).encode()).fingerprint
    (made,) = world.tocsin.json("keys", "node-make", "--format", "openpgp", "--replace")
    assert (made["told"], made["left"]) == (["D"], [])
    with world.node.database.reading() as session:
        row = session.scalars(select(OutgoingRow)).one()
    mail, signer = opened(gpg, world.node.exchange.read(row.file))
    (brought,) = mail.iter_attachments()
    assert signer == old
    assert Cert.from_bytes(brought.get_content()).fingerprint == made["fingerprint"]


def test_a_partner_with_a_certificate_gets_a_signed_and_encrypted_mail(
    world: World, office: PostOffice, tmp_path: Path
) -> None:
    make_node(world, 1)
    do(world, "add", name="E", mailbox="csirt@e.example")
    do(world, "add-key", partner="E", content=certificate(tmp_path, "csirt@e.example").decode())
    do(world, "confirm-key", partner="E", key="1", **CALL)
    do(world, "add", name="N", node=UUID(int=9))
    with pytest.raises(ConflictError, match="OpenPGP"):
        do(world, "add-key", partner="N", content=(tmp_path / "team.pem").read_text())
    send = ("exchange", "send", "E", "--incident", make_incident(world, "E"))
    assert "S/MIME" in world.tocsin.call(*send)[2], "the node has no certificate of its own yet"
    own = world.node.home / "keys" / "smime.pem"
    own.write_bytes((tmp_path / "team.key").read_bytes() + (tmp_path / "team.pem").read_bytes())
    own.chmod(0o600)
    world.tocsin.run(*send)
    carry(world)
    ((_, raw),) = office.arrived
    assert b"Phishing kit" not in raw
    (tmp_path / "mail.eml").write_bytes(raw)
    holder = ("-recip", "team.pem", "-inkey", "team.key", "-out", "signed.eml")
    openssl("cms", "-decrypt", "-in", "mail.eml", *holder, folder=tmp_path)
    inner = openssl("cms", "-verify", "-in", "signed.eml", "-CAfile", "team.pem", folder=tmp_path)
    mail = email.message_from_bytes(inner, policy=email.policy.default)
    assert "observables.csv" in {part.get_filename() for part in mail.iter_attachments()}
    assert "https://csirt.example/receipt/" in mail.as_string(), "the link that confirms it"

    desk = mail_context(world.node, world.node.store, take_exchange_mail)
    certificate(tmp_path, "csirt@e.example", name="other")
    answer = smime_reply(tmp_path, raw)
    for forged in (smime_reply(tmp_path, raw, key="other"), answer.replace(b"we have it", b"we lost it")):
        file_mail(desk, forged, now=world.now)
    assert strengths(world) == [EvidenceStrength.ACCEPTED]
    file_mail(desk, answer, now=world.now)
    assert strengths(world) == [EvidenceStrength.SIGNED_REPLY, EvidenceStrength.ACCEPTED]
    assert [row.state for row in rows(world, OutgoingRow)] == ["received"]
    with world.node.database.reading() as session:
        assert read_partner(session, "E", world.now).state is LinkState.WORKS
        assert pinned_keys(session) == {}, "a certificate verifies no statement"


def test_a_signature_by_a_certificate_holds_for_what_it_signed_alone(tmp_path: Path) -> None:
    """By each form that mail programs write; with any byte changed it says the same or nothing, and never fails.

    Each byte is looked at by a confined process: a few of them are asked, with ``TOCSIN_WHOLE=1`` all.
    """
    pem = certificate(tmp_path, "csirt@e.example").decode()
    held, words = PEM_cert_to_DER_cert(pem), b"Content-Type: text/plain\r\n\r\nThanks.\r\n"
    signer = ("-signer", "team.pem", "-inkey", "team.key", "-outform", "DER")
    forms = {
        (): True, ("-stream",): True, ("-keyopt", "rsa_padding_mode:pss"): True, ("-md", "sha512", "-nocerts"): True,
        ("-md", "sha1"): False, ("-noattr",): False,
    }  # fmt: skip
    for options, holds in forms.items():
        made = openssl("cms", "-sign", "-binary", *signer, *options, folder=tmp_path, given=words)
        at = signed_at(words, made, held)
        assert (at is not None) is holds, options
        assert signed_at(words.replace(b"Thanks", b"Thinks"), made, held) is None
        asked = range(len(made)) if WHOLE else sorted(Random(str(options)).sample(range(len(made)), 10))
        found = {signed_at(words, made[:n] + bytes([made[n] ^ 1]) + made[n + 1 :], held) for n in asked}
        assert found <= {None, at}
    assert signed_at(words, b"\x30\x80" * 100_000, held) is None


def test_a_mail_that_comes_back_is_stuck_until_it_is_sent_again(world: World, office: PostOffice, gpg: Gpg) -> None:
    meet_person(world, gpg)
    world.tocsin.run("exchange", "send", "D", "--incident", make_incident(world, "D"))
    carry(world)
    with world.node.database.reading() as session:
        (letter,) = session.scalars(select(Letter).where(Letter.kind == EXCHANGE))
    to = reply_addresses("csirt@example.org", open_tokens(world.node.home))(letter.reference)
    notice = report(GONE.replace("noc@isp.example", MAILBOX), original=letter.message_id).raw(to)
    file_mail(mail_context(world.node, world.node.store, take_exchange_mail), notice, now=world.now)
    carry(world)
    (row,) = rows(world, OutgoingRow)
    assert (row.state, row.reason) == ("stuck", f"{MAILBOX} (5.1.1 550 5.1.1 no user) sent it back.")
    assert strengths(world) == [], "that a mail server took it says nothing any more"

    office.arrived.clear()
    world.tocsin.run("partners", "change", "D", "--mailbox", "team@d.example")
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
        assert "5.1.1" in text_of(analyst.get("/exchange/dispatches/1"))
        assert analyst.send("/exchange/dispatches/1/resend").status_code == 303
        assert "Send the mail again" not in text_of(analyst.get("/exchange/dispatches/1"))
    carry(world)
    assert [to for to, _ in office.arrived] == [["team@d.example"]]
    assert [row.state for row in rows(world, OutgoingRow)] == ["handed-over"]
    with pytest.raises(ConflictError, match="not stuck"):
        resend(ActContext(world.node, world.now, "test"), DispatchNamed(dispatch=1))


def test_what_leaves_as_a_mail_is_never_said_to_be_gone_and_is_never_sent_twice(
    world: World, office: PostOffice, gpg: Gpg, tmp_path: Path
) -> None:
    """By `send --out`, the file and the bundle, on the command line and the page: while it waits, and when it left."""
    meet_person(world, gpg)
    reference, out = make_incident(world, "D"), tmp_path / "file"
    send = ("exchange", "send", "D", "--incident", reference)
    code, _, said = world.tocsin.call(*send, "--out", out)
    assert (code, rows(world, OutgoingRow)) == (1, []), "nothing is sealed for a file that cannot be"
    assert "D has no node: what it is sent is a mail, which leaves by itself" in said
    assert "Nothing was sent" in said

    (number,) = [world.tocsin.json(*send)["dispatch"]]
    file, bundle = ("exchange", "file", number, "--out", out), ("exchange", "bundle", number, "--out", tmp_path / "b")
    code, _, said = world.tocsin.call(*map(str, file))
    assert code == 1
    assert f"Dispatch {number} is a mail to {MAILBOX}, which leaves by itself" in said
    code, _, said = world.tocsin.call(*map(str, bundle))
    assert code == 1
    assert f"Dispatch {number} is a mail to D, which has no node" in said
    carry(world)
    ((_, raw),) = office.arrived
    world.tocsin.run(*map(str, file))
    assert email.message_from_bytes(out.read_bytes())["Message-ID"] == email.message_from_bytes(raw)["Message-ID"]
    carry(world)
    assert len(office.arrived) == 1
    assert "not kept any more" not in world.tocsin.call(*map(str, bundle))[2]


def test_what_was_sealed_and_could_not_be_written_is_said_to_be_sealed(world: World, tmp_path: Path) -> None:
    pin(make_node(world, 1))
    world.now += timedelta(seconds=2)
    send = ("exchange", "send", NAME, "--incident", make_incident(world, NAME), "--out", tmp_path / "none" / "file")
    code, _, said = world.tocsin.call(*send)
    assert (code, len(rows(world, OutgoingRow))) == (2, 1)
    assert "Dispatch 1 is sealed: 'tocsin exchange file 1 --out FILE' writes it" in said
    world.tocsin.run("exchange", "file", "1", "--out", tmp_path / "file")

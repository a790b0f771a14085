"""Signed and encrypted digests, opened by gpg and openssl."""

import re
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from support.delivery_examples import Told, owe, read_mail
from support.mail_keys import gnupg
from support.mail_server import post_office
from support.sealing_examples import (
    BOXES,
    EVENTS,
    NOW,
    SECRETS,
    Cast,
    changed,
    fresh,
    isp,
    key,
    many_events,
    opened_by_openssl,
    outside,
    parsed,
    plain_digest,
    run,
    same,
    sealing,
    signed_parts,
    verified_by_openssl,
)
from tocsin.delivery import Delivery, DeliveryState, deliver
from tocsin.delivery.channels.smtp import SmtpChannel
from tocsin.delivery.sealing import open_seals
from tocsin.directory import AttachmentFormat
from tocsin.directory.keys import KeyFormat
from tocsin.node.errors import SettingError
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry, Database
from tocsin.node.settings import MailSettings


def test_an_openpgp_digest_is_opened_and_verified_by_gpg_and_equals_the_plain_one(
    cast: Cast, database: Database, tmp_path: Path
) -> None:
    summary, (mail,) = run(database, tmp_path / "a", sealing(cast, cast.pgp), isp())
    inner, signer = cast.gpg.opened(mail)

    assert (summary.digests, summary.events, summary.stuck) == (1, 3, 0)
    assert cast.own.openpgp is not None
    assert signer == cast.own.openpgp.facts.fingerprint
    outer = parsed(mail)
    assert outer.get_content_type() == "multipart/encrypted"
    assert outer.get_param("protocol") == "application/pgp-encrypted"
    assert outer["Subject"] == f"[TLP:AMBER] [TOC-{NOW:%Y}-0000001]"
    assert not [word for word in SECRETS if word in outside(mail)]
    same(read_mail(inner), plain_digest(fresh(tmp_path), tmp_path / "b", mail, isp()))
    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "delivery.sent")).all()
    assert row.protection == f"OpenPGP: signed, encrypted for {cast.pgp.facts.fingerprint}"
    assert entry.detail["protection"] == row.protection


def test_headers_are_protected_as_rfc_9788_says(cast: Cast, tmp_path: Path) -> None:
    _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, cast.pgp), isp())
    inner, outer = parsed(cast.gpg.opened(mail)[0]), parsed(mail)

    assert inner.get_param("hp") == "cipher"
    assert str(inner["Subject"]).startswith("[TLP:AMBER] Infected machines: 3 in Example ISP")
    shown = dict(str(field).split(": ", 1) for field in inner.get_all("HP-Outer", []))
    assert shown["Subject"] == outer["Subject"]
    assert {name: str(outer[name]) for name in shown} == shown


def test_an_smime_digest_is_opened_and_verified_by_openssl_and_equals_the_plain_one(cast: Cast, tmp_path: Path) -> None:
    _, (mail,) = run(fresh(tmp_path), tmp_path / "a", sealing(cast, cast.cert), isp())
    inner = opened_by_openssl(cast, mail)

    outer = parsed(mail)
    assert (outer.get_content_type(), outer.get_param("smime-type")) == ("application/pkcs7-mime", "enveloped-data")
    assert outer["Subject"] == f"[TLP:AMBER] [TOC-{NOW:%Y}-0000001]"
    content = outer.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert not [word for word in SECRETS if word in mail.decode() or word.encode() in content]
    assert (cast.folder / "signer.pem").read_text(encoding="ascii") == (cast.folder / "node.pem").read_text("ascii")
    same(read_mail(inner), plain_digest(fresh(tmp_path), tmp_path / "b", mail, isp()))


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9])
def test_a_digest_that_was_changed_on_the_way_is_not_opened(cast: Cast, tmp_path: Path, at: float) -> None:
    _, (pgp,) = run(fresh(tmp_path), tmp_path / "a", sealing(cast, cast.pgp), isp())
    with pytest.raises(subprocess.CalledProcessError):
        cast.gpg.opened(changed(pgp, at))
    _, (smime,) = run(fresh(tmp_path), tmp_path / "b", sealing(cast, cast.cert), isp())
    with pytest.raises(subprocess.CalledProcessError):
        opened_by_openssl(cast, changed(smime, at))


def test_a_plain_digest_can_be_signed_with_openpgp(cast: Cast, tmp_path: Path) -> None:
    one = isp(encrypt=False)
    _, (mail,) = run(fresh(tmp_path), tmp_path / "a", sealing(cast, sign=KeyFormat.OPENPGP), one)
    content, signature = signed_parts(mail)

    assert parsed(mail).get_param("micalg") == "pgp-sha512"
    assert cast.own.openpgp is not None
    assert cast.gpg.verifies(content, signature) == cast.own.openpgp.facts.fingerprint
    assert cast.gpg.verifies(content.replace(b"192.0.2.1", b"192.0.2.2"), signature) == ""
    assert parsed(content).get_param("hp") == "clear"
    same(read_mail(content), plain_digest(fresh(tmp_path), tmp_path / "b", mail, one))
    same(replace(read_mail(content), files={}, body=""), replace(read_mail(mail), files={}, body=""))


def test_a_plain_digest_can_be_signed_with_smime(cast: Cast, tmp_path: Path) -> None:
    one = isp(encrypt=False)
    _, (mail,) = run(fresh(tmp_path), tmp_path / "a", sealing(cast, sign=KeyFormat.SMIME), one)
    inner = verified_by_openssl(cast, mail)

    with pytest.raises(subprocess.CalledProcessError):
        verified_by_openssl(cast, mail.replace(b"192.0.2.1", b"192.0.2.2"))
    same(read_mail(inner), plain_digest(fresh(tmp_path), tmp_path / "b", mail, one))


def test_a_signed_mail_survives_servers_that_strip_blanks(cast: Cast, tmp_path: Path) -> None:
    _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, sign=KeyFormat.OPENPGP), isp(encrypt=False))
    content, _ = signed_parts(mail)

    assert all(line == line.rstrip() and not line.startswith(b"From ") for line in content.split(b"\r\n"))
    assert content.isascii()


def test_nothing_is_signed_or_encrypted_where_nobody_asked(cast: Cast, tmp_path: Path) -> None:
    _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, cast.pgp), isp(encrypt=False))

    assert parsed(mail).get_content_type() == "multipart/mixed"
    assert parsed(mail).get_param("hp") is None


def test_each_mailbox_can_open_the_one_mail_with_its_own_key(cast: Cast, tmp_path: Path) -> None:
    assert cast.own.openpgp is not None
    with gnupg() as abuse:
        abuse.run("--import", given=cast.own.openpgp.public.encode())
        second = key(abuse.public(abuse.make("Abuse <abuse@isp.example>", "rsa2048", "rsa2048")))
        _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, cast.pgp, second), isp(*BOXES))
        opened = [cast.gpg.opened(mail)[0], abuse.opened(mail)[0]]

    assert opened[0] == opened[1]
    assert read_mail(opened[0]).to == ", ".join(BOXES)


def test_a_mailbox_without_a_key_is_left_out_and_asked_for_one(cast: Cast, database: Database, tmp_path: Path) -> None:
    _, mails = run(database, tmp_path, sealing(cast, cast.pgp), isp(*BOXES))
    (mail,) = [mail for mail in mails if b"multipart/encrypted" in mail]
    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
        (letter,) = session.scalars(select(Letter)).all()

    assert parsed(mail)["To"] == BOXES[0]
    assert (row.state, row.error) == (DeliveryState.SENT, "Left out, as no key serves them: abuse@isp.example.")
    assert (letter.mailbox, letter.kind) == (BOXES[1], "cannot-encrypt")


def test_a_key_of_the_team_without_mailbox_serves_all(cast: Cast, tmp_path: Path) -> None:
    whole = key(cast.gpg.public(cast.gpg.make("Example ISP")))
    _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, whole), isp(*BOXES))

    assert parsed(mail)["To"] == ", ".join(BOXES)
    assert read_mail(cast.gpg.opened(mail)[0]).body


def test_an_expired_subkey_beside_a_good_one_is_not_encrypted_for(cast: Cast, tmp_path: Path) -> None:
    made = cast.gpg.make("NOC <noc@isp.example>", lasts="9y", subkey_lasts="1y", at="20240101T000000")
    cast.gpg.run("--quick-add-key", made, "cv25519", "encr", "1y")
    _, (mail,) = run(fresh(tmp_path), tmp_path, sealing(cast, key(cast.gpg.public(made))), isp())
    listed = cast.gpg.run("--list-packets", given=mail).decode()

    assert len(re.findall(r"^:pubkey enc packet", listed, re.MULTILINE)) == 1
    assert read_mail(cast.gpg.opened(mail)[0]).body


def test_a_large_digest_is_cut_so_that_each_encrypted_mail_stays_small(cast: Cast, tmp_path: Path) -> None:
    many = many_events()
    _, mails = run(fresh(tmp_path), tmp_path, sealing(cast, cast.pgp, max_bytes=50_000), isp(), frame=many)
    opened = [read_mail(cast.gpg.opened(mail)[0]) for mail in mails]

    assert len(mails) > 1
    assert max(len(mail) for mail in mails) < 75_000
    assert sum(len(one.rows()) for one in opened) == 3_000
    assert {str(parsed(mail)["Subject"]) for mail in mails} == {f"[TLP:AMBER] [TOC-{NOW:%Y}-0000001]"}


def test_letters_are_signed_as_the_settings_say(cast: Cast, tmp_path: Path) -> None:
    _, (letter,) = run(fresh(tmp_path), tmp_path, sealing(cast, sign=KeyFormat.OPENPGP), isp())
    content, signature = signed_parts(letter)

    assert "must be encrypted" in parsed(content).get_content()
    assert cast.own.openpgp is not None
    assert cast.gpg.verifies(content, signature) == cast.own.openpgp.facts.fingerprint


def test_where_mails_are_to_be_signed_and_cannot_be_none_leaves(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="has no OpenPGP key") as refused:
        open_seals(tmp_path, MailSettings(sign="openpgp"), lambda _: (), NOW)
    assert "node-make" in refused.value.hint


def test_a_digest_in_all_forms_is_sealed_whole(cast: Cast, tmp_path: Path) -> None:
    forms = (AttachmentFormat.CSV, AttachmentFormat.JSONL, AttachmentFormat.XARF)
    one = isp(formats=forms)
    _, (mail,) = run(fresh(tmp_path), tmp_path / "a", sealing(cast, cast.pgp), one)

    same(read_mail(cast.gpg.opened(mail)[0]), plain_digest(fresh(tmp_path), tmp_path / "b", mail, one))


@pytest.mark.parametrize("encrypt", [True, False])
def test_what_an_smtp_server_gets_still_verifies(cast: Cast, tmp_path: Path, encrypt: bool) -> None:
    database, one = fresh(tmp_path), isp(encrypt=encrypt)
    owe(database, {1: one}, {1: EVENTS}, NOW)
    with post_office() as office, closing(SmtpChannel(office.settings())) as channel:
        sealed = sealing(cast, cast.pgp, sign=KeyFormat.OPENPGP)
        deliver(database, teams={1: one}, events_of=Told({1: EVENTS}), channel=channel, node=sealed, now=NOW)
        ((mailboxes, mail),) = office.arrived
    assert cast.own.openpgp is not None
    ours = cast.own.openpgp.facts.fingerprint

    assert mailboxes == [BOXES[0]]
    assert (cast.gpg.opened(mail)[1] if encrypt else cast.gpg.verifies(*signed_parts(mail))) == ours

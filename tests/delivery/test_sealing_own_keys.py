"""This node's own keys: made, brought in, renewed, kept from others' eyes; and the commands for them."""

import json
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.cast import Tocsin
from support.mail_keys import certificate, gnupg, openssl
from support.sealing_examples import Cast
from tocsin.cli import main
from tocsin.delivery.sealing import KeyRing, OwnKeys, can_sign, read_own_keys
from tocsin.directory.keys import KeyFacts, KeyFormat, KeyState
from tocsin.node.errors import ConflictError, InputError, NotFoundError, SettingError
from tocsin.node.home import open_home
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditEntry
from tocsin.node.settings import MailSettings, Settings
from tocsin.operations.backup import make_backup, restore_backup
from tocsin.pipeline.stores import open_node

CSIRT = "CSIRT Example <csirt@csirt.example>"
SETTINGS = Settings(node=NodeSettings(name="CSIRT Example", contact="csirt@csirt.example"))
TEAM = """
source = "test"
[[team]]
key = "isp"
name = "Example ISP"
mailboxes = ["noc@isp.example"]
interval = "at_once"
ceiling = "AMBER"
encrypt = true
prefixes = ["192.0.2.0/24"]
"""


def now() -> datetime:
    return datetime.now(UTC)


def ring_of(home: Path, mail: MailSettings | None = None) -> KeyRing:
    settings = SETTINGS if mail is None else SETTINGS.model_copy(update={"mail": mail})
    return KeyRing(home, settings, open_home(home)[1], "ann")


def own(ring: KeyRing) -> OwnKeys:
    return read_own_keys(ring.home, ring.settings.mail)


@pytest.mark.parametrize("form", KeyFormat)
def test_a_key_of_the_node_is_made_once_and_for_this_user_only(tmp_path: Path, form: KeyFormat) -> None:
    ring = ring_of(tmp_path)
    facts = ring.make(form, years=2, now=now())
    with pytest.raises(ConflictError, match="has such a key already"):
        ring.make(form, years=2, now=now())

    (file,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (facts.mailboxes, facts.fingerprint) == (("csirt@csirt.example",), of(own(ring), form).fingerprint)
    assert facts.until is not None
    assert abs(facts.until - now() - timedelta(days=730)) < timedelta(days=1)
    assert can_sign(own(ring), form, now()).good
    assert can_sign(own(ring), form, facts.until).state is KeyState.EXPIRED
    assert own(ring).ending(now(), days=60) == []
    assert own(ring).ending(facts.until - timedelta(days=59), days=60) == [(facts, facts.until)]
    with ring.database.begin() as session:
        (entry,) = session.scalars(select(AuditEntry)).all()
    assert (entry.word, entry.actor, entry.detail["fingerprint"]) == ("nodekey.set", "ann", facts.fingerprint)


@pytest.mark.parametrize("form", KeyFormat)
@pytest.mark.parametrize("name", ['Équipe "CSIRT" <du> Pays', "الفريق الوطني للاستجابة لطوارئ الحاسوب والإنترنت", ""])
def test_a_node_may_be_called_as_its_country_writes(tmp_path: Path, form: KeyFormat, name: str) -> None:
    words = f"[node]\nname = {json.dumps(name)}\ncontact = 'csirt@csirt.example'\n"
    (tmp_path / "tocsin.toml").write_text(words, encoding="utf-8")
    out, tocsin = tmp_path / "public", Tocsin(tmp_path, {})
    tocsin.run("keys", "node-make")
    tocsin.run("keys", "node-renew", "--format", form.value)
    tocsin.run("keys", "node-export", "--format", form.value, "--out", out)
    if form is KeyFormat.OPENPGP:
        with gnupg() as gpg:
            shown = gpg.run("--show-keys", "--with-colons", str(out)).decode()
        assert name[:6] in shown
    else:
        shown = openssl("x509", "-in", str(out), "-noout", "-ext", "subjectAltName", folder=tmp_path).decode()
    assert "csirt@csirt.example" in shown


def of(keys: OwnKeys, form: KeyFormat) -> KeyFacts:
    key = keys.of(form)
    assert key is not None
    return key.facts


def test_a_key_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    ring = ring_of(tmp_path)
    ring.make(KeyFormat.OPENPGP, years=1, now=now())
    (tmp_path / "keys" / "openpgp.asc").chmod(0o640)

    with pytest.raises(SettingError, match="can be read by others"):
        own(ring)


def test_a_key_that_is_replaced_is_laid_aside(tmp_path: Path) -> None:
    ring = ring_of(tmp_path)
    first = ring.make(KeyFormat.SMIME, years=1, now=now())
    second = ring.make(KeyFormat.SMIME, years=1, now=now(), replace=True)

    assert first.fingerprint != second.fingerprint
    assert of(own(ring), KeyFormat.SMIME) == second
    assert len(list((tmp_path / "keys").iterdir())) == 2


def test_a_renewed_openpgp_key_is_the_same_key_for_longer_and_gpg_sees_it_so(tmp_path: Path) -> None:
    ring = ring_of(tmp_path)
    made = ring.make(KeyFormat.OPENPGP, years=1, now=now())
    before = own(ring).openpgp
    time.sleep(1.1)  # signatures know whole seconds, and the newest counts
    renewed = ring.renew(KeyFormat.OPENPGP, years=5, now=now())
    after = own(ring).openpgp
    assert before is not None
    assert after is not None
    with gnupg() as gpg:
        gpg.run("--import", given=before.public.encode())
        gpg.run("--import", given=after.public.encode())
        listed = gpg.run("--list-keys", "--with-colons").decode()

    assert renewed.fingerprint == made.fingerprint
    ends = {int(line.split(":")[6] or 0) for line in listed.splitlines() if line.startswith("pub:")}
    assert renewed.until is not None
    assert ends == {int(renewed.until.timestamp())}
    assert renewed.encrypts


def test_a_renewed_certificate_has_the_same_key_and_one_of_an_authority_is_not_renewed(tmp_path: Path) -> None:
    ring = ring_of(tmp_path)
    ring.make(KeyFormat.SMIME, years=1, now=now())
    before = own(ring).smime
    renewed = ring.renew(KeyFormat.SMIME, years=5, now=now())
    after = own(ring).smime
    assert before is not None
    assert after is not None
    assert before.certificates[0].public_key() == after.certificates[0].public_key()
    assert renewed.until is not None
    assert renewed.until > now() + timedelta(days=1_800)

    issued = tmp_path / "ca"
    issued.mkdir()
    certificate(issued, "", name="ca", uses="critical,keyCertSign", purposes="anyExtendedKeyUsage")
    openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "n.key", "-out", "n.csr", "-subj", "/CN=N", folder=issued
    )
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-out", "n.pem"]
    openssl("x509", "-req", "-in", "n.csr", *signing, folder=issued)
    ring.bring((issued / "n.key").read_bytes() + (issued / "n.pem").read_bytes(), now=now(), replace=True)
    with pytest.raises(ConflictError, match="An authority issued"):
        ring.renew(KeyFormat.SMIME, years=2, now=now())


def test_there_is_nothing_to_renew_where_there_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no OpenPGP key"):
        ring_of(tmp_path).renew(KeyFormat.OPENPGP, years=1, now=now())


def locked(tmp_path: Path, password: str) -> MailSettings:
    file = tmp_path / "password"
    file.write_text(f"{password}\n", encoding="utf-8")
    file.chmod(0o600)
    return MailSettings(key_password_file=str(file))


def test_a_key_from_gpg_with_a_password_signs(tmp_path: Path) -> None:
    with gnupg() as gpg:
        made = gpg.make(CSIRT, "rsa2048", "", password="open sesame")
        content = gpg.run("--armor", "--export-secret-keys", made, password="open sesame")
    with pytest.raises(SettingError, match="OpenPGP key cannot be used"):
        ring_of(tmp_path, locked(tmp_path, "wrong")).bring(content, now=now())
    with pytest.raises(SettingError, match="OpenPGP key cannot be used"):
        ring_of(tmp_path).bring(content, now=now())
    assert not (tmp_path / "keys").exists()
    ring = ring_of(tmp_path, locked(tmp_path, "open sesame"))
    facts = ring.bring(content, now=now())

    assert facts.fingerprint == made.lower()
    assert can_sign(own(ring), KeyFormat.OPENPGP, now()).good
    with pytest.raises(SettingError):
        read_own_keys(tmp_path, MailSettings())


def test_a_certificate_comes_as_pkcs_12_and_stays_locked(tmp_path: Path) -> None:
    certificate(tmp_path, "csirt@csirt.example", name="node")
    pack = ["-export", "-in", "node.pem", "-inkey", "node.key", "-passout", "pass:secret", "-out", "node.p12"]
    openssl("pkcs12", *pack, folder=tmp_path)
    content = (tmp_path / "node.p12").read_bytes()
    with pytest.raises(InputError, match="password is another"):
        ring_of(tmp_path, locked(tmp_path, "wrong")).bring(content, now=now())
    ring = ring_of(tmp_path, locked(tmp_path, "secret"))
    facts = ring.bring(content, now=now())

    assert facts.mailboxes == ("csirt@csirt.example",)
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "keys" / "smime.pem").read_bytes()
    assert can_sign(own(ring), KeyFormat.SMIME, now()).good


def test_an_elliptic_certificate_signs_though_nobody_can_encrypt_for_it(tmp_path: Path) -> None:
    curve = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    content = certificate(tmp_path, "csirt@csirt.example", key=curve, name="node")
    ring = ring_of(tmp_path)
    ring.bring((tmp_path / "node.key").read_bytes() + content, now=now())

    assert can_sign(own(ring), KeyFormat.SMIME, now()).good


@pytest.mark.parametrize("content", [b"", b"nothing", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_private_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises((InputError, SettingError)):
        ring_of(tmp_path).bring(content, now=now())
    assert not (tmp_path / "keys").exists()


def test_keys_come_back_with_a_backup(tmp_path: Path) -> None:
    home = tmp_path / "home"
    facts = ring_of(home).make(KeyFormat.OPENPGP, years=1, now=now())
    make_backup(open_node(home), tmp_path / "backup", now=now())
    restore_backup(tmp_path / "backup", tmp_path / "again", now=now())

    file = tmp_path / "again" / "keys" / "openpgp.asc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert of(read_own_keys(tmp_path / "again", MailSettings()), KeyFormat.OPENPGP) == facts


def call(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), *arguments])
    said = capsys.readouterr()
    assert ended.value.code == code, said.err
    return said.out + said.err


def test_from_a_team_without_a_key_to_an_encrypted_digest_by_commands(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, gpg = tmp_path / "home", cast.gpg
    (tmp_path / "teams.toml").write_text(TEAM, encoding="utf-8")
    call(home, capsys, "directory", "import", str(tmp_path / "teams.toml"))
    told = {"time.source": "2026-11-24T10:00:00Z", "source.ip": "192.0.2.5", "classification.type": "infected-system"}
    (tmp_path / "r.jsonl").write_text(json.dumps(told | {"feed.name": "x"}) + "\n", encoding="utf-8")
    call(home, capsys, "ingest", str(tmp_path / "r.jsonl"))

    first = json.loads(call(home, capsys, "deliver", "--json"))
    listed = json.loads(call(home, capsys, "deliveries", "list", "--state", "stuck", "--json"))
    assert (first["stuck"], first["digests"], listed[0]["error"]) == (
        1, 0, "It must be encrypted, and isp has no key.",
    )  # fmt: skip
    assert "1 digest must be encrypted and cannot be." in call(home, capsys, "deliver")
    doctor = call(home, capsys, "doctor")
    assert "isp cannot be notified" in doctor
    assert "1 digest must be encrypted and cannot be." in doctor

    made = gpg.make("NOC <noc@isp.example>", lasts="40d")
    (tmp_path / "noc.asc").write_bytes(gpg.run("--armor", "--export", made))
    shown = call(home, capsys, "keys", "import", "isp", str(tmp_path / "noc.asc"), "--said-by", "Ann")
    assert made[:4] in shown
    assert "yes" in shown
    public = json.loads(call(home, capsys, "keys", "node-make", "--json"))
    assert [one["format"] for one in public] == ["openpgp", "smime"]
    gpg.run("--import", given=call(home, capsys, "keys", "node-export").encode())
    assert json.loads(call(home, capsys, "deliver", "--json"))["digests"] == 1
    shown = json.loads(call(home, capsys, "deliveries", "show", listed[0]["reference"], "--json"))
    assert shown["protection"] == f"OpenPGP: signed, encrypted for {made.lower()}"
    assert "1 digest must be" not in call(home, capsys, "deliveries", "letters")
    (mail,) = (home / "mails").rglob("TOC*.eml")
    inner, signer = gpg.opened(mail.read_bytes())
    assert b"192.0.2.5" in inner
    assert signer == public[0]["fingerprint"]

    assert [one["state"] for one in json.loads(call(home, capsys, "keys", "list", "--json"))] == ["good"]
    expiring = json.loads(call(home, capsys, "keys", "expiring", "--json"))
    assert [(one["whose"], one["fingerprint"]) for one in expiring] == [("isp", made.lower())]
    assert "isp until" in call(home, capsys, "doctor")
    assert json.loads(call(home, capsys, "keys", "remind", "--json")) == {"letters": 0}
    call(home, capsys, "keys", "remove", "isp", made[-16:])
    assert json.loads(call(home, capsys, "keys", "list", "--json")) == []
    assert len(json.loads(call(home, capsys, "keys", "list", "--former", "--json"))) == 1


def test_the_private_parts_are_shown_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    said = "".join(
        call(home, capsys, "keys", *arguments)
        for arguments in (["node-make"], ["node-show"], ["node-export"], ["node-export", "--format", "smime"],
                          ["node-renew"], ["node-export", "--json"], ["expiring"])
    )  # fmt: skip
    private = [line for file in (home / "keys").iterdir() for line in file.read_text("ascii").splitlines()]
    public = call(home, capsys, "keys", "node-export") + call(home, capsys, "keys", "node-export", "--format", "smime")

    assert "PRIVATE" not in said
    known = {line for line in private if len(line) > 40} - set(public.splitlines())
    assert known
    assert not [line for line in known if line in said]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "isp", "nothing.asc"], "cannot be read"),
        (["import", "nobody", "junk.asc"], "holds no key"),
        (["node-export"], "node-make"),
        (["node-import", "junk.asc"], "no private key"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk.asc").write_text("junk", encoding="ascii")

    assert words in call(tmp_path / "home", capsys, "keys", *arguments, code=1)

"""Keys of teams: what is wrong with one is told apart, and what was said of keys is kept."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import Tsk
from sqlalchemy import select

from support.mail_keys import Gpg, certificate, gnupg, openssl
from tocsin.directory import import_directory, merge_teams, read_team
from tocsin.directory.keys import (
    KeyChange,
    KeyFacts,
    KeyFormat,
    KeyResult,
    KeySpan,
    KeyState,
    KeySubmission,
    KeyVerdict,
    TeamKey,
    ends,
    expiring_keys,
    import_keys,
    judge,
    judge_for,
    key_facts,
    keys_by_team,
    read_key_file,
    remove_key,
    team_keys,
)
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditEntry, Database, read_asides

NOC = "NOC <noc@isp.example>"
BOX = "noc@isp.example"
TEAM = """
source = "test"
[[team]]
key = "isp"
name = "Example ISP"
mailboxes = ["noc@isp.example", "abuse@isp.example"]
"""
SAYING = KeySubmission("ann", "key.asc", "Ann, by telephone")


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gnupg() as keyring:
        yield keyring


@pytest.fixture
def isp(database: Database, tmp_path: Path) -> Database:
    """Records with one team."""
    file = tmp_path / "teams.toml"
    file.write_text(TEAM, encoding="utf-8")
    import_directory(database, file, actor="test", now=now())
    return database


def now() -> datetime:
    return datetime.now(UTC)


def facts_of(content: bytes) -> KeyFacts:
    ((kind, one),) = read_key_file(content).keys
    return key_facts(kind, one)


def team_key(facts: KeyFacts, *, any_mailbox: bool = False) -> TeamKey:
    return TeamKey(UUID(int=1), 1, facts, b"", any_mailbox, preferred=False, source="", said_by="", recorded=now())


def bring(
    database: Database, content: bytes, saying: KeySubmission = SAYING, at: datetime | None = None
) -> list[KeyResult]:
    return import_keys(database, "isp", content, saying, at or now())[1]


def revoked(gpg: Gpg) -> bytes:
    made = gpg.make(NOC)
    gpg.run("--import", given=gpg.revocation(made))
    return gpg.public(made)


def subkey_revoked(gpg: Gpg) -> bytes:
    made = gpg.make(NOC)
    gpg.edit(made, "key 1\nrevkey\ny\n0\n\ny\nsave\n")
    return gpg.public(made)


def forged(gpg: Gpg) -> bytes:
    """Somebody changed what binds the encryption key."""
    content = bytearray(gpg.public(gpg.make(NOC)))
    content[-3] ^= 1
    return bytes(content)


OPENPGP: dict[str, tuple[Callable[[Gpg], bytes], KeyState, str]] = {
    "good": (lambda gpg: gpg.public(gpg.make(NOC)), KeyState.GOOD, ""),
    "good RSA, one key for all": (
        lambda gpg: gpg.public(gpg.make(NOC, "rsa2048", "rsa2048")), KeyState.GOOD, "",
    ),
    "expired": (
        lambda gpg: gpg.public(gpg.make(NOC, lasts="1y", at="20240101T000000")), KeyState.EXPIRED, "on 2024-12-31",
    ),
    "its encryption key expired": (
        lambda gpg: gpg.public(gpg.make(NOC, lasts="9y", subkey_lasts="1y", at="20240101T000000")),
        KeyState.EXPIRED,
        "What encrypts in it expired on 2024-12-31",
    ),
    "not yet valid": (
        lambda gpg: gpg.public(gpg.make(NOC, at="20390101T000000")), KeyState.NOT_YET, "valid from 2039-01-01 00:00",
    ),
    "revoked": (revoked, KeyState.REVOKED, "Its owner revoked it."),
    "its encryption key revoked": (subkey_revoked, KeyState.REVOKED, "What encrypts in it was revoked."),
    "RSA too short": (
        lambda gpg: gpg.public(gpg.make(NOC, "rsa1024", "rsa1024")), KeyState.WEAK, "RSA with 1024 bits",
    ),
    "short encryption key only": (
        lambda gpg: gpg.public(gpg.make(NOC, "ed25519", "rsa1024")), KeyState.WEAK, "RSA with 1024 bits",
    ),
    "bound with SHA-1": (
        lambda gpg: gpg.public(gpg.make(NOC, options=("--cert-digest-algo", "SHA1"))), KeyState.WEAK, "SHA-1",
    ),
    "DSA": (lambda gpg: gpg.public(gpg.make(NOC, "dsa1024", "")), KeyState.WEAK, "DSA 1024"),
    "only signs": (lambda gpg: gpg.public(gpg.make(NOC, encrypts="")), KeyState.NO_ENCRYPTION, "no key that encrypts"),
    "forged": (forged, KeyState.NO_ENCRYPTION, "no key that encrypts"),
    "of another mailbox": (
        lambda gpg: gpg.public(gpg.make("Eve <noc@other.example>")), KeyState.WRONG_MAILBOX, "noc@other.example",
    ),
    "of no mailbox": (lambda gpg: gpg.public(gpg.make("Example ISP")), KeyState.GOOD, ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", OPENPGP)
def test_what_is_wrong_with_an_openpgp_key_is_told_apart(gpg: Gpg, kind: str) -> None:
    make, state, words = OPENPGP[kind]
    verdict = judge_for(team_key(facts_of(make(gpg))), [BOX], now())

    assert verdict.state is state
    assert words in verdict.why
    assert bool(verdict.why) is not verdict.good


X509: dict[str, tuple[Callable[[Path], bytes], KeyState, str]] = {
    "good": (lambda at: certificate(at, BOX), KeyState.GOOD, ""),
    "expired": (
        lambda at: certificate(at, BOX, "-not_before", "20240101000000Z", "-not_after", "20250101000000Z"),
        KeyState.EXPIRED,
        "It expired on 2025-01-01.",
    ),
    "not yet valid": (
        lambda at: certificate(at, BOX, "-not_before", "20390101000000Z", "-not_after", "20400101000000Z"),
        KeyState.NOT_YET,
        "2039-01-01",
    ),
    "RSA too short": (lambda at: certificate(at, BOX, key=("rsa:1024",)), KeyState.WEAK, "RSA with 1024 bits"),
    "signed with SHA-1": (lambda at: certificate(at, BOX, "-sha1"), KeyState.WEAK, "SHA-1"),
    "elliptic curve": (
        lambda at: certificate(at, BOX, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")),
        KeyState.UNSUPPORTED,
        "RSA certificates only, and this one is EC secp256r1",
    ),
    "Ed25519": (lambda at: certificate(at, BOX, key=("ed25519",)), KeyState.NO_ENCRYPTION, "Ed25519 only signs"),
    "only signs": (
        lambda at: certificate(at, BOX, uses="critical,digitalSignature"), KeyState.NO_ENCRYPTION, "key usage",
    ),
    "not for mail": (lambda at: certificate(at, BOX, purposes="serverAuth"), KeyState.NO_ENCRYPTION, "not for mail"),
    "of another mailbox": (
        lambda at: certificate(at, "noc@other.example"), KeyState.WRONG_MAILBOX, "noc@other.example",
    ),
    "of no mailbox": (lambda at: certificate(at, ""), KeyState.GOOD, ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", X509)
def test_what_is_wrong_with_a_certificate_is_told_apart(tmp_path: Path, kind: str) -> None:
    make, state, words = X509[kind]
    verdict = judge_for(team_key(facts_of(make(tmp_path))), [BOX], now())

    assert verdict.state is state
    assert words in verdict.why


def test_what_a_key_says_is_read_as_gpg_and_openssl_say_it(gpg: Gpg, tmp_path: Path) -> None:
    made = gpg.make("NOC <Noc@ISP.example>", "nistp256", "nistp384", lasts="2y")
    armored = facts_of(gpg.run("--armor", "--export", made))
    certified = facts_of(certificate(tmp_path, BOX, "-days", "30"))
    printed = openssl("x509", "-in", "team.pem", "-noout", "-fingerprint", "-sha256", "-enddate", folder=tmp_path)

    assert armored == facts_of(gpg.public(made))
    assert (armored.fingerprint, armored.names) == (made.lower(), ("NOC <Noc@ISP.example>",))
    assert (armored.mailboxes, armored.strength) == ((BOX,), "NIST P-256, encrypts with NIST P-384")
    assert armored.until is not None
    assert abs(armored.until - now() - timedelta(days=730)) < timedelta(days=1)
    assert certified.spelled.replace(" ", "") in printed.decode().replace(":", "")
    assert certified.until is not None
    assert f"{certified.until:%b %e %H:%M:%S %Y} GMT" in printed.decode()
    assert (certified.mailboxes, certified.strength) == ((BOX,), "RSA 2048")


@pytest.mark.parametrize("what", ["openpgp", "pem", "p12 and other binaries", "words", "nothing", "much"])
def test_what_is_no_public_key_is_refused_and_a_private_one_too(gpg: Gpg, tmp_path: Path, what: str) -> None:
    certificate(tmp_path, BOX)
    contents = {
        "openpgp": gpg.run("--armor", "--export-secret-keys", gpg.make(NOC)),
        "pem": (tmp_path / "team.key").read_bytes() + (tmp_path / "team.pem").read_bytes(),
        "p12 and other binaries": b"\x30\x82\x01\x00" + bytes(200),
        "words": b"my key is 0xDEADBEEF\n",
        "nothing": b"",
        "much": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n" + b"A" * 2_000_000,
    }
    with pytest.raises(InputError) as refused:
        read_key_file(contents[what])

    assert ("private key" in str(refused.value)) is (what in {"openpgp", "pem"})


@given(st.binary(max_size=300))
def test_any_bytes_are_a_key_or_are_refused_with_words(content: bytes) -> None:
    starts = (b"", b"\xc6", b"\x30\x82", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", b"-----BEGIN CERTIFICATE-----\n")
    for start in starts:
        assert "Stack backtrace" not in outcome(start + content)


def outcome(content: bytes) -> str:
    """What is said of a file: the verdicts of its keys, or why it was refused."""
    try:
        return " ".join(judge(key_facts(kind, one), now()).why for kind, one in read_key_file(content).keys)
    except InputError as error:
        return str(error)


times = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
spans = st.builds(KeySpan, since=times, until=st.none() | times, algorithm=st.just("X25519"))
made_facts = st.builds(
    KeyFacts,
    format=st.sampled_from(KeyFormat),
    fingerprint=st.just("00"),
    names=st.just(()),
    mailboxes=st.just(()),
    algorithm=st.just("Ed25519"),
    since=times,
    until=st.none() | times,
    flaw=st.none() | st.just(KeyVerdict(KeyState.WEAK, "weak")),
    encrypts=st.lists(spans, max_size=3).map(tuple),
)


@given(made_facts, times)
def test_a_good_key_has_no_flaw_and_is_good_until_its_end(facts: KeyFacts, at: datetime) -> None:
    verdict, end = judge(facts, at), ends(facts, at)
    if not verdict.good:
        assert verdict.why
        return
    assert facts.flaw is None
    assert facts.since <= at
    second = timedelta(seconds=1)
    if end is not None:
        assert end > at
        assert not judge(facts, end).good or any(span.since > at for span in facts.encrypts)
    assert judge(facts, max(at, (end or at) - second)).good
    key = team_key(facts)
    assert expiring_keys([key], at, days=8_000) == ([(key, end)] if end else [])


def test_a_key_is_recorded_once_with_who_said_so(isp: Database, gpg: Gpg) -> None:
    content = gpg.public(gpg.make(NOC))
    (first,) = bring(isp, content)
    (again,) = bring(isp, gpg.run("--armor", "--export", first.key.facts.fingerprint))
    kept = team_keys(isp)

    assert (first.change, again.change) == (KeyChange.NEW, KeyChange.SAME)
    assert [(key.source, key.said_by, key.withdrawn) for key in kept] == [("key.asc", "Ann, by telephone", None)]
    with isp.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "key.imported")).all()
    assert (entry.subject, entry.detail["fingerprint"]) == (f"key:{kept[0].uuid}", first.key.facts.fingerprint)
    assert "noc@" not in str(entry.detail)  # no personal data


def test_a_newer_form_of_a_key_joins_the_older_and_the_older_is_kept(isp: Database, gpg: Gpg) -> None:
    made = gpg.make(NOC, lasts="10d")
    (first,) = bring(isp, gpg.public(made))
    gpg.run("--quick-set-expire", made, "3y")
    gpg.run("--quick-set-expire", made, "3y", "*")
    (longer,) = bring(isp, gpg.public(made))
    (revoking,) = bring(isp, gpg.revocation(made))
    (older,) = bring(isp, first.key.content)

    assert ends(first.key.facts, now()) == first.key.facts.until
    assert longer.change is KeyChange.UPDATED
    assert (ends(longer.key.facts, now()) or now()) > now() + timedelta(days=1_000)
    assert judge(revoking.key.facts, now()).state is KeyState.REVOKED
    assert older.change is KeyChange.SAME  # what is known is not unlearned
    history = team_keys(isp, withdrawn=True)
    assert [key.withdrawn is None for key in history] == [False, False, True]
    assert [key.reason for key in history] == ["replaced by a newer form of it"] * 2 + [""]


def test_what_others_certified_is_not_kept(isp: Database, gpg: Gpg) -> None:
    made, other = gpg.make(NOC), gpg.make("Other <other@other.example>")
    before = gpg.public(made)
    gpg.run("--default-key", other, "--quick-sign-key", made)
    (taken,) = bring(isp, gpg.public(made))

    assert len(gpg.public(made)) > len(before)
    assert taken.key.content == bring(isp, before)[0].key.content


def test_a_revocation_that_the_key_did_not_make_changes_nothing(isp: Database, gpg: Gpg) -> None:
    made, other = gpg.make(NOC), gpg.make("Other <other@other.example>")
    (mine,) = bring(isp, gpg.public(made))
    with pytest.raises(NotFoundError, match="does not have"):
        bring(isp, gpg.revocation(other))
    false = bytearray(
        subprocess.run(["gpg", "--dearmor"], input=gpg.revocation(made), capture_output=True, check=True).stdout
    )
    false[-2] ^= 1
    bring(isp, bytes(false))

    (key,) = team_keys(isp)
    assert judge(key.facts, now()).good
    assert key.facts == mine.key.facts


def test_an_authority_takes_a_certificate_back_by_its_list(isp: Database, tmp_path: Path) -> None:
    authority(tmp_path, "ca")
    authority(tmp_path, "false")
    bring(isp, issued(tmp_path))
    with pytest.raises(NotFoundError, match="revokes no certificate"):
        bring(isp, revocation_list(tmp_path, "false"))
    (taken,) = bring(isp, revocation_list(tmp_path, "ca"))
    (again,) = bring(isp, (tmp_path / "team.pem").read_bytes())

    assert judge(taken.key.facts, now()) == KeyVerdict(KeyState.REVOKED, "The authority that issued it revoked it.")
    assert again.change is KeyChange.SAME


def test_a_certificate_is_taken_without_those_that_vouch_for_it(isp: Database, tmp_path: Path) -> None:
    authority(tmp_path, "ca")
    (taken,) = bring(isp, issued(tmp_path) + (tmp_path / "ca.pem").read_bytes())

    assert taken.key.facts.mailboxes == (BOX,)


def test_a_key_for_all_mailboxes_and_a_preference_are_kept_with_newer_forms(isp: Database, gpg: Gpg) -> None:
    made = gpg.make("Example ISP CSIRT <csirt@group.example>", lasts="10d")
    (strange,) = bring(isp, gpg.public(made))
    (said,) = bring(isp, gpg.public(made), replace(SAYING, any_mailbox=True, preferred=True))
    gpg.run("--quick-set-expire", made, "3y")
    (newer,) = bring(isp, gpg.public(made))

    assert judge_for(strange.key, [BOX], now()).state is KeyState.WRONG_MAILBOX
    assert judge_for(said.key, [BOX], now()).good
    assert (newer.key.any_mailbox, newer.key.preferred, newer.change) == (True, True, KeyChange.UPDATED)


def test_a_key_is_withdrawn_by_a_part_of_its_fingerprint_and_stays_in_the_history(isp: Database, gpg: Gpg) -> None:
    made = gpg.make(NOC)
    bring(isp, gpg.public(made))
    with pytest.raises(NotFoundError, match="has no key"):
        remove_key(isp, "isp", "0x" + "0" * 16, reason="", actor="ann", now=now())
    with pytest.raises(NotFoundError, match="has no key"):
        remove_key(isp, "isp", made[:7], reason="", actor="ann", now=now())
    team, gone = remove_key(isp, "isp", f"0x{made[-16:]}", reason="lost laptop", actor="ann", now=now())

    assert (team.key, gone.reason) == ("isp", "lost laptop")
    assert team_keys(isp) == []
    assert [key.reason for key in team_keys(isp, withdrawn=True)] == ["lost laptop"]
    with isp.begin() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "key.withdrawn")).all()
        kept = read_asides(session, entry.detail.values())
    assert (entry.actor, kept[str(entry.detail["reason"])]) == ("ann", "lost laptop")


def test_a_fingerprint_that_names_two_keys_withdraws_none(isp: Database, gpg: Gpg) -> None:
    for _ in range(2):
        bring(isp, gpg.public(gpg.make(NOC)))
    first, second = (key.facts.fingerprint for key in team_keys(isp))
    assert first != second
    with isp.begin() as session:
        from tocsin.directory.keys.tables import TeamKeyRow

        for row in session.scalars(select(TeamKeyRow)):
            row.fingerprint = "abcdef0123" + row.fingerprint[10:]
    with pytest.raises(ConflictError, match="2 keys"):
        remove_key(isp, "isp", "ABCD EF01 23", reason="", actor="ann", now=now())
    assert len(team_keys(isp)) == 2


def authority(folder: Path, name: str) -> None:
    certificate(folder, "", name=name, uses="critical,keyCertSign,cRLSign", purposes="anyExtendedKeyUsage")


def issued(folder: Path) -> bytes:
    """A certificate that the authority issued."""
    openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "team.key",
        "-out",
        "team.csr",
        "-subj",
        "/CN=NOC",
        folder=folder,
    )
    (folder / "ext").write_text(
        f"subjectAltName=email:{BOX}\nkeyUsage=keyEncipherment,digitalSignature\n", encoding="utf-8"
    )
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "4711", "-extfile", "ext", "-out", "team.pem"]
    openssl("x509", "-req", "-in", "team.csr", *signing, folder=folder)
    return (folder / "team.pem").read_bytes()


def revocation_list(folder: Path, name: str) -> bytes:
    """A list that takes certificate 4711 back, with the certificate of who signed it."""
    expires = (now() + timedelta(days=300)).strftime("%y%m%d%H%M%SZ")
    (folder / "index").write_text(f"R\t{expires}\t{now():%y%m%d%H%M%S}Z\t1267\tunknown\t/CN=NOC\n", encoding="utf-8")
    (folder / "conf").write_text("[ca]\ndefault_ca=it\n[it]\ndatabase=index\ndefault_md=sha256\n", encoding="utf-8")
    signing = ["-keyfile", f"{name}.key", "-cert", f"{name}.pem", "-crldays", "30", "-out", f"{name}.crl"]
    openssl("ca", "-config", "conf", "-gencrl", *signing, folder=folder)
    return (folder / f"{name}.pem").read_bytes() + (folder / f"{name}.crl").read_bytes()


def test_the_keys_of_a_team_that_was_merged_are_those_of_the_other(isp: Database, gpg: Gpg, tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(
        TEAM.replace('"isp"', '"isp-noc"').replace('"test"', '"more"'), encoding="utf-8"
    )
    import_directory(isp, tmp_path / "more.toml", actor="test", now=now())
    made = gpg.make(NOC, lasts="10d")
    import_keys(isp, "isp-noc", gpg.public(made), SAYING, now())
    merge_teams(isp, "isp", "isp-noc", said_by="Ann", reason="one team", actor="test", now=now())
    team, _ = read_team(isp, "isp")
    gpg.run("--quick-set-expire", made, "3y")
    (longer,) = bring(isp, gpg.public(made))

    assert [key.team_id for key in team_keys(isp)] == [team.id]
    assert [key.facts.fingerprint for key in keys_by_team(isp, [team.id])(team.id)] == [made.lower()]
    assert longer.change is KeyChange.UPDATED
    assert len(team_keys(isp, [team.id], withdrawn=True)) == 2


def test_what_a_key_calls_itself_steers_no_terminal(tmp_path: Path) -> None:
    hostile = "\x1b[31mNOC\x1b[0m\x07\n <noc@isp.example>"
    found = facts_of(bytes(Tsk.generate(hostile).extract_certificate()))
    named = facts_of(certificate(tmp_path, "", "-subj", "/CN=\x1b[31mNOC"))

    assert all(name.isprintable() for name in (*found.names, *found.mailboxes, *named.names))
    assert "NOC" in found.names[0]


def test_a_key_made_to_take_long_is_not_taken() -> None:
    made = Tsk.generate(user_ids=[f"NOC {number} <noc@isp.example>" for number in range(300)])
    with pytest.raises(InputError, match="too many parts"):
        read_key_file(bytes(made.extract_certificate()))

"""Backups that only whoever has the secret key can read: made, read back, restored, damaged, and remembered."""

import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin
from support.mail_keys import Gpg, gnupg
from support.processes import KILLED, command
from tocsin.operations.backup_history import backup_history
from tocsin.operations.backup_reading import backups_in
from tocsin.pipeline.stores import open_node

Report = Callable[..., Path]
SECRET = "198.51.100.7"


@pytest.fixture(scope="module")
def operator() -> Iterator[Gpg]:
    """The keyring of whoever restores: not on the machine of the node."""
    with gnupg() as ring:
        yield ring


@pytest.fixture(scope="module")
def key(operator: Gpg) -> str:
    return operator.make("Backups <backup@csirt.example>")


@pytest.fixture
def busy(tocsin: Tocsin, report: Report, operator: Gpg, key: str) -> Tocsin:
    """A node that knows events and mails, and the public key for its backups."""
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", SECRET))
    tocsin.run("deliver")
    (tocsin.home / "keys" / "backup").mkdir(parents=True)
    (tocsin.home / "keys" / "backup" / "2026.pgp").write_bytes(operator.public(key))
    return tocsin


@pytest.fixture
def other(busy: Tocsin, tmp_path: Path) -> Tocsin:
    """Where backups are restored."""
    return Tocsin(tmp_path / "other", busy.environment)


def knows(tocsin: Tocsin) -> dict[str, Any]:
    return {
        "events": sorted(tocsin.run("events", "--limit", "0", "--format", "json").splitlines()),
        "deliveries": tocsin.json("deliveries", "list"),
        "explained": tocsin.json("explain", SECRET),
    }


def refused(tocsin: Tocsin, *arguments: str | Path) -> str:
    code, out, words = tocsin.call(*arguments)
    assert (code, out) == (1, "")
    assert "Traceback" not in words
    return words


def test_what_is_encrypted_can_be_restored_and_nothing_of_it_is_readable(
    busy: Tocsin, other: Tocsin, operator: Gpg, key: str, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    made = busy.json("backup", target, "--to", "backup@csirt.example")

    assert made["keys"] == [key.lower()]
    assert sorted(path.name for path in target.iterdir()) == ["backup.json", "backup.tar.gpg"]
    assert [path.stat().st_mode & 0o077 for path in (target, *target.iterdir())] == [0, 0, 0]
    manifest = json.loads((target / "backup.json").read_text())
    assert set(manifest) == {"tocsin", "commit", "made", "encrypted"}
    encrypted = (target / "backup.tar.gpg").read_bytes()
    assert manifest["encrypted"] == {
        "size": len(encrypted),
        "sha256": hashlib.sha256(encrypted).hexdigest(),
        "keys": [key.lower()],
    }
    clear = [(busy.home / "secret.key").read_bytes(), b"SQLite format 3", b"PAR1", b"records.sqlite", SECRET.encode()]
    assert not [one for one in clear if one in encrypted]
    assert not (busy.home / "spool" / "backup").exists()

    restored = other.json("restore", target, "--gpg-home", operator.home)
    assert restored == made
    assert not (other.home / "spool").exists()
    assert knows(other) == knows(busy)
    assert all(found["ok"] for found in other.json("doctor", code=0))
    for path in (busy.home / "events").rglob("*"):
        copy = other.home / path.relative_to(busy.home)
        assert path.is_dir() or abs(copy.stat().st_mtime - path.stat().st_mtime) < 0.001  # tidying goes by it


def test_gpg_and_tar_alone_give_a_readable_backup(busy: Tocsin, other: Tocsin, operator: Gpg, tmp_path: Path) -> None:
    key = tmp_path / "key.asc"
    key.write_bytes(operator.run("--export", "--armor", "backup@csirt.example"))
    busy.run("backup", tmp_path / "backup", "--to", key)

    clear = operator.run("--decrypt", str(tmp_path / "backup" / "backup.tar.gpg"))
    (tmp_path / "clear").mkdir()
    subprocess.run(["tar", "-x", "-C", str(tmp_path / "clear")], input=clear, check=True)
    other.run("restore", tmp_path / "clear")

    assert knows(other) == knows(busy)


def test_each_of_several_keys_opens_it_also_one_with_a_passphrase(
    busy: Tocsin, other: Tocsin, key: str, tmp_path: Path
) -> None:
    with gnupg() as second:
        locked = second.make("Safe <safe@csirt.example>", "rsa3072", "rsa3072", password="a long passphrase")
        public, passphrase = tmp_path / "safe.pgp", tmp_path / "passphrase"
        public.write_bytes(second.public(locked))
        passphrase.write_text("a long passphrase\n")
        passphrase.chmod(0o600)
        made = busy.json("backup", tmp_path / "backup", "--to", key, "--to", public)
        assert sorted(made["keys"]) == sorted([key.lower(), locked.lower()])
        wrong = tmp_path / "wrong"
        wrong.write_text("not it\n")
        wrong.chmod(0o600)
        subprocess.run(["gpgconf", "--homedir", str(second.home), "--kill", "gpg-agent"], check=True)

        words = refused(other, "restore", tmp_path / "backup", "--gpg-home", second.home, "--passphrase-file", wrong)
        assert "could not be unlocked" in words
        assert not other.home.exists()
        passphrase.chmod(0o644)
        loose = other.call("restore", tmp_path / "backup", "--gpg-home", second.home, "--passphrase-file", passphrase)
        assert "can be read by others" in loose[2]
        passphrase.chmod(0o600)
        other.run("restore", tmp_path / "backup", "--gpg-home", second.home, "--passphrase-file", passphrase)
    assert knows(other) == knows(busy)


def test_without_the_secret_key_it_is_refused_by_the_fingerprints(
    busy: Tocsin, other: Tocsin, key: str, tmp_path: Path
) -> None:
    busy.run("backup", tmp_path / "backup", "--to", key[-16:])
    with gnupg() as stranger:
        stranger.make("Another <another@csirt.example>")
        words = refused(other, "restore", tmp_path / "backup", "--gpg-home", stranger.home)
        assert key.lower() in words
        assert "--gpg-home" in words
        assert not other.home.exists()
        assert key.lower() in refused(busy, "backups", "check", tmp_path / "backup", "--gpg-home", stranger.home)


def test_a_damaged_or_cut_stream_is_refused_and_leaves_nothing(
    busy: Tocsin, other: Tocsin, operator: Gpg, key: str, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    busy.run("backup", target, "--to", key)
    path, manifest = target / "backup.tar.gpg", target / "backup.json"
    whole, described = path.read_bytes(), json.loads(manifest.read_text())
    other.home.mkdir()
    (other.home / "tocsin.toml").write_text("[node]\nname = 'CSIRT of Kestria'\n")

    for content in (
        whole[: len(whole) // 2],
        whole[:-1],
        whole[:-40],
        whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
        whole[:300],
        b"no such thing",
        b"",
    ):
        path.write_bytes(content)
        described["encrypted"] |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest.write_text(json.dumps(described))  # by whoever damaged it
        for arguments in (("restore", target), ("backups", "check", target)):
            tocsin = other if arguments[0] == "restore" else busy
            words = refused(tocsin, *arguments, "--gpg-home", operator.home)
            assert "damaged" in words
        assert [one.name for one in other.home.iterdir()] == ["tocsin.toml"]
    path.write_bytes(whole)
    assert "backup.tar.gpg is missing or changed" in refused(other, "restore", target, "--gpg-home", operator.home)
    described["encrypted"] |= {"size": len(whole)}
    manifest.write_text(json.dumps(described))
    assert "missing or changed" in refused(busy, "backups", "check", target, "--without-key")
    assert "missing or changed" in refused(busy, "backups", "check", target, "--gpg-home", operator.home)
    manifest.write_text('{"encrypted": {"size": 1, "sha256": "", "keys": ["../../etc"]}}')
    assert "backup.json cannot be read" in refused(other, "restore", target, "--gpg-home", operator.home)


def member(name: str, content: bytes = b"", **of: Any) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for attribute, value in of.items():
        setattr(made, attribute, value)
    return made, content


def listed(**files: bytes) -> tuple[tarfile.TarInfo, bytes]:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return member("backup.json", json.dumps({"sha256": hashes}).encode())


FORGED = {
    "a symbolic link": [member("feeds", type=tarfile.SYMTYPE, linkname=".."), member("feeds/own.toml", b"x")],
    "a hard link": [member("feeds", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
    "a device": [member("feeds", type=tarfile.CHRTYPE)],
    "out of the folder": [member("../own.toml", b"x")],
    "an absolute name": [member("/own.toml", b"x")],
    "twice": [member("own.toml", b"x"), member("own.toml", b"y"), listed(**{"own.toml": b"y"})],
    "no list": [member("records.sqlite", b"x")],
    "no records": [member("own.toml", b"x"), listed(**{"own.toml": b"x"})],
    "another hash": [member("records.sqlite", b"x"), listed(**{"records.sqlite": b"y"})],
    "not in the list": [member("records.sqlite", b"x"), member("own", b"x"), listed(**{"records.sqlite": b"x"})],
    "only in the list": [member("records.sqlite", b"x"), listed(**{"records.sqlite": b"x", "own": b"x"})],
    "a list that is none": [member("records.sqlite", b"x"), member("backup.json", b"[1]")],
}


@pytest.mark.parametrize("members", FORGED.values(), ids=FORGED)
def test_what_others_encrypted_to_the_key_is_taken_only_if_it_is_a_backup(
    members: list[tuple[tarfile.TarInfo, bytes]], tocsin: Tocsin, operator: Gpg, key: str, tmp_path: Path
) -> None:
    """The key is public: whoever can write on the disk of the backups can encrypt to it."""
    archive, target, other = BytesIO(), tmp_path / "backup", Tocsin(tmp_path / "other", tocsin.environment)
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for made, content in members:
            tar.addfile(made, BytesIO(content))
    target.mkdir()
    options = ("--trust-model", "always", "--recipient", key, "--encrypt")
    encrypted = operator.run(*options, given=archive.getvalue())
    (target / "backup.tar.gpg").write_bytes(encrypted)
    described = {"size": len(encrypted), "sha256": hashlib.sha256(encrypted).hexdigest(), "keys": [key]}
    (target / "backup.json").write_text(json.dumps({"encrypted": described}))

    assert "damaged" in refused(other, "restore", target, "--gpg-home", operator.home)
    assert not other.home.exists()
    assert not (tmp_path / "own.toml").exists()


@pytest.mark.parametrize("place", ["file", "folder", "manifest", "encrypted"])
def test_a_link_in_a_backup_is_not_followed(
    place: str, busy: Tocsin, other: Tocsin, operator: Gpg, tmp_path: Path
) -> None:
    target, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    busy.run("backup", target, *(("--to", "backup@csirt.example") if place == "encrypted" else ()))
    elsewhere.mkdir()
    name = {"file": "secret.key", "folder": "events", "manifest": "backup.json", "encrypted": "backup.tar.gpg"}[place]
    (target / name).rename(elsewhere / name)
    (target / name).symlink_to(elsewhere / name)

    words = refused(other, "restore", target, "--gpg-home", operator.home)
    assert "damaged" in words or "no backup" in words
    assert not other.home.exists()


@pytest.mark.parametrize("place", ["restore.decrypted", "restore.copied"])
def test_a_node_whose_restore_was_killed_does_not_open(
    place: str, busy: Tocsin, other: Tocsin, operator: Gpg, tmp_path: Path
) -> None:
    busy.run("backup", tmp_path / "backup", "--to", "backup@csirt.example")
    cut = {**busy.environment, "TOCSIN_CUT": place}
    arguments = ("restore", tmp_path / "backup", "--gpg-home", operator.home)
    assert command(other.home, *arguments, environment=cut).wait() == KILLED

    assert "not finished" in refused(other, "events")
    assert "not empty" in refused(other, *arguments)


def test_keys_that_cannot_serve_are_refused_before_anything_is_done(busy: Tocsin, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    with gnupg() as ring:
        ended = ring.make("Ended <ended@csirt.example>", at="20240101T000000", lasts="1y")
        signs = ring.make("Signs <signs@csirt.example>", encrypts="")
        for fingerprint in (ended, signs):
            (tmp_path / f"{fingerprint}.pgp").write_bytes(ring.public(fingerprint))
            assert fingerprint.lower() in refused(busy, "backup", target, "--to", tmp_path / f"{fingerprint}.pgp")
        (tmp_path / "private.pgp").write_bytes(ring.run("--export-secret-keys", signs))
        assert "private key" in refused(busy, "backup", target, "--to", tmp_path / "private.pgp")
        twin = ring.make("Backups <backup@csirt.example>")
        (busy.home / "keys" / "backup" / "2027.pgp").write_bytes(ring.public(twin))
    assert "Several keys" in refused(busy, "backup", target, "--to", "backup@csirt.example")
    assert "called nobody@csirt.example" in refused(busy, "backup", target, "--to", "nobody@csirt.example")
    busy.run("keys", "node-make", "--format", "openpgp")
    own = tmp_path / "own.asc"
    busy.run("keys", "node-export", "--out", own)
    code, _, words = busy.call("backup", target, "--to", own)
    assert (code, "own key" in words) == (2, True)
    assert not target.exists()


def test_the_settings_name_the_keys_and_a_command_others(busy: Tocsin, key: str, tmp_path: Path) -> None:
    (busy.home / "tocsin.toml").write_text('[storage]\nbackup_to = ["keys/backup/2026.pgp"]\n')
    assert busy.json("backup", tmp_path / "first")["keys"] == [key.lower()]
    with gnupg() as ring:
        newer = ring.make("Newer <newer@csirt.example>")
        (tmp_path / "newer.pgp").write_bytes(ring.public(newer))
    assert busy.json("backup", tmp_path / "second", "--to", tmp_path / "newer.pgp")["keys"] == [newer.lower()]


def test_a_disk_that_fails_while_gpg_writes_is_said_and_leaves_no_file(
    busy: Tocsin, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin" / "gpg"
    broken.parent.mkdir()
    broken.write_text(
        "#!/bin/sh\nhead -c 100000 >/dev/null\necho 'gpg: writing: No space left on device' >&2\nexit 2\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")

    assert "No space left on device" in refused(busy, "backup", tmp_path / "backup", "--to", key)
    assert not list((tmp_path / "backup").iterdir())
    assert not (busy.home / "spool" / "backup").exists()
    assert not [entry for entry in busy.json("audit", "list") if entry["word"] == "backup.made"]


def backups_line(tocsin: Tocsin, code: int = 0) -> dict[str, Any]:
    [found] = [one for one in tocsin.json("doctor", code=code) if one["what"] == "backups"]
    return dict(found)


def test_doctor_says_when_a_backup_was_made_read_back_and_restored(
    busy: Tocsin, other: Tocsin, operator: Gpg, key: str, tmp_path: Path
) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert backups_line(busy)["found"] == "last made: never; read back: never; restored: never"
    busy.run("backup", tmp_path / "plain")
    assert f"last made: {today}, readable;" in backups_line(busy)["found"]
    busy.run("backup", tmp_path / "backup", "--to", key)
    assert f"last made: {today}, encrypted;" in backups_line(busy)["found"]
    assert busy.json("backups", "check", tmp_path / "backup", "--without-key")["content"] is False
    assert f"read back: {today}, only as an encrypted file;" in backups_line(busy)["found"]
    read = busy.json("backups", "check", tmp_path / "backup", "--gpg-home", operator.home)
    assert (read["content"], read["keys"], read["files"] > 10) == (True, [key.lower()], True)
    assert f"read back: {today}; restored: never" in backups_line(busy)["found"]
    assert busy.json("backups", "check", tmp_path / "plain")["content"] is True
    busy.run("backups", "rehearsed", "--on", "2026-03-01")
    assert backups_line(busy)["found"].endswith("restored: 2026-03-01")
    assert busy.call("backups", "rehearsed", "--on", "2999-01-01")[0] == 2
    other.run("restore", tmp_path / "backup", "--gpg-home", operator.home)
    assert backups_line(other)["found"].endswith(f"restored: {today}")


def test_doctor_fails_once_the_newest_backup_is_too_old(busy: Tocsin, key: str, tmp_path: Path) -> None:
    node, now = open_node(busy.home), datetime.now(UTC)
    assert not backup_history(node.database, now).overdue(7, now + timedelta(days=6, hours=20))
    assert backup_history(node.database, now).overdue(7, now + timedelta(days=8))  # a new node has as long
    busy.run("backup", tmp_path / "backup", "--to", key)
    later = datetime.now(UTC) + timedelta(days=7, minutes=1)
    assert backup_history(node.database, later).overdue(7, later)
    assert not backup_history(node.database, later).overdue(8, later)
    assert not backup_history(node.database, later).overdue(0, later)


def test_a_folder_of_backups_says_which_are_encrypted(busy: Tocsin, key: str, tmp_path: Path) -> None:
    busy.run("backup", tmp_path / "all" / "one", "--to", key)
    busy.run("backup", tmp_path / "all" / "two")
    two, one = backups_in(tmp_path / "all")
    assert (one.name, one.keys, two.keys) == ("one", [key.lower()], ())
    assert one.bytes == (tmp_path / "all" / "one" / "backup.tar.gpg").stat().st_size

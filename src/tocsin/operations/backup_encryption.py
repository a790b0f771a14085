"""Backups encrypted to OpenPGP keys: which keys, and gpg as a stream in both directions.

The secret half of such a key is not on this machine: who holds the node or the backup cannot read older backups. gpg
does it, since our library has no streams and an operator's secret keys are where gpg finds them.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from tocsin.delivery.sealing import read_own_keys
from tocsin.directory.keys import KeyFacts, KeyFormat, encrypting, judge, key_facts, read_key_file
from tocsin.node.errors import ConflictError, InputError, NotFoundError, StorageError, UsageError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.settings import read_secret

KEY_FOLDER: Final = f"{HomeFolder.KEYS}/backup"
"""Where a node keeps the public keys that its backups are encrypted to."""

BLOCK: Final = 1 << 20
"""Bytes that are read and written at once, and the size of pipes."""

OLDER: Final = "Restore an older one into a new folder: 'tocsin --home NEW restore FOLDER'."
_CAUSE, _NO_SECRET_KEY = 0xFFFF, 17  # of an error of gpg: its part without where it arose (libgpg-error)
_LEAST_DIGITS = 8  # of a fingerprint, as 'tocsin keys remove' takes


@dataclass(frozen=True)
class BackupKey:
    """A public key that a backup is encrypted to. ``certificate``: OpenPGP packets with what encrypts now."""

    fingerprint: str
    certificate: bytes


@dataclass(frozen=True)
class GpgKeyring:
    """The secret keys that open a backup. ``home`` None: gpg's own folder; no ``passphrase_file``: its agent asks."""

    home: Path | None = None
    passphrase_file: Path | None = None

    def options(self) -> list[str]:
        """What gpg is told of them. Raises SettingError where others can read the file."""
        options = ["--homedir", str(self.home)] if self.home else []
        if self.passphrase_file:
            read_secret(str(self.passphrase_file), setting="--passphrase-file")
            options += ["--pinentry-mode", "loopback", "--passphrase-file", str(self.passphrase_file)]
        return options


def backup_keys(node: Node, names: Sequence[str], now: datetime) -> list[BackupKey]:
    """The keys that are meant by files, fingerprints or email addresses; those of the settings where none is named.

    Raises:
        NotFoundError: there is no such key.
        ConflictError: several keys have this email address.
        InputError: a file holds no OpenPGP public key, or the key cannot be used.
        UsageError: only this node's own keys would open the backup that they are in.

    """
    found = [key for name in names or node.settings.storage.backup_to for key in _named(node.home, name)]
    for facts, _ in found:
        verdict = judge(facts, now)
        if not verdict.good:
            raise InputError(
                say("Nothing can be encrypted to the key %(key)s: %(why)s", key=facts.fingerprint, why=verdict.why),
                hint=say("Name another key."),
            )
    own = read_own_keys(node.home, node.settings.mail).openpgp if found else None
    if own and {facts.fingerprint for facts, _ in found} == {own.facts.fingerprint}:
        raise UsageError(
            say("This is the node's own key: once the node is lost, nothing opens the backup."),
            hint=say("Make a key elsewhere whose secret half never is on this machine."),
        )
    keys = {facts.fingerprint: content for facts, content in found}
    return [BackupKey(fingerprint, bytes(encrypting(content, now))) for fingerprint, content in keys.items()]


@contextmanager
def encrypted_to(keys: Sequence[BackupKey], target: Path, work: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes are in ``target`` once the block is left, encrypted; gpg keeps its files in ``work``.

    Nothing is compressed: event files are already. The cipher is gpg's own choice by the keys.

    Raises:
        StorageError: gpg is not installed or failed, as on a full disk; then there is no ``target``.

    """
    options = ["--homedir", str(work), "--no-options", "--trust-model", "always", "--compress-algo", "none"]
    for number, key in enumerate(keys):
        path = work / f"key-{number}.pgp"
        path.write_bytes(key.certificate)
        options += ["--recipient-file", str(path)]
    try:
        with target.open("xb") as out, _gpg([*options, "--encrypt"], stdin=subprocess.PIPE, stdout=out) as process:
            yield from _fed(process)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _fed(process: "subprocess.Popen[bytes]") -> Iterator[IO[bytes]]:
    """What gpg reads, until it has read all of it."""
    stream, broken = _pipe(process.stdin), False
    try:
        yield stream
    except BrokenPipeError:
        broken = True  # gpg says why
    except BaseException:
        process.kill()
        raise
    finally:
        with suppress(BrokenPipeError):
            stream.close()
    words = _pipe(process.stderr).read().decode(errors="replace")
    if process.wait() or broken:
        raise StorageError(
            f"gpg could not encrypt the backup: {_last(words)}.", hint="Begin again with an empty folder."
        )


@contextmanager
def decrypted(source: Path, keyring: GpgKeyring, fingerprints: Sequence[str]) -> Iterator[IO[bytes]]:
    """What is in an encrypted file, as a stream that the block must read to its end.

    Its bytes are not vouched for before the block is left. ``fingerprints``: the keys that open it, for the error.

    Raises:
        NotFoundError: none of the secret keys is in the keyring.
        InputError: the key could not be unlocked, or the file is damaged or cut.
        StorageError: gpg is not installed.

    """
    command = [*keyring.options(), "--status-fd", "2", "--decrypt", "--", str(source)]
    with _gpg(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        stream, problem = _pipe(process.stdout), None
        try:
            yield stream
        except InputError as error:
            problem = error  # what gpg says of it comes first
        except BaseException:
            process.kill()
            raise
        while stream.read(BLOCK):
            pass
        words = _pipe(process.stderr).read().decode(errors="replace")
        if process.wait():
            raise _refusal(words, fingerprints) from problem
        if problem:
            raise problem


def _refusal(words: str, fingerprints: Sequence[str]) -> InputError | NotFoundError:
    """Why gpg could not decrypt, by the lines of its status (GnuPG's doc/DETAILS)."""
    causes = {
        int(code) & _CAUSE for code in re.findall(r"^\[GNUPG:\] ERROR pkdecrypt_failed (\d+)", words, re.MULTILINE)
    }
    if not causes:
        return InputError(f"The backup is damaged: gpg says {_last(words)}.", hint=OLDER)
    if causes != {_NO_SECRET_KEY}:
        return InputError(
            f"The key could not be unlocked: gpg says {_last(words)}.",
            hint="Give its passphrase to gpg's agent, or name a file with --passphrase-file.",
        )
    return NotFoundError(
        f"No secret key is here that opens this backup. It needs one of: {', '.join(fingerprints)}.",
        hint="Name the folder of the keyring that has it with --gpg-home, or restore where the key is.",
    )


@contextmanager
def _gpg(options: Sequence[str], *, stdin: int, stdout: int | IO[bytes]) -> "Iterator[subprocess.Popen[bytes]]":
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    with suppress(OSError):
        environment["GPG_TTY"] = os.ttyname(2)  # where the agent asks for a passphrase
    try:
        process = subprocess.Popen(
            ["gpg", "--batch", "--no-tty", *options],  # noqa: S607 (where it is differs)
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=BLOCK,
            pipesize=BLOCK,
        )
    except FileNotFoundError as error:
        raise StorageError("gpg is not installed.", hint="Install it: apt install gnupg") from error
    with process:
        yield process


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise TypeError("gpg was started without this pipe")
    return stream


def _last(words: str) -> str:
    """The last line that gpg wrote for people, without its name and full stop."""
    lines = [line for line in words.splitlines() if line.strip() and not line.startswith("[GNUPG:]")]
    return lines[-1].strip().removeprefix("gpg: ").rstrip(".") if lines else "nothing"


def _named(home: Path, name: str) -> list[tuple[KeyFacts, bytes]]:
    """The keys of a file, or the one in the node's folder of such keys with this fingerprint or email address."""
    for path in (Path(name).expanduser(), home / name):
        if path.is_file():
            return _keys_in(path)
    folder, digits = home / KEY_FOLDER, name.replace(" ", "").lower()
    known = [key for path in sorted(folder.glob("*")) for key in _keys_in(path)]
    found = {facts.fingerprint: (facts, content) for facts, content in known if _is_meant(facts, digits)}
    if not found:
        raise NotFoundError(
            say("There is no file and no key for backups that is called %(name)s.", name=name),
            hint=say("Name the file of an OpenPGP public key, or put it into %(folder)s.", folder=folder),
        )
    if len(found) > 1:
        raise ConflictError(
            say("Several keys are meant: %(keys)s.", keys=", ".join(found)), hint=say("Name a fingerprint.")
        )
    return list(found.values())


def _is_meant(facts: KeyFacts, digits: str) -> bool:
    by_number = len(digits) >= _LEAST_DIGITS and (
        facts.fingerprint.startswith(digits) or facts.fingerprint.endswith(digits)
    )
    return by_number or digits in facts.mailboxes


def _keys_in(path: Path) -> list[tuple[KeyFacts, bytes]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            say("%(file)s cannot be read: %(reason)s.", file=path, reason=error.strerror),
            hint=say("Name a file that holds a key."),
        ) from error
    keys = [key for form, key in read_key_file(content).keys if form is KeyFormat.OPENPGP]
    if not keys:
        raise InputError(
            say("%(file)s holds no OpenPGP key.", file=path), hint=say("Export it: gpg --export --armor KEY")
        )
    return [(key_facts(KeyFormat.OPENPGP, key), key) for key in keys]

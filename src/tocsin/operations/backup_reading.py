"""Backups that are there: what each says of itself, and its files once all of them were compared with their hashes."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from tocsin.node.errors import InputError
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, Database, audit, cut
from tocsin.operations.backup_archive import read_archive
from tocsin.operations.backup_encryption import OLDER, GpgKeyring, decrypted

MANIFEST: Final = "backup.json"
ENCRYPTED: Final = "backup.tar.gpg"


@dataclass(frozen=True)
class CopyTotals:
    """How much was copied. ``keys``: fingerprints of those that it is encrypted to; none: it can be read.

    ``left_out``: what is only in an encrypted backup, and is not in this one.
    """

    files: int
    bytes: int
    keys: Sequence[str] = ()
    left_out: str = ""


@dataclass(frozen=True)
class Backup:
    """A backup that is there: the name of its folder, when it was made, how large it is, and for which keys."""

    name: str
    made_at: datetime
    bytes: int
    keys: Sequence[str] = ()


def backups_in(folder: Path) -> list[Backup]:
    """The backups in a folder, the newest first; what is no backup, or cannot be read, is left out."""
    found = []
    for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            read = json.loads(manifest.read_text(encoding="utf-8"))
            keys = read["encrypted"]["keys"] if "encrypted" in read else ()
            size = sum((manifest.parent / name).stat().st_size for name in ([ENCRYPTED] if keys else read["sha256"]))
            found.append(Backup(manifest.parent.name, datetime.fromisoformat(read["made"]), size, keys))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: one.made_at, reverse=True)


@contextmanager
def naming_older(source: Path, home: Path) -> Iterator[None]:
    """Where a backup is damaged, the error names the command that takes the newest other one beside it."""
    try:
        yield
    except InputError as error:
        others = [one for one in backups_in(source.absolute().parent) if one.name != source.absolute().name]
        if error.hint != OLDER or not others:
            raise
        other = source.absolute().parent / others[0].name
        hint = f"Take the one of {others[0].made_at:%Y-%m-%d %H:%M}: 'tocsin --home {home} restore {other}'."
        raise InputError(str(error), hint=hint) from error


class CheckedFiles(NamedTuple):
    """The files of a backup, all of which were compared with their hashes. ``bring``: how they come into the home."""

    folder: Path
    hashes: dict[str, str]
    bytes: int
    bring: Callable[[Path, Path], None]


def check_backup(
    database: Database, source: Path, *, now: datetime, actor: str, keyring: GpgKeyring | None
) -> CopyTotals:
    """Read a backup back entirely, and note that in the records of the node.

    ``keyring`` None: of an encrypted one only the encrypted file is compared, which needs no secret key.

    Raises:
        InputError: the folder holds no backup, or a file of it is missing or changed.
        NotFoundError: no secret key is there that opens it.

    """
    read = read_back(source, keyring)
    whole = not read.keys or keyring is not None
    note_check(database, source, now=now, actor=actor, whole=whole)
    return read


def note_check(database: Database, source: Path, *, now: datetime, actor: str, whole: bool) -> None:
    """Note that a backup was read back; ``whole``: its content, not only the encrypted file."""
    with database.begin() as session:
        detail = {"name": source.absolute().name, "content": whole}
        audit(session, AuditAction.BACKUP_CHECKED, at=now, actor=actor, subject="node", detail=detail)


def read_back(source: Path, keyring: GpgKeyring | None) -> CopyTotals:
    """Read a backup entirely and compare all with its hashes, as `check_backup` does, which also notes it."""
    described = describe_backup(source)
    if "encrypted" in described:
        return _check_encrypted(source, described["encrypted"], keyring)
    files = checked_files(source, described)
    return CopyTotals(len(files.hashes), files.bytes)


def describe_backup(source: Path) -> dict[str, Any]:
    """What a backup says of itself: ``sha256`` of each file, or how it is ``encrypted``."""
    manifest = source / MANIFEST
    if not manifest.is_file() or manifest.is_symlink():
        raise InputError(f"{source} holds no backup.", hint="Name the folder that 'tocsin backup' made.")
    try:
        described: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        if "encrypted" in described:
            part = described["encrypted"]
            described["encrypted"] = {
                "size": int(part["size"]),
                "sha256": str(part["sha256"]),
                "keys": [bytes.fromhex(key).hex() for key in part["keys"]],
            }
        else:
            described["sha256"] = {str(name): str(digest) for name, digest in described["sha256"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"The backup is damaged: {MANIFEST} cannot be read.", hint=OLDER) from error
    return described


def checked_files(source: Path, described: dict[str, Any]) -> CheckedFiles:
    """The files of a readable backup, all of them looked at; a link is none, wherever it leads."""
    hashes, real = described["sha256"], source.resolve()
    outside = [name for name in hashes if not _is_inside(real, name)]
    damaged = [
        name
        for name, digest in hashes.items()
        if name not in outside and not ((source / name).is_file() and file_hash(source / name) == digest)
    ]
    if outside or damaged or HomeFile.RECORDS not in hashes:
        raise _damage([*outside, *damaged, HomeFile.RECORDS][0])
    return CheckedFiles(source, hashes, sum((source / name).stat().st_size for name in hashes), copy_file)


def _check_encrypted(source: Path, described: dict[str, Any], keyring: GpgKeyring | None) -> CopyTotals:
    encrypted = _encrypted_file(source, described)
    if file_hash(encrypted) != described["sha256"]:
        raise _damage(ENCRYPTED)
    if keyring is None:
        return CopyTotals(1, described["size"], described["keys"])
    with decrypted(encrypted, keyring, described["keys"]) as stream:
        hashes, size = _read_whole(stream)
    return CopyTotals(len(hashes), size, described["keys"])


def decrypted_files(source: Path, described: dict[str, Any], home: Path, keyring: GpgKeyring) -> CheckedFiles:
    """The files of an encrypted backup in the spool of the home, which does not open from now on."""
    (home / HomeFile.UNFINISHED_RESTORE).touch()
    folder = home / HomeFolder.SPOOL
    folder.mkdir(mode=0o700)
    with decrypted(_encrypted_file(source, described), keyring, described["keys"]) as stream:
        hashes, size = _read_whole(stream, folder)
    cut("restore.decrypted")
    return CheckedFiles(folder, hashes, size, move_file)


def _encrypted_file(source: Path, described: dict[str, Any]) -> Path:
    path = source / ENCRYPTED
    if path.is_symlink() or not path.is_file() or path.stat().st_size != described["size"]:
        raise _damage(ENCRYPTED)
    return path


def _read_whole(stream: IO[bytes], folder: Path | None = None) -> tuple[dict[str, str], int]:
    """The hashes of all files of a decrypted stream, compared with its own list, and the sum of their bytes."""
    found, size, manifest = read_archive(stream, MANIFEST, folder)
    try:
        hashes: dict[str, str] = json.loads(manifest)["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damage(MANIFEST) from error
    if found != hashes or HomeFile.RECORDS not in hashes:
        different = sorted(dict(found.items() ^ hashes.items()))
        raise _damage([*different, HomeFile.RECORDS][0])
    return found, size


def _is_inside(folder: Path, name: str) -> bool:
    path = Path(name)
    if "\0" in name:  # of a manifest that somebody else wrote
        return False
    return not path.is_absolute() and ".." not in path.parts and (folder / path).resolve() == folder / path


def _damage(name: str) -> InputError:
    return InputError(f"The backup is damaged: {name} is missing or changed.", hint=OLDER)


def copy_file(path: Path, copy: Path) -> None:
    """Copy a file with its times, and make the folder that it goes into."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, copy)


def move_file(path: Path, place: Path) -> None:
    """Give a file its place, and make the folder that it goes into."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""A standby machine becomes the node: of the newest copy that is whole, once the other can send no more."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from tocsin import __version__
from tocsin.delivery import TakenOverMails, settle_taken_over
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.settings import load_settings
from tocsin.node.standby import SharedFolder, Standby, Term
from tocsin.operations.backup import check_is_empty, restore_files
from tocsin.operations.backup_archive import read_archive
from tocsin.operations.backup_encryption import GpgKeyring, decrypted
from tocsin.operations.backup_reading import CheckedFiles, move_file
from tocsin.operations.standby_copy import BLOCKS, END, LIST, PACK, CopyList, list_of, newest_told
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import NodeWithStores, open_node, writer

_OTHER: Final = "Name the folder that [standby] folder of the other machine means."


@dataclass(frozen=True)
class Takeover:
    """What a takeover did. ``made``: when the copy was made; what the other machine did since is lost.

    ``mails``: what it may have sent, or has. ``term``: 0 where it was a rehearsal.
    """

    home: Path
    made: datetime
    term: int
    before: Term
    files: int
    bytes: int
    mails: TakenOverMails
    other_folder: str = ""


def take_over(
    folder: Path,
    home: Path,
    *,
    now: Callable[[], datetime],
    keyring: GpgKeyring,
    actor: str,
    trial: bool = False,
    older: bool = False,
) -> Takeover:
    """Make the node in ``home``, an empty folder, of the copies in ``folder``, and fence the machine that made them.

    Nothing is fenced before a key was seen to open the newest list. ``trial``: nothing is fenced at all, and what is
    made sends nothing and takes in nothing. ``older``: also where another machine took over and has made no copy yet.

    Raises:
        NotFoundError: there are no copies, or no secret key is there that opens them.
        UsageError: a newer version made the copies.
        ConflictError: there is something in ``home`` already, or another machine took over or does so at this moment.
        InputError: the copy is damaged.
        StorageError: the folder, the disk or a database failed.

    """
    shared = SharedFolder(folder)
    check_is_empty(home)
    with disk_failures(f"{folder} cannot be used"):
        before = _last_term(shared)
        found = _newest_list(shared, keyring)
        if not older and not trial:
            _check_is_of(before, found)
        term = Term(0)
        if not trial:
            try:
                term = shared.begin_term(before.number + 1, before.node, now())
            except FileExistsError as error:
                raise ConflictError("Another machine takes over at this moment.", hint="Look at it first.") from error
            cut("takeover.fenced")
            found = _newest_list(shared, keyring)  # what the other one had finished until then
        intents = [*shared.all_intents()]
    unpacked = partial(_unpacked, shared, found, home, keyring)
    packed = restore_files(unpacked, home, journal_of=shared.copies, now=now(), pages=True)
    cut("takeover.restored")
    settings = load_settings(home).standby
    remembered = Standby(home, settings)
    if trial:
        remembered.fence("", now().isoformat())
    else:
        remembered.hold_term(term)
        remembered.turn_off(by=actor, now=now())
    node = open_node(home)
    mails = _settle(node, intents, now(), actor, trial=trial)
    told = newest_told(shared)
    made = datetime.fromisoformat(str(told["made"]) if told.get("name") == found.name else found.made)
    if trial:
        with disk_failures(f"{folder} cannot be used"):
            tried = {"at": now().isoformat(), "host": socket.gethostname(), "copy": found.name}
            write_whole(shared.tried, json.dumps(tried).encode())
    named = settings.folder
    other = named if Path(named or "/").resolve() != folder.resolve() else ""
    return Takeover(home, made, term.number, before, len(packed.hashes), packed.bytes, mails, other)


def _last_term(shared: SharedFolder) -> Term:
    try:
        found = shared.newest_term()
    except FileNotFoundError:
        found = None
    if found is None:
        raise NotFoundError(f"{shared.path} holds no copies for a standby machine.", hint=_OTHER)
    return found


def _check_is_of(term: Term, found: CopyList) -> None:
    """The copies of a machine that is the node no more would throw away what the present one did since."""
    mine = term.host == socket.gethostname()  # a takeover here that could not be finished
    if int(found.name.partition("-")[0]) < term.number and not mine:
        raise ConflictError(
            f"{term.host} took over at {term.at[:16]} and has made no copy yet: these copies are from before that.",
            hint=f"On {term.host}: 'tocsin standby on', then 'tocsin standby copy'. If it is lost: --older.",
        )


def _newest_list(shared: SharedFolder, keyring: GpgKeyring) -> CopyList:
    """The newest list that is whole and whose packs are there."""
    names = sorted((path.name for path in shared.copies.glob(f"*{LIST}")), reverse=True)
    keys = [str(key) for key in newest_told(shared).get("keys", ())]
    for name in names:
        with decrypted(shared.copies / name, keyring, keys) as stream:
            try:
                found = list_of(json.loads(stream.read()))
            except (ValueError, TypeError) as error:
                raise InputError(f"The copy is damaged: {name} cannot be read.") from error
        if _newer(found.version):
            raise UsageError(
                f"The copies were made by Tocsin {found.version}, which is newer than this one.",
                hint="Install that version here first.",
            )
        if all(_is_there(shared.copies / f"{pack}{PACK}", size) for pack, size in found.packs.items()):
            return found
    raise NotFoundError(f"{shared.path} holds no copy that is whole.", hint=_OTHER)


def _newer(version: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdecimal()]

    return numbers(version) > numbers(__version__)


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _unpacked(shared: SharedFolder, found: CopyList, home: Path, keyring: GpgKeyring) -> CheckedFiles:
    """The files of a copy in the spool of the home, all of which were compared with their hashes."""
    (home / HomeFile.UNFINISHED_RESTORE).touch()
    spool = home / HomeFolder.SPOOL
    spool.mkdir(mode=0o700)
    wanted = {name: (digest, pack) for name, (digest, pack) in found.files.items()}
    wanted |= {BLOCKS + digest: (digest, pack) for digest, pack in found.blocks}
    hashes: dict[str, str] = {}
    size = 0
    for pack in found.packs:
        names = {name for name, (_, of) in wanted.items() if of == pack}
        with decrypted(shared.copies / f"{pack}{PACK}", keyring, ()) as stream:
            read, read_bytes, _ = read_archive(stream, END, spool, names.__contains__)
        hashes, size = hashes | read, size + read_bytes
    damaged = sorted(name for name, (digest, _) in wanted.items() if hashes.get(name) != digest)
    if damaged:
        raise InputError(f"The copy is damaged: {damaged[0]} is missing or changed.")
    records = spool / "records.joined"
    with records.open("xb") as out:
        for digest, _ in found.blocks:
            out.write((spool / f"{BLOCKS}{digest}").read_bytes())
    for path in (spool / BLOCKS).iterdir():
        path.unlink()
    (spool / BLOCKS).rmdir()
    records.rename(spool / HomeFile.RECORDS)
    cut("takeover.unpacked")
    files = {name: digest for name, (digest, _) in found.files.items()}
    return CheckedFiles(spool, files | {HomeFile.RECORDS: ""}, size, move_file)


def _settle(
    node: NodeWithStores, intents: list[Mapping[str, Any]], now: datetime, actor: str, *, trial: bool
) -> TakenOverMails:
    """Finish what was being taken in, and note which mails the other machine sent."""
    with writer(node, fenced=True):
        commitment.recover(node)
    with node.database.begin() as session:
        mails = settle_taken_over(session, intents, now=now)
        detail: dict[str, object] = {"rehearsal": trial, "sent": len(mails.sent), "held": len(mails.held)}
        audit(session, AuditAction.STANDBY_TAKEN_OVER, at=now, actor=actor, subject="node", detail=detail)
    return mails

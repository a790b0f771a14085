"""Copies for a standby machine: encrypted, every few minutes, of what changed since the one before.

A copy is a *pack*, an OpenPGP message of a tar archive with the files that are new, and a *list*, which says of every
file of the node which pack has it. The records are cut into blocks, each as if it were a file. A list that is there is
whole: it gets its name last. docs/design/standby.md.
"""

import hashlib
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from sqlalchemy import select

from tocsin import __version__
from tocsin.delivery import Delivery, DeliveryState
from tocsin.delivery.never_held import HotlineMessage, NeverHeldReference
from tocsin.exchange.dispatches import OPEN_STATES, OutgoingState
from tocsin.exchange.ledger import OutgoingRow
from tocsin.node.errors import ConflictError, SettingError, StorageError
from tocsin.node.files import disk_failures, link_or_copy, sync_file, sync_folder, write_whole
from tocsin.node.letters import Letter, LetterState
from tocsin.node.paths import HomeFile
from tocsin.node.records import Database, cut, held, node_uuid, open_database, sqlite_url
from tocsin.node.standby import MEND_FENCED, SharedFolder, Standby, Term, read_json
from tocsin.operations.backup import copy_records, node_files
from tocsin.operations.backup_archive import archive_into
from tocsin.operations.backup_encryption import BackupKey, backup_keys, encrypted_to
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import NodeWithStores, writer

BLOCK: Final = 32 * 1024
"""Bytes of the records that are copied as one: eight pages of SQLite."""

LIST, PACK, END, NEWEST = ".list.gpg", ".tar.gpg", "end", "newest.json"
BLOCKS: Final = f"{HomeFile.RECORDS}/"
"""What the names of blocks begin with."""

_MOST_PACKS: Final = 60
_MUCH: Final = 64 << 20  # bytes that may lie there for nothing
_BASE_DAYS: Final = timedelta(days=3)
"""After so long all is written again. What went before stays until then, for the day that something of it is damaged:
so what was deleted here is gone there after twice as long, and at once after a purge."""

_BREATH, _SHARE = 15.0, 20.0  # seconds between copies that mails wait for; times as long as the last one took
_OWED: Final = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.HELD.value)
_LETTERS: Final = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)
_DISPATCHES: Final = tuple(one.value for one in OPEN_STATES - {OutgoingState.HANDED_OVER})


@dataclass(frozen=True)
class StandbyCopy:
    """A copy that reached the folder: when its state was, what was new, and how long it took. No files: nothing was."""

    made: datetime
    name: str
    files: int
    bytes: int
    seconds: float


@dataclass
class CopyList:
    """What a copy says: of each file its SHA-256 and its pack, of each block of the records, too.

    ``packs``: the bytes of those that are needed. ``base``: the pack that had everything, and ``base_at`` when.
    ``seen``: of each file the size and the time of its last change here; only this machine's own list has it.
    """

    node: str
    made: str
    name: str
    version: str = __version__
    records: int = 0
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    blocks: list[tuple[str, str]] = field(default_factory=list)
    packs: dict[str, int] = field(default_factory=dict)
    base: str = ""
    base_at: str = ""
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)


def make_copy(node: NodeWithStores, *, now: Callable[[], datetime]) -> StandbyCopy:
    """Bring what changed into the folder of the settings; then what is owed at this moment may leave.

    Raises:
        SettingError: there is no standby machine, or the folder is that of another node.
        NotFoundError, InputError: a key is not there or cannot be used.
        ConflictError: another process makes one, or another machine is the node.
        StorageError: the folder, the disk, a database or gpg failed.

    """
    standby = node.standby
    if standby is None:
        raise SettingError(
            "There is no standby machine.", hint="Set [standby] folder and to; docs/operate.md shows how."
        )
    keys = backup_keys(node, standby.settings.to, now())
    with _sole_copier(standby, node.database), disk_failures("The copy for the standby machine could not be made"):
        _become_node(standby, str(node_uuid(node.database)), now())
        return _Copier(node, standby, keys, now).copy()


def copy_if_due(node: NodeWithStores, now: Callable[[], datetime]) -> None:
    """Make a copy where it is time, and nothing keeps this machine from being the node.

    Raises:
        SettingError, ConflictError, StorageError: as `make_copy`.

    """
    standby = node.standby
    kept = standby is None or (standby.term and standby.look()) or standby.is_off
    if standby is not None and not kept and is_due(standby, now()):
        make_copy(node, now=now)


def is_due(standby: Standby, now: datetime) -> bool:
    """Whether a copy is to be made now: after its time, and soon where mails wait for one."""
    newest = newest_copy(standby)
    if newest is None:
        return True
    made, took = newest
    age = (now - made).total_seconds()
    if (standby.local / "wanted").exists():
        return age >= max(_BREATH, _SHARE * took) or age < 0
    return age >= standby.settings.minutes * 60 or age < 0


def newest_copy(standby: Standby) -> tuple[datetime, float] | None:
    """When the newest copy that this machine made was made, and how many seconds it took."""
    found = read_json(standby.local / "newest.json")
    return (datetime.fromisoformat(found["made"]), float(found["seconds"])) if found else None


def _become_node(standby: Standby, uuid: str, now: datetime) -> None:
    """Take the first term of a folder that has none, or see that the newest is ours."""
    folder, own = standby.folder, standby.term
    if why := standby.fenced():
        raise ConflictError(why, hint=MEND_FENCED)
    if not folder.path.is_dir():
        raise StorageError(f"The folder {folder.path} is not there.", hint="Mount it, or make it.")
    if not own:
        folder.make()
        begun = folder.newest_term()
        if begun is not None and not _is_ours(folder, begun, uuid):
            raise SettingError(
                f"{folder.path} has copies, and this machine never was the node there.",
                hint="Name an empty folder; 'tocsin takeover' takes over from the machine whose copies these are.",
            )
        standby.hold_term(begun or folder.begin_term(1, uuid, now))
        return
    if why := standby.look():
        raise ConflictError(why, hint=MEND_FENCED) if standby.fenced() else StorageError(why)
    newest = folder.newest_term()
    if newest is not None and newest.node not in {uuid, "?"}:
        raise SettingError(f"{folder.path} has the copies of another node.", hint="Name an empty folder.")


def _is_ours(folder: SharedFolder, begun: Term, uuid: str) -> bool:
    """Whether a term without copies was begun by this machine, which was cut off before it could remember that."""
    mine = (begun.number, begun.node, begun.host) == (1, uuid, socket.gethostname())
    return mine and not any(folder.copies.glob(f"*{LIST}"))


@contextmanager
def _sole_copier(standby: Standby, database: Database) -> Iterator[None]:
    standby.local.mkdir(mode=0o700, exist_ok=True)
    with held(database, "standby-copy", file=standby.local / "copy.lock") as ours:
        if not ours:
            raise ConflictError("Another process makes a copy at this moment.", hint="Wait for it to end.")
        yield


@dataclass
class _Copier:
    """One copy."""

    node: NodeWithStores
    standby: Standby
    keys: Sequence[BackupKey]
    now: Callable[[], datetime]
    started: float = field(default_factory=perf_counter)

    def copy(self) -> StandbyCopy:
        work = self.standby.local / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        before = _read_list(self.standby.local / "list.json")
        try:
            with writer(self.node) as finished:  # events, keys and records agree, and no file of them is replaced
                if not finished:
                    commitment.recover(self.node)
                (self.standby.local / "wanted").unlink(missing_ok=True)  # what is owed from now on asks again
                made = self._begin(before, self.now())
                _snapshot(self.node, work / HomeFile.RECORDS)
                kept = _kept(before, made)
                links = self._link_new(work, made, kept)
            return self._write(work, made, before, kept, links)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _begin(self, before: CopyList | None, now: datetime) -> CopyList:
        number = 1 + int(before.name.rpartition("-")[2]) if before else 1
        made = CopyList(str(node_uuid(self.node.database)), now.isoformat(), f"{self.standby.term:06d}-{number:06d}")
        made.base, made.base_at = made.name, made.made
        if (
            before is not None
            and self._purges() == before.seen.get(HomeFile.PURGES)
            and not _begins_anew(before, now)
            and self._are_there(before)
        ):
            made.base, made.base_at = before.base, before.base_at
        return made

    def _are_there(self, before: CopyList) -> bool:
        """Whether what the copy before wrote is there in its size; where not, all is written again."""
        sizes = {path.name.removesuffix(PACK): path.stat().st_size for path in self._packs()}
        return all(sizes.get(pack) == size for pack, size in before.packs.items())

    def _packs(self) -> Iterator[Path]:
        return self.standby.folder.copies.glob(f"*{PACK}")

    def _older(self, made: CopyList, before: CopyList | None) -> Mapping[str, Any]:
        """The copy that was the last before all was written again: it shares nothing with those since."""
        path = self.standby.local / "older.json"
        if before is not None and made.base == made.name != before.name:
            older = {"names": [before.name, *before.packs], "base_at": before.base_at}
            if self._purges() != before.seen.get(HomeFile.PURGES):
                older = {}
            write_whole(path, json.dumps(older).encode())
        return read_json(path) or {}

    def _purges(self) -> tuple[int, int] | None:
        """What was purged goes from the copies, too: all is written again then."""
        path = self.node.home / HomeFile.PURGES
        return _seen(path) if path.exists() else None

    def _link_new(self, work: Path, made: CopyList, kept: CopyList) -> dict[str, Path]:
        """The files that are not as in the last copy, held by a link, so that they can be read in peace."""
        new: dict[str, Path] = {}
        for name, path in node_files(self.node):
            link = work / f"{len(new)}"
            with suppress(FileNotFoundError):  # deleted just now, as mails are that are old
                seen = _seen(path)
                if name in kept.files and kept.seen.get(name) == seen:
                    made.files[name] = kept.files[name]
                else:
                    link_or_copy(path, link)
                    new[name] = link
                made.seen[name] = seen
        return new

    def _write(
        self, work: Path, made: CopyList, before: CopyList | None, kept: CopyList, links: Mapping[str, Path]
    ) -> StandbyCopy:
        """Write pack and list, and say then that what is owed is covered."""
        records, old, fresh = work / HomeFile.RECORDS, dict(kept.blocks), dict[str, int]()
        owed, folder, size = _owed(records), self.standby.folder.copies, 0
        made.records = records.stat().st_size
        for number, digest in enumerate(_block_hashes(records)):
            if digest not in old:
                fresh.setdefault(digest, number)
            made.blocks.append((digest, old.get(digest, made.name)))
        same = before is not None and (made.files, made.blocks) == (before.files, before.blocks)
        if same and before is not None:
            made.name, made.packs = before.name, before.packs
        else:
            size = self._write_pack(work, made, links, fresh, records)
            needed = {pack for _, pack in (*made.files.values(), *made.blocks)}
            made.packs = {name: there for name, there in kept.packs.items() if name in needed} | {made.name: size}
            self._write_list(work, made)
        cut("standby.written")
        if why := self.standby.look():
            raise ConflictError(why, hint=MEND_FENCED) if self.standby.fenced() else StorageError(why)
        seconds = round(perf_counter() - self.started, 3)
        size_there, keys = sum(made.packs.values()), [key.fingerprint for key in self.keys]
        newest = {"made": made.made, "name": made.name, "bytes": size_there, "seconds": seconds, "keys": keys}
        write_whole(folder / NEWEST, json.dumps(newest).encode())
        write_whole(self.standby.local / "list.json", json.dumps(asdict(made)).encode())
        write_whole(self.standby.local / "newest.json", json.dumps(newest).encode())
        at = datetime.fromisoformat(made.made)
        self.standby.cover(owed, at)
        cut("standby.covered")
        older = self._older(made, before)
        self.standby.trim(datetime.fromisoformat(older.get("base_at", made.base_at)))
        # Whoever reads the copy before finds it until the next one.
        last = (before.name, *before.packs) if before else ()
        _remove_all_but(folder, {made.name, *made.packs, *last, *older.get("names", ())})
        return StandbyCopy(at, made.name, 0 if same else len(links) + len(fresh), size, seconds)

    def _write_pack(
        self, work: Path, made: CopyList, links: Mapping[str, Path], fresh: Mapping[str, int], records: Path
    ) -> int:
        folder = self.standby.folder.copies
        part = folder / f"{made.name}{PACK}.part"
        part.unlink(missing_ok=True)
        with encrypted_to(self.keys, part, work) as out, archive_into(out) as archive:
            for name, path in links.items():
                archive.add(name, path)
            with records.open("rb") as blocks:
                for digest, number in fresh.items():
                    blocks.seek(number * BLOCK)
                    archive.add_bytes(BLOCKS + digest, blocks.read(BLOCK))
            archive.add_text(END, "")
        made.files |= {name: (digest, made.name) for name, digest in archive.hashes.items()}
        size = part.stat().st_size
        _name(part)
        cut("standby.packed")
        return size

    def _write_list(self, work: Path, made: CopyList) -> None:
        """The list without what only this machine needs."""
        part = self.standby.folder.copies / f"{made.name}{LIST}.part"
        part.unlink(missing_ok=True)
        told = {name: value for name, value in asdict(made).items() if name != "seen"}
        with encrypted_to(self.keys, part, work) as out:
            out.write(json.dumps(told).encode())
        _name(part)


def _seen(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _begins_anew(before: CopyList, now: datetime) -> bool:
    """Whether everything is written again: after a week, or where more lies there for nothing than is needed. Pure."""
    needed = sum(size for size, _ in before.seen.values()) + BLOCK * len(before.blocks)
    return now - datetime.fromisoformat(before.base_at) > _BASE_DAYS or sum(before.packs.values()) > 2 * needed + _MUCH


def _kept(before: CopyList | None, made: CopyList) -> CopyList:
    """What need not be written again: nothing for a new base; of very many packs the base alone. Pure."""
    nothing = CopyList(made.node, made.made, made.name)
    if before is None or made.base == made.name:
        return nothing
    if len(before.packs) <= _MOST_PACKS:
        return before
    nothing.files = {name: one for name, one in before.files.items() if one[1] == before.base}
    nothing.blocks = [one for one in before.blocks if one[1] == before.base]
    nothing.packs = {name: size for name, size in before.packs.items() if name == before.base}
    nothing.seen = before.seen
    return nothing


def _snapshot(node: NodeWithStores, target: Path) -> None:
    """The records at one moment as an SQLite file: of SQLite its very pages, else row by row as a backup has them."""
    if not node.database.is_shared:
        source = f"file:{node.database.engine.url.database}?mode=ro"
        with closing(sqlite3.connect(source, uri=True)) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
        return
    records = open_database(sqlite_url(target))
    try:
        copy_records(node.database, records)
    finally:
        records.close()


def _block_hashes(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield hashlib.sha256(block).hexdigest()


def _owed(records: Path) -> set[str]:
    """The names of all that the copy knows as owed and not sent."""
    database = open_database(sqlite_url(records))
    try:
        with database.reading() as session:
            # One without its Message-ID waits for the next copy, so that both machines give it the same.
            letters = session.scalars(select(Letter).where(Letter.state.in_(_LETTERS), Letter.message_id != ""))
            waiting = select(NeverHeldReference).join(
                HotlineMessage, HotlineMessage.reference_id == NeverHeldReference.id
            )
            dispatches = select(OutgoingRow.id).where(OutgoingRow.state.in_(_DISPATCHES))
            return {
                *session.scalars(select(Delivery.reference).where(Delivery.state.in_(_OWED))),
                *(letter.reference for letter in letters),
                *(row.reference for row in session.scalars(waiting.where(HotlineMessage.sealed.is_not(None)))),
                *(f"dispatch:{number}" for number in session.scalars(dispatches)),
            }
    finally:
        database.close()


def _name(part: Path) -> None:
    sync_file(part)
    part.rename(part.with_suffix(""))
    sync_folder(part.parent)


def _remove_all_but(folder: Path, names: set[str]) -> None:
    for path in folder.iterdir():
        if path.name.partition(".")[0] not in names and path.name != NEWEST:
            path.unlink(missing_ok=True)


def _read_list(path: Path) -> CopyList | None:
    return list_of(found) if (found := read_json(path)) else None


def list_of(found: Mapping[str, Any]) -> CopyList:
    """A list as it was written."""
    made = CopyList(**found)
    made.files = {name: (digest, pack) for name, (digest, pack) in made.files.items()}
    made.blocks = [(digest, pack) for digest, pack in made.blocks]
    made.seen = {name: (size, at) for name, (size, at) in made.seen.items()}
    return made


def newest_told(folder: SharedFolder) -> Mapping[str, Any]:
    """What the folder says of its newest copy without a key: ``made``, ``name``, ``keys``; empty: there is none."""
    return read_json(folder.copies / NEWEST) or {}

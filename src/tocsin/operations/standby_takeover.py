"""A standby machine becomes the node: of the newest copy that is whole, once the other can send no more.

A copy is looked at whole before anything is fenced: where a newer one is damaged, a person says whether to go on.
"""

import json
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tocsin import __version__
from tocsin.delivery import TakenOverMails, remember_sent_before, settle_taken_over
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, audit, cut, node_uuid
from tocsin.node.settings import load_settings
from tocsin.node.standby import SharedFolder, Standby, Term
from tocsin.operations.backup import check_is_empty, restore_files
from tocsin.operations.backup_archive import read_archive
from tocsin.operations.backup_encryption import OLDER, GpgKeyring, decrypted
from tocsin.operations.backup_reading import CheckedFiles, move_file
from tocsin.operations.standby_copy import BLOCKS, END, LIST, PACK, CopyList, list_of, newest_told
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.stores import NodeWithStores, open_node, writer

_OTHER: Final = "Name the folder that [standby] folder of the other machine means."
_BACKUP: Final = "Make the node of a backup: 'tocsin --home NEW restore FOLDER'; 'tocsin backup' made the folder."


@dataclass(frozen=True)
class PassedOver:
    """A copy that is newer than the one that was taken. ``made``: when, as far as can be known; ``why``: its damage."""

    name: str
    made: datetime
    why: str


@dataclass(frozen=True)
class Takeover:
    """What a takeover did. ``made``: when the copy was made; what the other machine did since is lost.

    ``mails``: what it may have sent, or has. ``term``: 0 where it was a rehearsal. ``passed_over``: newer copies, all
    damaged; ``lacks``: of the newest of them the files that the one taken lacks, by folder.
    """

    home: Path
    made: datetime
    term: int
    before: Term
    files: int
    bytes: int
    mails: TakenOverMails
    other_folder: str = ""
    passed_over: Sequence[PassedOver] = ()
    lacks: Mapping[str, int] = field(default_factory=dict)


def take_over(
    folder: Path,
    home: Path,
    *,
    now: Callable[[], datetime],
    keyring: GpgKeyring,
    actor: str,
    trial: bool = False,
    accept_older: bool = False,
) -> Takeover:
    """Make the node in ``home``, an empty folder, of the copies in ``folder``, and fence the machine that made them.

    Nothing is fenced before a copy was opened and compared whole. ``trial``: nothing is fenced at all, and what is made
    sends nothing and takes in nothing. ``accept_older``: also of a copy that is older than what there was: newer ones
    are damaged, or another machine took over and has made none.

    Raises:
        NotFoundError: there are no copies, or no secret key is there that opens them.
        UsageError: a newer version made the copies.
        ConflictError: there is something in ``home`` already; or another machine took over, or does so at this moment;
            or only an older copy is whole, and that is not accepted.
        InputError: all copies are damaged.
        StorageError: the folder, the disk or a database failed.

    """
    shared = SharedFolder(folder)
    check_is_empty(home)
    with disk_failures(f"{folder} cannot be used"):
        before = _last_term(shared)
    taking = _Taking(shared, home, keyring, now, before, trial=trial, accepted=accept_older)
    packed = restore_files(taking.files, home, journal_of=shared.copies, now=now(), pages=True)
    cut("takeover.restored")
    settings = load_settings(home).standby
    remembered = Standby(home, settings)
    if trial:
        remembered.fence("", now().isoformat())
    else:
        remembered.hold_term(taking.term)
        remembered.turn_off(by=actor, now=now())
    found, made = taking.found, _made(shared, taking.found.name, taking.found.made)
    with disk_failures(f"{folder} cannot be used"):
        intents = [*shared.all_intents(since=int(found.name.partition("-")[0]))]
    mails = _settle(open_node(home), intents, taking.over, now(), actor, trial=trial)
    if trial:
        with disk_failures(f"{folder} cannot be used"):
            tried = {"at": now().isoformat(), "host": socket.gethostname(), "copy": found.name}
            write_whole(shared.tried, json.dumps(tried).encode())
    named = settings.folder
    other = named if Path(named or "/").resolve() != folder.resolve() else ""
    return Takeover(
        home, made, taking.term.number, before, len(packed.hashes), packed.bytes, mails, other,
        taking.over, taking.lacks,
    )  # fmt: skip


def _last_term(shared: SharedFolder) -> Term:
    try:
        found = shared.newest_term()
    except FileNotFoundError:
        found = None
    if found is None:
        raise NotFoundError(f"{shared.path} holds no copies for a standby machine.", hint=_OTHER)
    return found


def _made(shared: SharedFolder, name: str, otherwise: str = "") -> datetime:
    """When a copy was made: a copy that found nothing new keeps the name of the one before."""
    told = newest_told(shared)
    if told.get("name") == name:
        return datetime.fromisoformat(str(told["made"]))
    if otherwise:
        return datetime.fromisoformat(otherwise)
    path = shared.copies / f"{name}{LIST}"
    return datetime.fromtimestamp(path.stat().st_mtime if path.exists() else 0, UTC)


@dataclass
class _Taking:
    """How the copy that is taken is found, before and after the other machine is fenced."""

    shared: SharedFolder
    home: Path
    keyring: GpgKeyring
    now: Callable[[], datetime]
    before: Term
    trial: bool
    accepted: bool
    term: Term = Term(0)  # noqa: RUF009 (it is frozen)
    over: list[PassedOver] = field(default_factory=list)
    newest: CopyList | None = None  # of all that can be read
    damaged: dict[str, str] = field(default_factory=dict)  # packs, and what is wrong with each
    found: CopyList = field(default_factory=lambda: CopyList("", "", ""))

    def files(self) -> CheckedFiles:
        """The files of the copy that is taken, once the other machine is fenced."""
        with disk_failures(f"{self.shared.path} cannot be used"):
            files = self._choose()
            if not self.accepted and not self.trial:
                self._check_is_of()
                self._ask()
            if not self.trial:
                names = self._names()
                self.term = self._fence()
                cut("takeover.fenced")
                if self._names() != names:  # what the other one had finished until then
                    files = self._choose()
        return files

    @property
    def lacks(self) -> Mapping[str, int]:
        """Of the newest copy that was passed over: how many files the taken one lacks, by folder."""
        if self.newest is None or self.newest is self.found:
            return {}
        changed = (name for name, (digest, _) in self.newest.files.items() if self._digest(name) != digest)
        return Counter(name.partition("/")[0] for name in changed)

    def _digest(self, name: str) -> str:
        return self.found.files.get(name, ("", ""))[0]

    def _names(self) -> list[str]:
        """The copies, newest first; also one of which only the word is there."""
        there = {path.name.removesuffix(LIST) for path in self.shared.copies.glob(f"*{LIST}")}
        told = str(newest_told(self.shared).get("name", ""))
        return sorted(there | ({told} if told else set()), reverse=True)

    def _choose(self) -> CheckedFiles:
        """The newest copy that is whole; of the others is noted what is wrong with them."""
        refused: list[InputError | NotFoundError] = []
        while (names := self._names()) is not None:
            self.over, self.newest, refused = [], None, []
            for name in names:
                try:
                    found = self._list(name)
                    self.newest = self.newest or found
                    files = self._unpacked(found)
                except (InputError, NotFoundError) as error:
                    shutil.rmtree(self.home / HomeFolder.SPOOL, ignore_errors=True)
                    refused.append(error)
                    why = str(error) if name in str(error) else f"{name}{LIST}: {error}"
                    self.over.append(PassedOver(name, _made(self.shared, name), why))
                else:
                    self.found = found
                    return files
            if names == self._names():  # else the other machine makes copies meanwhile
                break
        if not refused:
            raise NotFoundError(f"{self.shared.path} holds no copy.", hint=_OTHER)
        if not any(one.hint in {OLDER, _BACKUP} for one in refused):
            raise refused[0]  # the key is not there, or could not be unlocked
        damage = "; ".join(f"{one.name}: {one.why}" for one in self.over)
        raise InputError(f"{self.shared.path} holds no copy that is whole. {damage}", hint=_BACKUP)

    def _list(self, name: str) -> CopyList:
        path = self.shared.copies / f"{name}{LIST}"
        if not path.is_file():
            raise InputError(f"{path.name} is missing.", hint=_BACKUP)
        keys = [str(key) for key in newest_told(self.shared).get("keys", ())]
        with decrypted(path, self.keyring, keys) as stream:
            try:
                found = list_of(json.loads(stream.read()))
            except (ValueError, TypeError) as error:
                raise InputError(f"{path.name} cannot be read.", hint=_BACKUP) from error
        if _newer(found.version):
            raise UsageError(
                f"The copies were made by Tocsin {found.version}, which is newer than this one.",
                hint="Install that version here first.",
            )
        return found

    def _unpacked(self, found: CopyList) -> CheckedFiles:
        """The files of a copy in the spool of the home, all of which were compared with their hashes."""
        for pack, size in found.packs.items():
            if why := self.damaged.get(pack) or self._size_fault(pack, size):
                raise InputError(why, hint=_BACKUP)
        (self.home / HomeFile.UNFINISHED_RESTORE).touch()
        spool = self.home / HomeFolder.SPOOL
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir(mode=0o700)
        size = sum(self._take_pack(found, pack, spool) for pack in found.packs)
        records = spool / "records.joined"
        with records.open("xb") as out:
            for digest, _ in found.blocks:
                out.write((spool / f"{BLOCKS}{digest}").read_bytes())
        shutil.rmtree(spool / BLOCKS)
        records.rename(spool / HomeFile.RECORDS)
        cut("takeover.unpacked")
        files = {name: digest for name, (digest, _) in found.files.items()}
        return CheckedFiles(spool, files | {HomeFile.RECORDS: ""}, size, move_file)

    def _size_fault(self, pack: str, size: int) -> str:
        path = self.shared.copies / f"{pack}{PACK}"
        if not path.is_file():
            return f"{path.name} is missing."
        there = path.stat().st_size
        return "" if there == size else f"{path.name} has {there:,} bytes of {size:,}."

    def _take_pack(self, found: CopyList, pack: str, spool: Path) -> int:
        """Bring the files of a pack into the spool; how many bytes they are."""
        wanted = {name: digest for name, (digest, of) in found.files.items() if of == pack}
        wanted |= {BLOCKS + digest: digest for digest, of in found.blocks if of == pack}
        try:
            with decrypted(self.shared.copies / f"{pack}{PACK}", self.keyring, ()) as stream:
                read, size, _ = read_archive(stream, END, spool, wanted.__contains__)
            _compare(wanted, read)
        except (InputError, NotFoundError) as error:
            self.damaged[pack] = f"{pack}{PACK} is damaged. {error}"
            raise InputError(self.damaged[pack], hint=_BACKUP) from error
        return size

    def _check_is_of(self) -> None:
        """The copies of a machine that is the node no more would throw away what the present one did since."""
        term = self.before
        mine = term.host == socket.gethostname()  # a takeover here that could not be finished
        if int(self.found.name.partition("-")[0]) < term.number and not mine:
            raise ConflictError(
                f"{term.host} took over at {term.at[:16]} and has made no copy yet: these copies are from before that.",
                hint=f"On {term.host}: 'tocsin standby on', then 'tocsin standby copy'. If it is lost: --accept-older.",
            )

    def _ask(self) -> None:
        """Refuse to go on with an older copy that nobody accepted.

        Raises:
            ConflictError: newer ones are damaged.

        """
        if not self.over:
            return
        made = _made(self.shared, self.found.name, self.found.made)
        damage = "; ".join(f"{one.name} of {one.made:%Y-%m-%d %H:%M:%S}: {one.why}" for one in self.over)
        age = (self.over[0].made - made).total_seconds() / 60
        raise ConflictError(
            f"The newest copy is damaged. {damage} The newest that is whole is of {made:%Y-%m-%d %H:%M:%S} UTC, "
            f"{age:.1f} minutes older. {lacking(self.lacks)}",
            hint="Nothing was fenced. To take the older one: the same command with --accept-older. If the other "
            "machine is alive, 'tocsin standby copy' there makes a new one.",
        )

    def _fence(self) -> Term:
        try:
            return self.shared.begin_term(self.before.number + 1, self.before.node, self.now())
        except FileExistsError as error:
            raise ConflictError("Another machine takes over at this moment.", hint="Look at it first.") from error


def _compare(wanted: Mapping[str, str], read: Mapping[str, str]) -> None:
    if changed := sorted(name for name, digest in wanted.items() if read.get(name) != digest):
        raise InputError(f"{changed[0]} is missing or changed.")


def lacking(files: Mapping[str, int]) -> str:
    """What lies between two copies, in words."""
    folders = ", ".join(f"{count:,} in {folder}" for folder, count in sorted(files.items()))
    return f"It lacks {sum(files.values()):,} files of the newer one ({folders}), and rows of the records." * bool(
        files
    )


def _newer(version: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdecimal()]

    return numbers(version) > numbers(__version__)


def _settle(
    node: NodeWithStores,
    intents: Sequence[Mapping[str, Any]],
    over: Sequence[PassedOver],
    now: datetime,
    actor: str,
    *,
    trial: bool,
) -> TakenOverMails:
    """Finish what was being taken in, and note which mails the other machine sent."""
    with writer(node, fenced=True):
        commitment.recover(node)
    salt = str(node_uuid(node.database))
    with node.database.begin() as session:
        mails = settle_taken_over(session, intents, now=now, salt=salt)
        remember_sent_before(node.home, mails.before)
        detail: dict[str, object] = {"rehearsal": trial, "sent": len(mails.sent), "held": len(mails.held)}
        if over:
            detail |= {"passed_over": [one.name for one in over], "unknown": len(mails.unknown)}
        audit(session, AuditAction.STANDBY_TAKEN_OVER, at=now, actor=actor, subject="node", detail=detail)
    return mails

"""Several servers over one PostgreSQL: which machines there are, what each works with, and whether they agree.

Over SQLite there is one machine, and nothing of this is done.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from logging import getLogger
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from tocsin.interface import N_, Absence, Act, ActContext, NoUndo, OwnSurface
from tocsin.node.accounts import Permission
from tocsin.node.build import build
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError, internal_failures
from tocsin.node.node import Node
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.records import AuditAction, Database, KeptLocks, audit, insert_for
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens
from tocsin.operations.models import ChoreRow, MachineRow
from tocsin.operations.take_back import forget_taken_back

SEEN_EVERY: Final = 10.0
"""Seconds between two words of a machine."""

_READ_EVERY: Final = 300.0  # seconds between two readings of the files that all must have alike: lists are large
_HOLDS_EVERY: Final = 1.0  # seconds after which a lost lock is taken again

GONE_AFTER: Final = timedelta(minutes=1)
"""A machine that said nothing for so long is gone."""

APART: Final = 2.0
"""Seconds by which the clocks of two machines may differ: holds, limits and links are told by them."""

ALIKE: Final = (
    *(HomeFile.TOKENS, HomeFile.AUDIT_KEY, HomeFile.USERS, HomeFolder.KEYS, HomeFolder.TEMPLATES, HomeFolder.FEEDS),
    *(HomeFolder.LOCALE, HomeFolder.CLOCKS, HomeFolder.LISTS, HomeFolder.WARNING_LISTS),
)
"""What all machines must have alike in their homes, beside the settings."""


@dataclass(frozen=True)
class MachineStatus:
    """One machine. ``ahead``: seconds by which its clock is ahead of the database's; ``chores``: what it does."""

    name: str
    version: str
    started_at: datetime
    seen_at: datetime
    gone: bool
    ahead: float
    tables: Mapping[str, Any]
    files: Mapping[str, str]
    chores: Sequence[str]


def list_machines(database: Database) -> list[MachineStatus]:
    """The machines over one PostgreSQL, by name; over SQLite none.

    Raises:
        StorageError: the records cannot be read.

    """
    if not database.is_shared:
        return []
    with database.reading() as session:
        now = _database_time(session)
        rows = session.scalars(select(MachineRow).order_by(MachineRow.name)).all()
        chores = session.execute(select(ChoreRow.machine, ChoreRow.name).order_by(ChoreRow.name)).all()
    return [
        MachineStatus(
            row.name, row.version, row.started_at, row.seen_at, now - row.seen_at > GONE_AFTER, row.ahead, row.tables,
            row.files, [chore for machine, chore in chores if machine == row.name],
        )
        for row in rows
    ]  # fmt: skip


def unlike_files(machines: Iterable[MachineStatus]) -> list[str]:
    """Names of what these machines should have alike and do not. Pure.

    Where their secrets differ no other fingerprint can be compared.
    """
    kept = [one.files for one in machines]
    names = sorted({name for files in kept for name in files})
    unlike = [name for name in names if len({files.get(name) for files in kept}) > 1]
    return [HomeFile.TOKENS] if HomeFile.TOKENS in unlike else unlike


def clocks_apart(machines: Iterable[MachineStatus]) -> float:
    """Seconds between the clocks that are furthest apart. Pure."""
    ahead = [one.ahead for one in machines]
    return max(ahead) - min(ahead) if ahead else 0.0


def fingerprints(node: Node) -> dict[str, str]:
    """A keyed hash of each thing that all machines must have alike; only who has the secret can compare guesses.

    Raises:
        StorageError: the secret cannot be used.

    """
    tokens = open_tokens(node.home)
    key = tokens.derive("machines")
    settings = node.settings.model_dump_json(exclude={"server": {"host", "port"}})
    # Files that settings name in the home folder are placed by now; homes may lie elsewhere on each machine.
    settings = settings.replace(f'"{node.home}/', '"')
    found = {
        name.value: hmac.digest(key, b"".join(_contents(node.home / name)), hashlib.sha256).hex()[:16]
        for name in ALIKE
        if (node.home / name).exists()
    }
    found[HomeFile.SETTINGS.value] = hmac.digest(key, settings.encode(), hashlib.sha256).hex()[:16]
    found[HomeFile.TOKENS.value] = hmac.digest(key, b"", hashlib.sha256).hex()[:16]
    return found


def _contents(path: Path) -> Iterator[bytes]:
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in files:
        if not one.name.endswith((".part", ".lock")):
            yield one.relative_to(path).as_posix().encode() + b"\0" + hashlib.sha256(one.read_bytes()).digest()


@dataclass
class ServersAtWork:
    """How many servers do the same as this one, so that limits are divided by it; known from its first word on."""

    count: int = 1


@contextmanager
def beating(
    node: Node, name: str, worker: str, tables: Callable[[], Mapping[str, Any]], at_work: ServersAtWork
) -> Iterator[None]:
    """Say every few seconds that this machine is at work, and with which tables, for as long as the block runs.

    Meanwhile it holds the lock ``worker WORKER``, by which others see at once that it was killed. ``at_work`` is kept
    up to date: those whose tables have the same ``public``. What a repair put aside in this home is forgotten in time.
    """
    if not node.database.is_shared:
        yield
        return
    heart = _Heart(node, name, worker, tables, at_work)
    heart.hold()
    thread = Thread(target=heart.beat_until_ended, name="machine", daemon=True)
    thread.start()
    try:
        yield
    finally:
        heart.ended.set()
        thread.join()
        heart.leave()


class _Heart:
    """Says that a machine is at work."""

    def __init__(
        self, node: Node, name: str, worker: str, tables: Callable[[], Mapping[str, Any]], at_work: ServersAtWork
    ) -> None:
        self._node, self._name, self._worker, self._tables, self._at_work = node, name, worker, tables, at_work
        self.ended, self._begun = Event(), False
        self._beaten = self._read = self._cleared = float("-inf")
        self._files: dict[str, str] = {}
        self._said, self._locks = "", KeptLocks(node.database)

    def hold(self) -> None:
        self._locks.keep(f"worker {self._worker}")

    def beat_until_ended(self) -> None:
        while not self.ended.is_set():
            try:
                with internal_failures("The word of this machine to the others"):
                    self.hold()
                    if monotonic() - self._beaten >= SEEN_EVERY:
                        self._beat()
                        self._beaten = monotonic()
                    if monotonic() - self._cleared >= _READ_EVERY:
                        self._cleared = monotonic()
                        forget_taken_back(self._node.home, self._node.database, datetime.now(UTC))
                self._said = ""
            except TocsinError as error:  # the next word may be heard
                if str(error) != self._said:
                    getLogger("uvicorn.error").warning("What this machine does for the others failed: %s", error)
                self._said = str(error)
            self.ended.wait(_HOLDS_EVERY)

    def _beat(self) -> None:
        if monotonic() - self._read >= _READ_EVERY:
            self._files, self._read = fingerprints(self._node), monotonic()
        tables = dict(self._tables())
        with self._node.database.begin() as session:
            theirs = _database_time(session)
            ahead = (datetime.now(theirs.tzinfo) - theirs).total_seconds()
            values = {"version": build().name, "worker": self._worker, "seen_at": theirs, "ahead": ahead,
                      "tables": tables, "files": self._files}  # fmt: skip
            if not self._begun:
                values["started_at"] = theirs
            row = insert_for(session, MachineRow).values(name=self._name, **{"started_at": theirs, **values})
            session.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))
            others = session.scalars(select(MachineRow.tables).where(MachineRow.seen_at > theirs - GONE_AFTER))
            self._at_work.count = max(1, sum(one.get("public") == tables.get("public") for one in others))
        self._begun = True

    def leave(self) -> None:
        """It ends well: it is not missed."""
        self._locks.close()
        try:
            with self._node.database.begin() as session:
                session.execute(delete(MachineRow).where(MachineRow.name == self._name))
        except TocsinError as error:
            getLogger("uvicorn.error").warning("The other machines cannot be told that this one ends: %s", error)


def _database_time(session: Session) -> datetime:
    found: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found


class MachineNamed(BaseModel):
    """One machine."""

    name: str = Field(min_length=1, max_length=300, title=N_("Machine"), description="Its name, as lists show it.")


class RemovalResult(BaseModel):
    """What was removed."""

    name: str


def remove_machine(context: ActContext, request: MachineNamed) -> RemovalResult:
    """A machine that is gone is not missed any more. What it was working on goes on at the others by itself.

    Raises:
        NotFoundError: there is no such machine.
        ConflictError: it is at work.

    """
    found = next((one for one in list_machines(context.database) if one.name == request.name), None)
    if found is None:
        raise NotFoundError(
            say("There is no machine '%(name)s'.", name=request.name), hint=say("'tocsin machines list' shows them.")
        )
    if not found.gone:
        raise ConflictError(
            say("%(name)s is at work.", name=request.name),
            hint=say("End its server: then it leaves by itself. One that was killed counts as gone after a minute."),
        )
    with context.database.begin() as session:
        session.execute(delete(MachineRow).where(MachineRow.name == request.name))
        subject = f"machine:{request.name}"
        detail: dict[str, object] = {"seen": found.seen_at.isoformat()}
        audit(session, AuditAction.MACHINE_REMOVED, at=context.now, actor=context.actor, subject=subject, detail=detail)
    return RemovalResult(name=request.name)


ACTS: Final = (
    Act(
        "remove", "Remove a machine that is gone", remove_machine, noun="machine", permission=Permission.ADMIN_WRITE,
        audit=(AuditAction.MACHINE_REMOVED,), command="machines remove", arguments=("name",),
        route=Absence("Whoever runs the machines does it, on a page or by a command."),
        page=OwnSurface("/admin/machines"), told="{name} is removed.",
        undo=NoUndo("A machine that comes back is listed again within seconds."), title=N_("Remove"),
    ),
)  # fmt: skip
"""What can be done with machines."""

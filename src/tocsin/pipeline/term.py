"""One writer at a time over PostgreSQL, on whatever machine: its lock, its term, and the numbers that it gives.

A writer holds an advisory lock by a connection of its own. PostgreSQL ends that connection when the writer has not
answered for some seconds (``idle_session_timeout``), and the next one begins a *term*. Whatever makes an ingest true
asks in its own transaction whether its term still is the newest: who was stopped, and goes on later, is refused.

Numbers of ingests are reserved, and none is given twice. What was reserved and is not prepared when a writer recovers
is *passed over*: key files of that number are seen by nobody, whoever writes them later. Over SQLite there is one
process that writes, and none of this.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.events import Ingest, NotificationRun
from tocsin.node.errors import ConflictError, StorageError
from tocsin.node.records import Base, Database, give_lock, is_free, take_lock
from tocsin.node.sentences import say

_TERM: Final[ContextVar[tuple[int, int] | None]] = ContextVar("term", default=None)
"""That of the block of `term` in which this thread is, and after how many seconds without an answer it ends."""

_ONLY: Final = 1
LOCK: Final = "writer"


class WriterTerm(Base):
    """One row: the newest ``term``, and the last number that was ``reserved``.

    ``checked``: numbers up to this one are prepared or passed over. ``note``: drawn by a writer that ended well; empty
    while one writes, and after one was killed.
    """

    __tablename__ = "writer_term"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    term: Mapped[int]
    reserved: Mapped[int]
    checked: Mapped[int]
    note: Mapped[str] = mapped_column(Text)


class PassedNumber(Base):
    """A number that was reserved and never will be an ingest."""

    __tablename__ = "passed_number"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


@dataclass(frozen=True)
class WriterState:
    """Who takes reports in. ``at_work``: a process does now; ``term``: the newest, 0 before the first one.

    ``passed``: how many numbers were passed over.
    """

    at_work: bool
    term: int
    passed: int


def writer_state(database: Database) -> WriterState | None:
    """What is to be known of the writer; None over SQLite, which has no terms.

    Raises:
        StorageError: the records cannot be read.

    """
    if not database.is_shared:
        return None
    with database.reading() as session:
        newest = session.scalar(select(func.max(WriterTerm.term))) or 0
        passed = session.scalar(select(func.count()).select_from(PassedNumber)) or 0
    return WriterState(not is_free(database, LOCK), newest, passed)


@contextmanager
def term(database: Database, notes: set[str], waiting: Callable[[], None], seconds: int) -> Iterator[bool]:
    """Be the writer for a block, until PostgreSQL has not heard of this process for so many seconds.

    ``notes``: what this process left when it ended well; gives whether the last writer was it.
    """
    with database.connection() as connection:
        _ends_after(connection, seconds)
        take_lock(connection, LOCK, waiting)
        ended = Event()
        answering = Thread(target=_answer, args=(connection, ended, seconds), name="writer", daemon=True)
        answering.start()
        try:
            with database.begin() as session:
                row = _row(session)
                number, ours = row.term + 1, row.note in notes
                row.term, row.note = number, ""
            notes.clear()
            before = _TERM.set((number, seconds))
            try:
                yield ours
                with suppress(ConflictError, StorageError):  # then the next one recovers for nothing
                    note = uuid4().hex
                    with database.begin() as session:
                        check_term(session)
                        _row(session).note = note
                    notes.add(note)
            finally:
                _TERM.reset(before)
        finally:
            ended.set()
            answering.join()
            give_lock(connection, LOCK)
            try:
                _ends_after(connection, 0)  # it goes back to those that wait for work
            except SQLAlchemyError:
                connection.invalidate()


def _ends_after(connection: Connection, seconds: int) -> None:
    values = {"milliseconds": str(seconds * 1000)}
    connection.execute(text("SELECT set_config('idle_session_timeout', :milliseconds, false)"), values)
    connection.commit()


def _answer(connection: Connection, ended: Event, seconds: int) -> None:
    with suppress(SQLAlchemyError):  # the connection is gone, and the lock with it: `check_term` says so
        while not ended.wait(seconds / 4):
            connection.execute(text("SELECT 1"))
            connection.commit()


def _row(session: Session) -> WriterTerm:
    row = session.get(WriterTerm, _ONLY, with_for_update=True)
    if row is None:  # numbers up to now were given by a version without terms, which left none
        last = last_number(session)
        session.execute(
            insert(WriterTerm).values(id=_ONLY, term=0, reserved=last, checked=last, note="").on_conflict_do_nothing()
        )
        row = session.get_one(WriterTerm, _ONLY, with_for_update=True)
    return row


def check_term(session: Session) -> None:
    """Let the caller's transaction be one of the writer: nobody takes over until it ends.

    Raises:
        ConflictError: another took over.

    """
    known = _TERM.get()
    if known is None:  # over SQLite
        return
    ours, seconds = known
    # Who is stopped in the middle of it holds up the next writer for no longer than between two transactions.
    values = {"milliseconds": str(seconds * 1000)}
    session.execute(text("SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true)"), values)
    if session.scalar(select(WriterTerm.term).where(WriterTerm.id == _ONLY).with_for_update(read=True)) != ours:
        raise ConflictError(
            say("Another process took over taking reports in, since this one did not answer for too long."),
            hint=say("Nothing of it was taken in here. Give it again: what is here already is not taken in twice."),
        )


def last_number(session: Session) -> int:
    """The newest ingest or notification run; 0 where there is none."""
    return max(session.scalar(select(func.max(row.number))) or 0 for row in (Ingest, NotificationRun))


def reserve_number(session: Session) -> int:
    """A number that nobody had and nobody gets again."""
    check_term(session)
    row = _row(session)
    row.reserved = max(row.reserved, last_number(session)) + 1
    return row.reserved


def pass_over(session: Session) -> int:
    """Pass over all that was reserved and is not prepared; the last number that was reserved. For the writer."""
    check_term(session)
    row = _row(session)
    row.reserved = max(row.reserved, last_number(session))
    here: set[int] = set()
    for of in (Ingest, NotificationRun):
        here.update(session.scalars(select(of.number).where(of.number > row.checked)))
    session.add_all(PassedNumber(number=n) for n in range(row.checked + 1, row.reserved + 1) if n not in here)
    row.checked = row.reserved
    return row.reserved


@dataclass
class PassedNumbers:
    """The numbers that are passed over; read again each second, and at once for an ingest that is newer than before."""

    database: Database
    _known: AbstractSet[int] = frozenset()
    _up_to: int = -1
    _read: float = 0.0

    def __call__(self, up_to: int) -> AbstractSet[int]:
        """Those that matter to a reader of all ingests up to this one."""
        if up_to > self._up_to or monotonic() > self._read + 1:
            self._read = monotonic()
            with self.database.reading() as session:
                self._known, self._up_to = frozenset(session.scalars(select(PassedNumber.number))), up_to
        return self._known

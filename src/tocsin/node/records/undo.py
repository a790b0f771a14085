"""Undo: an act's transaction also keeps its rows as they were, and for some seconds they can be put back.

docs/design/undo.md says why it is done so.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, delete, event, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstanceState, Mapped, ORMExecuteState, Session, mapped_column

from tocsin.node.errors import ConflictError
from tocsin.node.records.audit import AuditAction, AuditEntry, audit
from tocsin.node.records.audit_texts import AuditAside, actor_by_reference
from tocsin.node.records.engine import Base, Json, SentenceText, UTCDateTime
from tocsin.node.records.kill_points import cut
from tocsin.node.records.numbering import counted
from tocsin.node.sentences import Sentence, decode_sentence, encode_sentence, say

GRACE: Final = timedelta(seconds=5)
"""So long after the last moment of undo nothing leaves: an undo may wait for a lock, and a run may begin meanwhile."""

_KEPT: Final = timedelta(days=1)  # so long it is said why an undo comes too late


class UndoRecord(Base):
    """What one act changed. ``act``: its operation; ``permission``: what it needs; ``said``: what was done, in words.

    ``subjects``: what the audit log names. ``changes``: a `_Change` as a document each, empty once undone.
    """

    __tablename__ = "undo"
    __table_args__ = counted("undo")

    id: Mapped[int] = mapped_column(primary_key=True)
    act: Mapped[str] = mapped_column(Text)
    permission: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(SentenceText)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    subjects: Mapped[list[str]] = mapped_column(Json)
    changes: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


_BESIDES: Final = (AuditEntry, AuditAside, UndoRecord)  # what is never undone


@dataclass
class RowChanges:
    """The rows that a session changes, each with its values before; None: it was not there."""

    session: Session
    rows: dict[Any, dict[str, Any] | None] = field(default_factory=dict)
    subjects: dict[str, None] = field(default_factory=dict)

    def keep(
        self, *, act: str, permission: str, actor: str, said: Callable[[int], str], at: datetime, until: datetime
    ) -> int:
        """Keep them in the session's transaction; returns the number of the undo. ``said``: of so many subjects."""
        self.session.flush()
        forget_undos(self.session, at)
        changes = [_change(inspect(row), before) for row, before in self.rows.items()]
        subjects, who = list(self.subjects), actor_by_reference(self.session, actor)
        record = UndoRecord(
            act=act, permission=permission, actor=who, said=said(len(subjects)), at=at, until=until, subjects=subjects,
            changes=[one for one in changes if one], undone_at=None,
        )  # fmt: skip
        self.session.add(record)
        self.session.flush()
        cut("undo.keeping")
        return record.id

    def note(self, *_args: object) -> None:
        """Note what is about to be flushed."""
        for one in self.session.new:
            if isinstance(one, AuditEntry):
                self.subjects[one.subject] = None
            elif not isinstance(one, _BESIDES):
                self.rows.setdefault(one, None)
        for one in (*self.session.dirty, *self.session.deleted):
            changed = self.session.is_modified(one) or one in self.session.deleted
            if changed and one not in self.rows and not isinstance(one, _BESIDES):
                self.rows[one] = {name: _before(inspect(one), name) for name in _columns(one)}


@contextmanager
def recorded(session: Session) -> Iterator[RowChanges]:
    """The rows that are changed in the block, as objects of the session."""
    changes = RowChanges(session)
    event.listen(session, "before_flush", changes.note)
    event.listen(session, "do_orm_execute", _refuse_bulk)
    try:
        yield changes
        session.flush()
    finally:
        event.remove(session, "before_flush", changes.note)
        event.remove(session, "do_orm_execute", _refuse_bulk)


def open_undo(session: Session, actor: str, number: int | None, now: datetime) -> UndoRecord | None:
    """What can be undone, or was undone just now, of somebody: by its number, or the newest that still can be."""
    wanted = select(UndoRecord).where(UndoRecord.actor == actor_by_reference(session, actor))
    if number is not None:
        return session.scalar(wanted.where(UndoRecord.id == number))
    still = wanted.where(UndoRecord.undone_at.is_(None), UndoRecord.until > now)
    return session.scalar(still.order_by(UndoRecord.id.desc()).limit(1))


def undo(session: Session, found: UndoRecord, *, now: datetime) -> None:
    """Put the rows back as they were before the act, in the caller's transaction.

    Raises:
        ConflictError: it was undone, the time is over, or something changed since; nothing is done then.

    """
    session.refresh(found, with_for_update=True)
    if found.undone_at is not None:
        raise ConflictError(say("This was undone already."))
    if now >= found.until:
        raise ConflictError(
            say("It is too late to undo this: that was possible until %(until)s UTC.", until=f"{found.until:%H:%M:%S}")
        )
    rows = [(change, _row(session, change)) for change in found.changes]
    for change, row in rows:
        _check(change, row)
    try:
        for change, row in reversed(rows):
            _put_back(session, change, row)
            session.flush()
    except IntegrityError:  # what came since stands on it
        raise ConflictError(say("Something of it changed since."), hint=say("Nothing was undone.")) from None
    found.undone_at, found.changes = now, []
    for subject in found.subjects:
        detail: dict[str, object] = {"act": found.act}
        audit(session, AuditAction.ACT_UNDONE, at=now, actor=found.actor, subject=subject, detail=detail)
    session.flush()
    cut("undo.undoing")


def forget_undos(session: Session, now: datetime | None = None) -> None:
    """Delete those whose time was over a day ago, or all, in the caller's transaction."""
    old = delete(UndoRecord) if now is None else delete(UndoRecord).where(UndoRecord.until < now - _KEPT)
    session.execute(old)


def _refuse_bulk(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete or state.is_insert):
        return
    mapper = state.bind_mapper
    if mapper is None or mapper.class_ not in _BESIDES:
        raise RuntimeError("An act that can be undone changes rows as objects: a bulk statement would escape its undo.")


def _before(state: InstanceState[Any], name: str) -> Any:
    history = state.attrs[name].history
    return history.deleted[0] if history.deleted else getattr(state.object, name)


def _change(state: InstanceState[Any], before: dict[str, Any] | None) -> dict[str, Any] | None:
    """How one row changed, as a document; ``after`` None: the row is gone."""
    gone = state.deleted or state.was_deleted
    if gone and before is None:
        return None
    kind = state.class_
    return {
        "kind": f"{kind.__module__}:{kind.__qualname__}",
        "key": [_packed(value) for value in state.mapper.primary_key_from_instance(state.object)],
        "before": None if before is None else {name: _packed(value) for name, value in before.items()},
        "after": None if gone else _fingerprint(state.object),
    }


def _row(session: Session, change: dict[str, Any]) -> Any:
    key = tuple(_unpacked(value) for value in change["key"])
    return session.get(_kind(change), key, populate_existing=True, with_for_update=True)


def _kind(change: dict[str, Any]) -> type[Any]:
    module, _, name = change["kind"].partition(":")
    kind: type[Any] = getattr(import_module(module), name)
    return kind


def _check(change: dict[str, Any], row: Any) -> None:
    if hasattr(_kind(change), "renew"):
        return
    if (None if row is None else _fingerprint(row)) != change["after"]:
        name = getattr(row, "reference", "")
        what = say("%(reference)s changed since.", reference=name) if name else say("Something of it changed since.")
        raise ConflictError(what, hint=say("Nothing was undone."))


def _put_back(session: Session, change: dict[str, Any], row: Any) -> None:
    before = change["before"]
    if row is None:
        session.add(_kind(change)(**{name: _unpacked(value) for name, value in before.items()}))
    elif hasattr(row, "renew"):
        row.renew()
    elif before is not None:
        for name, value in before.items():
            setattr(row, name, _unpacked(value))
    elif hasattr(row, "unmake"):
        row.unmake()
    else:
        session.delete(row)


def _fingerprint(row: Any) -> str:
    values = {name: _packed(getattr(row, name)) for name in _columns(row)}
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _columns(row: Any) -> list[str]:
    return [one.key for one in inspect(type(row)).column_attrs]


def _packed(value: Any) -> Any:
    """A value of a column as JSON has it, so that it can be had back."""
    match value:
        case datetime():
            return {"time": value.astimezone(UTC).isoformat()}
        case date():
            return {"day": value.isoformat()}
        case UUID():
            return {"uuid": value.hex}
        case Sentence():
            return {"sentence": encode_sentence(value)}
        case dict() | list() | tuple():
            return {"json": value}
        case _:
            return value


def _unpacked(value: Any) -> Any:
    match value:
        case {"time": text}:
            return datetime.fromisoformat(text)
        case {"day": text}:
            return date.fromisoformat(text)
        case {"uuid": text}:
            return UUID(text)
        case {"sentence": text}:
            return decode_sentence(text)
        case {"json": of}:
            return of
        case _:
            return value

"""The entries of the audit log that were asked for, the newest first, in pages that stay put while others are added."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from tocsin.node.errors import NotFoundError
from tocsin.node.records.audit import AuditAction, AuditEntry, AuditSeal
from tocsin.node.records.audit_texts import AsideKind, AuditAside, erase_aside, read_asides
from tocsin.node.records.counting import newest_first

MOST: Final = 500
"""Entries of one page."""

_NEWEST = 5_000  # entries that are looked through before the indexes are asked
_AFTER_COLON = ";"  # the letter that follows ":" in ASCII


@dataclass(frozen=True)
class AuditFilter:
    """Which entries; what is empty does not matter.

    ``subject``: a thing, such as ``team:UUID``, or a kind of things, such as ``team``. ``since``, ``until``: from then
    on, before then. ``may``: the condition on subjects that the reader may learn of; None: on none, for who reads all.
    """

    word: str = ""
    actor: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    may: Callable[[Any], ColumnElement[bool]] | None = None  # of the column of subjects

    def narrow(self, query: Select[AuditEntry], of: type[AuditEntry] = AuditEntry) -> Select[AuditEntry]:
        """The query, for these only; ``of``: what it selects from."""
        if self.word:
            query = query.where(of.word == self.word)
        if self.actor:
            query = query.where(of.actor == self.actor)
        if self.subject:
            kind = self.subject.removesuffix(":")
            within = of.subject.between(f"{kind}:", f"{kind}{_AFTER_COLON}")
            query = query.where(or_(of.subject == self.subject, within))
        if self.may is not None:
            query = query.where(self.may(of.subject))
        if self.since:
            query = query.where(of.at >= self.since)
        return query.where(of.at < self.until) if self.until else query


@dataclass(frozen=True)
class AuditPage:
    """One page. ``before``: what asks for the next one, older; None: there is none."""

    entries: list[AuditEntry]
    before: int | None


def newest_at(session: Session, word: AuditAction) -> datetime | None:
    """When this was last done; None: never."""
    done = select(AuditEntry.at).where(AuditEntry.word == word.value)
    return session.scalar(done.order_by(AuditEntry.id.desc()).limit(1))


def resolve_references(session: Session, entries: Iterable[AuditEntry]) -> dict[str, str]:
    """What the references in entries stand for, as far as it was not erased: names of users, and reasons."""
    return read_asides(session, (value for entry in entries for value in (entry.actor, *entry.detail.values())))


def _by_reference(session: Session, asked: AuditFilter) -> AuditFilter:
    """The same, where a user of the machine is asked for by name."""
    if not asked.actor or ":" in asked.actor:
        return asked
    known = select(AuditAside.id).where(AuditAside.kind == AsideKind.LOGIN.value, AuditAside.text == asked.actor)
    number = session.scalar(known.order_by(AuditAside.id).limit(1))
    return asked if number is None else replace(asked, actor=f"{AsideKind.LOGIN}:{number}")


def list_entries(session: Session, asked: AuditFilter, *, before: int | None = None, limit: int = 100) -> AuditPage:
    """Entries after the one numbered ``before``, the newest first, at most ``limit`` (and at most `MOST`)."""
    limit, asked = min(limit, MOST), _by_reference(session, asked)
    until = None if asked.word or asked.actor or asked.subject else asked.until  # these have indexes of their own
    found: list[AuditEntry] = []
    if until is None:  # a kind with very many things would be sorted whole: they are among the newest then
        older = select(AuditEntry) if before is None else select(AuditEntry).where(AuditEntry.id < before)
        newest = aliased(AuditEntry, older.order_by(AuditEntry.id.desc()).limit(_NEWEST).subquery())
        found += session.scalars(asked.narrow(select(newest), newest).order_by(newest.id.desc()).limit(limit + 1))
    if len(found) <= limit:
        after, order = newest_first(AuditEntry.id, AuditEntry.at, until=until, before=before or 0)
        query = asked.narrow(select(AuditEntry)).where(*after).order_by(*order)
        found = list(session.scalars(query.limit(limit + 1)))
    return AuditPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def every_entry(session: Session, asked: AuditFilter) -> Iterator[AuditEntry]:
    """All of them, the oldest first, without holding all at once."""
    query = _by_reference(session, asked).narrow(select(AuditEntry)).order_by(AuditEntry.id)
    return iter(session.scalars(query.execution_options(yield_per=1000)))


@dataclass(frozen=True)
class SealState:
    """How far the log is sealed. ``waiting``: entries that the next seal takes, the oldest of them ``since``."""

    seals: int
    sealed_at: datetime | None
    waiting: int
    since: datetime | None


def seal_state(session: Session) -> SealState:
    """How far the log is sealed, at a glance: nothing is checked."""
    newest = session.execute(
        select(AuditSeal.number, AuditSeal.at, AuditSeal.top).order_by(AuditSeal.number.desc()).limit(1)
    ).one_or_none()
    top = newest.top if newest else 0
    counted = select(func.count(), func.min(AuditEntry.at)).where(AuditEntry.id > top)
    waiting, since = session.execute(counted).one()
    return SealState(newest.number if newest else 0, newest.at if newest else None, waiting, since)


def find_entry(session: Session, number: int, asked: AuditFilter) -> AuditEntry:
    """One entry, where it is among those that are asked for.

    Raises:
        NotFoundError: there is none with this number.

    """
    found = session.scalar(asked.narrow(select(AuditEntry).where(AuditEntry.id == number)))
    if found is None:
        raise NotFoundError(f"There is no entry {number}.", hint="'tocsin audit list' lists them.")
    return found


def erase_typed(session: Session, subjects: Iterable[str]) -> None:
    """Erase what people typed in entries about these things, in the caller's transaction; the log still verifies.

    Why they were purged stays.
    """
    query = select(AuditEntry.detail).where(AuditEntry.subject.in_(list(subjects)))
    for detail in session.scalars(query.where(AuditEntry.word != AuditAction.CONTENT_PURGED.value)):
        for value in detail.values():
            if isinstance(value, str) and value.startswith(f"{AsideKind.WORDS}:"):
                erase_aside(session, value)

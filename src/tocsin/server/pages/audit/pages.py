"""The list of entries, and the check of the seals."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from threading import Lock
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from tocsin.incidents import IncidentReader, SubjectCondition, subjects_for
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.records import (
    AuditAction,
    AuditEntry,
    AuditFilter,
    SealCheckResult,
    SealState,
    check_seals,
    list_entries,
    open_seal_key,
    public_pem,
    read_head,
    resolve_references,
    seal_state,
)
from tocsin.pipeline.subjects import names_of_subjects
from tocsin.server.pages.audit.words import FINDINGS, SAYINGS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import Days

_ROWS: Final = 100
_STALE: Final = timedelta(minutes=10)  # so long after an entry it should be sealed
_FINDINGS: Final = 200  # at most so many are shown
_Reader = Annotated[Principal, needs(Permission.AUDIT_READ)]
_Text = Annotated[str, Field(max_length=200)]


class Filters(Days):
    """What a person asked for, as typed."""

    word: _Text = ""
    actor: _Text = ""
    subject: _Text = ""
    before: _Text = ""

    def wanted(self, may: SubjectCondition) -> AuditFilter:
        """The same as the records take it."""
        return AuditFilter(self.word, self.actor.strip(), self.subject.strip(), self.start, self.end, may)


def audit_pages(desk: PageContext) -> APIRouter:
    """Both pages."""
    router, check = PageRouter(), _AuditCheck(desk)

    @router.get("/audit")
    def entries(request: Request, visitor: _Reader, filters: Annotated[Filters, Query()]) -> Response:
        """Entries, the newest first."""
        before = number_in(filters.before)
        with desk.node.database.reading() as session:
            may = subjects_for(session, IncidentReader(visitor.person, desk.now))
            found = list_entries(session, filters.wanted(may), before=before, limit=_ROWS)
            state = seal_state(session)
            actors = (entry.actor for entry in found.entries)
            names = names_of_actors(session, actors) | resolve_references(session, found.entries)
            subjects = names_of_subjects(session, _named(found.entries), visitor, desk.now)
        further = filters.query(before=found.before) if found.before is not None else ""
        return desk.page(
            request, "audit/list.html", status=422 if filters.wrongs else 200, entries=found.entries, names=names,
            subjects=subjects,
            sayings=SAYINGS, words_of_log=_WORDS, filters=filters, newest=filters.query() if filters.before else None,
            further=further, state=state, stale=_is_stale(state, desk.now),
        )  # fmt: skip

    @router.get("/audit/seals")
    def seals(request: Request, _visitor: _Reader) -> Response:
        """Whether all is as it was sealed."""
        verdict = check.verdict()
        pem = public_pem(open_seal_key(desk.node.home))
        shown = verdict.findings[:_FINDINGS]
        return desk.page(request, "audit/seals.html", verdict=verdict, shown=shown, pem=pem, findings=FINDINGS)

    return router


def _named(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """What entries name: their subjects, and things in their details; a team's UUID there stands alone."""
    for entry in entries:
        yield entry.subject
        yield from (value for value in entry.detail.values() if isinstance(value, str) and ":" in value)
        texts = {name: value for name, value in entry.detail.items() if isinstance(value, str)}
        yield from (texts[name] for name in ("delivery",) if name in texts)
        yield from (f"team:{texts[name]}" for name in ("team",) if name in texts)


_WORDS: Final = sorted(word.value for word in AuditAction)


class _AuditCheck:
    """One check at a time; what was found is shown again until there is another seal or a minute has passed."""

    def __init__(self, desk: PageContext) -> None:
        self._desk, self._lock = desk, Lock()
        self._of: tuple[int, datetime] | None = None
        self._verdict = SealCheckResult()

    def verdict(self) -> SealCheckResult:
        with self._lock:
            node, now = self._desk.node, self._desk.now
            with node.database.reading() as session:
                of = (seal_state(session).seals, now.replace(second=0, microsecond=0))
            if of != self._of:
                head = read_head(node.home)
                keys = [open_seal_key(node.home).public_key()]
                self._verdict = check_seals(node.database, keys, now=now, heads=[head] if head else [])
                self._of = of
            return self._verdict


def _is_stale(state: SealState, now: datetime) -> bool:
    return (
        state.since is not None
        and now - state.since > _STALE
        and (state.sealed_at is None or now - state.sealed_at > _STALE)
    )

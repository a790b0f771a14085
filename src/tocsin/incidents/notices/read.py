"""Notices found and read: by the team as far as each may read, by an entity its own."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import (
    Notice,
    PublicReport,
    grouped,
    plain,
)
from tocsin.incidents.clocks import ClockState, IncidentClock
from tocsin.incidents.models import Incident, IncidentReport
from tocsin.incidents.notices.laws import NoticeKind, find_law
from tocsin.incidents.read import IncidentReader, readable
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

_ORDER: Final = {kind.value: place for place, kind in enumerate(NoticeKind)}


class NoticeState(StrEnum):
    """How a notice stands."""

    RECEIVED = "received"
    ANSWERED = "answered"
    WAIVED = "waived"  # it needs no answer
    SUPERSEDED = "superseded"  # by a correction


@dataclass(frozen=True)
class FiledNotice:
    """A notice with the report of the inbox that it is."""

    notice: Notice
    report: PublicReport

    @property
    def state(self) -> NoticeState:
        """How it stands."""
        if self.notice.superseded:
            return NoticeState.SUPERSEDED
        if self.notice.answered_at is not None:
            return NoticeState.ANSWERED
        return NoticeState.RECEIVED if self.notice.waived_at is None else NoticeState.WAIVED


@dataclass(frozen=True)
class NextNotice:
    """What an entity has to file next; ``due``: by the clocks of the incident, None where none says."""

    kind: NoticeKind
    due: datetime | None


@dataclass(frozen=True)
class NoticeFilter:
    """What narrows a list. ``up_to``: only what came before the notice of this number."""

    state: NoticeState | None = None
    law: str = ""
    kind: str = ""
    before: int = 0


def list_notices(
    session: Session, reader: IncidentReader, wanted: NoticeFilter, *, limit: int = 100
) -> list[FiledNotice]:
    """The notices that match, the newest first."""
    query = _joined().where(readable(session, reader, PublicReport), *_conditions(wanted))
    return _filed(session, query.order_by(Notice.id.desc()).limit(limit))


def count_notices(session: Session, reader: IncidentReader, wanted: NoticeFilter) -> int:
    """How many match."""
    query = select(func.count()).select_from(Notice).join(PublicReport, PublicReport.id == Notice.report_id)
    wanted = replace(wanted, before=0)
    return session.scalar(query.where(readable(session, reader, PublicReport), *_conditions(wanted))) or 0


def find_notice(session: Session, reader: IncidentReader, reference: str) -> FiledNotice:
    """The notice of a reference.

    Raises:
        NotFoundError: the reader knows none.

    """
    return _only(session, reference, readable(session, reader, PublicReport))


def own_notice(session: Session, teams: Collection[int], reference: str) -> FiledNotice:
    """The notice of a reference that one of these teams filed.

    Raises:
        NotFoundError: none of them filed such a one.

    """
    return _only(session, reference, Notice.team_id.in_(teams))


def notices_of_team(session: Session, teams: Collection[int], *, limit: int = 500) -> list[FiledNotice]:
    """What an entity filed, the newest first. ``teams``: its number, with those that were merged into it."""
    return _filed(session, _joined().where(Notice.team_id.in_(teams)).order_by(Notice.id.desc()).limit(limit))


def notices_in(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> list[FiledNotice]:
    """The notices that are in incidents, in the order that they came."""
    of = IncidentReport.incident_id.in_([one.id for one in incidents])
    held = select(IncidentReport.report_id).where(of, readable(session, reader, IncidentReport))
    query = _joined().where(PublicReport.id.in_(held), readable(session, reader, PublicReport))
    return _filed(session, query.order_by(Notice.id))


def chain_of(session: Session, reader: IncidentReader | None, notice: Notice) -> list[FiledNotice]:
    """All notices of the same incident of the same entity, in order; None reads as the entity itself."""
    query = _joined().where(Notice.chain == notice.chain, Notice.team_id == notice.team_id)
    if reader is not None:
        query = query.where(readable(session, reader, PublicReport))
    return _filed(session, query.order_by(Notice.id))


def next_of(session: Session, chain: Sequence[FiledNotice]) -> NextNotice | None:
    """What is due next in a chain; None: nothing more."""
    latest = max((one.notice for one in chain), key=lambda one: _ORDER[one.kind])
    kind = find_law(latest.law).next_after(latest.kind)
    if kind is None:
        return None
    held = select(IncidentReport.incident_id).where(IncidentReport.report_id.in_([one.report.id for one in chain]))
    row = IncidentClock
    waits = (
        row.incident_id.in_(held),
        row.act == latest.law,
        row.due_notice == kind,
        row.state == ClockState.RUNNING.value,
    )
    return NextNotice(kind, session.scalar(select(func.min(row.due_at)).where(*waits)))


def _joined() -> Select[Notice, PublicReport]:
    return select(Notice, PublicReport).join(PublicReport, PublicReport.id == Notice.report_id)


def _filed(session: Session, query: Select[Notice, PublicReport]) -> list[FiledNotice]:
    return [FiledNotice(notice, report) for notice, report in session.execute(query)]


def _only(session: Session, reference: str, may: ColumnElement[bool]) -> FiledNotice:
    named = PublicReport.reference == grouped(plain(reference)[:8])
    if not (found := _filed(session, _joined().where(named, may))):
        raise NotFoundError(say("There is no notice %(reference)s.", reference=reference[:20]))
    return found[0]


def _conditions(wanted: NoticeFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.state is not None:
        yield Notice.superseded.is_(wanted.state is NoticeState.SUPERSEDED)
        if wanted.state is not NoticeState.SUPERSEDED:
            answered, waived = Notice.answered_at.is_not(None), Notice.waived_at.is_not(None)
            yield {
                NoticeState.ANSWERED: answered, NoticeState.WAIVED: ~answered & waived,
                NoticeState.RECEIVED: ~answered & ~waived,
            }[wanted.state]  # fmt: skip
    if wanted.law:
        yield Notice.law == wanted.law
    if wanted.kind:
        yield Notice.kind == wanted.kind
    if wanted.before:
        yield Notice.id < wanted.before

"""What there is beside a report: what it names, and the incidents that it may belong to, each with its reasons.

A candidate is only shown: nothing acts on it. All of it comes from what the reader may read.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from tocsin.incidents.arrivals.models import EntryKind, Notice, PublicReport, ReportEntry, ReportObservable
from tocsin.incidents.models import Incident, IncidentObservable, IncidentReport, Party
from tocsin.incidents.read import IncidentReader, readable
from tocsin.incidents.reference import references_in_text
from tocsin.incidents.states import IncidentState
from tocsin.node.sentences import Sentence, say

_MOST: Final = 3
"""So many candidates of a report are shown."""

_ROWS: Final = 2_000  # of one question


@dataclass(frozen=True)
class CandidateIncident:
    """An incident to which a report may belong, and why."""

    reference: str
    title: str
    reasons: tuple[Sentence, ...]


@dataclass(frozen=True)
class ReportHints:
    """What a report names, in order, which of that is known from elsewhere, and where it may belong."""

    observables: tuple[ReportObservable, ...] = ()
    known: frozenset[str] = frozenset()
    candidates: tuple[CandidateIncident, ...] = ()


def hints_of(session: Session, reader: IncidentReader, reports: Collection[int]) -> dict[int, ReportHints]:
    """The hints of each of these reports, which the reader may read."""
    named: dict[int, list[ReportObservable]] = defaultdict(list)
    query = select(ReportObservable).where(ReportObservable.report_id.in_(reports)).order_by(ReportObservable.id)
    for one in session.scalars(query):
        named[one.report_id].append(one)
    known: dict[int, set[str]] = defaultdict(set)
    reasons: dict[int, dict[int, dict[Sentence, None]]] = defaultdict(lambda: defaultdict(dict))
    for number, incident, reason, value in _shared(session, reader, reports):
        known[number] |= {value} - {""}
        if incident is not None:
            reasons[number][incident][reason] = None
    incidents = _survivors(session, reader, {one for of in reasons.values() for one in of})
    inside = _inside(session, reader, reports)
    return {
        number: ReportHints(
            tuple(named[number]),
            frozenset(known[number]),
            tuple(_candidates(reasons[number], incidents, inside[number])),
        )
        for number in reports
    }


def incidents_with(session: Session, reader: IncidentReader, report: PublicReport) -> Sequence[Incident]:
    """The incidents that a report is in, in the order that it was put into them."""
    query = select(Incident).join(IncidentReport, IncidentReport.incident_id == Incident.id)
    seen = (readable(session, reader, Incident), readable(session, reader, IncidentReport))
    return session.scalars(query.where(IncidentReport.report_id == report.id, *seen).order_by(IncidentReport.id)).all()


def reports_in(session: Session, reader: IncidentReader, incidents: Sequence[Incident]) -> Sequence[PublicReport]:
    """The reports that are in incidents, in the order that they came."""
    query = select(PublicReport).join(IncidentReport, IncidentReport.report_id == PublicReport.id)
    seen = (readable(session, reader, PublicReport), readable(session, reader, IncidentReport))
    of = IncidentReport.incident_id.in_([one.id for one in incidents])
    return session.scalars(query.where(of, *seen).distinct().order_by(PublicReport.id)).all()


def all_reports_in(session: Session, incidents: Sequence[Incident]) -> Sequence[PublicReport]:
    """Also those of other compartments, which are in another incident too: to be compared and counted, never shown."""
    held = select(IncidentReport.report_id).where(IncidentReport.incident_id.in_([one.id for one in incidents]))
    return session.scalars(select(PublicReport).where(PublicReport.id.in_(held)).order_by(PublicReport.id)).all()


def texts_of(session: Session, report: PublicReport) -> tuple[str, ...]:
    """What a report says, and what was written later by who sent it and by whom it was handed over to."""
    row, wrote = ReportEntry, [EntryKind.MESSAGE.value, EntryKind.MAIL.value]
    later = session.scalars(select(row.text).where(row.report_id == report.id, row.kind.in_(wrote)).order_by(row.id))
    return report.subject, report.what, report.place, report.happened, *later


def _candidates(
    reasons: dict[int, dict[Sentence, None]], incidents: dict[int, Incident], inside: Collection[int]
) -> Iterator[CandidateIncident]:
    """Those with most reasons first; of several that were merged, the one that they were merged into."""
    merged: dict[int, dict[Sentence, None]] = defaultdict(dict)
    for number, why in reasons.items():
        if number in incidents and incidents[number].id not in inside:
            merged[incidents[number].id] |= why
    by_id = {one.id: one for one in incidents.values()}
    for number in sorted(merged, key=lambda one: (-len(merged[one]), -one))[:_MOST]:
        yield CandidateIncident(by_id[number].reference, by_id[number].title, tuple(merged[number]))


def _survivors(session: Session, reader: IncidentReader, numbers: Collection[int]) -> dict[int, Incident]:
    """By the number of an incident, the one that it was merged into, else itself; none that was rejected."""
    may, wanted = readable(session, reader, Incident), set(numbers)
    found: dict[int, Incident] = {}
    while wanted:
        rows = session.scalars(select(Incident).where(Incident.id.in_(wanted), may)).all()
        found |= {one.id: one for one in rows}
        wanted = {one.merged_into for one in rows if one.merged_into is not None} - found.keys()

    def survivor(one: Incident) -> Incident:
        seen = {one.id}
        while one.merged_into in found and one.merged_into not in seen:
            one = found[one.merged_into]
            seen.add(one.id)
        return one

    survivors = {number: survivor(found[number]) for number in numbers if number in found}
    return {number: one for number, one in survivors.items() if one.state != IncidentState.REJECTED}


def _inside(session: Session, reader: IncidentReader, reports: Collection[int]) -> dict[int, set[int]]:
    inside: dict[int, set[int]] = defaultdict(set)
    link = IncidentReport
    query = select(link.report_id, link.incident_id).where(link.report_id.in_(reports), readable(session, reader, link))
    for report, incident in session.execute(query):
        inside[report].add(incident)
    return inside


def _shared(
    session: Session, reader: IncidentReader, reports: Collection[int]
) -> Iterator[tuple[int, int | None, Sentence, str]]:
    """Report, incident, reason and, where it is one, the value that both have."""
    mine, theirs, seen = ReportObservable, IncidentObservable, IncidentObservable.withdrawn_at.is_(None)
    same = (mine.kind == theirs.kind) & (mine.value == theirs.value)
    query = select(mine.report_id, theirs.incident_id, mine.value).join(theirs, same)
    may = readable(session, reader, theirs)
    for report, incident, value in _rows(session, query.where(mine.report_id.in_(reports), may, seen)):
        yield report, incident, say("same observable: %(value)s", value=value), value
    others, link = aliased(ReportObservable), IncidentReport
    like = (mine.kind == others.kind) & (mine.value == others.value) & (mine.report_id != others.report_id)
    query = (
        select(mine.report_id, link.incident_id, mine.value)
        .join(others, like)
        .join(PublicReport, PublicReport.id == others.report_id)
        .outerjoin(link, (link.report_id == others.report_id) & readable(session, reader, link))
    )
    may = readable(session, reader, PublicReport)
    for report, incident, value in _rows(session, query.where(mine.report_id.in_(reports), may)):
        yield report, incident, say("same observable in another report: %(value)s", value=value), value
    yield from _same_chain(session, reader, reports)
    yield from _same_people(session, reader, reports)
    yield from _named(session, reader, reports)


def _same_chain(
    session: Session, reader: IncidentReader, reports: Collection[int]
) -> Iterator[tuple[int, int | None, Sentence, str]]:
    """Notices of which an earlier one is in an incident."""
    me, other, link = aliased(Notice), aliased(Notice), IncidentReport
    query = select(me.report_id, link.incident_id).join(other, (me.chain == other.chain) & (me.id != other.id))
    seen = readable(session, reader, link), me.report_id.in_(reports)
    for report, incident in _rows(session, query.join(link, link.report_id == other.report_id).where(*seen)):
        yield report, incident, say("it follows a notice that is in it"), ""


def _same_people(
    session: Session, reader: IncidentReader, reports: Collection[int]
) -> Iterator[tuple[int, int | None, Sentence, str]]:
    me = PublicReport
    may = readable(session, reader, Party)
    reasons = (me.mailbox, Party.mailbox, say("the sender is a party of it")), (
        me.phone, Party.phone, say("the phone number is that of a party of it"),
    )  # fmt: skip
    for mine, theirs, reason in reasons:
        query = select(me.id, Party.incident_id).join(Party, mine == theirs)
        for report, incident in _rows(session, query.where(me.id.in_(reports), mine != "", may)):
            yield report, incident, reason, ""


def _named(
    session: Session, reader: IncidentReader, reports: Collection[int]
) -> Iterator[tuple[int, int | None, Sentence, str]]:
    texts = select(PublicReport.id, PublicReport.subject, PublicReport.what).where(PublicReport.id.in_(reports))
    named = {number: references_in_text(f"{subject}\n{what}") for number, subject, what in session.execute(texts)}
    wanted = {one for of in named.values() for one in of}
    if not wanted:
        return
    may = readable(session, reader, Incident)
    query = select(Incident.reference, Incident.id).where(Incident.reference.in_(wanted), may)
    numbers = dict(session.execute(query).all())
    for report, references in named.items():
        for one in references:
            if one in numbers:
                yield report, numbers[one], say("its reference is named"), ""


def _rows(session: Session, query: Any) -> list[Any]:
    return list(session.execute(query.distinct().limit(_ROWS)))

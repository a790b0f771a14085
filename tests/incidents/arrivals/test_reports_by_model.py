"""Each question of the inbox gives what plain Python finds among all reports that one may read."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import queries
from tocsin.incidents.arrivals.models import PublicReport, ReportDoor, ReportObservable, ReportState
from tocsin.incidents.arrivals.queries import NO_OWNER, ReportFilter
from tocsin.incidents.arrivals.read import all_reports_in, hints_of, incidents_with, reports_in
from tocsin.incidents.arrivals.tickets import grouped
from tocsin.incidents.models import Incident, IncidentObservable, IncidentReport, Party
from tocsin.incidents.read import compartments_of
from tocsin.incidents.write import add_compartment, add_incident
from tocsin.node.errors import NotFoundError
from tocsin.node.records import Database

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
INSIDER, OUTSIDER = 3, 4
LOOKED_IN = ("what", "place", "reference", "subject", "sender", "mailbox", "phone")


def made(session: Session, random: Random) -> list[PublicReport]:
    """Forty reports of every state and door."""
    closed = add_compartment(session, [INSIDER], actor="person:3", now=NOW)
    words = ("", "Kit at bank", "100% gone", "KIT", "bank_1")
    reports = []
    for number in range(40):
        came = NOW - timedelta(hours=random.randrange(48))
        texts = {name: random.choice(words) if random.random() < 0.5 else "" for name in LOOKED_IN}
        texts |= {"reference": grouped(f"ABCD{number:04}"), "what": f"{texts['what']}  {'x' * random.choice((0, 400))}"}
        reports.append(PublicReport(
            **texts, secret="", act=f"form/{number}", happened="", language="en", received_at=came, changed_at=came,
            kind=random.choice(("phishing", "other")), state=random.choice([*ReportState]).value,
            owner=random.choice((None, INSIDER, OUTSIDER)), compartment_id=random.choice((0, 0, closed)),
            door=random.choice([*ReportDoor]).value, ring_back_at=random.choice((None, None, came)),
        ))  # fmt: skip
    session.add_all(reports)
    session.flush()
    return reports


def fits(one: PublicReport, wanted: ReportFilter) -> bool:
    """Whether a report is one of those that a filter asks for."""
    texts = [getattr(one, name).lower() for name in LOOKED_IN]
    return (
        (not wanted.states or one.state in wanted.states)
        and (wanted.owner is None or (one.owner or NO_OWNER) == wanted.owner)
        and wanted.kind in {"", one.kind}
        and wanted.door in {"", one.door}
        and (one.ring_back_at is not None or not wanted.ring_back)
        and (wanted.up_to is None or one.id <= wanted.up_to)
        and (wanted.before is None or one.id < wanted.before)
        and all(any(word in text for text in texts) for word in wanted.words.lower().split())
    )


FILTERS = (
    ReportFilter(), ReportFilter((ReportState.NEW, ReportState.CLOSED)), ReportFilter(owner=NO_OWNER),
    ReportFilter(owner=INSIDER), ReportFilter(kind="phishing"), ReportFilter(door=ReportDoor.FORM.value),
    ReportFilter(words="kit"), ReportFilter(words="BANK kit"), ReportFilter(words="%"), ReportFilter(words="_"),
    ReportFilter(words="ABCD-0007"), ReportFilter(ring_back=True), ReportFilter(up_to=20), ReportFilter(before=20),
    ReportFilter((ReportState.OPEN,), owner=OUTSIDER, kind="other", up_to=35, before=30),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_lists_and_counts_of_reports_are_those_of_what_one_may_read(database: Database, seed: int) -> None:
    with database.begin() as session:
        reports = made(session, Random(seed))
        for who, mine in (
            (IncidentReader(INSIDER, NOW), reports),
            (IncidentReader(OUTSIDER, NOW), [one for one in reports if not one.compartment_id]),
        ):
            for wanted in FILTERS:
                found = [one for one in reversed(mine) if fits(one, wanted)]
                assert queries.matching_reports(session, who, wanted, 100) == found, wanted
                assert queries.count_reports(session, who, wanted) == len(found), wanted
                seen, before = list[str](), 0
                if wanted.before is None:  # page by page
                    while page := queries.list_reports(session, who, wanted, before=before, limit=3):
                        seen += [line.reference for line in page.lines]
                        if not (before := page.further):
                            break
                    assert seen == [one.reference for one in found], wanted
            counts = queries.counts_by_state(session, who)
            assert counts == {state: sum(one.state == state for one in mine) for state in ReportState}
            new = [o.received_at for o in mine if o.state == ReportState.NEW and o.door != ReportDoor.NOTICE]
            assert queries.new_reports(session, who) == (len(new), min(new, default=None))
            calls = [one.ring_back_at for one in mine if one.ring_back_at is not None]
            assert queries.ring_backs(session, who) == (len(calls), min(calls, default=None))
            for one in reports:
                if one in mine:
                    assert queries.find_report(session, who, one.reference.lower().replace("-", " ")) is one
                else:
                    with pytest.raises(NotFoundError, match=one.reference):
                        queries.find_report(session, who, one.reference)
        (line,) = queries.list_reports(session, IncidentReader(INSIDER, NOW), replace(FILTERS[0], up_to=1)).lines
        one = reports[0]
        assert (line.number, line.door, line.kind, line.state, line.owner) == (
            one.id, one.door, one.kind, one.state, one.owner,
        )  # fmt: skip
        assert (line.received_at, line.changed_at, line.ring_back_at) == (
            one.received_at, one.changed_at, one.ring_back_at,
        )  # fmt: skip
        assert line.start == " ".join((one.subject or one.what).split())[:120]
        assert line.place == one.place


@dataclass
class Beside:
    """What there is beside reports: who may read is told by the compartment of each."""

    incidents: list[Incident]
    parts: list[IncidentObservable | Party | IncidentReport]
    named: list[ReportObservable]

    def root(self, number: int, may: set[int]) -> Incident | None:
        """The incident that it was merged into, as far as one may read."""
        one = next(one for one in self.incidents if one.id == number)
        if one.compartment_id not in may:
            return None
        return self.root(one.merged_into, may) or one if one.merged_into else one

    def links(self, report: int, may: set[int]) -> set[int]:
        links = [one for one in self.parts if isinstance(one, IncidentReport) and one.compartment_id in may]
        return {one.incident_id for one in links if one.report_id == report}

    def reasons(self, report: PublicReport, readable: list[PublicReport], may: set[int]) -> set[tuple[int | None, str]]:
        """Number of an incident, or None where it is in none, and why it may be there."""
        found = set[tuple[int | None, str]]()
        mine = {(one.kind, one.value) for one in self.named if one.report_id == report.id}
        others = {one.id for one in readable} - {report.id}
        for one in self.named:
            if one.report_id in others and (one.kind, one.value) in mine:
                reason = f"same observable in another report: {one.value}"
                numbers: set[int | None] = {*self.links(one.report_id, may)}
                found |= {(number, reason) for number in numbers or {None}}
        for part in self.parts:
            if part.compartment_id not in may:
                continue
            if isinstance(part, IncidentObservable) and part.withdrawn_at is None and (part.kind, part.value) in mine:
                found.add((part.incident_id, f"same observable: {part.value}"))
            if isinstance(part, Party) and report.mailbox and part.mailbox == report.mailbox:
                found.add((part.incident_id, "the sender is a party of it"))
            if isinstance(part, Party) and report.phone and part.phone == report.phone:
                found.add((part.incident_id, "the phone number is that of a party of it"))
        texts = report.subject + report.what
        return found | {(one.id, "its reference is named") for one in self.incidents if one.reference in texts}


def beside(session: Session, random: Random, reports: list[PublicReport]) -> Beside:
    closed = add_compartment(session, [INSIDER], actor="person:3", now=NOW)
    found = Beside([], [], [])
    kinds = ("domain", "url")
    for number in range(15):
        one = add_incident(session, title=f"I{number}", actor="person:3", now=NOW)
        one.compartment_id = random.choice((0, 0, closed))
        one.state = random.choice(("open", "open", "rejected"))
        if number and random.random() < 0.3:
            one.merged_into = random.choice(found.incidents).id
        found.incidents.append(one)
        same: dict[str, Any] = {"incident_id": one.id, "compartment_id": one.compartment_id}
        found.parts += [
            IncidentObservable(
                **same, kind=random.choice(kinds), value=f"a{random.randrange(6)}.example", role="source", tlp="AMBER",
                added_at=NOW, withdrawn_at=random.choice((None, None, NOW)),
            ),
            Party(
                **same, role="reporter", name="A", mailbox=random.choice(("", "kit", "bank_1")), language="en",
                phone=random.choice(("", "kit", "bank_1")), ceiling="RED", added_at=NOW,
            ),
            *(IncidentReport(**same, report_id=of.id) for of in random.sample(reports, 3)),
        ]  # fmt: skip
    for report in reports:
        for kind in kinds:
            value = f"a{random.randrange(9)}.example"
            found.named.append(ReportObservable(report_id=report.id, kind=kind, value=value))
        if random.random() < 0.2:
            report.subject += f" {random.choice(found.incidents).reference}"
    session.add_all([*found.parts, *found.named])
    session.flush()
    return found


@pytest.mark.parametrize("seed", range(2))
def test_hints_are_those_of_what_one_may_read_with_all_their_reasons(database: Database, seed: int) -> None:
    with database.begin() as session:
        random = Random(seed)
        reports = made(session, random)
        there = beside(session, random, reports)
        insider = IncidentReader(INSIDER, NOW)
        for who, may in ((insider, {*compartments_of(session, insider)}), (IncidentReader(OUTSIDER, NOW), {0})):
            mine = [one for one in reports if one.compartment_id in may]
            hints = hints_of(session, who, [one.id for one in mine])
            assert hints.keys() == {one.id for one in mine}
            for report in mine:
                reasons, why = there.reasons(report, mine, may), dict[int, set[str]]()
                inside = there.links(report.id, may)
                for number, reason in reasons:
                    root = None if number is None else there.root(number, may)
                    if root is not None and root.state != "rejected" and root.id not in inside:
                        why.setdefault(root.id, set()).add(reason)
                wanted = sorted(why, key=lambda one: (-len(why[one]), -one))[:3]
                found = hints[report.id]
                titles = {one.id: (one.reference, one.title) for one in there.incidents}
                assert [(one.reference, one.title) for one in found.candidates] == [titles[one] for one in wanted]
                assert [{str(one) for one in of.reasons} for of in found.candidates] == [why[one] for one in wanted]
                values = {reason.rpartition(": ")[2] for _, reason in reasons if "same observable" in reason}
                assert found.known == values
                assert list(found.observables) == [one for one in there.named if one.report_id == report.id]
                numbers = sorted(
                    (one for one in there.parts if isinstance(one, IncidentReport) and one.report_id == report.id),
                    key=lambda one: one.id,
                )
                links = [one.incident_id for one in numbers if one.compartment_id in may]
                assert [one.id for one in incidents_with(session, who, report)] == links
        every = there.incidents[:9]
        held = {one for of in every for one in range(99) if of.id in there.links(one, {0, of.compartment_id})}
        assert {one.id for one in all_reports_in(session, every)} == held
        numbers_of = {one.id for one in every}
        seen = [one.id for one in reports if not one.compartment_id and there.links(one.id, {0}) & numbers_of]
        assert [one.id for one in reports_in(session, IncidentReader(OUTSIDER, NOW), every)] == seen

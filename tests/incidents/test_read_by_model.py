"""Each reading of incidents gives what plain Python finds among all of them: nothing less, and nothing hidden."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents import add_entry, add_incident, add_member, read
from tocsin.incidents.models import (
    CompartmentMember,
    Incident,
    IncidentAlias,
    IncidentEntry,
    IncidentObservable,
    IncidentTask,
    Party,
)
from tocsin.incidents.read import NO_LEAD, TEAM, IncidentReader, IncidentSearch, WaitingCount
from tocsin.incidents.states import UNDER_WAY, IncidentEntryKind, IncidentNeed, IncidentState, TaskState
from tocsin.incidents.write import note_look
from tocsin.node.errors import NotFoundError
from tocsin.node.records import Database

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LEAD, OTHER, THIRD = PEOPLE = (3, 4, 5)
UNDONE = {TaskState.OPEN, TaskState.DOING}


@dataclass
class Model:
    """All that there is, which plain Python looks through."""

    incidents: list[Incident] = field(default_factory=list)
    members: list[CompartmentMember] = field(default_factory=list)
    tasks: list[IncidentTask] = field(default_factory=list)
    observables: list[IncidentObservable] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    entries: list[IncidentEntry] = field(default_factory=list)
    looks: dict[tuple[int, int], int] = field(default_factory=dict)

    def of(self, number: int) -> Incident:
        return next(one for one in self.incidents if one.id == number)

    def compartments(self, person: int | None) -> set[int]:
        named = {one.compartment_id for one in self.members if one.person == person and (one.until or NOW) >= NOW}
        ended = {one.compartment_id for one in self.members if one.person == person and one.until == NOW}
        return {TEAM} | (named - ended)

    def family(self, whole: Incident, may: set[int]) -> list[Incident]:
        merged = [one for one in self.incidents if one.merged_into == whole.id and one.compartment_id in may]
        return [whole, *(part for one in merged for part in self.family(one, may))]


def made(session: Session, random: Random) -> Model:
    """Forty incidents of every state and compartment, with parts of every state."""
    model = Model()
    some = (None, NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1))
    for number in range(40):
        members = random.choice(([], [], [LEAD], [LEAD, OTHER]))
        lead = random.choice((None, *PEOPLE))
        opened = NOW - timedelta(days=random.randrange(9))
        one = add_incident(
            session, title=random.choice(("Leak at bank", "Bank phished", "100% gone")), actor=f"person:{LEAD}",
            now=opened, members=members, lead=lead, once=f"form/{number}", opened_at=opened,
        )  # fmt: skip
        one.state = random.choice([*IncidentState]).value
        one.severity, one.rsit_type = random.choice(("high", "low")), random.choice(("phishing", "ddos"))
        one.waiting_until = random.choice(some)
        one.changed_at = NOW - timedelta(hours=random.randrange(5))
        if number and random.random() < 0.3:
            one.merged_into = random.choice(model.incidents).id
        if members and random.random() < 0.6:
            until = random.choice(some)
            reason = random.choice(("", "On duty"))
            add_member(session, one.compartment_id, THIRD, actor="person:5", now=NOW, until=until, reason=reason)
        session.add(IncidentAlias(incident_id=one.id, compartment_id=one.compartment_id, name=f"RT {number}"))
        same: dict[str, Any] = {"incident_id": one.id, "compartment_id": one.compartment_id}
        for part in range(random.randrange(4)):
            state = random.choice([*TaskState]).value
            lesson, left_open = random.random() < 0.2, random.random() < 0.3
            session.add(IncidentTask(
                **same, text="Ring", state=state, owner=None, due_at=random.choice(some), result="", made_at=NOW,
                ended_at=None, lesson=lesson, left_open=left_open,
            ))  # fmt: skip
            session.add(IncidentObservable(
                **same, kind="domain", value=f"a{part}.example", role="source", tlp="AMBER", added_at=NOW,
                withdrawn_at=random.choice((None, None, NOW)),
                unreviewed_since=random.choice((None, NOW - timedelta(hours=number), NOW)),
            ))  # fmt: skip
            by = f"person:{random.choice(PEOPLE)}"
            entry = add_entry(session, one, IncidentEntryKind.NOTE, actor=by, now=NOW, text="Rang")
            if random.random() < 0.5:
                kind = random.choice((IncidentEntryKind.NOTE, IncidentEntryKind.MERGE))
                data = {"state": random.choice(("new", "waiting"))} if random.random() < 0.7 else {}
                later = add_entry(session, one, kind, actor=by, now=NOW, text="Rang twice", data=data)
                later.supersedes = random.choice((None, entry.id))
            if random.random() < 0.5:
                person = random.choice(PEOPLE)
                note_look(session, one, person, entry.id)
                model.looks[person, one.id] = entry.id
        session.add(Party(
            **same, role="reporter", name="A", mailbox="", phone="", language="en", ceiling="RED", added_at=NOW,
        ))  # fmt: skip
        session.flush()
        model.incidents.append(one)
    session.flush()
    model.members += session.scalars(select(CompartmentMember).order_by(CompartmentMember.id))
    model.tasks += session.scalars(select(IncidentTask).order_by(IncidentTask.id))
    model.observables += session.scalars(select(IncidentObservable).order_by(IncidentObservable.id))
    model.parties += session.scalars(select(Party).order_by(Party.id))
    model.entries += session.scalars(select(IncidentEntry).order_by(IncidentEntry.id))
    return model


def waits(one: Incident) -> bool:
    return one.state == IncidentState.WAITING and one.waiting_until is not None and one.waiting_until <= NOW


def due(model: Model, task: IncidentTask) -> bool:
    """Of what is worked on what should be done by now, of the rest what a person left open; lessons never."""
    live = model.of(task.incident_id).state in UNDER_WAY
    ripe = task.due_at is not None and task.due_at <= NOW if live else task.left_open
    return task.state in UNDONE and not task.lesson and ripe


def sighted(model: Model, one: IncidentObservable, person: int | None) -> bool:
    incident = model.of(one.incident_id)
    mine = incident.compartment_id == TEAM or incident.lead in {None, person}
    return one.unreviewed_since is not None and one.withdrawn_at is None and mine


def unseen(one: CompartmentMember, person: int | None) -> bool:
    """Who reads as nobody looks at nothing a second time."""
    return one.reason != "" and one.reviewed_by is None and one.person != person and person is not None


def waiting(dates: Iterable[datetime | None], *, limit: bool = False) -> WaitingCount:
    found = list(dates)
    first = min((one for one in found if one is not None), default=None)
    return WaitingCount(len(found), first, first if limit else None)


@pytest.mark.parametrize("seed", range(2))
def test_lists_and_counts_are_those_of_what_one_may_read(database: Database, seed: int) -> None:
    with database.begin() as session:
        model = made(session, Random(seed))
        for person in (*PEOPLE, None):
            who, may = IncidentReader(person, NOW), model.compartments(person)
            assert read.compartments_of(session, who) == tuple(sorted(may))
            mine = [one for one in model.incidents if one.compartment_id in may]
            mine.sort(key=lambda one: (one.changed_at, one.id), reverse=True)
            tasks = [one for one in model.tasks if one.compartment_id in may and due(model, one)]
            seen = [one for one in model.observables if one.compartment_id in may and sighted(model, one, person)]
            news = {one.compartment_id for one in model.members if unseen(one, person)}
            needs = {
                IncidentNeed.WAITING: {one.id for one in mine if waits(one)},
                IncidentNeed.TASK: {one.incident_id for one in tasks},
                IncidentNeed.SIGHTING: {one.incident_id for one in seen},
                IncidentNeed.ACCESS: {one.id for one in mine if one.compartment_id in news},
            }
            every = tuple(IncidentState)
            searches = {
                IncidentSearch(): [one for one in mine if one.state in UNDER_WAY],
                IncidentSearch(every): mine,
                IncidentSearch(()): mine,
                IncidentSearch((IncidentState.CLOSED,)): [one for one in mine if one.state == IncidentState.CLOSED],
                IncidentSearch(every, lead=NO_LEAD): [one for one in mine if one.lead is None],
                IncidentSearch(every, lead=LEAD): [one for one in mine if one.lead == LEAD],
                IncidentSearch(every, severity="high"): [one for one in mine if one.severity == "high"],
                IncidentSearch(every, rsit_type="ddos"): [one for one in mine if one.rsit_type == "ddos"],
                IncidentSearch(every, words="bank LEAK"): [one for one in mine if one.title == "Leak at bank"],
                IncidentSearch(every, words="%"): [one for one in mine if "%" in one.title],
                IncidentSearch(every, words=mine[3].reference): [mine[3]],
                **{IncidentSearch(every, need=one): [of for of in mine if of.id in needs[one]] for one in needs},
            }
            for search, wanted in searches.items():
                assert list(read.list_incidents(session, who, search)) == wanted, search
                assert read.count_incidents(session, who, search) == len(wanted), search
            third = mine[2].changed_at, mine[2].id
            assert list(read.list_incidents(session, who, IncidentSearch(()), after=third, limit=4)) == mine[3:7]
            assert list(read.open_incidents(session, who, limit=3)) == searches[IncidentSearch()][:3]
            fresh = [one.opened_at for one in mine if one.state == IncidentState.NEW]
            assert read.without_lead(session, who) == waiting(fresh)
            assert read.waited_enough(session, who) == waiting((o.waiting_until for o in mine if waits(o)), limit=True)
            assert read.due_tasks(session, who) == waiting((one.due_at for one in tasks), limit=True)
            assert read.sightings_to_review(session, who) == waiting(one.unreviewed_since for one in seen)
            found = {of.id: one.compartment_id for one, of in read.access_to_review(session, who)}
            in_reach = [one for one in model.members if unseen(one, person) and one.compartment_id in may]
            assert found == {one.id: one.compartment_id for one in in_reach}


@pytest.mark.parametrize("seed", range(2))
def test_an_incident_and_its_parts_are_those_of_what_one_may_read(database: Database, seed: int) -> None:
    with database.begin() as session:
        model = made(session, Random(seed))
        numbers, references = [one.id for one in model.incidents], {one.reference for one in model.incidents}
        for person in (*PEOPLE, None):
            who, may = IncidentReader(person, NOW), model.compartments(person)
            mine = [one for one in model.incidents if one.compartment_id in may]
            named = {one.id: one.reference for one in mine}
            assert read.references_by_number(session, who, [*numbers, None]) == named
            assert read.known_references(session, who, references) == {*named.values()}
            undone = [o.incident_id for o in model.tasks if o.compartment_id in may and o.state in UNDONE]
            assert read.open_tasks(session, who, model.incidents) == {one: undone.count(one) for one in undone}
            new = [
                one.incident_id for one in model.entries
                if one.compartment_id in may and one.by != f"person:{person}" and person is not None
                and one.id > model.looks.get((person, one.incident_id), one.id)
            ]  # fmt: skip
            assert read.new_entries(session, who, model.incidents) == {one: new.count(one) for one in new}
            for place, one in enumerate(model.incidents):
                known = one if one in mine else None
                for name in (f" RT {place} ", one.reference, one.reference.lower()):
                    assert find(session, who, name) is known, name
                assert read.known_entry(session, who, f"form/{place}") is known
                assert read.seen_entry(session, who, one) == model.looks.get((person or 0, one.id))
                check_parts(session, model, who, one)
        for place, one in enumerate(model.incidents):
            restricted = one.compartment_id != TEAM
            assert read.is_restricted(one) == restricted
            named_there = [of for of in model.members if restricted and of.compartment_id == one.compartment_id]
            assert list(read.members_of(session, one)) == named_there
            other = model.incidents[place - 1]
            both = read.readable_by_all_of(one, other)
            assert both == (not restricted or one.compartment_id == other.compartment_id)
            merges = [e for e in model.entries if e.incident_id == one.id and e.kind == "merge" and "state" in e.data]
            assert read.before_merge(session, one) == (merges[-1].data["state"] if merges else IncidentState.OPEN)
            if restricted:
                assert read.find_restricted(session, one.reference.lower()) is one
            else:
                with pytest.raises(NotFoundError, match=one.reference):
                    read.find_restricted(session, one.reference)
        corrected = {one.supersedes: one.id for one in model.entries if one.supersedes}
        assert read.corrections_of(session, model.entries) == corrected
        assert read.incident_numbers(session, references) == {*numbers}
        last = model.observables[-1].id
        assert read.highest_observable(session) == last
        live = [o for o in model.observables if o.withdrawn_at is None and model.of(o.incident_id).state in UNDER_WAY]
        after = [one for one in live if one.id > last // 2]
        assert list(read.observables_after(session, last // 2, 5)) == after[:5]
        assert list(read.observables_after(session, last // 2, 1_000)) == after


def find(session: Session, who: IncidentReader, name: str) -> Incident | None:
    try:
        return read.find_incident(session, who, name, lock=True)
    except NotFoundError as error:
        assert name[:60] in str(error)  # noqa: PT017  # what was looked for is named, whether it is there or not
        return None


def check_parts(session: Session, model: Model, who: IncidentReader, one: Incident) -> None:
    """The family of an incident and its parts, also one by one, as far as they are read."""
    may = model.compartments(who.person)
    family = sorted(model.family(one, may), key=lambda of: of.id)
    assert sorted(read.merged_family(session, who, one), key=lambda of: of.id) == family
    root = one
    while root.merged_into is not None and model.of(root.merged_into).compartment_id in may:
        root = model.of(root.merged_into)
    assert read.merged_root(session, who, one) is root
    inside = {of.id for of in family}
    kinds: tuple[tuple[list[Any], Any, Any], ...] = (
        (model.tasks, read.tasks_of, read.find_task),
        (model.parties, read.parties_of, read.find_party),
        ([of for of in model.observables if of.withdrawn_at is None], read.observables_of, read.find_observable),
    )
    for rows, all_of, single in kinds:
        mine = [of for of in rows if of.incident_id in inside and of.compartment_id in may]
        assert list(all_of(session, who, family)) == mine
        for of in rows[:: len(rows) // 3]:
            if of in mine:
                assert single(session, who, one, of.id) is of
            else:
                with pytest.raises(NotFoundError, match=one.reference):
                    single(session, who, one, of.id)
    entries = [of for of in model.entries if of.incident_id in inside and of.compartment_id in may][::-1]
    assert list(read.entries_of(session, who, family)) == entries
    assert read.last_entry(session, who, family) == (entries[0].id if entries else 0)
    notes = [of for of in entries if of.kind == "note"]
    if len(notes) > 1:
        kind = IncidentEntryKind.NOTE
        found = read.entries_of(session, who, family, kinds=[kind], before=notes[0].id, limit=2)
        assert list(found) == notes[1:3]
        seen, but = notes[1].id, notes[0].by
        asked: Any = {"seen": seen, "kind": kind}
        assert not read.changed_since(session, who, family, but=but, **asked)
        assert read.changed_since(session, who, family, but="person:99", **asked)
        assert not read.changed_since(session, who, family, but="person:99", seen=notes[0].id, kind=kind)

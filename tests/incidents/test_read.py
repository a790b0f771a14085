"""The one door to incidents: what a reader's compartments do not hold is as if it were not there."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    add_entry,
    add_incident,
    add_member,
    entries_of,
    entry_hash,
    find_incident,
    is_restricted,
    merged_family,
)
from tocsin.node.errors import NotFoundError
from tocsin.node.records import Database

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LEAD, OUTSIDER = 3, 4


def reader(person: int | None, now: datetime = NOW) -> IncidentReader:
    return IncidentReader(person, now)


def test_a_restricted_incident_is_there_for_whom_it_names_alone(database: Database) -> None:
    with database.begin() as session:
        made = add_incident(session, title="Leak", actor="person:3", now=NOW, members=[LEAD])
        assert is_restricted(made)
        assert find_incident(session, reader(LEAD), made.reference) is made
        for other in (OUTSIDER, None):
            with pytest.raises(NotFoundError):
                find_incident(session, reader(other), made.reference)
            assert entries_of(session, reader(other), [made]) == []


def test_who_was_let_in_until_a_time_is_out_after_it(database: Database) -> None:
    with database.begin() as session:
        made = add_incident(session, title="Leak", actor="person:3", now=NOW, members=[LEAD])
        end = NOW + timedelta(hours=1)
        add_member(session, made.compartment_id, OUTSIDER, actor="person:4", now=NOW, until=end, reason="On duty")
        assert find_incident(session, reader(OUTSIDER), made.reference) is made
        with pytest.raises(NotFoundError):
            find_incident(session, reader(OUTSIDER, end), made.reference)


def test_the_same_form_twice_is_one_incident_and_one_entry(database: Database) -> None:
    with database.begin() as session:
        first = add_incident(session, title="Leak", actor="person:3", now=NOW, once="form/1")
        assert add_incident(session, title="Leak", actor="person:3", now=NOW, once="form/1") is first
        note = _note(session, first.reference, "note/1")
        assert _note(session, first.reference, "note/1") == note
        assert len(entries_of(session, reader(None), [first])) == 2


def test_the_hash_of_an_entry_tells_a_changed_text(database: Database) -> None:
    with database.begin() as session:
        made = add_incident(session, title="Leak", actor="person:3", now=NOW)
        entry = add_entry(session, made, IncidentEntryKind.NOTE, actor="person:3", now=NOW, text="Rang the hospital")
        assert entry.sha256 == entry_hash(entry)
        entry.text = "Rang nobody"
        assert entry.sha256 != entry_hash(entry)


def test_a_family_has_all_that_was_merged_but_what_one_may_not_read(database: Database) -> None:
    with database.begin() as session:
        whole, part, secret = (
            add_incident(session, title=title, actor="person:3", now=NOW, members=members)
            for title, members in (("Whole", []), ("Part", []), ("Secret", [LEAD]))
        )
        part.merged_into, secret.merged_into = whole.id, part.id
        session.flush()
        assert merged_family(session, reader(LEAD), whole) == [whole, part, secret]
        assert merged_family(session, reader(OUTSIDER), whole) == [whole, part]


def _note(session: Session, reference: str, once: str) -> int:
    incident = find_incident(session, reader(None), reference)
    return add_entry(session, incident, IncidentEntryKind.NOTE, actor="person:3", now=NOW, text="Rang", once=once).id

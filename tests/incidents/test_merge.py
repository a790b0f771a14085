"""A merge can be undone at any later time: then all is where it would be without it, and each reference leads on.

TOCSIN_MERGES=2000 tries so many sequences of acts, in place of 100.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.world import World, make_world
from tocsin.incidents import (
    IncidentEntryKind,
    IncidentReader,
    acts,
    add_incident,
    entries_of,
    find_incident,
    merged_family,
    merged_root,
    tasks_of,
)
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import ConflictError

ACTS = {act.command: act for act in acts.ACTS}
SEQUENCES = int(os.environ.get("TOCSIN_MERGES", "40"))
MANY = 4

_which = st.integers(0, MANY - 1)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), _which, _which),
        st.tuples(st.just("unmerge"), _which, st.just(0)),
        st.tuples(st.sampled_from(["note", "add-task", "close", "reopen"]), _which, st.just(0)),
    ),
    min_size=4,
    max_size=20,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("merges"))
    with made.open:
        yield made


@dataclass
class Expected:
    """One incident, as it would be had it never been merged; ``into``: where it is merged now."""

    reference: str
    state: str = "new"
    notes: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    into: int | None = None


def do(world: World, command: str, **values: Any) -> Any:
    act = ACTS[f"incidents {command}"]
    context = ActContext(world.node, world.now, "person:1", "One", 1, act=act)
    return act.function(context, read_request(act, values))


def root_of(all_: list[Expected], place: int) -> int:
    while (into := all_[place].into) is not None:
        place = into
    return place


def step(world: World, all_: list[Expected], what: tuple[str, int, int], text: str = "") -> None:
    """Do one act, and to the expectation what a person would write down; what is refused changes nothing."""
    name, place, other = what
    one = all_[place]
    values: dict[str, Any] = {"reference": one.reference}
    match name:
        case "merge":
            allowed = one.into is None and root_of(all_, other) != place
            values["into"] = all_[other].reference
        case "unmerge":
            allowed = one.into is not None
        case "close":
            allowed = one.into is None and one.state == "new"
            values |= {"reason": "Over", "tasks": ("all leave",)}
        case "reopen":
            allowed = one.into is None
        case _:
            allowed = True
            values["text"] = text
    if not allowed:
        with pytest.raises(ConflictError):
            do(world, name, **values)
        return
    do(world, name, **values)
    match name:
        case "merge":
            one.into = other
        case "unmerge":
            one.into = None
        case "close" | "reopen":
            one.state = {"close": "closed", "reopen": "new"}[name]
        case "note":
            one.notes.append(text)
        case _:
            one.tasks.append(text)


def check(world: World, all_: list[Expected]) -> None:
    """Each reference leads to where it is worked on, and there the whole family is, each part once."""
    reader = IncidentReader(1, world.now)
    with world.node.database.reading() as session:
        for place, one in enumerate(all_):
            found = find_incident(session, reader, one.reference)
            root = all_[root_of(all_, place)]
            assert merged_root(session, reader, found).reference == root.reference
        for place, one in enumerate(all_):
            members = [of for number, of in enumerate(all_) if _is_below(all_, number, place)]
            family = merged_family(session, reader, find_incident(session, reader, one.reference))
            assert {of.reference for of in family} == {of.reference for of in members}
            notes = [of.text for of in entries_of(session, reader, family) if of.kind == IncidentEntryKind.NOTE]
            assert sorted(notes) == sorted(text for of in members for text in of.notes)


def _is_below(all_: list[Expected], place: int | None, above: int) -> bool:
    while place is not None and place != above:
        place = all_[place].into
    return place == above


@settings(max_examples=SEQUENCES, deadline=None)
@given(_steps)
def test_after_undo_all_is_where_it_would_be(world: World, steps: list[tuple[str, int, int]]) -> None:
    all_ = [Expected(do(world, "open", title=f"Incident {n}").reference) for n in range(MANY)]
    for number, what in enumerate(steps):
        step(world, all_, what, f"{what[0]} {number}")
    check(world, all_)
    for place, one in enumerate(all_):
        if one.into is not None:
            step(world, all_, ("unmerge", place, 0))
    reader = IncidentReader(1, world.now)
    with world.node.database.reading() as session:
        for one in all_:
            found = find_incident(session, reader, one.reference)
            assert merged_family(session, reader, found) == [found]
            assert (found.state, found.merged_into) == (one.state, None)
            entries = entries_of(session, reader, [found])
            assert [of.text for of in entries if of.kind == IncidentEntryKind.NOTE] == one.notes[::-1]
            assert [of.text for of in tasks_of(session, reader, [found])] == one.tasks


def test_what_not_all_may_read_is_not_merged_into(world: World) -> None:
    whole = do(world, "open", title="Whole").reference
    reader = IncidentReader(1, world.now)
    with world.node.database.begin() as session:
        secret = add_incident(session, title="Secret", actor="person:1", now=world.now, members=[1]).reference
    with pytest.raises(ConflictError, match="Not everybody"):
        do(world, "merge", reference=whole, into=secret)
    do(world, "merge", reference=secret, into=whole)
    with world.node.database.reading() as session:
        found = find_incident(session, reader, whole)
        assert [one.title for one in merged_family(session, reader, found)] == ["Whole", "Secret"]
        outsider = IncidentReader(2, world.now)
        assert [one.title for one in merged_family(session, outsider, found)] == ["Whole"]
        assert [one.kind for one in entries_of(session, outsider, [found])] == ["opened"]

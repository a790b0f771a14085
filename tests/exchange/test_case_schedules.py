"""Random schedules of acts, loss, doubling, reordering, cut links and kills over three nodes: a case has one owner.

`TOCSIN_CASE_SCHEDULES=1000` runs so many; a few in CI.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from support.ledger_examples import act, make_incident, make_node, own_key, pin_key
from support.processes import command
from support.world import World, copy_world, make_world
from tocsin.exchange.cases import CaseHistory, merge_history, read_history
from tocsin.exchange.ledger import (
    CaseEntryRow,
    ExchangeCase,
    OutgoingRow,
    close_handed_over,
    receipt_file,
    sealed_file,
)
from tocsin.exchange.partners import partner_names
from tocsin.exchange.statements import CaseEntry, RefusalError, read_statement
from tocsin.incidents import IncidentReader, entries_of, find_incident, references_by_number
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError

NAMES = ("A", "B", "C")
NODES = [UUID(int=number) for number in (1, 2, 3)]
SCHEDULES = int(os.environ.get("TOCSIN_CASE_SCHEDULES", "2"))
OWNED = ("ours", "refused", "")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[World]]:
    folder = tmp_path_factory.mktemp("nodes")
    fresh = make_world(folder / "fresh").folder
    with ExitStack() as stack:
        made = [copy_world(fresh, folder / name) for name in NAMES]
        for number, one in enumerate(made, 1):
            stack.enter_context(one.open)
            stack.enter_context(one.node.database.kept_open())  # as in `tocsin serve`
            make_node(one, number)
        for one in made:
            one.now = made[-1].now  # all keys are made by then
        for of, to in combinations(range(3), 2):
            pin_key(made[of], NAMES[to], NODES[to], own_key(made[to]))
            pin_key(made[to], NAMES[of], NODES[of], own_key(made[of]))
        yield made


@dataclass
class Schedule:
    """One case, what is on its way, which links are cut, and what its owners wrote."""

    worlds: list[World]
    random: Random
    case: UUID
    first: str
    folder: Path
    on_the_way: list[tuple[int, int, str, bytes]] = field(default_factory=list)
    cut: set[frozenset[int]] = field(default_factory=set)
    written: list[str] = field(default_factory=list)

    def row(self, who: int) -> ExchangeCase | None:
        with self.worlds[who].node.database.reading() as session:
            return session.scalar(select(ExchangeCase).where(ExchangeCase.case == self.case))

    def state(self, who: int) -> str:
        row = self.row(who)
        return row.state if row else ""

    def reference(self, who: int) -> str:
        world, row = self.worlds[who], self.row(who)
        with world.node.database.reading() as session:
            found = references_by_number(session, IncidentReader(None, world.now), [row.incident_id if row else None])
        return next(iter(found.values()), self.first if who == 0 else "")

    def history(self, who: int) -> CaseHistory | None:
        row = self.row(who)
        if row is None:
            return None
        with self.worlds[who].node.database.reading() as session:
            of = select(CaseEntryRow).where(CaseEntryRow.case_id == row.id).order_by(CaseEntryRow.number)
            entries = session.scalars(of).all()
        return read_history([read_statement(one.content.encode(), one.signature.encode()) for one in entries])

    def owns(self, who: int) -> bool:
        return self.state(who) in OWNED and bool(self.reference(who))

    def note(self, who: int) -> None:
        if self.owns(who):
            text = f"note {len(self.written)}"
            self.worlds[who].tocsin.run("incidents", "note", self.reference(who), "--text", text)
            self.written.append(text)

    def do(self, who: int, name: str, **values: Any) -> None:
        """An act; now and then its process is killed on the way, and it is done again or was done already."""
        if self.random.random() < 0.1:
            words = {"offer": [values.get("partner"), "--incident", values.get("incident")]}
            named = words.get(name, [values.get("case")])
            cuts = ["exchange.sealing", "exchange.sealed"]
            if name == "accept":
                cuts = ["exchange.opening", "exchange.adopting", "exchange.accepting", "exchange.sealing"]
            self.kill(who, self.random.choice(cuts), "exchange", name, *map(str, named))
            self.worlds[who].tocsin.call("exchange", name, *map(str, named))
            return
        with suppress(ConflictError):
            act(self.worlds[who], name, **values)

    def kill(self, who: int, point: str, *words: str) -> None:
        environment = {**os.environ, "TOCSIN_CUT": point}
        command(self.worlds[who].node.home, *words, environment=environment).wait()

    def offer(self, who: int) -> None:
        to = self.random.choice([one for one in range(3) if one != who])
        if self.owns(who):
            self.do(who, "offer", partner=NAMES[to], incident=self.reference(who))

    def answer(self, who: int) -> None:
        row = self.row(who)
        if row is None or row.state != "offered-to-us":
            return
        if row.withdrawn or self.random.random() < 0.3:
            self.do(who, "refuse", case=row.id, code="other")
        else:
            self.do(who, "accept", case=row.id)

    def withdraw(self, who: int) -> None:
        row = self.row(who)
        if row is not None and row.state == "offered":
            self.do(who, "withdraw", case=row.id)

    def close(self, who: int) -> None:
        close_handed_over(ActContext(self.worlds[who].node, self.worlds[who].now, "node"))

    def send(self, who: int) -> None:
        """All that has no receipt yet is on its way, again."""
        with self.worlds[who].node.database.reading() as session:
            rows = session.scalars(select(OutgoingRow).where(OutgoingRow.state.in_(["sealed", "stuck"]))).all()
            for row in rows:
                to = NAMES.index(partner_names(session, [row.partner_id])[row.partner_id])
                self.on_the_way.append((who, to, "file", sealed_file(self.worlds[who].node, session, row.id)[1]))

    def deliver(self, _who: int = 0) -> None:
        if not self.on_the_way:
            return
        sender, to, kind, content = self.on_the_way.pop(self.random.randrange(len(self.on_the_way)))
        if frozenset((sender, to)) in self.cut:
            return
        if kind == "receipt":
            act(self.worlds[to], "take-receipt", content=content)
            return
        if self.random.random() < 0.05:
            (self.folder / "file").write_bytes(content)
            point = self.random.choice(["exchange.opened", "exchange.taking", "exchange.taken"])
            self.kill(to, point, "exchange", "take", str(self.folder / "file"), "--out", str(self.folder / "out"))
        with suppress(RefusalError):
            done = act(self.worlds[to], "take", content=content)
            with self.worlds[to].node.database.reading() as session:
                back = receipt_file(self.worlds[to].node, session, done.incoming)[1]
            if self.random.random() > 0.2:
                self.on_the_way.append((to, sender, "receipt", back))

    def lose(self, _who: int) -> None:
        if self.on_the_way:
            self.on_the_way.pop(self.random.randrange(len(self.on_the_way)))

    def double(self, _who: int) -> None:
        if self.on_the_way:
            self.on_the_way.append(self.random.choice(self.on_the_way))

    def cut_or_join(self, who: int) -> None:
        self.cut ^= {frozenset((who, (who + 1) % 3))}

    def check(self) -> CaseHistory | None:
        """What always holds; the longest history."""
        histories = [found for who in range(3) if (found := self.history(who)) is not None]
        if not histories:
            return None
        longest = max(histories, key=lambda one: len(one.entries))
        for one in histories:
            assert merge_history(longest, one.entries) == (longest, ""), "a part of the longest"
        for end in range(1, len(longest.entries) + 1):
            assert read_history(longest.entries[:end]).owner in NODES, "one owner at each signed point"
        states = [self.state(who) for who in range(3)]
        owner = NODES.index(longest.owner)
        assert states[owner] in {"ours", "offered", "refused"}, "never none"
        free = [who for who in range(3) if (held := self.history(who)) and held.signer == NODES[who]]
        assert len(free) <= 1, "never two who may sign the next"
        return longest

    def settle(self) -> None:
        self.cut.clear()
        for _ in range(60):
            for who in range(3):
                self.send(who)
            if not self.on_the_way:
                return
            while self.on_the_way:
                self.deliver()
        raise AssertionError("it never becomes quiet")


Step = Callable[[Schedule, int], None]
STEPS: list[Step] = [
    Schedule.note, Schedule.offer, Schedule.offer, Schedule.answer, Schedule.answer, Schedule.withdraw, Schedule.close,
    Schedule.send, Schedule.send, Schedule.deliver, Schedule.deliver, Schedule.deliver, Schedule.lose, Schedule.double,
    Schedule.cut_or_join,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_a_case_changes_hands_once_and_whole(worlds: list[World], seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    name = make_incident(worlds[0], "B", "CLEAR")
    with worlds[0].node.database.reading() as session:
        case = find_incident(session, IncidentReader(None, worlds[0].now), name).uuid
    schedule = Schedule(worlds, random, case, name, tmp_path)
    begun: list[Step] = [
        Schedule.note,
        Schedule.offer,
        Schedule.send,
        Schedule.deliver,
    ]  # so that there is something to answer
    for step, who in [(one, 0) for one in begun] + [(random.choice(STEPS), random.randrange(3)) for _ in range(45)]:
        step(schedule, who)
        schedule.check()
    schedule.settle()
    for who in range(3):  # an offer that is open is answered, so that all is told at the end
        if schedule.state(who) == "offered-to-us":
            act(worlds[who], "refuse", case=getattr(schedule.row(who), "id", 0), code="other")
    schedule.settle()
    longest = schedule.check()
    if longest is None:
        return
    owner = NODES.index(longest.owner)
    for who in range(3):
        if who != owner and schedule.row(who) is not None:
            act(worlds[owner], "send", partner=NAMES[who], incident=schedule.reference(owner), classes=("analysis",))
    schedule.settle()
    schedule.check()
    found = [[(one.content, one.signature) for one in of.entries] for w in range(3) if (of := schedule.history(w))]
    assert all(one == found[0] for one in found), "equal byte for byte"
    whole = schedule.history(owner)
    assert whole is not None
    texts = [one.said(CaseEntry).text for one in whole.entries]
    if len(found) > 1:
        assert [texts.count(one) for one in schedule.written] == [1] * len(schedule.written), "none lost or doubled"
    with worlds[owner].node.database.reading() as session:
        reader = IncidentReader(None, worlds[owner].now)
        incident = find_incident(session, reader, schedule.reference(owner))
        here = [one.text for one in entries_of(session, reader, [incident])]
    assert all(here.count(one) == 1 for one in schedule.written), "nor in the incident of its owner"
    for who in range(3):
        schedule.close(who)

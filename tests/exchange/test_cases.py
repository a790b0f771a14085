"""A case changes hands once and whole, whatever becomes of the files between three nodes.

`TOCSIN_SCHEDULES=1000` runs so many random schedules; a few in CI.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.exchange_examples import NOW, Peer, peer
from tocsin.exchange.cases import CaseHistory, CaseStanding, add_entry, is_withdrawn, merge_history, read_history
from tocsin.exchange.dispatches import (
    OPEN_STATES,
    DispatchVerdict,
    IncomingLink,
    OutgoingLink,
    add_sealed,
    genesis,
    make_receipt,
    members_of,
    note_receipt,
    open_receipt,
    seal,
    seal_receipt,
    take,
)
from tocsin.exchange.statements import (
    CaseAct,
    CaseEntry,
    DispatchType,
    GlobalName,
    Receipt,
    RefusalCode,
    RefusalError,
    Statement,
)

PEERS = [peer(1), peer(2), peer(3)]
CASE = GlobalName(node=PEERS[0].node, id=UUID(int=17))
_TYPES = {
    CaseAct.OFFER: DispatchType.OFFER, CaseAct.ACCEPT: DispatchType.ACCEPT, CaseAct.REFUSE: DispatchType.REFUSE,
    CaseAct.WITHDRAW: DispatchType.WITHDRAW,
}  # fmt: skip


def entry(by: Peer, history: CaseHistory | None, act: CaseAct = CaseAct.ENTRY, **said: Any) -> Statement:
    number, before = (len(history.entries) + 1, history.head) if history else (1, None)
    return by.says(CaseEntry, case=CASE, number=number, before=before, act=act, name="A. Diop", role="lead", **said)


@dataclass
class Node:
    """What a node keeps, changed in whole steps as by transactions; a kill loses what was on its way, and no step."""

    own: Peer
    history: CaseHistory | None = None
    withdrawn: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    incoming: dict[UUID, IncomingLink] = field(default_factory=dict)
    outgoing: dict[UUID, OutgoingLink] = field(default_factory=dict)
    files: dict[tuple[UUID, int], bytes] = field(default_factory=dict)
    receipts: dict[tuple[UUID, int], bytes] = field(default_factory=dict)

    @property
    def standing(self) -> CaseStanding | None:
        return self.history.standing(self.own.node) if self.history else None

    def write(self, act: CaseAct = CaseAct.ENTRY, **said: Any) -> Statement:
        made = entry(self.own, self.history, act, **said)
        if act is not CaseAct.WITHDRAW:
            self.history = add_entry(self.history, made)
            self.written.append(made.hash)
        return made

    def send(self, to: Peer, act: CaseAct | None, *more: Statement) -> None:
        """Seal a dispatch with the whole history: its bytes are fixed now."""
        assert self.history is not None
        link = self.outgoing.get(to.node) or OutgoingLink(genesis(self.own.party, to.party))
        brought = (*self.history.entries, *more)
        sent = self.own.dispatch(
            to, brought, number=link.number + 1, before=link.head, type=_TYPES[act] if act else DispatchType.SHARE
        )  # fmt: skip
        self.outgoing[to.node] = add_sealed(link, sent)
        self.files[to.node, link.number + 1] = seal(members_of(sent, brought), to.tsk.extract_certificate())

    def came(self, file: bytes) -> tuple[UUID, bytes] | None:
        """Take a file; what goes back to whom."""
        known = self.own.receives(*(one for one in PEERS if one is not self.own), links=self.incoming)
        try:
            found = take(file, known, NOW)
        except RefusalError:
            self._receipt(open_receipt(file, known))
            return None
        sender, number = found.dispatch.by.node, found.dispatch.number
        if found.outcome.verdict is DispatchVerdict.REPEATED:
            return sender, self.receipts[sender, number]
        self.incoming[sender] = found.outcome.link
        if found.contents is not None:
            self._read(found.contents.statements)
        receipt = make_receipt(found, self.own.signer, NOW)
        back = seal_receipt(receipt, next(one for one in PEERS if one.node == sender).tsk.extract_certificate())
        if found.outcome.counts:
            self.receipts[sender, number] = back
        return sender, back

    def _receipt(self, receipt: Statement) -> None:
        sender = receipt.body.by.node
        self.outgoing[sender] = note_receipt(self.outgoing[sender], receipt.said(Receipt))

    def _read(self, statements: tuple[Statement, ...]) -> None:
        self.history, withdrawn = merge_history(self.history, statements)
        self.withdrawn |= {withdrawn} - {""}


@dataclass
class World:
    """Three nodes, what is on its way between them, and which links are cut."""

    nodes: dict[UUID, Node]
    on_the_way: list[tuple[UUID, UUID, bytes]] = field(default_factory=list)
    cut: set[frozenset[UUID]] = field(default_factory=set)

    def add(self, node: Node, _whom: int, pick: int) -> None:
        if node.standing is CaseStanding.OURS:
            node.write(text=f"note {pick}")

    def offer(self, node: Node, whom: int, _pick: int) -> None:
        to = PEERS[whom]
        if node.standing is CaseStanding.OURS and to is not node.own:
            node.write(CaseAct.OFFER, to=to.party)
            node.send(to, CaseAct.OFFER)

    def answer(self, node: Node, _whom: int, pick: int) -> None:
        if node.standing is CaseStanding.OFFERED_TO_US:
            assert node.history is not None
            offered_by = next(one for one in PEERS if one.node == node.history.owner)
            refuse = node.history.head in node.withdrawn or pick % 3 == 0
            act = CaseAct.REFUSE if refuse else CaseAct.ACCEPT
            node.write(act)
            node.send(offered_by, act)

    def withdraw(self, node: Node, _whom: int, _pick: int) -> None:
        if node.standing is CaseStanding.OFFERED:
            assert node.history is not None
            asked = node.write(CaseAct.WITHDRAW)
            node.send(next(one for one in PEERS if one.node == node.history.signer), CaseAct.WITHDRAW, asked)

    def tell(self, node: Node, whom: int, _pick: int) -> None:
        if node.history is not None and PEERS[whom] is not node.own:
            node.send(PEERS[whom], None)

    def send(self, node: Node, _whom: int, _pick: int) -> None:
        for to, link in node.outgoing.items():
            waiting = [one.number for one in link.dispatches if one.state in OPEN_STATES]
            self.on_the_way += [(node.own.node, to, node.files[to, number]) for number in waiting]

    def deliver(self, _node: Node, _whom: int, pick: int) -> None:
        if not self.on_the_way:
            return
        sender, to, file = self.on_the_way.pop(pick % len(self.on_the_way))
        if frozenset((sender, to)) in self.cut:
            return
        back = self.nodes[to].came(file)
        if back is not None and pick % 5:  # else it is killed before the receipt leaves
            self.on_the_way.append((to, *back))

    def lose(self, _node: Node, _whom: int, pick: int) -> None:
        if self.on_the_way:
            self.on_the_way.pop(pick % len(self.on_the_way))

    def double(self, _node: Node, _whom: int, pick: int) -> None:
        if self.on_the_way:
            self.on_the_way.append(self.on_the_way[pick % len(self.on_the_way)])

    def cut_or_join(self, node: Node, whom: int, _pick: int) -> None:
        self.cut ^= {frozenset((node.own.node, PEERS[whom].node))}

    def check(self) -> CaseHistory:
        """What always holds; the longest history."""
        histories = [node.history for node in self.nodes.values() if node.history is not None]
        longest = max(histories, key=lambda one: len(one.entries))
        for one in histories:
            assert merge_history(longest, one.entries) == (longest, ""), "a part of the longest"
        for end in range(1, len(longest.entries) + 1):
            assert read_history(longest.entries[:end]).owner in self.nodes  # one owner at each signed point
        assert sum(node.standing is CaseStanding.OURS for node in self.nodes.values()) <= 1  # never two
        assert self.nodes[longest.owner].standing in {CaseStanding.OURS, CaseStanding.OFFERED}  # never none
        wrote = [one for node in self.nodes.values() for one in node.written]
        assert sorted(wrote) == sorted(one.hash for one in longest.entries)  # none lost, none doubled
        return longest

    def settle(self) -> None:
        """Links are back: all is sent until everything has its receipt."""
        self.cut.clear()
        for _ in range(50):
            for node in self.nodes.values():
                self.send(node, 0, 0)
            if not self.on_the_way:
                return
            while self.on_the_way:
                self.deliver(next(iter(self.nodes.values())), 0, 1)
        raise AssertionError("it never becomes quiet")


STEPS: list[Callable[[World, Node, int, int], None]] = [
    World.add, World.offer, World.offer, World.answer, World.answer, World.withdraw, World.tell, World.send, World.send,
    World.deliver, World.deliver, World.deliver, World.deliver, World.lose, World.double, World.cut_or_join,
]  # fmt: skip
A_STEP = st.tuples(st.sampled_from(range(len(STEPS))), st.integers(0, 2), st.integers(0, 2), st.integers(0, 10_000))


@settings(max_examples=int(os.environ.get("TOCSIN_SCHEDULES", "6")), deadline=None)
@given(steps=st.lists(A_STEP, min_size=30, max_size=90))
def test_one_owner_no_entry_lost_or_doubled_and_equal_histories(steps: list[tuple[int, int, int, int]]) -> None:
    world = World({one.node: Node(one) for one in PEERS})
    first = world.nodes[PEERS[0].node]
    first.write(CaseAct.OPENED)
    for step, who, whom, pick in steps:
        STEPS[step](world, world.nodes[PEERS[who].node], whom, pick)
        world.check()
    world.settle()
    longest = world.check()
    holder = next(node for node in world.nodes.values() if node.history and node.history.head == longest.head)
    for one in PEERS:
        if one is not holder.own:
            holder.send(one, None)
    world.settle()
    world.check()
    told = {
        tuple((one.content, one.signature) for one in node.history.entries)
        for node in world.nodes.values()
        if node.history
    }
    assert len(told) == 1
    assert all(node.history for node in world.nodes.values())


def code(history: CaseHistory | None, *made: Statement) -> RefusalCode | None:
    try:
        for one in made:
            history = add_entry(history, one)
    except RefusalError as error:
        return error.code
    return None


def test_who_may_sign_what_next() -> None:
    a, b, c = PEERS
    opened = read_history([entry(a, None, CaseAct.OPENED)])
    offered = add_entry(opened, entry(a, opened, CaseAct.OFFER, to=b.party))
    taken = add_entry(offered, entry(b, offered, CaseAct.ACCEPT))
    back = add_entry(offered, entry(b, offered, CaseAct.REFUSE, code="capacity"))
    joint = add_entry(opened, entry(a, opened, CaseAct.OFFER, to=b.party, joint=True))
    assert (opened.owner, offered.owner, taken.owner, back.owner) == (a.node, a.node, b.node, a.node)
    assert add_entry(joint, entry(b, joint, CaseAct.ACCEPT)).owner == a.node
    assert (offered.standing(a.node), offered.standing(b.node), offered.standing(c.node)) == (
        CaseStanding.OFFERED, CaseStanding.OFFERED_TO_US, CaseStanding.THEIRS,
    )  # fmt: skip
    ended = add_entry(opened, entry(a, opened, CaseAct.OFFER, to=b.party, expires=NOW.replace(year=2020)))
    wrong = [
        (None, entry(b, None, CaseAct.OPENED), RefusalCode.WRONG_SIGNER),  # a case that is called after another node
        (None, entry(a, None), RefusalCode.BAD_CHAIN),
        (opened, entry(b, opened), RefusalCode.NOT_OWNER),
        (opened, entry(a, None, CaseAct.OPENED), RefusalCode.BAD_CHAIN),
        (opened, entry(a, opened, CaseAct.ACCEPT), RefusalCode.NOT_OFFERED),
        (opened, entry(a, opened, CaseAct.OFFER), RefusalCode.BAD_STATEMENT),
        (opened, entry(a, opened, CaseAct.OFFER, to=a.party), RefusalCode.BAD_STATEMENT),
        (offered, entry(a, offered), RefusalCode.OFFER_OPEN),
        (offered, entry(a, offered, CaseAct.REFUSE), RefusalCode.OFFER_OPEN),  # the offer is with the other
        (offered, entry(b, offered), RefusalCode.OFFER_OPEN),
        (offered, entry(c, offered, CaseAct.ACCEPT), RefusalCode.OFFER_OPEN),
        (taken, entry(a, taken), RefusalCode.NOT_OWNER),
        (offered, entry(b, opened, CaseAct.ACCEPT), RefusalCode.BAD_CHAIN),
        (ended, entry(b, ended, CaseAct.ACCEPT), RefusalCode.EXPIRED),
    ]
    assert [code(history, one) for history, one, _ in wrong] == [wanted for _, _, wanted in wrong]
    with pytest.raises(RefusalError) as refused:
        merge_history(taken, back.entries)
    assert refused.value.code is RefusalCode.BAD_CHAIN
    with pytest.raises(RefusalError):
        read_history([])
    other = replace(opened, entries=(entry(a, None, CaseAct.OPENED, text=str(uuid4())),))
    assert not is_withdrawn(offered, entry(b, offered, CaseAct.WITHDRAW))
    assert is_withdrawn(offered, entry(a, offered, CaseAct.WITHDRAW))
    assert not is_withdrawn(offered, entry(a, other, CaseAct.WITHDRAW))

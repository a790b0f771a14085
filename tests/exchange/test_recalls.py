"""A recall reaches all who had the thing, by whatever way, once; what it names never comes back."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from support.exchange_examples import NOW, peer
from tocsin.exchange import (
    Transfer,
    add_tombstones,
    check_item,
    check_recall,
    due_items,
    goes_on_to,
    silent,
    sum_reports,
)
from tocsin.exchange.statements import (
    ItemResult,
    Recall,
    RecallItem,
    RecallReport,
    RecallRequest,
    RecallState,
    RefusalCode,
    RefusalError,
    SharedItem,
)

A, B, C = peer(1), peer(2), peer(3)
THING = (A.node, uuid4())


def recall(version: int = 2, thing: tuple[UUID, UUID] = THING, asks: RecallRequest = RecallRequest.ERASE) -> Recall:
    item = RecallItem(node=thing[0], id=thing[1], version=version)
    return Recall(**A.head(), items=(item,), code="wrong", asks=asks)


def item(version: int) -> SharedItem:
    return A.item(b"x", item={"node": THING[0], "id": THING[1]}, version=version).said(SharedItem)


def test_a_recall_goes_on_to_all_who_had_it_once_and_loops_end() -> None:
    passed = [
        Transfer(THING, 1, "C", "dispatch"), Transfer(THING, 2, "C", "taxii"), Transfer(THING, 2, "D", "mail"),
        Transfer(THING, 3, "E", "misp"), Transfer((A.node, uuid4()), 1, "F", "api"),
        Transfer(THING, 1, str(A.node), "api"),
    ]  # fmt: skip
    assert [one.to for one in goes_on_to(recall(), passed, set())] == ["C", "D"]
    assert goes_on_to(recall(), passed, {"C", "D"}) == []
    assert [one.to for one in goes_on_to(recall(version=3), passed, {"C"})] == ["D", "E"]
    reached, rounds, to_do = set[str](), 0, ["A"]
    ring = {"A": ["B", "C"], "B": ["C", "A"], "C": ["A", "B", "D"], "D": ["B"]}  # each passed it on to these
    while to_do:
        here, rounds = to_do.pop(), rounds + 1
        reached.add(here)
        transfers = [Transfer(THING, 1, to, "dispatch") for to in ring[here]]
        to_do += [one.to for one in goes_on_to(recall(), transfers, reached | set(to_do))]
    assert (reached, rounds) == ({"A", "B", "C", "D"}, 4)


def test_what_was_recalled_never_comes_in_again_also_where_the_recall_came_first() -> None:
    tombstones = add_tombstones({}, recall(version=2))
    tombstones = add_tombstones(tombstones, recall(version=1))
    assert tombstones == {THING: 2}
    check_item(item(3), tombstones)
    for version in (1, 2):
        with pytest.raises(RefusalError) as refused:
            check_item(item(version), tombstones)
        assert refused.value.code is RefusalCode.RECALLED
    assert add_tombstones({}, recall(asks=RecallRequest.NARROW)) == {}


def test_only_the_source_recalls_and_signs() -> None:
    check_recall(recall())
    foreign = item(1).model_copy(update={"by": B.party})
    with pytest.raises(RefusalError) as refused:
        check_recall(recall(thing=(B.node, uuid4())))
    assert refused.value.code is RefusalCode.WRONG_SIGNER
    with pytest.raises(RefusalError) as refused:
        check_item(foreign, {})
    assert refused.value.code is RefusalCode.WRONG_SIGNER


@pytest.mark.parametrize(
    ("held", "kept", "asks", "due", "settled"),
    [
        ({}, {}, "erase", 0, [("not-held", None)]),
        ({THING: 3}, {}, "erase", 0, [("not-held", None)]),  # a newer version is another thing to say
        ({THING: 2}, {}, "erase", 1, []),
        ({THING: 2}, {THING: "legal-hold"}, "erase", 0, [("kept", "legal-hold")]),
        ({THING: 2}, {THING: "legal-hold"}, "stop-using", 1, []),  # a hold does not keep one from that
    ],
)
def test_what_a_recall_asks_here(
    held: dict[tuple[UUID, UUID], int],
    kept: dict[tuple[UUID, UUID], str],
    asks: str,
    due: int,
    settled: list[tuple[str, str | None]],
) -> None:
    open_, answered = due_items(recall(asks=RecallRequest(asks)), held, kept)
    assert (len(open_), [(one.state.value, one.code) for one in answered]) == (due, settled)


def test_reports_sum_upward_without_names_and_silence_has_its_date() -> None:
    result = ItemResult(node=THING[0], id=THING[1], version=2, state=RecallState.KEPT, code="legal-hold")
    kept = RecallReport(**C.head(), on=f"sha256:{'0' * 64}", results=(result,), passed_on=3, done=2, silent=1)
    done = RecallReport(**B.head(), on=f"sha256:{'0' * 64}")
    total = sum_reports(3, [kept, done], silent_ones=1)
    assert (total.passed_on, total.done, total.kept, total.silent) == (6, 3, 1, 2)
    assert total.done + total.kept + total.silent == total.passed_on
    sent = {"C": NOW - timedelta(days=8), "D": NOW - timedelta(days=8), "E": NOW}
    assert silent(sent, {"C"}, NOW - timedelta(days=7)) == {"D": NOW - timedelta(days=8)}

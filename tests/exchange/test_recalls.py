"""A recall reaches all who had the thing, by whatever way, once; what it names never comes back."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.exchange_examples import peer
from tocsin.exchange.ledger.recalls.ending import _without
from tocsin.exchange.recalls import (
    Transfer,
    check_item,
    check_recall,
    due_items,
    goes_on_to,
)
from tocsin.exchange.statements import (
    Recall,
    RecallItem,
    RecallRequest,
    RefusalCode,
    RefusalError,
    SharedItem,
)

A, B, C = peer(1), peer(2), peer(3)
THING = (A.node, uuid4())


def recall(version: int = 2, thing: tuple[UUID, UUID] = THING) -> Recall:
    item = RecallItem(node=thing[0], id=thing[1], version=version)
    return Recall(**A.head(), items=(item,), code="wrong", asks=RecallRequest.ERASE)


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


def test_what_was_recalled_never_comes_in_again() -> None:
    tombstones = {THING: 2}
    check_item(item(3), tombstones)
    for version in (1, 2):
        with pytest.raises(RefusalError) as refused:
            check_item(item(version), tombstones)
        assert refused.value.code is RefusalCode.RECALLED


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
    ("held", "due", "settled"),
    [
        ({}, 0, ["not-held"]),
        ({THING: 3}, 0, ["not-held"]),  # a newer version is another thing to say
        ({THING: 2}, 1, []),
    ],
)
def test_what_a_recall_asks_here(held: dict[tuple[UUID, UUID], int], due: int, settled: list[str]) -> None:
    open_, answered = due_items(recall(), held)
    assert (len(open_), [one.state.value for one in answered]) == (due, settled)


SAID = re.compile("kit\\.example|kit", re.IGNORECASE)
TEXTS = st.text("kitKIT.example ", max_size=30)
NESTED = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(NESTED)
def test_words_of_an_item_go_from_whatever_a_text_is_in_and_all_else_stays(value: Any) -> None:
    found = _without(value, SAID)
    assert not SAID.search(repr(found))
    assert shape(found) == shape(value)
    if not SAID.search(repr(value)):
        assert found == value


def shape(value: Any) -> Any:
    """A value with its texts made alike."""
    match value:
        case str():
            return str
        case list():
            return [shape(one) for one in value]
        case dict():
            return {name: shape(one) for name, one in value.items()}
    return value

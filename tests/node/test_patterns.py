"""No pattern of the source takes time out of proportion, whatever text it is asked with.

Asked are all patterns of Python's `re`, each with texts of its own signs. Patterns of Polars and of Pydantic are not:
both use Rust's engine, which is linear in the text. A pattern that is only ever given short texts says so beside it, as
``# within 400``; the code around it must see to that.
"""

import re
from collections.abc import Callable
from itertools import islice
from time import thread_time
from typing import Any, Final

import pytest

from support.patterns import SOURCE, HardText, SourcePattern, hard_texts, patterns_of_source

_LADDER: Final = (12, 20, 28, 40, 48, 64, 256, 3_000)
"""Short ones first: time that doubles with each sign must be seen before it takes years."""
_TIMES: Final = 1_000
_LONGEST: Final = 20_000
_SLOW: Final = 0.002
"""Seconds of processor time from which growth is measured; what is bounded may take no more at its bound."""
_NOT_OURS: Final = {
    "exchange/ledger/recalls/ending.py": "words that an item said, each as it is",
    "server/api/application.py": "the pattern of a route, which Starlette made of ours",
}


def test_patterns_take_time_in_proportion_to_the_text() -> None:
    found, unread = patterns_of_source()
    assert len(found) > 350
    assert [place for place in unread if place.partition(":")[0] not in _NOT_OURS] == []
    assert [slow for pattern in found for slow in _out_of_proportion(pattern)] == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', "finditer"),
        (r"[\w@.:/+-]*\w", "findall"),
        (r"(a+)+b", "match"),
        (r"\s+$", "search"),
        (r'<th scope="col"[^>]*>(.*?)</th>', "finditer"),
        (r"(?:a|b|ab)*c", "fullmatch"),
    ],
)
def test_what_grows_faster_is_found(pattern: Any, method: str) -> None:
    slow = SourcePattern("here", re.compile(pattern, re.DOTALL), frozenset({method}), 0)
    assert next(iter(_out_of_proportion(slow)), None) is not None


def test_models_are_checked_by_the_linear_engine() -> None:
    asked = [path.name for path in SOURCE.rglob("*.py") if "regex_engine" in path.read_text(encoding="utf-8")]
    assert asked == []


def _out_of_proportion(one: SourcePattern) -> list[str]:
    slow = (text for call in one.calls() for text in hard_texts(one.pattern) if _grows(call, text, one.within))
    return [f"{one.place} {one.pattern.pattern!r} asked with {text.of(40)!r}" for text in islice(slow, 1)]


def _grows(call: Callable[[Any], object], text: HardText, within: int) -> bool:
    if within:
        return _cost(call, text.of(within)) > _SLOW and _best(call, text.of(within)) > _SLOW
    longest = min(_LONGEST, _TIMES * len(text.repeated))
    lengths = [*_LADDER, longest] if longest > _LADDER[-1] else _LADDER
    return any(_cost(call, text.of(length)) > _SLOW and _is_confirmed(call, text, length) for length in lengths)


def _is_confirmed(call: Callable[[Any], object], text: HardText, length: int) -> bool:
    """Whether twice the text takes three times as long, twice; ``length``: one that can be measured."""
    before, now = (_best(call, text.of(part)) for part in (length // 2, length))
    if now < _SLOW or now < 3 * before:
        return False
    return now > 9 * before or _best(call, text.of(2 * length)) > 3 * now


def _best(call: Callable[[Any], object], text: Any) -> float:
    return min(_cost(call, text) for _ in range(3))


def _cost(call: Callable[[Any], object], text: Any) -> float:
    begin = thread_time()
    call(text)
    return thread_time() - begin

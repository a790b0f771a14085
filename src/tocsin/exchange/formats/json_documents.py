"""JSON as others wrote it, bounded before it is parsed: bytes, depth and members; I-JSON (RFC 7493) or a fault.

A name twice in an object, half of a surrogate pair and ``NaN`` are faults: two readers would read two things.
"""

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from tocsin.exchange.formats import Fault

MOST_BYTES: Final = 1 << 25
MOST_DEPTH: Final = 100
MOST_MEMBERS: Final = 2_000_000

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])|(,)', re.DOTALL)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class UnreadableError(ValueError):
    """A document that cannot be read at all; ``fault`` says where and why."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.fault = Fault(path, "", reason)


def read_document(data: bytes) -> Any:
    """The value of one JSON text.

    Raises:
        UnreadableError: it is too large, too deep, or no JSON.

    """
    _bound(data)
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_number)
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UnreadableError(f"It is no JSON: {error.msg}.", f"line {error.lineno}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError("It is not UTF-8.", f"line {line}") from None
    except UnicodeEncodeError:
        raise UnreadableError("It has half of a surrogate pair.") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"It is no JSON: {error}.") from None
    return value


def read_documents(data: bytes) -> Iterator[tuple[str, Any]]:
    """Each document of a file with its path: one document, an array of them, or one a line.

    A document that cannot be read is the `UnreadableError` that says why.
    """
    lines = [line for line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1) if line[1].strip()]
    if len(lines) > 1 and all(text.strip().startswith(b"{") and text.strip().endswith(b"}") for _, text in lines):
        for number, text in lines:
            yield f"line {number}", _or_error(text, number)
        return
    value = _or_error(data, 0)
    if isinstance(value, list):
        yield from ((f"[{place}]", one) for place, one in enumerate(value))
    else:
        yield "", value


def _or_error(data: bytes, line: int) -> Any:
    try:
        return read_document(data)
    except UnreadableError as error:
        return UnreadableError(error.fault.reason, f"line {line}" if line else error.fault.path)


def _bound(data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"It has more than {MOST_BYTES:,} bytes.")
    members = 0
    steps = ((1 if one[1] else -1 if one[2] else 0, bool(one[1] or one[3])) for one in _TOKEN.finditer(data))
    for depth, member in accumulate(steps, lambda before, now: (before[0] + now[0], now[1]), initial=(0, False)):
        members += member
        if depth > MOST_DEPTH:
            raise UnreadableError(f"It is nested more than {MOST_DEPTH} levels deep.")
        if members > MOST_MEMBERS:
            raise UnreadableError(f"It has more than {MOST_MEMBERS:,} members.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return made


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")

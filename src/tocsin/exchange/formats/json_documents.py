"""Documents of JSON from elsewhere: measured before they are parsed, so that none can take all memory or time."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tocsin.node.confined import confined
from tocsin.node.errors import InputError

MOST_BYTES: Final = 128 * 2**20
"""Of one file; an event of 200,000 attributes has some 70 MB."""

MOST_DEPTH: Final = 100
MOST_MEMBERS: Final = 8_000_000

_STRING: Final = rb'"(?:[^"\\]++|\\.?)*+"?'  # one that never ends goes to the end, so that each byte is read once
_BRACKET: Final = re.compile(rb'(?:%s|[^"\[\]{}]++)*+([\[\]{}]|\Z)' % _STRING, re.DOTALL)
_COMMA: Final = re.compile(rb"%s|(,)" % _STRING, re.DOTALL)


def check_size(data: bytes) -> None:
    """Nothing.

    Raises:
        InputError: it has more bytes than any honest file.

    """
    if len(data) > MOST_BYTES:
        raise InputError(f"It has more than {MOST_BYTES // 2**20} MiB.")


def parse_json(data: bytes) -> Any:
    """The value of a JSON document (RFC 8259; I-JSON's rule on surrogates, RFC 7493).

    Raises:
        InputError: it is none, or larger, deeper or of more members than `MOST_BYTES`, `MOST_DEPTH`, `MOST_MEMBERS`.

    """
    measure_json(data)
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be stored or shown
    except UnicodeError:
        raise InputError("It is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"It is no JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise InputError(f"It is no JSON: {error}.") from None
    return value


@confined(seconds=20, megabytes=2_000, answer_megabytes=512)
def parse_foreign_json(data: bytes) -> Any:
    """As `parse_json`, in a confined process: for whoever serves others beside."""
    return parse_json(data)


@confined(seconds=20)
def measure_foreign_json(data: bytes) -> None:
    """As `measure_json`, in a confined process: for whoever serves others beside."""
    measure_json(data)


def text_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not empty, with their numbers from 1."""
    check_size(data)
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield number, line


def read_documents(data: bytes) -> Iterator[tuple[str, Any]]:
    """Each document with its place in the file; of a line that cannot be read, the `InputError` that says why.

    Raises:
        InputError: it is not one a line, and cannot be read.

    """
    lines = [(number, text.strip()) for number, text in text_lines(data.removeprefix(b"\xef\xbb\xbf"))]
    if len(lines) > 1 and all(text[:1] + text[-1:] == b"{}" for _, text in lines):
        for number, text in lines:
            yield f"line {number}", _value_or_error(text)
        return
    value = parse_json(data)
    if isinstance(value, list):
        yield from ((f"[{place}]", one) for place, one in enumerate(value))
    else:
        yield "", value


def write_json(value: object) -> bytes:
    """The value as indented UTF-8."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"


def measure_json(data: bytes) -> None:
    """Nothing, before anything is parsed.

    Raises:
        InputError: it is larger, deeper or of more members than `MOST_BYTES`, `MOST_DEPTH`, `MOST_MEMBERS`.

    """
    check_size(data)
    if is_nested(data, MOST_DEPTH):
        raise InputError(f"It is nested more than {MOST_DEPTH} levels deep.")
    # Few documents have so many commas that those of their texts matter.
    if data.count(b",") > MOST_MEMBERS and sum(one[1] is not None for one in _COMMA.finditer(data)) > MOST_MEMBERS:
        raise InputError(f"It has more than {MOST_MEMBERS:,} members.")


def is_nested(data: bytes, most: int) -> bool:
    """Whether more than so many objects and arrays stand within each other, by the brackets outside of texts."""
    if data.count(b"{") + data.count(b"[") <= most:
        return False
    depth = 0
    for found in _BRACKET.finditer(data):
        depth += 1 if found[1] in {b"[", b"{"} else -1
        if depth > most:
            return True
    return False


def _value_or_error(text: bytes) -> Any:
    try:
        return parse_json(text)
    except InputError as error:
        return error


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")

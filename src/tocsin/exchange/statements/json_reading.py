"""JSON of others, read within limits that hold before it is parsed: I-JSON (RFC 7493)."""

import json
import math
from typing import Any, Final

from tocsin.exchange.formats import is_nested
from tocsin.exchange.statements.refusals import RefusalCode, RefusalError

LARGEST: Final = 1_000_000
"""Bytes of a statement."""
DEEPEST: Final = 24
"""Objects and arrays within each other."""
_LARGEST_NUMBER: Final = 2**53 - 1  # RFC 7493, 2.2


def read_object(content: bytes) -> dict[str, Any]:
    """The JSON object in these bytes.

    Raises:
        RefusalError: it is too large, too deep, or not I-JSON.

    """
    if len(content) > LARGEST:
        raise RefusalError(RefusalCode.TOO_LARGE, f"It has {len(content):,} bytes; at most {LARGEST:,} are read.")
    if is_nested(content, DEEPEST):
        raise RefusalError(RefusalCode.TOO_DEEP, f"It is nested more than {DEEPEST} levels deep.")
    try:
        value = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_float,
            parse_int=_int,
        )  # fmt: skip
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no text (RFC 7493, 2.1)
    except (ValueError, RecursionError) as error:
        raise RefusalError(RefusalCode.BAD_JSON, f"It is not I-JSON in UTF-8: {error}.") from error
    if not isinstance(value, dict):
        raise RefusalError(RefusalCode.BAD_JSON, "It is JSON, and not an object.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise RefusalError(
            RefusalCode.DUPLICATE_KEY, "A name is twice in one object: readers differ in which one counts."
        )
    return made


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is larger than any number of IEEE 754")
    return number


def _int(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) > _LARGEST_NUMBER:
        raise ValueError(f"{text[:20]} is larger than readers of JSON agree upon")
    return number

"""What a partner's program sends, read piece by piece: an event of 200,000 attributes is never in memory as a whole."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any, Final

from tocsin.exchange.faces.misp.shapes import ShapeError
from tocsin.exchange.formats import measure_json
from tocsin.node.errors import InputError

MOST_ATTRIBUTES: Final = 250_000
"""Of one event."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PARTS: Final = {"Attribute", "Object"}

Json = Mapping[str, Any]


def _no_number(text: str) -> float:
    raise ValueError(text)


_DECODER: Final = JSONDecoder(parse_constant=_no_number)


def read_body(body: bytes) -> Any:
    """The JSON of a request; of an empty one nothing.

    Raises:
        InputError: it is no JSON, or is larger or deeper than any honest request.

    """
    if not body.strip():
        return {}
    measure_json(body)
    try:
        found = json.loads(body, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair cannot be stored
    except ValueError as error:
        raise InputError("It is no JSON.") from error
    return found


@dataclass
class EventReader:
    """An event, wrapped in ``Event`` or not: ``take`` gets each attribute and object, `read` gives all else."""

    take: Callable[[str, Json], None]
    parts: int = 0
    _text: str = field(default="", init=False)

    def read(self, body: bytes) -> dict[str, Any]:
        """All but the attributes and objects.

        Raises:
            InputError: it is no event, or has more attributes than `MOST_ATTRIBUTES`.

        """
        measure_json(body)
        try:
            self._text = body.decode("utf-8-sig")
            found, _ = self._object(self._after(0, "{"), 0)
        except ShapeError:
            raise
        except (ValueError, IndexError, RecursionError, TypeError, AttributeError) as error:
            raise InputError("It is no JSON of an event.") from error
        return found

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        text = self._text
        while text[at] != "}":
            key, at = _DECODER.raw_decode(text, self._at(at, '"'))
            at = self._after(self._space(at), ":")
            if key == "Event" and text[at] == "{" and not depth:
                inner, at = self._object(self._after(at, "{"), depth + 1)
                found |= inner
            elif key in _PARTS and text[at] == "[":
                at = self._elements(key, self._after(at, "["))
            else:
                found[key], at = _DECODER.raw_decode(text, at)
                _check_text(found[key])
            at = self._space(at)
            at = self._after(at, ",") if text[at] == "," else at
        return found, self._space(at + 1)

    def _elements(self, kind: str, at: int) -> int:
        while self._text[at] != "]":
            one, at = _DECODER.raw_decode(self._text, at)
            if not isinstance(one, dict):
                raise ValueError(kind)  # noqa: TRY004  # one error for all that is no event
            self.parts += 1 + len(one.get("Attribute") or ())
            if self.parts > MOST_ATTRIBUTES:
                raise InputError(f"An event has at most {MOST_ATTRIBUTES:,} attributes here.")
            _check_text(one)
            self.take(kind, one)
            at = self._space(at)
            at = self._after(at, ",") if self._text[at] == "," else at
        return at + 1

    def _after(self, at: int, sign: str) -> int:
        return self._space(self._at(at, sign) + 1)

    def _at(self, at: int, sign: str) -> int:
        at = self._space(at)
        if self._text[at] != sign:
            raise ValueError(at)
        return at

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at


def _check_text(value: object) -> None:
    """Half of a surrogate pair cannot be stored, nor can NUL."""
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("NUL")
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_text(name)
            _check_text(one)
    elif isinstance(value, list):
        for one in value:
            _check_text(one)

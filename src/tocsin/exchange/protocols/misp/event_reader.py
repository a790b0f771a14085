"""What a partner's program sends, read piece by piece: an event of 200,000 attributes is never in memory as a whole."""

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tocsin.exchange.formats import measure_foreign_json, parse_foreign_json
from tocsin.exchange.protocols.misp.shapes import ShapeError
from tocsin.node.errors import InputError

MOST_ATTRIBUTES: Final = 250_000
"""Of one event."""

_LOOK: Final = 3  # a number may go on behind "1e+"
_SPACE: Final = frozenset(" \t\r\n")
_PARTS: Final = {"Attribute", "Object"}

Json = Mapping[str, Any]


def _no_number(text: str) -> float:
    raise ValueError(text)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number)


def read_body(body: bytes) -> Any:
    """The JSON of a request; of an empty one nothing.

    Raises:
        InputError: it is no JSON, or is larger or deeper than any honest request.

    """
    return parse_foreign_json(body) if body.strip() else {}


class _NoEventError(ValueError):
    """Something stands where an event has none of its kind."""


@dataclass
class EventReader:
    """An event, wrapped in ``Event`` or not: ``take`` gets each attribute and object, `read` gives all else.

    ``block``: bytes that are decoded at once, at least.
    """

    take: Callable[[str, Json], None]
    block: int = 1 << 18
    parts: int = 0
    _body: bytes = field(default=b"", init=False)
    _next: int = field(default=0, init=False)  # of the bytes, those not decoded yet begin here
    _text: str = field(default="", init=False)  # what is decoded and was not dropped
    _at: int = field(default=0, init=False)

    def read(self, body: bytes) -> dict[str, Any]:
        """All but the attributes and objects.

        Raises:
            InputError: it is no event, or has more attributes than `MOST_ATTRIBUTES`.

        """
        measure_foreign_json(body)
        self._body, self._decode = body, codecs.getincrementaldecoder("utf-8-sig")().decode
        try:
            return self._object(0)
        except ShapeError:
            raise
        except (ValueError, RecursionError, TypeError, AttributeError) as error:
            raise InputError("It is no JSON of an event.") from error

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in self._members("{", "}"):
            key, sign = self._value(), self._skip(":")
            if not isinstance(key, str):
                raise _NoEventError(":")
            if key == "Event" and sign == "{" and not depth:
                found |= self._object(depth + 1)
            elif key in _PARTS and sign == "[":
                for _ in self._members("[", "]"):
                    self._part(key)
            else:
                found[key] = self._value()
        return found

    def _members(self, first: str, last: str) -> Iterator[None]:
        """Stands before each member of an object or a list in turn."""
        sign = self._skip(first)
        while sign != last:
            yield
            sign = self._sign()
            sign = self._skip(",") if sign != last else sign
        self._at += 1

    def _part(self, kind: str) -> None:
        one = self._value()
        if not isinstance(one, dict):
            raise _NoEventError(kind)
        self.parts += 1 + len(one.get("Attribute") or ())
        if self.parts > MOST_ATTRIBUTES:
            raise InputError(f"An event has at most {MOST_ATTRIBUTES:,} attributes here.")
        self.take(kind, one)

    def _value(self) -> Any:
        """The value that begins here; where the text may end in it, more is decoded."""
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            if end + _LOOK < len(self._text) or not self._more():
                if self._text.find("\\u", self._at, end) >= 0:
                    _check_text(found)
                self._at = end
                return found

    def _skip(self, sign: str) -> str:
        """The sign after one that must stand here."""
        if self._sign() != sign:
            raise ValueError(sign)
        self._at += 1
        return self._sign()

    def _sign(self) -> str:
        """What stands here behind white space; nothing at the end."""
        while True:
            while self._text[self._at : self._at + 1] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _more(self) -> bool:
        """Drop what was read, and decode as much again as is left, at least `block`; whether there was any."""
        left = self._text[self._at :]
        block = self._body[self._next : self._next + max(self.block, len(left))]
        more = self._decode(block, not block)
        if block:
            self._next += len(block)
            self._text, self._at = left + more, 0
        return bool(block)


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

"""Values as bytes that can only become data, whoever wrote them: what comes out of a confined process may be forged.

The bytes of the length of a JSON text, that text, and behind it all that is bytes, one after the other. JSON has no
references: what is made takes time and memory in proportion to what came. (A pickle that names nothing still takes
4 GB for nine bytes, and as long as it likes: its values may be within one another many times.)

A text, a number, true, false and null are themselves; all else is a list with a mark: a plain JSON value whole, or the
name and the parts of a dataclass, an enum, a date, an error of ours. `decode` makes those of their parts, knows the
kinds and takes names of Tocsin only. No code of a class runs but that of enums, dates, numbers and sentences.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from struct import Struct
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from tocsin.node.errors import InputError, NotFoundError, TocsinError, UsageError
from tocsin.node.sentences import Sentence

_LENGTH: Final = Struct("=Q")
_ATOMS: Final = frozenset({type(None), bool, int, float, str})
_CONTAINERS: Final[Mapping[type, Callable[[Iterable[Any]], Any]]] = {
    list: list, tuple: tuple, set: set, frozenset: frozenset,
}  # fmt: skip
_SCALARS: Final[Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (lambda one: (one.days, one.seconds, one.microseconds), lambda parts: timedelta(*parts)),
    UUID: (str, UUID),
    Decimal: (str, Decimal),
    **{kind: (str, kind) for kind in (IPv4Address, IPv4Network, IPv6Address, IPv6Network)},
}
_NAMED: Final = {**{kind.__name__: kind for kind in _CONTAINERS}, **{kind.__name__: kind for kind in _SCALARS}}
_MOST_DIGITS: Final = 4_300  # of a decimal number, as Python has it for integers
_MOST_NUMBERS: Final = 10_000
"""Of what is found by its hash and is no text: others can choose numbers whose hashes are the same."""
_MOST_FILLED: Final = 1_000_000  # characters of a sentence
_FILLS: Final = re.compile(r"%(?:%|\((\w+)\)s)")
_ERRORS: Final = InputError, UsageError, NotFoundError
"""What can be wrong with what somebody gave. No reader says that this machine is full or busy: it would come again."""


class NoDataError(ValueError):
    """A value is more than data, or bytes are no value that `encode` made."""


def encode(value: object) -> bytes:
    """The value as bytes.

    Raises:
        NoDataError: it, or something in it, is of a kind that is not passed on.

    """
    rest = list[bytes]()
    try:
        tree = json.dumps(_tree(value, rest), ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise NoDataError("it is too deep") from error
    text = tree.encode("utf-8", "surrogatepass")
    return b"".join([_LENGTH.pack(len(text)), text, *rest])


def decode(content: bytes, room: str = "tocsin") -> Any:
    """The value. ``room``: the package or module whose classes are taken beside those of Tocsin.

    Raises:
        NoDataError: these are no bytes of `encode`.

    """
    try:
        (length,) = _LENGTH.unpack_from(content)
        text = str(memoryview(content)[_LENGTH.size : _LENGTH.size + length], "utf-8", "surrogatepass")
        return _Decoding(content, room, _LENGTH.size + length).value(json.loads(text))
    except NoDataError:
        raise
    except Exception as error:  # whatever is wrong with it
        raise NoDataError(f"no data: {type(error).__name__}") from error


def _is_json(value: Any) -> bool:
    """Whether JSON gives it back as it is, of the very same kinds."""
    kind = type(value)
    if kind is list:
        return all(type(one) in _ATOMS or _is_json(one) for one in value)
    if kind is dict:
        return all(type(name) is str and (type(one) in _ATOMS or _is_json(one)) for name, one in value.items())
    return kind in _ATOMS


def _tree(value: Any, rest: list[bytes]) -> Any:
    """A text or a number as it is; another value with its mark, its name where it has one, and its parts."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is bytes:
        rest.append(value)
        return "bytes", len(value)
    if kind in _SCALARS:
        return "scalar", kind.__name__, _SCALARS[kind][0](value)
    if kind in {list, dict} and _is_json(value):
        return "json", value
    if kind in _CONTAINERS:
        return "many", kind.__name__, [_tree(one, rest) for one in value]
    return _named_tree(value, kind, rest)


def _named_tree(value: Any, kind: type, rest: list[bytes]) -> Any:  # noqa: PLR0911 (one for each kind)
    """The same of a mapping, or of a value of a class of the house, whose name goes along."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    match value:
        case dict() | MappingProxyType() if kind in {dict, MappingProxyType}:
            return "mapping", kind is dict, [(_tree(key, rest), _tree(one, rest)) for key, one in value.items()]
        case Sentence():
            return "sentence", value.text, _tree(dict(value.values), rest), value.plural, value.number
        case Enum():
            return "enum", name, _tree(value.value, rest)
        case TocsinError():
            return "error", name, [_tree(one, rest) for one in value.args], _attributes(value.__dict__, rest)
        case tuple() if hasattr(kind, "_fields"):
            return "named", name, [_tree(one, rest) for one in value]
    if is_dataclass(kind):
        return "object", name, [_tree(getattr(value, one.name), rest) for one in fields(value)]
    if hasattr(kind, "model_fields"):  # of Pydantic, which is not imported for this
        return "model", name, _attributes(value.__dict__, rest), sorted(value.model_fields_set)
    raise NoDataError(f"{name} is not passed on")


def _attributes(named: Mapping[str, Any], rest: list[bytes]) -> list[tuple[str, Any]]:
    return [(name, _tree(value, rest)) for name, value in named.items()]


class _Decoding:
    """What is made of a tree. ``room``: see `decode`; ``place``: where in the content the next bytes are."""

    def __init__(self, content: bytes, room: str, place: int) -> None:
        self.content, self.room, self.place = content, room, place

    def value(self, tree: Any) -> Any:
        if type(tree) in _ATOMS:
            return tree
        mark, *parts = tree
        return _MADE[mark](self, *parts)

    def values(self, trees: Iterable[Any]) -> list[Any]:
        return [one if type(one) in _ATOMS else self.value(one) for one in trees]

    def content_bytes(self, length: int) -> bytes:
        begin, self.place = self.place, self.place + length
        if length < 0 or self.place > len(self.content):
            raise NoDataError("bytes that are not there")
        return bytes(self.content[begin : self.place])

    def json(self, value: Any) -> Any:
        return value

    def many(self, name: str, parts: list[Any]) -> Any:
        made = self.values(parts)
        if name in {"set", "frozenset"}:
            _find_by_hash(made)
        return _CONTAINERS[_NAMED[name]](made)

    def mapping(self, changeable: bool, pairs: list[Any]) -> Any:
        keys = self.values(key for key, _ in pairs)
        _find_by_hash(keys)
        found = dict(zip(keys, self.values(one for _, one in pairs), strict=True))
        return found if changeable else MappingProxyType(found)

    def scalar(self, name: str, part: Any) -> Any:
        if isinstance(part, str) and len(part) > _MOST_DIGITS:
            raise NoDataError("a number that takes long")
        return _SCALARS[_NAMED[name]][1](part)

    def sentence(self, text: str, values: Any, plural: str, number: int) -> Sentence:
        """Filled in with texts alone, as a width would make much of little."""
        made = self.value(values)
        if type(number) is not int:
            raise NoDataError("no number")
        for one in (text, plural):
            if "%" in _FILLS.sub("", one):
                raise NoDataError("a text that is filled in otherwise")
            filled = sum(len(str(made[fill[1]])) for fill in _FILLS.finditer(one) if fill[1])
            if len(one) + filled > _MOST_FILLED:
                raise NoDataError("a sentence that is too long")
        return Sentence(text, made, plural, number)

    def enum(self, name: str, value: Any) -> Any:
        return self.kind(name, Enum)(self.value(value))

    def named_tuple(self, name: str, parts: list[Any]) -> Any:
        return self.kind(name, tuple)._make(self.values(parts))

    def object(self, name: str, parts: list[Any]) -> Any:
        kind = self.kind(name, object)
        if not is_dataclass(kind):
            raise NoDataError(f"{name[:100]} is no dataclass")
        made = object.__new__(kind)
        for one, part in zip(fields(kind), self.values(parts), strict=True):
            object.__setattr__(made, one.name, part)
        return made

    def error(self, name: str, parts: list[Any], attributes: list[Any]) -> TocsinError:
        kind: type[TocsinError] = self.kind(name, TocsinError)
        if not issubclass(kind, _ERRORS) and kind is not TocsinError:
            raise NoDataError(f"{name[:100]} is no error of a reader")
        made = kind.__new__(kind)
        made.args, made.hint = tuple(self.values(parts)), ""
        for attribute, value in attributes:
            if not isinstance(attribute, str) or attribute.startswith("__"):
                raise NoDataError("no attribute of an error")
            object.__setattr__(made, attribute, self.value(value))
        return made

    def model(self, name: str, attributes: list[Any], given: list[str]) -> Any:
        values = {key: self.value(one) for key, one in attributes}
        return self.kind(name, object).model_construct(_fields_set={*given}, **values)

    def kind(self, name: str, kind: type) -> type[Any]:
        return _class(name, self.room, kind)


_MADE: Final[Mapping[str, Callable[..., Any]]] = {
    "bytes": _Decoding.content_bytes, "json": _Decoding.json, "many": _Decoding.many, "mapping": _Decoding.mapping,
    "scalar": _Decoding.scalar, "sentence": _Decoding.sentence, "enum": _Decoding.enum,
    "named": _Decoding.named_tuple, "object": _Decoding.object, "error": _Decoding.error, "model": _Decoding.model,
}  # fmt: skip


def _find_by_hash(values: Collection[Any]) -> None:
    if sum(type(one) is not str for one in values) > _MOST_NUMBERS:
        raise NoDataError("so many numbers that may have the same hash")


@cache
def _class(name: str, room: str, kind: type) -> type[Any]:
    """The class of that name, of Tocsin or of this room, that is of the kind."""
    module, _, path = name.partition(":")
    if not any(module == one or module.startswith(f"{one}.") for one in ("tocsin", room)) or module.endswith(
        "__main__"
    ):
        raise NoDataError(f"{module[:100]} is none of Tocsin")
    found: Any = import_module(module)
    for part in path.split("."):
        found = found.__dict__[part] if part != "<locals>" else None
    if not (isinstance(found, type) and issubclass(found, kind) and found.__module__ == module):
        raise NoDataError(f"{path[:100]} is none of its classes")
    return found

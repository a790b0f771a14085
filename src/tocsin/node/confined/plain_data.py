"""Values as bytes that can only become data, whoever wrote them: what comes out of a confined process may be forged.

It is a pickle of plain values alone: an unpickler that knows no names makes nothing else. What is more than plain (a
dataclass, an enum, a date, an error of ours) is a tuple with a mark, its name and its plain parts, and is made of those
by `decode`, which knows the kinds and takes names of Tocsin only. No code of a class runs but that of enums, dates and
numbers.

As most of a large answer is plain, a value is first tried whole: only what holds more is taken apart.
"""

import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import import_module
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from tocsin.node.errors import TocsinError
from tocsin.node.sentences import Sentence

_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes})
_CONTAINERS: Final[Mapping[type, Callable[[Iterable[Any]], Any]]] = {
    list: list, tuple: tuple, set: set, frozenset: frozenset,
}  # fmt: skip
_PLAIN: Final = frozenset({*_CONTAINERS, dict})
_SCALARS: Final[Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (lambda one: (one.days, one.seconds, one.microseconds), lambda parts: timedelta(*parts)),
    UUID: (lambda one: one.bytes, lambda content: UUID(bytes=content)),
    Decimal: (str, Decimal),
    **{kind: (str, kind) for kind in (IPv4Address, IPv4Network, IPv6Address, IPv6Network)},
}
_NAMED: Final = {**{kind.__name__: kind for kind in _CONTAINERS}, **{kind.__name__: kind for kind in _SCALARS}}
_MOST_DIGITS: Final = 4_300  # of a decimal number, as Python has it for integers


class NoDataError(ValueError):
    """A value is more than data, or bytes are no value that `encode` made."""


def encode(value: object) -> bytes:
    """The value as bytes.

    Raises:
        NoDataError: it, or something in it, is of a kind that is not passed on.

    """
    try:
        return pickle.dumps(_tree(value), 5)
    except RecursionError as error:
        raise NoDataError("it is too deep") from error


def decode(content: bytes, room: str = "tocsin") -> Any:
    """The value. ``room``: the package or module whose classes are taken beside those of Tocsin.

    Raises:
        NoDataError: these are no bytes of `encode`.

    """
    try:
        return _value(_PlainUnpickler(BytesIO(content)).load(), room)
    except NoDataError:
        raise
    except Exception as error:  # whatever is wrong with it
        raise NoDataError(f"no data: {type(error).__name__}") from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise NoDataError(f"{module[:100]}.{name[:100]} is no data")

    def persistent_load(self, _: Any) -> Any:
        raise NoDataError("a reference is no data")


class _MoreThanPlainError(Exception):
    """There is something in it that is no plain value."""


class _PlainPickler(pickle.Pickler):
    def reducer_override(self, _: Any) -> Any:
        raise _MoreThanPlainError


class _Nowhere:
    def write(self, content: bytes) -> int:
        return len(content)


def _is_plain(value: object) -> bool:
    try:
        _PlainPickler(_Nowhere(), 5).dump(value)
    except (_MoreThanPlainError, pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def _tree(value: Any) -> Any:
    """A plain value as a tuple of itself; another with its mark, its name where it has one, and its parts."""
    kind = type(value)
    if kind in _ATOMS or (kind in _PLAIN and _is_plain(value)):
        return (value,)
    if kind in _CONTAINERS:
        return "many", kind.__name__, [_tree(one) for one in value]
    if kind in {dict, MappingProxyType}:
        return "mapping", kind is dict, [(_tree(key), _tree(one)) for key, one in value.items()]
    if kind in _SCALARS:
        return "scalar", kind.__name__, _SCALARS[kind][0](value)
    return _named_tree(value, kind)


def _named_tree(value: Any, kind: type) -> Any:
    """The same of a value of a class of the house, whose name goes along."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    match value:
        case Sentence():
            return "sentence", value.text, _tree(dict(value.values)), value.plural, value.number
        case Enum():
            return "enum", name, _tree(value.value)
        case TocsinError():
            return "error", name, [_tree(one) for one in value.args], _attributes(value.__dict__)
        case tuple() if hasattr(kind, "_fields"):
            return "named", name, [_tree(one) for one in value]
    if is_dataclass(kind):
        return "object", name, [_tree(getattr(value, one.name)) for one in fields(value)]
    if hasattr(kind, "model_fields"):  # of Pydantic, which is not imported for this
        return "model", name, _attributes(value.__dict__), sorted(value.model_fields_set)
    raise NoDataError(f"{name} is not passed on")


def _attributes(named: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, _tree(value)) for name, value in named.items()]


def _value(tree: Any, room: str) -> Any:
    if len(tree) == 1:
        return tree[0]
    mark, *parts = tree
    return _MADE[mark](room, *parts)


def _many(room: str, name: str, parts: list[Any]) -> Any:
    return _CONTAINERS[_NAMED[name]](_value(one, room) for one in parts)


def _mapping(room: str, changeable: bool, pairs: list[Any]) -> Any:
    found = {_value(key, room): _value(one, room) for key, one in pairs}
    return found if changeable else MappingProxyType(found)


def _scalar(_: str, name: str, part: Any) -> Any:
    if isinstance(part, str) and len(part) > _MOST_DIGITS:
        raise NoDataError("a number that takes long")
    return _SCALARS[_NAMED[name]][1](part)


def _sentence(room: str, text: str, values: Any, plural: str, number: int) -> Sentence:
    return Sentence(text, _value(values, room), plural, number)


def _enum(room: str, name: str, value: Any) -> Any:
    return _class(name, room, Enum)(_value(value, room))


def _named_tuple(room: str, name: str, parts: list[Any]) -> Any:
    return _class(name, room, tuple)._make(_value(one, room) for one in parts)


def _object(room: str, name: str, parts: list[Any]) -> Any:
    kind = _class(name, room, object)
    if not is_dataclass(kind):
        raise NoDataError(f"{name[:100]} is no dataclass")
    made = object.__new__(kind)
    for one, part in zip(fields(kind), parts, strict=True):
        object.__setattr__(made, one.name, _value(part, room))
    return made


def _error(room: str, name: str, parts: list[Any], attributes: list[Any]) -> TocsinError:
    kind: type[TocsinError] = _class(name, room, TocsinError)
    made = kind.__new__(kind)
    made.args, made.hint = tuple(_value(one, room) for one in parts), ""
    for attribute, value in attributes:
        if not isinstance(attribute, str) or attribute.startswith("__"):
            raise NoDataError("no attribute of an error")
        object.__setattr__(made, attribute, _value(value, room))
    return made


def _model(room: str, name: str, attributes: list[Any], given: list[str]) -> Any:
    values = {key: _value(one, room) for key, one in attributes}
    return _class(name, room, object).model_construct(_fields_set={*given}, **values)


_MADE: Final[Mapping[str, Callable[..., Any]]] = {
    "many": _many, "mapping": _mapping, "scalar": _scalar, "sentence": _sentence, "enum": _enum,
    "named": _named_tuple, "object": _object, "error": _error, "model": _model,
}  # fmt: skip


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

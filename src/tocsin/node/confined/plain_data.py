"""Values as bytes that can only become data, whoever wrote them: what comes out of a confined process may be forged.

It is a pickle of plain values alone: an unpickler that knows no names makes nothing else. What is more than plain (a
frozen dataclass, an enum, a date, an error of ours) is a tuple with a mark, its name and its plain parts, and is made from
those by `decode`, which knows the kinds and takes names of Tocsin only. No code of a class runs but that of enums, dates
and numbers.

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
        _PlainPickler(_Nowhere(), 5).dump(value)  # type: ignore[arg-type]  # it is only written to
    except (_MoreThanPlainError, pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def _tree(value: Any) -> Any:
    """A plain value as a tuple of itself; another with its mark, its name where it has one, and its parts."""
    kind = type(value)
    if kind in _ATOMS or (kind in (list, tuple, set, frozenset, dict) and _is_plain(value)):
        return (value,)
    if kind in _CONTAINERS:
        return "many", kind.__name__, [_tree(one) for one in value]
    if kind in (dict, MappingProxyType):
        return "mapping", kind is dict, [(_tree(key), _tree(one)) for key, one in value.items()]
    if kind in _SCALARS:
        return "scalar", kind.__name__, _SCALARS[kind][0](value)
    if isinstance(value, Sentence):
        return "sentence", value.text, _tree(dict(value.values)), value.plural, value.number
    if isinstance(value, Enum):
        return "enum", _name(kind), _tree(value.value)
    if is_dataclass(kind):
        return "object", _name(kind), [_tree(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return "named", _name(kind), [_tree(one) for one in value]
    if isinstance(value, TocsinError):
        return "error", _name(kind), [_tree(one) for one in value.args], _attributes(value.__dict__)
    if hasattr(kind, "model_fields"):  # of Pydantic, which is not imported for this
        return "model", _name(kind), _attributes(value.__dict__), sorted(value.model_fields_set)
    raise NoDataError(f"{kind.__module__}.{kind.__qualname__} is not passed on")


def _attributes(named: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, _tree(value)) for name, value in named.items()]


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _value(tree: Any, room: str) -> Any:
    match tree:
        case (plain,):
            return plain
        case ("many", str() as name, list() as parts):
            return _CONTAINERS[_NAMED[name]](_value(one, room) for one in parts)
        case ("mapping", bool() as changeable, list() as pairs):
            found = {_value(key, room): _value(one, room) for key, one in pairs}
            return found if changeable else MappingProxyType(found)
        case ("scalar", str() as name, parts) if not isinstance(parts, str) or len(parts) <= _MOST_DIGITS:
            return _SCALARS[_NAMED[name]][1](parts)
        case ("sentence", str() as text, values, str() as plural, int() as number):
            return Sentence(text, _value(values, room), plural, number)
        case ("enum", str() as name, value):
            return _class(name, room, Enum)(_value(value, room))
        case ("named", str() as name, list() as parts):
            return _class(name, room, tuple)._make(_value(one, room) for one in parts)
        case ("object", str() as name, list() as parts):
            return _object(_class(name, room, object), [_value(one, room) for one in parts])
        case ("error", str() as name, list() as parts, list() as attributes):
            return _error(_class(name, room, TocsinError), [_value(one, room) for one in parts], attributes, room)
        case ("model", str() as name, list() as attributes, list() as given):
            values = {key: _value(one, room) for key, one in attributes}
            return _class(name, room, object).model_construct(_fields_set={*given}, **values)
    raise NoDataError("a mark that nobody makes")


def _object(kind: type[Any], parts: list[Any]) -> Any:
    if not is_dataclass(kind):
        raise NoDataError(f"{kind.__name__} is no dataclass")
    made = object.__new__(kind)
    for one, value in zip(fields(kind), parts, strict=True):
        object.__setattr__(made, one.name, value)
    return made


def _error(kind: type[Any], parts: list[Any], attributes: list[Any], room: str) -> TocsinError:
    made: TocsinError = kind.__new__(kind)
    made.args, made.hint = tuple(parts), ""
    for name, value in attributes:
        if not isinstance(name, str) or name.startswith("__"):
            raise NoDataError("no attribute of an error")
        object.__setattr__(made, name, _value(value, room))
    return made


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

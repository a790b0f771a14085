"""Documents of a node that may be older or newer than this one, as models."""

from collections.abc import Callable
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)

_MAKERS: dict[Any, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
}


def read(kind: type[T], document: dict[str, Any]) -> T:
    """A document of the API as a model: what a newer node adds is left out, what an older one does not have is None.

    Words of closed lists stay as they came.
    """
    fields = {name: _value(field.annotation, document.get(name)) for name, field in kind.model_fields.items()}
    return kind.model_construct(**fields)


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is UnionType:
        hint = next(part for part in get_args(hint) if part is not NoneType)
    if isinstance(value, list):
        return [_value(get_args(hint)[0], one) for one in value]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return read(hint, value)
    return _MAKERS[hint](value) if hint in _MAKERS else value

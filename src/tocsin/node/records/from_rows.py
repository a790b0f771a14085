"""Plain data made from rows of tables whose columns have the names of its fields."""

from dataclasses import fields
from typing import Any, TypeVar

_Data = TypeVar("_Data")


def from_row(kind: type[_Data], row: object, /, **more: object) -> _Data:
    """A dataclass whose fields are the attributes of the row of those names, but for those in ``more``."""
    found: Any = {one.name: getattr(row, one.name) for one in fields(kind) if one.name not in more}  # type: ignore[arg-type]  # a dataclass
    return kind(**found, **more)

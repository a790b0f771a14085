"""The API: the same functions as the pages, for programs, under ``/api/v1``."""

from typing import TYPE_CHECKING

from tocsin.api.models import RequestOnce

if TYPE_CHECKING:
    from tocsin.api.application import api_door

__all__ = ["RequestOnce", "api_door"]


def __getattr__(name: str) -> object:
    if name != "api_door":  # the tables are read without a web framework
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tocsin.api.application import api_door

    return api_door

"""Faces: what a room offers to others, loaded when it is first asked for, as some takes long."""

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tocsin.node.garbage import uncollected


class LazyFace(ModuleType):
    """A package that loads what its ``__init__`` imports where only types are checked (PEP 562, by class).

    So a public name is written once, where people and type checkers read it too.
    """

    def __getattr__(self, name: str) -> object:
        """The thing of that name; a module of the room where the face offers it whole."""
        home = _homes(str(self.__file__)).get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with uncollected():  # what is loaded stays: the search takes a twentieth of a start
            return import_module(f"{home}.{name}") if home == self.__name__ else getattr(import_module(home), name)

    def __setattr__(self, name: str, value: object) -> None:
        """As ever; but a module that was loaded never hides what the face offers by its name (``audit``)."""
        if not (isinstance(value, ModuleType) and name in _homes(str(self.__file__))):
            super().__setattr__(name, value)


def lazy_face(package: str) -> None:
    """Makes a package that is being loaded a `LazyFace`."""
    sys.modules[package].__class__ = LazyFace


_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n((?:(?: {4}.*)?\n)*)", re.MULTILINE)
_IMPORT = re.compile(r"^ {4}from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


def imported_for_types(source: str) -> dict[str, str]:
    """Each name that a module imports below ``if TYPE_CHECKING:``, with the module that it comes from.

    By its text, without aliases and comments: to parse the faces that an ingest needs takes a tenth of a second.
    """
    return {
        name: line[1]
        for block in _FOR_TYPES.finditer(source)
        for line in _IMPORT.finditer(block[1])
        for name in re.findall(r"\w+", line[2] or line[3])
    }


@cache
def _homes(file: str) -> dict[str, str]:
    return imported_for_types(Path(file).read_text(encoding="utf-8"))

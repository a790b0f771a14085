"""Faces of packages whose names are loaded when they are first asked for, as some take long."""

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path


def lazy_face(package: str, file: str) -> Callable[[str], object]:
    """The ``__getattr__`` (PEP 562) of a package: loads what its ``__init__`` imports where only types are checked.

    So a public name is written once, where people and type checkers read it too. ``file``: that ``__init__``.
    """

    @cache
    def homes() -> dict[str, str]:
        return imported_for_types(Path(file).read_text(encoding="utf-8"))

    def load(name: str) -> object:
        if name not in homes():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes()[name]), name)

    return load


def imported_for_types(source: str) -> dict[str, str]:
    """Each name that a module imports below ``if TYPE_CHECKING:``, with the module that it comes from."""
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    imports = [
        line
        for block in blocks
        if isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
    ]
    return {alias.name: str(line.module) for line in imports for alias in line.names}

"""Capabilities that stand apart: each brings its own commands, pages, tables and texts, and nothing else knows it.

A capability is a package with a module ``capability`` that holds a `Capability`. It sees only the ground and
`tocsin.interface`. Without its folder and its line here it is gone.
"""

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "tocsin.readiness",
    "tocsin.drafting",
)
"""A line for each, in the order in which they are shown."""


@dataclass(frozen=True)
class Capability:
    """What a capability brings; modules by name, so that each is imported only where it is needed.

    ``title``: its entry of the navigation (to be translated); ``path``: where its pages begin; ``permission``: who sees
    the entry. ``commands``: noun → module, as in `tocsin.cli`. ``pages``: ``module:function``, which takes a
    `tocsin.interface.pages.PageMaker` and gives a router. ``folder``: where it is; pages are in ``web``, templates in
    ``web/templates``. ``tables``: the modules that describe its tables. ``example``: ``module:function``, which takes
    an `Invocation` and adds to a demonstration what its pages show. ``acts``: the modules that declare its acts in
    ``ACTS``. ``subjects``: ``module:function``, which takes a session and subjects of the audit log, and gives of those
    that it knows the name and the path of the page. ``places``: names (to be translated) and paths of its navigation.
    """

    title: str
    path: str
    permission: str
    commands: Mapping[str, str]
    pages: str
    folder: Path
    tables: tuple[str, ...]
    example: str
    acts: tuple[str, ...] = ()
    subjects: str = ""
    places: tuple[tuple[str, str], ...] = ()

    @property
    def templates(self) -> Path:
        """The folder of its templates; they are named ``path/…``, so that no two have the same."""
        return self.folder / "web" / "templates"

    def make_pages(self, maker: object) -> Any:
        """The router of its pages."""
        return _named(self.pages)(maker)

    def names_of(self, session: object, subjects: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """Name and path of those subjects that it knows."""
        found: Mapping[str, tuple[str, str]] = _named(self.subjects)(session, subjects) if self.subjects else {}
        return found

    def add_example(self, call: object) -> None:
        """What a demonstration shows of it."""
        _named(self.example)(call)


def _named(place: str) -> Any:
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


def N_(text: str) -> str:  # noqa: N802 (the name by which gettext's tools know it)
    """Mark a text of a program for translation; the page that shows it translates it."""
    return text


@cache
def capabilities() -> tuple[Capability, ...]:
    """All that are here."""
    return tuple(importlib.import_module(f"{package}.capability").CAPABILITY for package in PACKAGES)

"""Which pages a visitor may open, as their routes say: no page leads to one that is not there for its reader."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI

from tocsin.interface import Needs
from tocsin.node.accounts import Principal

_MOST: Final = 20_000
"""Paths whose guard is remembered; then all are forgotten."""


@dataclass
class PageReach:
    """The guards of the pages of an application, found as they are asked for."""

    application: FastAPI
    _guards: dict[str, Needs | None] = field(default_factory=dict)

    def opens(self, visitor: Principal, address: str) -> bool:
        """Whether a link to an address of this server answers the visitor; what a thing on it belongs to is not asked.

        Links to elsewhere and to what nobody guards are open.
        """
        if not address.startswith("/") or address.startswith("//"):
            return True
        path = urlsplit(address).path
        if path not in self._guards:
            if len(self._guards) >= _MOST:
                self._guards.clear()
            self._guards[path] = _guard(self.application.routes, path)
        guard = self._guards[path]
        if guard is None:
            return True
        reach = visitor.reach(guard.act)
        return reach.everything if guard.everything else bool(reach)

    def nearest(self, visitor: Principal, address: str) -> str:
        """The address, or the page above it that the visitor may open; empty where there is none."""
        while address and not self.opens(visitor, address):
            address = urlsplit(address).path.rpartition("/")[0]
        return address


def reach_of(application: FastAPI) -> PageReach:
    """That of an application, one for all its pages."""
    if (known := getattr(application.state, "page_reach", None)) is None:
        known = application.state.page_reach = PageReach(application)
    return known


def _guard(routes: Iterable[Any], path: str) -> Needs | None:
    """The guard of the page at a path; of several routes the first that matches serves it."""
    for route in routes:
        if "GET" in (getattr(route, "methods", None) or ()) and route.path_regex.match(path):
            return _needs_of(route.endpoint)
    return None


def _needs_of(endpoint: Any) -> Needs | None:
    """What a function of a route asks of its visitor, as its signature says."""
    for parameter in inspect.signature(endpoint).parameters.values():
        for mark in getattr(parameter.annotation, "__metadata__", ()):
            if isinstance(found := getattr(mark, "dependency", None), Needs):
                return found
    return None

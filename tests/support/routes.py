"""Every route of the server, found in the application itself, with the act that it needs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import Extent, extent

_OPEN = ("/static", "/taxii2", "/misp")  # files of the look; programs of partners, who have no role


@dataclass(frozen=True)
class Door:
    """One method at one path; ``act``: what its guard asks for, None where nobody guards it.

    ``everything``: it is only for those who may do the act to all things.
    """

    method: str
    path: str
    act: Permission | None
    everything: bool = False

    def lets_in(self, role: AccountRole) -> Extent | None:
        """How far this role gets here; None: not at all."""
        reach = extent(role, self.act) if self.act else None
        return None if self.everything and reach is not Extent.ALL else reach

    @property
    def api(self) -> bool:
        """Whether programs use it."""
        return self.path.startswith("/api/")


def doors(application: FastAPI) -> list[Door]:
    """All of them, by path."""
    found = {door for door in _walk(application.routes, "") if not door.path.startswith(_OPEN)}
    return sorted(found, key=lambda door: (door.path, door.method))


def _walk(routes: Iterable[Any], prefix: str) -> Iterator[Door]:
    for route in routes:
        inside = getattr(route, "original_router", None) or getattr(route, "app", None)
        path = prefix + getattr(route, "path", "")
        if inside is not None and hasattr(inside, "routes"):
            yield from _walk(inside.routes, path)
        elif hasattr(route, "dependant"):
            for method in route.methods - {"HEAD", "OPTIONS"}:
                yield Door(method, path, *_need(route.dependant))
        else:
            yield Door("GET", path, None)


def _need(dependant: Any) -> tuple[Permission | None, bool]:
    needs = {(call.act, call.everything) for call in (of.call for of in dependant.dependencies) if hasattr(call, "act")}
    assert len(needs) < 2, "a route that asks for two acts"
    return next(iter(needs), (None, False))

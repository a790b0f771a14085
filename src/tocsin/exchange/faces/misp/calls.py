"""The calls of MISP that a partner's program may make: a closed list; everything else is refused, as MISP refuses.

Sources: the OpenAPI document of MISP 2.5; what a MISP calls when it pushes and pulls; PyMISP. Whoever calls changes
what it wrote itself and nothing else: what it says of other things becomes a proposal.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy.orm import Session

from tocsin.exchange.faces import FaceCaller
from tocsin.exchange.faces.misp.reading import read_body
from tocsin.exchange.faces.misp.store import RefusedError
from tocsin.exchange.faces.misp.visible import VisibleEvent, VisibleEvents
from tocsin.node.node import Node

Json = dict[str, Any]

_NAMED: Final = re.compile(r"([A-Za-z_]{1,40})(\[\])?:(.*)", re.DOTALL)
NOT_PERMITTED: Final = "You do not have permission to do that."


@dataclass(frozen=True)
class MispCall:
    """A request. ``path``: below the face, not decoded; ``base``: the address of the face."""

    node: Node
    caller: FaceCaller
    now: datetime
    method: str
    path: str
    base: str
    body: bytes = b""

    @cached_property
    def words(self) -> list[str]:
        """The parts of the path: controller and action without underscores, in small letters, then its arguments."""
        parts = [unquote(one) for one in self.path.strip("/").split("/") if one]
        plain = [one for one in parts if not _NAMED.fullmatch(one)]
        plain[-1:] = [plain[-1].removesuffix(".json")] if plain else []
        return [one.lower().replace("_", "") for one in plain[:2]] + plain[2:]

    @cached_property
    def named(self) -> Json:
        """The parameters in the path, ``/name:value``; those with ``[]`` are lists."""
        found: Json = {}
        for part in self.path.strip("/").split("/"):
            if match := _NAMED.fullmatch(unquote(part)):
                name, several, value = match.groups()
                if several:
                    found[name] = [*found.get(name, []), value] if isinstance(found.get(name, []), list) else [value]
                else:
                    found[name] = value
        return found

    @cached_property
    def data(self) -> Any:
        """The JSON of the body. Raises InputError."""
        return read_body(self.body)

    @cached_property
    def asked(self) -> Json:
        """All parameters: those of the path, and over them those of the body."""
        data = self.data
        data = data.get("request", data) if isinstance(data, dict) else {}
        return {**self.named, **(data if isinstance(data, dict) else {})}

    def argument(self, place: int = 0) -> str:
        """An argument of the path; empty: there is none."""
        return self.words[place + 2] if len(self.words) > place + 2 else ""


@dataclass
class MispAnswer:
    """What is answered: something for JSON, or pieces of JSON."""

    content: Any = None
    status: int = 200
    pieces: Iterable[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class CallRoom:
    """A call within its transaction."""

    call: MispCall
    session: Session
    sees: VisibleEvents

    def own_event(self, name: str) -> VisibleEvent:
        """An event that the caller wrote. Raises RefusedError: it is another's, or there is none."""
        found = self.event(name)
        if found.row is None:
            raise RefusedError(403, NOT_PERMITTED)
        return found

    def event(self, name: str) -> VisibleEvent:
        """An event that the caller sees. Raises RefusedError."""
        found = self.sees.find(name)
        if found is None:
            raise RefusedError(404, "Invalid event")
        return found


CallFunction = Callable[[CallRoom], Any]


@dataclass(frozen=True)
class EventAnswer:
    """That an answer is an event by its name; ``whole``: with its parts in these states of deletion."""

    name: str
    states: frozenset[bool] = frozenset({False})
    sightings: bool = True
    whole: bool = True


def failure(
    call: MispCall, status: int, message: str, *, headers: dict[str, str] | None = None, **more: object
) -> MispAnswer:
    """An error as MISP has it."""
    return MispAnswer(
        {**more, "name": message, "message": message, "url": f"/{call.path.strip('/')}"}, status, headers=headers or {}
    )


def success(room: CallRoom, message: str, **more: object) -> Json:
    """That something was done, as MISP has it."""
    return {
        "saved": True,
        "success": True,
        "name": message,
        "message": message,
        "url": f"/{room.call.path.strip('/')}",
        **more,
    }

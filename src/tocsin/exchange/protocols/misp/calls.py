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

from tocsin.exchange.ledger import MispRecord, RecordKind
from tocsin.exchange.protocols import ProgramCaller
from tocsin.exchange.protocols.misp.event_reader import read_body
from tocsin.exchange.protocols.misp.store import PartnerStore, RefusedError
from tocsin.exchange.protocols.misp.visible_events import VisibleEvent, VisibleEvents
from tocsin.node.node import Node

Json = dict[str, Any]

_NAMED: Final = re.compile(r"([A-Za-z_]{1,40})(\[\])?:(.*)", re.DOTALL)
NOT_PERMITTED: Final = "You do not have permission to do that."


@dataclass(frozen=True)
class MispCall:
    """A request. ``path``: below the protocol, not decoded; ``base``: the address of the protocol."""

    node: Node
    caller: ProgramCaller
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
        return {**self.named, **self.said("request")}

    def said(self, *names: str) -> Json:
        """The object that the body has under the first of these names, else the body; empty: it is no object."""
        data = self.data if isinstance(self.data, dict) else {}
        found = next((data[one] for one in names if one in data), data)
        return found if isinstance(found, dict) else {}

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
    events: VisibleEvents

    @property
    def store(self) -> PartnerStore:
        """What the caller wrote."""
        return self.events.store

    def event(self) -> VisibleEvent:
        """The event that the path names, which the caller sees. Raises RefusedError."""
        found = self.events.find(self.call.argument())
        if found is None:
            raise RefusedError(404, "Invalid event")
        return found

    def own_event(self) -> MispRecord:
        """The same, which the caller wrote. Raises RefusedError: it is another's, or there is none."""
        if (row := self.event().row) is None:
            raise RefusedError(403, NOT_PERMITTED)
        return row

    def attribute(self) -> tuple[VisibleEvent, Json]:
        """The attribute that the path names, which the caller sees, with its event. Raises RefusedError."""
        found = self.events.attribute(self.call.argument())
        if found is None:
            raise RefusedError(404, "Invalid attribute")
        return found

    def record(self, kind: RecordKind, name: str | None = None) -> MispRecord:
        """What the path names, or ``name``, of what the caller wrote. Raises RefusedError."""
        row = self.store.find(kind, self.call.argument() if name is None else name)
        if row is None:
            raise RefusedError(404, f"Invalid {kind.value}.")
        return row


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
    return MispAnswer({**more, **_named(call, message)}, status, headers=headers or {})


def success(call: MispCall, message: str) -> Json:
    """That something was done, as MISP has it."""
    return {"saved": True, "success": True, **_named(call, message)}


def _named(call: MispCall, message: str) -> Json:
    return {"name": message, "message": message, "url": f"/{call.path.strip('/')}"}

"""What is answered to a call of a partner's program: found in the closed list, or refused."""

import json
from collections.abc import Iterator
from logging import getLogger
from typing import Final

from tocsin.exchange.protocols.misp import feedback_calls, groups, reading_calls, writing_calls
from tocsin.exchange.protocols.misp.calls import (
    NOT_PERMITTED,
    CallFunction,
    CallRoom,
    EventAnswer,
    Json,
    MispAnswer,
    MispCall,
    failure,
)
from tocsin.exchange.protocols.misp.queries import NoMatchError
from tocsin.exchange.protocols.misp.shapes import ShapeError
from tocsin.exchange.protocols.misp.store import ExistingEventError, RefusedError
from tocsin.exchange.protocols.misp.visible_events import VisibleEvents, note_given
from tocsin.exchange.protocols.tokens import TokenScope
from tocsin.node.errors import InputError
from tocsin.node.records import node_uuid

READS: Final[dict[str, CallFunction]] = {**reading_calls.READS, **feedback_calls.READS, **groups.READS}
"""Calls that change nothing, by controller and action."""

WRITES: Final[dict[str, CallFunction]] = {**writing_calls.WRITES, **feedback_calls.WRITES}
"""Calls that change what the caller wrote, or offer something; they need the scope ``post``."""


def answer_call(call: MispCall) -> MispAnswer:
    """What MISP would answer. What is read of incidents is noted before it leaves."""
    try:
        return _answered(call)
    except (ExistingEventError, RefusedError, ShapeError, NoMatchError, InputError) as error:
        return _refusal(call, error)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a boundary: what others write has every shape
        getLogger("uvicorn.error").warning("misp: %s: %s", name_of(call), type(error).__name__, exc_info=error)
        return failure(call, 400, "It is not as MISP has it.")


def _refusal(call: MispCall, error: Exception) -> MispAnswer:
    match error:
        case ExistingEventError():
            words = "Event already exists, if you would like to edit it, use the url in the location header."
            return failure(call, 404, words, headers={"Location": f"{call.base}/events/edit/{error.number}"})
        case RefusedError():
            return failure(call, error.status, error.message, **error.more)
        case ShapeError():
            words = f"Could not save {call.words[0].rstrip('s')}"
            return failure(call, 403, words, saved=False, errors=error.errors)
        case NoMatchError():
            return MispAnswer({"response": {"Attribute": []} if call.words[0] == "attributes" else []})
    return failure(call, 400, str(error))


def name_of(call: MispCall) -> str:
    """Controller and action of a call."""
    return "/".join([*call.words[:2], "index"][:2])


def _answered(call: MispCall) -> MispAnswer:
    name = name_of(call)
    node_uuid(call.node.database)  # drawn before a transaction is open
    database, scopes = call.node.database, call.caller.scopes
    writes = WRITES.get(name) if call.method == "POST" else None
    reads = READS.get(name) if call.method in {"GET", "HEAD", "POST"} else None
    if not (TokenScope.POST in scopes if writes else reads and scopes):
        raise RefusedError(403, NOT_PERMITTED)
    with database.begin() if writes else database.reading() as session:
        events = VisibleEvents(session, call.node, call.caller, call.now, len(call.body))
        room = CallRoom(call, session, events)
        found = writes(room) if writes else reads(room) if reads else None
        given = list(events.given.values())
    note_given(call.node, call.caller, given, call.now)
    if call.method == "HEAD":
        return MispAnswer()
    if isinstance(found, EventAnswer):
        return MispAnswer(pieces=_streamed(call, found))
    return found if isinstance(found, MispAnswer) else MispAnswer(found)


def _streamed(call: MispCall, found: EventAnswer) -> Iterator[str]:
    """The event, read while it is sent."""
    with call.node.database.reading() as session:
        events = VisibleEvents(session, call.node, call.caller, call.now)
        event = events.find(found.name)
        if event is not None and found.whole:
            yield from events.pieces(event, found.states, sightings=found.sightings)
        elif event is not None:
            shown: Json = {"Event": {**event.shown, "Attribute": [], "Object": []}}
            yield json.dumps(shown, ensure_ascii=False)

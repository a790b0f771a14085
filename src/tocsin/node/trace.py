"""What came of what: one id for a request, a command or a chore and all that follows from it, and the lines about it.

An id is twelve hexadecimal digits, drawn, so that it says nothing to strangers. It goes with what outlives the process
that drew it without a column of its own: UUIDs end with it (`traced_uuid`), and Message-IDs of letters.

A line says what was done, how long it took, what was refused and why, and never content: no address, name, subject,
query, token or word that somebody typed. See docs/operate.md for how it is read, docs/design/log.md for why.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from logging import INFO, getLogger
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

from tocsin.node.errors import ConflictError
from tocsin.node.sentences import Sentence

LOGGER: Final = "tocsin.log"
"""The logger of the lines; nobody hears it until `tocsin.node.log.open_log`."""

_LOG: Final = getLogger(LOGGER)
_DIGITS: Final = 12
_IN_MESSAGE_ID: Final = re.compile(r"([0-9a-f]{12})@")
_LONG: Final = 1.0  # seconds after which also what did nothing is worth a line


@dataclass(slots=True)
class Trace:
    """What is being done. ``lines``: how many it has in the log; ``refusal``: why it was refused, for its own line."""

    id: str
    lines: int = 0
    refusal: dict[str, object] = field(default_factory=dict)


_TRACE: Final = ContextVar[Trace | None]("trace", default=None)


def trace_id() -> str:
    """The id of what is being done here; empty outside of everything."""
    trace = _TRACE.get()
    return trace.id if trace is not None else ""


@contextmanager
def traced(of: str = "") -> Iterator[Trace]:
    """Inside the block something is done that has an id of its own, or goes on with what has the id ``of``."""
    before = _TRACE.get()
    try:
        yield follow(of)
    finally:
        _TRACE.set(before)


def follow(of: str = "") -> Trace:
    """What this thread or task does from now on has this id, or a new one; where it ends is not said."""
    _TRACE.set(trace := Trace(of or secrets.token_hex(_DIGITS // 2)))
    return trace


def traced_uuid() -> UUID:
    """A random UUID (RFC 9562, 5.4) that ends with the id of what is being done; 74 of its bits are its own."""
    return UUID(hex=uuid4().hex[:-_DIGITS] + (trace_id() or secrets.token_hex(_DIGITS // 2)))


def id_in(name: UUID | str) -> str:
    """The id in a UUID or a Message-ID; empty where it has none."""
    if isinstance(name, UUID):
        return name.hex[-_DIGITS:]
    found = _IN_MESSAGE_ID.search(name)
    return found[1] if found else ""


def is_logged() -> bool:
    """Whether lines are written at all: what must be looked up for one is looked up only then."""
    return _LOG.isEnabledFor(INFO)


def log_line(event: str, **fields: object) -> None:
    """One line. What is None or empty is left out. The caller sees to it that nothing in it is content."""
    if (trace := _TRACE.get()) is not None:
        trace.lines += 1
    if is_logged():
        _LOG.info(event, extra={"fields": fields})


def refuse(reason: BaseException | str) -> None:
    """Let the line of what is being done say that it was refused, and why: an error, or the word of a limit."""
    if (trace := _TRACE.get()) is not None and not trace.refusal:  # the first is the nearest to the cause
        trace.refusal = {"refused": reason} if isinstance(reason, str) else reason_of(reason)


def reason_of(error: BaseException) -> dict[str, object]:
    """Why something was refused: its code or else the kind of the error, and its sentence without what fills it in."""
    if isinstance(error, SystemExit) or hasattr(error, "exit_code"):
        return {"exit": getattr(error, "exit_code", getattr(error, "code", None))}
    text = error.args[0] if error.args else None
    codes = (getattr(error, name, None) for name in ("reason", "code"))
    kind = next((code.value for code in codes if isinstance(code, StrEnum)), type(error).__name__)
    return {"refused": kind, "why": unfilled(text)}


def unfilled(sentence: object) -> str:
    """A sentence, with those within it, as it stands in the program, without values; of anything else nothing."""
    if not isinstance(sentence, Sentence):
        return ""
    within = {name: unfilled(value) or f"%({name})s" for name, value in sentence.values.items()}
    return sentence.text.replace("%%", "%") if not within else sentence.text % within


@contextmanager
def logged(event: str, *, quiet: bool = False, **fields: object) -> Iterator[dict[str, Any]]:
    """One line at the end of the block: the fields, to which the block may add, how long it took, and why it failed.

    ``quiet``: only where it failed, something was added, there are other lines of it, or it took a second.
    """
    started, given = perf_counter(), len(fields)
    lines = trace.lines if (trace := _TRACE.get()) is not None else 0
    try:
        yield fields
    except ConflictError as error:  # another process is at it
        fields |= {} if quiet else reason_of(error)
        raise
    except BaseException as error:
        fields |= reason_of(error)
        raise
    finally:
        seconds = perf_counter() - started
        said = len(fields) > given or seconds >= _LONG or (trace is not None and trace.lines > lines)
        if said or not quiet:
            log_line(event, **fields, ms=round(1000 * seconds, 1))

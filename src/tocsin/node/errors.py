"""Every error that Tocsin raises on purpose.

    TocsinError
    ├── UsageError          the person asked for something that cannot be asked: exit 2, HTTP 400
    │   └── SettingError    a setting is wrong: names the setting and what it takes
    ├── InputError          a file or message cannot be used as it is: exit 1, HTTP 422
    ├── NotFoundError       the named thing is not here: exit 1, HTTP 404
    ├── ConflictError       it clashes with what is stored, or another process is at work: exit 1, HTTP 409
    │   ├── SimultaneousError  the same came twice at once: `Act.perform` does the second again, which finds the first
    │   └── LaterError      more came than is taken now: exit 1, HTTP 429 with Retry-After
    │       ├── NoRoomError the rest of the disk is for this node's own work: exit 1, HTTP 507 with Retry-After
    │       └── BusyError   others use the memory that it takes: exit 1, HTTP 503 with Retry-After
    ├── WithheldError       the release gate said no: exit 1, HTTP 403
    ├── RemoteError         another system does not answer, or not as agreed: exit 1, HTTP 502
    ├── StorageError        disk, table or database failed: exit 1, HTTP 500
    └── InternalError       something was raised that nobody expected (`internal_failures`): exit 1, HTTP 500

A message says what happened and what the person can do. Front doors print it as it is; they never print a traceback
for one of these.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import NullHandler, getLogger
from pathlib import Path
from traceback import extract_tb
from typing import Final

from tocsin.node.sentences import say

_LOG: Final = getLogger("uvicorn.error.internal")
_LOG.addHandler(NullHandler())  # a command has no log: nobody is shown a traceback


class TocsinError(Exception):
    """What happened, and in ``hint`` what the person can do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def line(self) -> str:
        """The message for a log: one line, with nothing in it that a terminal obeys (OWASP ASVS 16.4.1)."""
        return "".join(letter if letter.isprintable() else " " for letter in str(self))


class UsageError(TocsinError):
    """Asked for something that cannot be asked."""


class SettingError(UsageError):
    """A setting has a value that does not work."""


class InputError(TocsinError):
    """A file or message cannot be used as it is."""


class NotFoundError(TocsinError):
    """The named thing is not here."""


class ConflictError(TocsinError):
    """It clashes with what is stored, or another process is at work on it."""


class SimultaneousError(ConflictError):
    """The same came twice at once; done again, it finds what the first did."""


class LaterError(ConflictError):
    """More came than is taken now: the same may be taken later. ``seconds``: after how many it is worth a try."""

    status = 429

    def __init__(self, message: str, *, hint: str = "", seconds: int = 3_600) -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class NoRoomError(LaterError):
    """What is left of the disk is for the node's own work."""

    status = 507


class BusyError(LaterError):
    """Others use the memory that it takes; in some seconds they may not."""

    status = 503


class WithheldError(TocsinError):
    """The release gate said no; the message names the rule."""


class RemoteError(TocsinError):
    """Another system cannot be reached, or does not answer as agreed; later it may."""


class StorageError(TocsinError):
    """Disk, event table or records database failed."""


def known_failure(error: TocsinError | OSError) -> TocsinError:
    """One of ours. An `OSError` is of the storage: Polars raises it where a disk or a bucket went away meanwhile."""
    if isinstance(error, TocsinError):
        return error
    return StorageError(f"What is stored cannot be read: {error}.", hint="'tocsin doctor' says more.")


class InternalError(TocsinError):
    """An error of Tocsin itself; what was raised is its ``__cause__``."""


@contextmanager
def internal_failures(what: str) -> Iterator[None]:
    """What nobody expected inside the block, logged with its traceback as a failure of ``what``.

    The boundary of whatever must go on after one of its pieces failed: reports, collectors, mails, chores.

    Raises:
        InternalError: in place of everything but a `TocsinError` and what ends a thread or process. Panics of Polars
            and other libraries in Rust are a `BaseException`, each library with a class of its own.

    """
    try:
        yield
    except TocsinError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        _LOG.exception("%s failed.", what)
        raise InternalError(
            say("An error of Tocsin itself: %(place)s.", place=_place(error)),
            hint=say("Please report it; the log of a server says more."),
        ) from error


def _place(error: BaseException) -> str:
    """What was raised, and the line of ours where: enough for a report of the fault, and nothing of the data."""
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "tocsin" in Path(frame.filename).parts] or frames
    return f"{type(error).__name__}, {Path(ours[-1].filename).name}:{ours[-1].lineno}"

"""The one who seals the audit log while a server runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from logging import getLogger
from pathlib import Path
from threading import Event, Thread
from typing import Final

from tocsin.node.errors import TocsinError
from tocsin.node.records.engine import Database
from tocsin.node.records.seal_keys import open_seal_key
from tocsin.node.records.seals import seal

EVERY: Final = 60.0
"""Seconds between two seals; so long an entry is not protected."""


@contextmanager
def sealing(database: Database, home: Path, clock: Callable[[], datetime], *, every: float = EVERY) -> Iterator[None]:
    """Seal what is new, again and again, for as long as the block runs, and once more at its end."""
    ended = Event()
    thread = Thread(target=_seal_until, args=(ended, every, database, home, clock), name="sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _seal_until(ended: Event, every: float, database: Database, home: Path, clock: Callable[[], datetime]) -> None:
    going = True
    while going:
        going = not ended.wait(every)
        try:
            seal(database, open_seal_key(home), now=clock(), home=home)
        except TocsinError as error:
            # What could not be sealed now is sealed the next time.
            getLogger("uvicorn.error").warning("The audit log could not be sealed. %s %s", error, error.hint)

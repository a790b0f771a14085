"""Whether the node can keep anything: its records, a file in its home, and what others bring beside the reserve."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Final

from tocsin.node.errors import NoRoomError, TocsinError
from tocsin.node.files import disk_failures
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.records import node_uuid
from tocsin.node.sentences import Sentence, say
from tocsin.node.volumes import check_room, write_probe

_BYTES: Final = 65_536  # more than what is left over in the last block of a file
_SECONDS: Final = 5.0  # an answer is good for so long, so that whoever asks all the time writes nothing


@dataclass
class WritingCheck:
    """Asked by all threads of a process."""

    node: Node
    _lock: Lock = field(default_factory=Lock)
    _found: tuple[float, str] = (-_SECONDS, "")

    def why_failing(self) -> str:
        """What is wrong with writing, as a sentence; empty: nothing."""
        with self._lock:
            if monotonic() - self._found[0] >= _SECONDS:
                self._found = monotonic(), why_not_written(self.node)
            return self._found[1]


def why_not_written(node: Node) -> Sentence | str:
    """What is wrong with writing to a node now; empty: nothing."""
    try:
        node_uuid(node.database)
        write_probe(node.database, datetime.now(UTC))
        _write_file(node)
        check_room(node.settings.intake, node.home)
    except NoRoomError:
        return say("The disk is nearly full: nothing is taken of others until there is room again.")
    except TocsinError as error:
        return say("Nothing can be written: %(why)s", why=error.line)
    return ""


def _write_file(node: Node) -> None:
    """As a file would be that comes: written, and gone again."""
    with disk_failures("a file cannot be written"):
        folder = node.home / HomeFolder.SPOOL
        folder.mkdir(exist_ok=True)
        path = folder / f"{os.getpid()}.probe"
        try:
            with path.open("wb") as out:
                out.write(bytes(_BYTES))
        finally:
            path.unlink(missing_ok=True)

"""A node as it is at one moment, on which work is tried that is never to become true, while others write.

What is written goes to a folder of its own, which nobody else reads: the keys of problems and rows lie there by another
name, rows that are set aside and unpacked reports as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from tocsin.events import EventStore
from tocsin.node.file_locks import own_folder
from tocsin.node.paths import HomeFolder
from tocsin.node.place import FolderPlace, Place
from tocsin.node.records import KeyFiles
from tocsin.pipeline.stores import PREVIEWS, NodeWithStores
from tocsin.pipeline.term import last_number
from tocsin.problems import Tracker

PREVIEW_NUMBER: Final = 2**31 - 1
"""Under which a preview writes: behind all that others may write meanwhile."""


@dataclass(frozen=True, kw_only=True)
class PreviewNode(NodeWithStores):
    """The node ``of`` as ingests up to number ``last`` left it; ``folder``: where it is written to."""

    of: NodeWithStores
    folder: Path
    last: int

    @property
    def spool(self) -> Path:
        """Its own: a writer empties that of the node."""
        return self.folder / HomeFolder.SPOOL

    @property
    def quarantine(self) -> Place:
        """Where nobody looks."""
        return FolderPlace(self.folder / HomeFolder.QUARANTINE)

    def rows_of(self, day: date) -> KeyFiles:
        """The keys of the rows that came on one day, up to then."""
        if day not in self._rows:
            self._rows[day] = _linked(self.of.rows_of(day), self.folder / HomeFolder.ROWS / day.isoformat(), self.last)
        return self._rows[day]


@contextmanager
def preview_node(node: NodeWithStores) -> Iterator[PreviewNode]:
    """The node as it is now. It is left alone for the block, and after it nothing is left of what was written."""
    with own_folder(node.compiled / PREVIEWS) as folder:
        with node.database.reading() as session:
            last = last_number(session)
        yield PreviewNode(
            home=node.home,
            settings=node.settings,
            database=node.database,
            store=EventStore(node.store.place, node.store.admission),  # the node's is told of new columns
            tracker=Tracker(_linked(node.tracker.files, folder / HomeFolder.PROBLEMS, last)),
            of=node,
            folder=folder,
            last=last,
        )


def _linked(files: KeyFiles, folder: Path, last: int) -> KeyFiles:
    files.link_to(folder, up_to=last)
    return KeyFiles(folder, files.columns)

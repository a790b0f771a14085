"""A folder that reports are put into: what is complete is taken in, then moved out of the way or left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from tocsin.delivery.never_held import MailFilter, class_table
from tocsin.events.redaction import ClassTable, Redaction, redact_file
from tocsin.node.errors import InputError, RemoteError, TocsinError
from tocsin.node.files import disk_failures
from tocsin.node.sentences import join_sentences, say
from tocsin.node.settings import load_settings
from tocsin.pipeline.collectors.kinds import (
    CollectedOffer,
    CollectorKind,
    CollectorSettings,
    Memory,
    WaitingReport,
    place,
)
from tocsin.pipeline.groups import IngestRequest, IngestSummary
from tocsin.pipeline.ingest import ingest_each, open_session
from tocsin.pipeline.parse import Clock
from tocsin.pipeline.stores import NodeWithStores

_SETTLED = 0.5  # seconds without change after which a file counts as complete


class FolderSettings(CollectorSettings):
    """Files that are put into a folder."""

    kind: Literal["folder"]
    path: str = Field(min_length=1, description="The folder; a relative path counts from the home folder.")
    after: Literal["move", "leave"] = Field(
        "move", description="'move' puts each file into done/ or failed/ beside it; 'leave' leaves it and remembers it."
    )


@dataclass(frozen=True)
class Folder:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: FolderSettings
    folder: Path
    classes: ClassTable

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The files that are complete, in order of name."""
        yield self._offers(memory)

    def _offers(self, memory: Memory) -> Iterator[CollectedOffer]:
        if not self.folder.is_dir():
            raise RemoteError(
                say("%(folder)s is not a folder.", folder=self.folder),
                hint=say("Make it, or correct its path in tocsin.toml."),
            )
        for path in complete_files(self.folder):
            status = path.stat()
            item = WaitingReport(path.name, status.st_size, path=path)
            key = f"{path.name}\n{status.st_size}\n{status.st_mtime_ns}"
            if self.settings.after == "move":
                yield CollectedOffer(path.name, [item], settle=partial(self._move_away, path))
            elif key not in memory.known:
                yield CollectedOffer(path.name, [item], key)

    def _move_away(self, path: Path, refused: str) -> None:
        move_away(path, refused, self.classes)


def _open(settings: FolderSettings, home: Path) -> Folder:
    return Folder(settings, place(home, settings.path), class_table(load_settings(home).never_held))


KIND: Final = CollectorKind(FolderSettings, _open)


def take_in_folder(
    node: NodeWithStores, folder: Path, *, source: str | None = None, feed: str | None = None, clock: Clock
) -> Iterator[tuple[str, IngestSummary]]:
    """Take in the files of a folder in order of name; each goes to ``done/`` or ``failed/``.

    What is not complete is left for the next look. A failed file has its reason beside it in ``NAME.reason.txt``.
    """
    complete = complete_files(folder)
    if not complete:
        return
    classes = class_table(node.settings.never_held)
    requests = [IngestRequest((path,), source, feed) for path in complete]
    with open_session(node, clock=clock) as workshop:
        for request, outcome in ingest_each(workshop, requests, place="watch"):
            [path] = request.paths
            refused = failure_text(outcome.failed[0][1]) if outcome.failed else ""
            move_away(path, refused, classes)
            yield path.name, outcome


def complete_files(folder: Path) -> list[Path]:
    """The files that can be taken in, in order of name.

    Not hidden ones, not those that changed in the last half second, and no mapping files, which describe the others.
    """
    with disk_failures(f"{folder} could not be read"):
        return [path for path in sorted(folder.iterdir()) if _is_complete(path)]


def move_away(path: Path, refused: str, classes: ClassTable) -> None:
    """Put a file into ``done/`` beside it, or into ``failed/`` with the reason where it was refused.

    What may not be kept of it is taken out: from here on it is a copy that the node keeps. It was noted when it was
    read, or could not be.
    """
    with disk_failures(f"{path} could not be moved"):
        target = _free(path.parent / ("failed" if refused else "done"), path.name)
        if refused:
            target.with_name(target.name + ".reason.txt").write_text(f"{refused}\n", encoding="utf-8")
        if path.exists():
            path.replace(target)
            with suppress(InputError):  # longer than anything that could be taken in
                redact_file(target, Redaction(classes, mails=MailFilter()))


def failure_text(error: TocsinError) -> str:
    """What happened and what to do, in one text."""
    return join_sentences("\n", filter(None, (str(error), error.hint)))


def _is_complete(path: Path) -> bool:
    usable = path.is_file() and not path.name.startswith(".") and path.suffix != ".toml"
    return usable and time.time() - path.stat().st_mtime >= _SETTLED


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that is not taken: the same name may come every day."""
    folder.mkdir(exist_ok=True)
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f"{name}.{number}"
    return target

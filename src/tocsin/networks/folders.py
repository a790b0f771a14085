"""Where a node keeps its network tables: complete states side by side, and one file that names the current one.

``networks/current`` in the home folder holds the name of a folder beside it. Loading writes a new folder whole, makes
it durable, then renames a new ``current`` into place: a reader sees the old state or the new one, whatever happens.
Until something is loaded the bundled tables serve, unpacked once.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.networks.bundle import bundle_name, unpack
from tocsin.node.errors import ConflictError, StorageError
from tocsin.node.file_locks import held_file
from tocsin.node.files import sync_file, sync_folder, write_whole
from tocsin.node.paths import HomeFolder

_ABANDONED_SECONDS = 3600


def current_folder(home: Path) -> Path:
    """The folder of the current tables of the node in ``home``; unpacks the bundled ones when nothing is loaded.

    Raises:
        StorageError: the home folder cannot be written, or names tables that are not there.

    """
    root = home / HomeFolder.NETWORKS
    try:
        name = (root / "current").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _bundled(root)
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{root / 'current'} cannot be read: {error}", hint="Check its permissions.") from error
    if not (root / name / "register-named.npy").is_file():
        raise StorageError(
            f"{root / 'current'} names the folder {name!r}, which holds no tables.",
            hint="Load a table file again, or delete the file 'current' there to return to the bundled tables.",
        )
    return root / name


def switch(home: Path, fill: Callable[[Path], None]) -> Path:
    """The new current folder, after ``fill`` has written its files; the one before stays, older ones go."""
    root = home / HomeFolder.NETWORKS
    before = current_folder(home)
    made = write_folder(root, fill, "loaded-")
    write_whole(root / "current", made.name.encode("ascii"))
    for old in root.iterdir():
        draft_in_use = old.name.startswith(".") and time.time() - old.stat().st_mtime < _ABANDONED_SECONDS
        if old.is_dir() and old not in {made, before} and not draft_in_use:
            shutil.rmtree(old, ignore_errors=True)
    return made


@contextmanager
def only_writer(home: Path) -> Iterator[None]:
    """Nobody else loads tables into this node meanwhile.

    Raises:
        ConflictError: somebody does.

    """
    root = home / HomeFolder.NETWORKS
    _make(root)
    with held_file(root / ".lock") as ours:
        if ours is None:
            raise ConflictError(
                "Another load of network tables is running.", hint="Wait until it has ended, then try again."
            )
        yield


def write_folder(root: Path, fill: Callable[[Path], None], prefix: str, name: str = "") -> Path:
    """A new folder in ``root`` that ``fill`` wrote, there only when complete and durable."""
    _make(root)
    draft = Path(tempfile.mkdtemp(prefix=".", dir=root))
    try:
        fill(draft)
        for file in draft.iterdir():
            sync_file(file)
        sync_folder(draft)
        final = root / (name or prefix + draft.name.strip("."))
        try:
            draft.rename(final)
        except OSError:  # another process was first with the same content
            if not (name and final.is_dir()):
                raise
        sync_folder(root)
    except OSError as error:
        raise StorageError(
            f"Network tables cannot be written to {root}: {error.strerror or error}.",
            hint="Check free space and permissions.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return final


def _bundled(root: Path) -> Path:
    name = bundle_name()
    return root / name if (root / name).is_dir() else write_folder(root, unpack, "", name)


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {root} cannot be made: {error.strerror}.", hint="Choose --home.") from error

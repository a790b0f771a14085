"""Which processes of a node are at work: each holds a file locked until it ends, however that ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.node.file_locks import take_file


@contextmanager
def alive(folder: Path, name: str, bury: Callable[[str], None]) -> Iterator[None]:
    """Be at work as ``name`` for a block. ``bury`` is first called with the name of each that was killed at work.

    It is called again at the next start where it did not return; a name is never used by two processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for other in _killed(folder):
        bury(other.name)
        other.unlink(missing_ok=True)
    own = folder / name
    try:
        held = own.open("x")
    except FileExistsError:  # this very process said so already
        yield
        return
    with held:
        take_file(held)
        try:
            yield
        finally:
            own.unlink(missing_ok=True)


def at_work(folder: Path) -> list[str]:
    """The names of those that are at work now."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return sorted(names - {path.name for path in _killed(folder)}) if names else []


def _killed(folder: Path) -> Iterator[Path]:
    """The files that nobody holds."""
    for path in folder.iterdir():
        try:
            with path.open("r+") as file:
                if not take_file(file):
                    continue
        except FileNotFoundError:
            continue
        yield path

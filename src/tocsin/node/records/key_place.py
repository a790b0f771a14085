"""Key files where all machines have them: in a place, of which each machine has copies."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tocsin.node.place import Place
from tocsin.node.records.key_names import NAME, StoredKeys, paths_of
from tocsin.node.records.kill_points import cut


@dataclass(frozen=True)
class KeyPlace:
    """Where the key files of a folder are kept for all machines: below a name in a place."""

    place: Place
    below: str = ""

    def named(self, name: str) -> str:
        """A file of the folder, as the place names it."""
        return f"{self.below}/{name}" if self.below else name

    def files(self) -> dict[str, float]:
        """The key files and what is beside them, as the folder names them, and when each was written."""
        start = len(self.named(""))
        found = ((file.name[start:], file.modified) for file in self.place.list(self.below))
        return {name: modified for name, modified in found if NAME.fullmatch(name)}

    def fetch(self, file: StoredKeys, folder: Path, names: Collection[str]) -> None:
        """Copy a file to the folder, the keys last: by them it is found. ``names``: what the place has.

        Raises:
            FileNotFoundError: another machine merged it meanwhile.

        """
        file.folder.mkdir(parents=True, exist_ok=True)
        for path in reversed(paths_of(file)):
            name = path.relative_to(folder).as_posix()
            if name in names:
                self.place.fetch(self.named(name), path)

    def give(self, file: StoredKeys, folder: Path) -> None:
        """Keep a file of the folder for all machines, the keys last."""
        for path in reversed(paths_of(file)):
            with suppress(FileNotFoundError):  # not every file has both beside it
                self.place.put(self.named(path.relative_to(folder).as_posix()), path)
            cut("keys.given")

    def forget(self, names: Iterable[str]) -> None:
        """Delete files, the keys first."""
        for name in sorted(names, key=lambda name: not name.endswith(".keys")):
            self.place.delete(self.named(name))

"""What of a file was not taken: each with its reason in a file, and counted here."""

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tocsin.directory.entries import RefusedEntry
from tocsin.node.files import disk_failures

_KEPT = 1_000
_OWN = re.compile(r":| \(")


@dataclass
class Refusals:
    """Collects refusals in a file of JSON lines (``where``, ``what``, ``why``), which takes its place at the end.

    ``first`` holds the first 1,000, ``reasons`` how many there are of each reason.
    """

    path: Path
    first: list[RefusedEntry] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    _file: TextIO | None = None

    def __enter__(self) -> Self:
        with disk_failures(f"The file {self.path} cannot be written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._unfinished.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if kind is None:
            self._unfinished.replace(self.path)
        else:
            self._unfinished.unlink(missing_ok=True)

    def __len__(self) -> int:
        return self.reasons.total()

    def add(self, where: str, what: str, why: str) -> None:
        """Note one: where it stands, what it says, and the reason; what follows ``:`` or ``(`` in it is of this one."""
        refused = RefusedEntry(where, what, why)
        self.reasons[_OWN.split(why, maxsplit=1)[0]] += 1
        if len(self.first) < _KEPT:
            self.first.append(refused)
        if self._file is not None:
            self._file.write(json.dumps(asdict(refused), ensure_ascii=False) + "\n")

    @property
    def _unfinished(self) -> Path:
        return self.path.with_name(f"{self.path.name}.unfinished")

"""Which tests stay together when several processes share them, and which folders come first.

A file stays in one process, so that what its module builds is built once and its tests keep their order; files that
share more than that are one of `GROUPS`. Folders that take long come first, so that no process waits at the end.
With ``TOCSIN_DRAWN`` a tenth of the files, drawn by its value, is run by a clock that is ahead, and all else by the
clock of the machine, as are all tests of a bucket (the clock of that server, a program in Go, cannot be moved, and it
takes no request of another day) and those that are marked ``file_times``.
"""

import os
import tomllib
from pathlib import Path
from zlib import crc32

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

SECONDS = Path(__file__).resolve().parents[1] / "seconds.toml"
"""Folder below ``tests`` → seconds that its tests took when it was written."""
GROUPS = {
    "tests/server/pages/test_accessibility.py": "gallery",
    "tests/server/pages/test_page_weight.py": "gallery",
    "tests/server/pages/test_security_browser.py": "gallery",
}
_ENOUGH = 2
"""Tests; a process that has more is given no other file. It runs its last one when it knows what comes after."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A file, or a group of files, goes to one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return GROUPS.get(file, file)

    def remove_node(self, node: WorkerController) -> str | None:
        """The test in which a process ended; it is not run again, as xdist would do for ever with one that waits."""
        work = self.assigned_work.get(node, {}).values()
        ended = next((name for unit in work for name, done in unit.items() if not done), None)
        for unit in work:
            unit.update({name: True for name in unit if name == ended})
        super().remove_node(node)
        return ended

    def _reschedule(self, node: WorkerController) -> None:
        """Files until there is enough to do: of one that is done, as another process left it, no word comes back."""
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) <= _ENOUGH:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    config.option.loadscopereorder = False  # ours is the order
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed, ahead = os.environ.get("TOCSIN_DRAWN"), "FAKETIME" in os.environ
    kept = {item for item in items if is_asked(item.path.name, only_today=_is_only_today(item), seed=seed, ahead=ahead)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
    seconds = tomllib.loads(SECONDS.read_text(encoding="utf-8"))
    items.sort(key=lambda item: -seconds.get(folder_of(item.nodeid), 0))


def is_asked(file: str, *, only_today: bool, seed: str | None, ahead: bool) -> bool:
    """Whether a test of this file is run, by a clock that is ``ahead`` or by that of the machine."""
    if only_today:
        return not ahead
    return seed is None or (crc32(f"{seed} {file}".encode()) % 10 == 0) is ahead


def _is_only_today(item: pytest.Item) -> bool:
    chosen = getattr(item, "callspec", None)
    in_bucket = "bucket_server" in getattr(item, "fixturenames", ()) or (
        chosen is not None and "bucket" in (chosen.params.get("address"), chosen.params.get("place"))
    )
    return in_bucket or item.get_closest_marker("file_times") is not None


def folder_of(nodeid: str) -> str:
    """The folder right below ``tests``; ``tests`` for what lies loose there."""
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]

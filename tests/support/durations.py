"""Where the time of a run goes: seconds of the clock and of the processors, by folder and by test.

``pytest --durations-file=FILE`` prints the sums and the slowest tests, writes a line for each test to FILE, and says of
a run that took longer than `BUDGET` which folders grew against ``tests/seconds.toml``. It does not fail: the same tests
took twice the processor time elsewhere, and what they find is right all the same.
"""

import os
import time
import tomllib
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import processes
from support.order import SECONDS, folder_of

BUDGET = 35 * 60
"""Seconds that all tests together may take on two quiet processors."""
_GROWN = 1.25
_SLOWEST = 25


@dataclass
class Spent:
    """What a test or a folder took by the clock, and of the ``processor``: with the processes that it waited for."""

    seconds: float = 0.0
    processor: float = 0.0
    tests: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.seconds + other.seconds, self.processor + other.processor, self.tests + other.tests
        )  # fmt: skip


@dataclass(eq=False)  # pytest wants to hash it
class Durations:
    """The plugin; under xdist each worker measures and the one that started them adds up."""

    file: Path | None
    started: float = field(default_factory=time.monotonic)
    tests: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _before: float = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._before = processor_seconds()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, pytest.TestReport]:
        report: Any = yield
        now = processor_seconds()
        report.processor, self._before = now - self._before, now
        return report  # type: ignore[no-any-return]  # any attribute of a report travels from a worker

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        spent = Spent(report.duration, getattr(report, "processor", 0.0), tests=int(report.when == "call"))
        self.tests[report.nodeid] += spent

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.file is None:
            return
        slowest = sorted(self.tests.items(), key=lambda item: -item[1].seconds)
        lines = [f"{spent.seconds:9.2f} {spent.processor:9.2f}  {name}" for name, spent in slowest]
        self.file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        folders = by_folder(self.tests)
        terminalreporter.section("seconds by folder: clock, processor, tests")
        for folder, spent in [*sorted(folders.items()), ("all", sum(folders.values(), Spent()))]:
            terminalreporter.line(f"{spent.seconds:9.1f} {spent.processor:9.1f} {spent.tests:6d}  {folder}")
        terminalreporter.section(f"slowest tests (all: {self.file})")
        terminalreporter.write("\n".join([*lines[:_SLOWEST], ""]))
        if time.monotonic() - self.started > BUDGET:
            terminalreporter.section("over the budget")
            terminalreporter.line(f"The tests took more than {BUDGET // 60} minutes. Folders that grew:")
            kept = tomllib.loads(SECONDS.read_text(encoding="utf-8"))
            for line in grown(kept, folders):
                terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--durations-file", metavar="FILE", type=Path, help="write where the time went, and print sums")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Durations(config.getoption("durations_file")), "durations by folder")


def processor_seconds() -> float:
    """What this process took so far, with the processes that it started and that ended."""
    return sum(os.times()[:4]) + processes.processor_seconds()


def by_folder(tests: dict[str, Spent]) -> dict[str, Spent]:
    """The sums of the folders right below ``tests``."""
    folders: dict[str, Spent] = defaultdict(Spent)
    for name, spent in tests.items():
        folders[folder_of(name)] += spent
    return dict(folders)


def grown(kept: dict[str, float], folders: dict[str, Spent]) -> list[str]:
    """A line for each folder that takes a quarter more than was kept of it, or that is not kept."""
    return [
        f"  {folder}: {kept.get(folder, 0):.0f} s before, {spent.seconds:.0f} s now"
        for folder, spent in sorted(folders.items(), key=lambda item: kept.get(item[0], 0) - item[1].seconds)
        if spent.seconds > _GROWN * kept.get(folder, 0)
    ]

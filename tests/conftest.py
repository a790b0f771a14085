"""What all tests share: where others' data is, and a quiet, repeatable Hypothesis."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support import processes
from support.homes import unchanged

pytest_plugins = [
    "support.bucket_server", "support.databases", "support.order", "support.durations", "support.patience",
]  # fmt: skip

settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", max_examples=25, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed one: what it would have shown was not shown."""
    report = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and report is not None and report.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    """What commands in processes of their own took counts as taken here."""
    processes.stop()


@pytest.fixture(scope="session", autouse=True)
def _shared_tables() -> Iterator[None]:
    """Homes share their network tables: whoever writes into them would change what others find."""
    yield
    assert unchanged()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of inputs and expected answers that others wrote (not part of the repository)."""
    given = os.environ.get("TOCSIN_SHARED_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"others' data is not here: set TOCSIN_SHARED_DATA (looked in {folder})")
    return folder

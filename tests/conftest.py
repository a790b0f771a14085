"""What all tests share: where others' data is, and a quiet, repeatable Hypothesis."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["databases"]

settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", max_examples=25, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of inputs and expected answers that others wrote (not part of the repository)."""
    given = os.environ.get("TOCSIN_SHARED_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"others' data is not here: set TOCSIN_SHARED_DATA (looked in {folder})")
    return folder

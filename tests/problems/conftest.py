"""One node with the fixed cast for all tests of this folder; each works on a copy of it."""

from pathlib import Path

import pytest

from support.world import make_world


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has heard nothing."""
    return make_world(tmp_path_factory.mktemp("fresh"), "[tell]\nreminders = ['daily']\n").folder

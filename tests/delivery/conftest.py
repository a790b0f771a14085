"""Keys for the tests of sealed mails, made once: they take a while."""

from collections.abc import Iterator

import pytest

from support.sealing_examples import Cast, made_cast


@pytest.fixture(scope="session")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """A node and a team with OpenPGP and S/MIME keys."""
    with made_cast(tmp_path_factory.mktemp("keys")) as made:
        yield made

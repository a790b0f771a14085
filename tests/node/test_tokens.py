"""Tokens: what another node, another purpose or a stranger made is none of ours."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.errors import StorageError
from tocsin.node.paths import HomeFile
from tocsin.node.tokens import Tokens, open_tokens

OURS, THEIRS = Tokens(b"a" * 32), Tokens(b"b" * 32)
NAMES = st.from_regex(r"[A-Za-z0-9:-]{1,60}", fullmatch=True)


@given(NAMES)
def test_a_token_names_what_it_was_made_for(name: str) -> None:
    token = OURS.make("answer", name)
    assert OURS.read("answer", token) == name
    assert OURS.make("answer", name) == token
    assert OURS.read("verify", token) is None
    assert THEIRS.read("answer", token) is None


@given(NAMES, st.integers(min_value=0), st.characters())
def test_a_changed_token_is_none(name: str, place: int, sign: str) -> None:
    token = OURS.make("answer", name)
    at = place % len(token)
    changed = token[:at] + sign + token[at + 1 :]
    # The last sign of base64 holds bits that are not used; the name must be untouched either way.
    assert OURS.read("answer", changed) in ({name, None} if changed.startswith(f"{name}.") else {None})


@given(st.text(max_size=400))
def test_any_text_is_read_without_harm(text: str) -> None:
    assert OURS.read("answer", text) is None


def test_the_secret_is_drawn_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    first = open_tokens(tmp_path)
    assert open_tokens(tmp_path) == first
    assert len(first.secret) == 32
    assert (tmp_path / HomeFile.TOKENS).stat().st_mode & 0o077 == 0
    assert open_tokens(_made(tmp_path / "other")) != first


def test_who_draws_the_secret_at_the_same_moment_gets_the_same(tmp_path: Path) -> None:
    """Threads of one process too: none writes into what another one draws."""
    together = Barrier(8)

    def draw() -> Tokens:
        together.wait()
        return open_tokens(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        drawn = [one.result() for one in [threads.submit(draw) for _ in range(8)]]
    assert drawn == [open_tokens(tmp_path)] * 8
    assert [path.name for path in tmp_path.iterdir()] == [HomeFile.TOKENS]


@pytest.mark.parametrize("left", [b"", b"a" * 31])
def test_a_secret_that_was_cut_off_signs_nothing(tmp_path: Path, left: bytes) -> None:
    (tmp_path / HomeFile.TOKENS).write_bytes(left)
    with pytest.raises(StorageError, match="too short"):
        open_tokens(tmp_path)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

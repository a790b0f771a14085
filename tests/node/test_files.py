"""Files are there whole or not at all."""

import stat
from pathlib import Path

import pytest

from tocsin.node.files import write_whole


def test_a_file_is_written_into_folders_that_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"one", folders=3)
    write_whole(path, b"two")

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_of_several_who_must_not_replace_it_the_first_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one", replace=False)
    with pytest.raises(FileExistsError):
        write_whole(path, b"two", replace=False)

    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(path, b"one")

    assert list(tmp_path.iterdir()) == [path]

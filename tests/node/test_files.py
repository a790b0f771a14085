"""Files are there whole or not at all; folders as long as a process has them."""

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.node.file_locks import process_folder
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


KILLED = """
import os, sys
from pathlib import Path
from tocsin.node.file_locks import process_folder
(process_folder(Path(sys.argv[1]), "killed") / "file").write_text("")
os.kill(os.getpid(), 9)
"""


def test_a_folder_of_a_process_that_was_killed_goes_and_that_of_one_at_work_stays(tmp_path: Path) -> None:
    above = tmp_path / "above"
    (process_folder(above, "at work") / "file").write_text("")
    assert subprocess.run([sys.executable, "-c", KILLED, above], check=False).returncode == -signal.SIGKILL
    assert (above / "killed" / "file").is_file(), "for one that is started in its place"

    process_folder(above, "another")

    assert sorted(path.relative_to(above).as_posix() for path in above.rglob("*") if path.name != "lock") == [
        "another",
        "at work",
        "at work/file",
    ]
    assert stat.S_IMODE(above.stat().st_mode) == 0o700

    linked = tmp_path / "linked"
    linked.symlink_to(above)
    with pytest.raises(PermissionError):  # by a link of another user, folders of ours would be removed
        process_folder(linked, "new")
    assert (above / "another").is_dir()

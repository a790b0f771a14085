"""Processes that were killed at work are told from those that live and those that ended well."""

import subprocess
import sys
from pathlib import Path

from tocsin.node.records import alive

_HOLD = """
import sys
from pathlib import Path
from tocsin.node.records import alive
with alive(Path(sys.argv[1]), sys.argv[2], print):
    print("works", flush=True)
    sys.stdin.readline()
"""


def at_work(folder: Path, name: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, folder, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "works\n"
    return process


def test_who_says_so_twice_does_not_wait_for_itself(tmp_path: Path) -> None:
    with alive(tmp_path, "twice", print), alive(tmp_path, "twice", print):
        assert [path.name for path in tmp_path.iterdir()] == ["twice"]
    assert list(tmp_path.iterdir()) == []


def test_only_who_was_killed_is_buried_and_only_once(tmp_path: Path) -> None:
    folder, buried = tmp_path / "at-work", list[str]()
    with at_work(folder, "lives") as lives, at_work(folder, "killed") as killed, at_work(folder, "ended") as ended:
        killed.kill()
        killed.wait()
        ended.communicate("end\n")
        for name in ("first", "second"):
            with alive(folder, name, buried.append):
                assert buried == ["killed"]
        assert [path.name for path in folder.iterdir()] == ["lives"]
        lives.communicate("end\n")
    assert list(folder.iterdir()) == []

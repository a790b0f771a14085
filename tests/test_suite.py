"""What the run itself says: where the time went, and which folders grew."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.durations import Spent, by_folder, grown
from support.order import ByFile, folder_of, is_asked


def test_sums_are_those_of_the_folders_right_below_tests() -> None:
    spent = Spent(2.0, 1.0, tests=1)
    tests = {"tests/web/a/test_a.py::test[x/y]": spent, "tests/web/test_b.py::test": spent, "tests/test_c.py::t": spent}
    assert by_folder(tests) == {"web": Spent(4.0, 2.0, tests=2), "tests": spent}
    assert folder_of("tests/web/a/test_a.py::test") == "web"


def test_folders_that_grew_by_more_than_a_quarter_or_are_new_are_named_worst_first() -> None:
    now = {"web": Spent(130.0), "api": Spent(120.0), "new": Spent(5.0)}
    assert grown({"web": 100.0, "api": 100.0}, now) == ["  web: 100 s before, 130 s now", "  new: 0 s before, 5 s now"]


@pytest.mark.parametrize(
    ("file", "group"), [("tests/server/pages/test_accessibility.py", "gallery"), ("tests/a.py", "tests/a.py")]
)
def test_a_file_stays_whole_and_the_gallery_too(file: str, group: str) -> None:
    assert ByFile._split_scope(ByFile.__new__(ByFile), f"{file}::test_it[a@b]") == group


def test_each_test_is_asked_once_today_or_ahead_and_those_of_the_machines_clock_today() -> None:
    files = [f"test_{number}.py" for number in range(500)]
    for seed in ("a", "b"):
        today, ahead = (
            {file for file in files if is_asked(file, only_today=False, seed=seed, ahead=by)} for by in (False, True)
        )
        assert today | ahead == {*files}
        assert not today & ahead
        assert 25 < len(ahead) < 75
        assert all(is_asked(file, only_today=True, seed=seed, ahead=False) for file in files)
    assert all(is_asked(file, only_today=False, seed=None, ahead=by) for file in files for by in (False, True))
    assert not any(is_asked(file, only_today=True, seed=seed, ahead=True) for file in files for seed in (None, "a"))


def test_two_processes_run_each_file_in_its_order_and_the_durations_are_kept(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    (tmp_path / "tests" / "conftest.py").write_text("pytest_plugins = ['support.order', 'support.durations']\n")
    for name in "abc":
        (tmp_path / "tests" / f"test_{name}.py").write_text(
            "seen = []\n\ndef test_first(): seen.append(1)\n\ndef test_second(): assert seen == [1]\n"
        )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--durations-file=kept.txt"]
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "6 passed" in done.stdout) == (0, True), done.stdout
    names = [line.split()[2] for line in (tmp_path / "kept.txt").read_text().splitlines()]
    assert sorted(names) == [f"tests/test_{name}.py::test_{order}" for name in "abc" for order in ("first", "second")]


def test_a_test_that_waits_for_ever_fails_and_the_others_run(tmp_path: Path) -> None:
    """As xdist alone has it, another process would run the same test again, and so on."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmost_seconds = 2\n")
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['support.order', 'support.patience']\n")
    (tmp_path / "test_a.py").write_text(
        "import threading\n\ndef test_waits(): threading.Event().wait()\n\ndef test_after(): pass\n"
    )
    for name in "bcdef":
        (tmp_path / f"test_{name}.py").write_text("def test_other(): pass\n")
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "1 failed, 6 passed" in done.stdout, done.stdout
    assert "in test_waits" in done.stderr, done.stderr

"""What a developer's first hour uses: a working start of something new, and the tests that a change touches."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
_NO_CACHES = shutil.ignore_patterns("__pycache__", "*.so")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed to add something."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("src", "scripts", "tests/support"):
        shutil.copytree(ROOT / part, folder / part, ignore=_NO_CACHES)
    for name in ("pyproject.toml", "tests/conftest.py", "tests/seconds.toml"):
        shutil.copy(ROOT / name, folder / name)
    for place in ("tests/delivery", "tests/events/sources"):
        (folder / place).mkdir(parents=True)
    return folder


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "test"),
    [
        (("act", "delivery", "note-mail"), "tests/delivery/test_note_mail.py"),
        (("feed", "honey_pot"), "tests/events/sources/test_honey_pot.py"),
    ],
    ids=["act", "feed"],
)
def test_a_start_of_something_new_works(checkout: Path, arguments: tuple[str, ...], test: str) -> None:
    made = run(checkout, "scripts/new", *arguments)
    assert (made.returncode, test in made.stdout) == (0, True), made.stderr
    passed = run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    assert "1 passed" in passed.stdout, passed.stdout + passed.stderr
    again = run(checkout, "scripts/new", *arguments)
    assert (again.returncode, "already" in again.stderr) == (1, True)


def test_of_a_new_act_there_is_a_command_a_route_and_a_form(checkout: Path) -> None:
    run(checkout, "scripts/new", "act", "delivery", "note-mail")
    said = "from tocsin.delivery.acts import ACTS; act = ACTS[-1]; print(act.command, act.route, act.page, sep='\\n')"
    assert run(checkout, "-c", said).stdout.split("\n")[:3] == [
        "deliveries note-mail", "/deliveries/note-mail", "/deliveries/note-mail",
    ]  # fmt: skip


def test_a_room_whose_commands_are_by_hand_is_named(checkout: Path) -> None:
    refused = run(checkout, "scripts/new", "act", "assets", "note-asset")
    assert (refused.returncode, "tocsin.assets.acts" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("changed", "asked", "left"),
    [
        ("src/tocsin/networks/public.py", "tests/networks/test_public.py", "tests/exchange/test_agreements.py"),
        ("tests/networks/test_load.py", "tests/networks/test_load.py", "tests/networks/test_public.py"),
        ("tests/support/keys.py", "tests/server/pages/test_keyboard.py", "tests/networks/test_load.py"),
        ("src/tocsin/server/pages/templates/duty/duty.html", "tests/docs/test_words.py", "tests/networks/test_load.py"),
    ],
)  # fmt: skip
def test_a_change_touches_tests_that_import_it(changed: str, asked: str, left: str) -> None:
    loader = SourceFileLoader("changed", str(ROOT / "scripts" / "changed"))
    spec = spec_from_loader("changed", loader)
    assert spec
    module: Any = module_from_spec(spec)
    loader.exec_module(module)
    found = {path.as_posix() for path in module.touched([Path(changed)])}
    assert (asked in found, left in found) == (True, False)

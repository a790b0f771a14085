"""A capability stands apart: without its folder and its line nothing is missing but itself."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin as package
from tocsin.interface.capabilities import PACKAGES, capabilities

_ASK = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from support.routes import doors
from tocsin.pipeline.stores import open_node
from tocsin.operations.backup import known_tables
from tocsin.cli import COMMANDS, application
from tocsin.interface import capabilities
from tocsin.server.server import make_application
application(COMMANDS)
served = make_application(open_node(Path(sys.argv[1])), clock=lambda: datetime(2026, 11, 23, tzinfo=UTC))
print(json.dumps({
    "commands": list(COMMANDS),
    "paths": [door.path for door in doors(served)],
    "places": [one.path for one in capabilities()],
    "tables": [table.name for table in known_tables()],
    "modules": sorted(name for name in sys.modules if name.startswith("tocsin.")),
}))
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return _ask(Path(package.__file__).parents[1], tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize("name", PACKAGES)
def test_without_its_folder_and_its_line_a_capability_is_gone_and_nothing_else(
    name: str, before: dict[str, list[str]], tmp_path: Path
) -> None:
    source = tmp_path / "src"
    shutil.copytree(Path(package.__file__).parent, source / "tocsin", ignore=shutil.ignore_patterns("__pycache__"))
    gone = next(one for one in capabilities() if importlib.import_module(f"{name}.capability").CAPABILITY is one)

    shutil.rmtree(source / name.replace(".", "/"))
    here = source / "tocsin/interface/capabilities"
    lines = here.with_suffix(".py").read_text()
    assert lines.count(f'    "{name}",\n') == 1
    here.with_suffix(".py").write_text(lines.replace(f'    "{name}",\n', ""))
    after = _ask(source, tmp_path / "home")

    assert set(before["commands"]) - set(after["commands"]) == set(gone.commands)
    assert [path for path in before["places"] if path not in after["places"]] == [gone.path]
    assert any(path.startswith(gone.path) for path in before["paths"])
    assert not any(path.startswith(gone.path) for path in after["paths"])
    assert [path for path in before["paths"] if not path.startswith(gone.path)] == after["paths"]
    assert set(before["tables"]) > set(after["tables"])
    assert any(module.startswith(name) for module in before["modules"])
    assert not any(module.startswith(name) for module in after["modules"])


def _ask(source: Path, home: Path) -> dict[str, list[str]]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(source), *sys.path])}
    command = [sys.executable, "-c", _ASK, str(home)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)  # type: ignore[no-any-return]

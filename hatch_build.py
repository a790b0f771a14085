"""Writes into each wheel and sdist which commit it was made from: `tocsin.node.build` reads it."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "src/tocsin/build.json"


class CommitOfBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Nothing where there is no repository: an sdist has the file already; nor in an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built."""
        root = Path(self.root)
        if version == "editable" or not (root / ".git").exists():
            return
        command = ["git", "log", "-1", "--format=%H %cI"]
        said = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
        commit, made = said.split()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name, "build.json")
        path.write_text(json.dumps({"commit": commit, "made": made}) + "\n", encoding="utf-8")
        build_data["force_include"][str(path)] = PLACE if self.target_name == "sdist" else PLACE.removeprefix("src/")

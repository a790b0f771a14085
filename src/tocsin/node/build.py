"""Which build of Tocsin this is, so that two nodes of different commits never look alike."""

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

from tocsin import __version__

_SHOWN = 8  # digits of a commit


@dataclass(frozen=True)
class Build:
    """Version, commit ("" where nobody knows), its day, and the day of the bundled network tables."""

    version: str
    commit: str
    made: date | None
    tables: date | None

    @property
    def name(self) -> str:
        """Version and commit, short: what two builds never share."""
        return f"{self.version}+g{self.commit[:_SHOWN]}" if self.commit else self.version

    def __str__(self) -> str:
        of = [f"commit {self.commit[:_SHOWN]} of {self.made}"] if self.commit else []
        of += [f"network tables of {self.tables}"] if self.tables else []
        return f"{self.version} ({', '.join(of)})" if of else self.version


@cache
def build() -> Build:
    """That of this process: of its release, else of the checkout that it runs from."""
    package = files("tocsin")
    try:
        said = json.loads((package / "build.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = _of_checkout()
    made = date.fromisoformat(said["made"][:10]) if said else None
    return Build(__version__, said.get("commit", ""), made, _tables_made(str(package)))


def _of_checkout() -> dict[str, str]:
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return {}
    command = ["git", "-C", str(root), "log", "-1", "--format=%H %cI"]
    try:
        commit, made = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}  # there is no git, or it is another user's
    return {"commit": commit, "made": made}


def _tables_made(package: str) -> date | None:
    """The latest day in the versions of the packages that the tables were made from, as 2.3.2026061719."""
    text = Path(package, "networks", "data", "networks.json").read_text(encoding="utf-8")
    days = re.findall(r'"version": "[\d.]*?\.(20\d\d)(\d\d)(\d\d)\d*"', text)
    return max((date(*map(int, day)) for day in days), default=None)

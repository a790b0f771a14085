"""The libraries in the repository are the very files that scripts/vendor took from the locked packages."""

import hashlib
import json
from pathlib import Path

import pytest

from tocsin.server import pages as web

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = [Path(web.__file__).parent / "static" / "vendor", ROOT / "tests" / "vendor"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["pages", "tests"])
def test_every_library_is_as_it_came(folder: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in folder.iterdir() if path.suffix in {".js", ".json"}}
    assert files == listed.keys()
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in listed} == listed


def test_packages_are_locked_with_their_hashes_and_without_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: of for name, of in lock["packages"].items() if name}
    assert {"node_modules/d3", "node_modules/topojson-client", "node_modules/axe-core"} <= packages.keys()
    assert all(of["integrity"].startswith("sha512-") and "resolved" not in of for of in packages.values())

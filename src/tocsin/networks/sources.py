"""Which files the current tables of networks were made from."""

import json
from pathlib import Path

from tocsin.networks.bundle import DATA
from tocsin.networks.folders import current_folder


def table_files(home: Path) -> list[str]:
    """The files behind the table of routes and countries, by name; of bundled ones package and version.

    Raises:
        StorageError: the home folder cannot be used.

    """
    loaded = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(current_folder(home).glob("report-*.json"))
    ]
    names = [str(report["file"]) for report in loaded]
    routed = any(name.startswith("routes") for report in loaded for name in report["replaced"])
    return names if routed else [*names, *_bundled()]


def _bundled() -> list[str]:
    sources = json.loads((DATA / "networks.json").read_text(encoding="utf-8"))["sources"]
    return list(dict.fromkeys(f"{source['package']} {source['version']}" for source in sources))

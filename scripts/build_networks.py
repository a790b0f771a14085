"""Build the bundled network tables from the npm packages that carry them.

    python scripts/build_networks.py [--from FOLDER]

Packs ``@ip-location-db/asn`` and ``@ip-location-db/asn-country`` with npm into a temporary folder (or takes unpacked
packages from ``--from``, as ``asn/`` and ``asn-country/``), reads their range files with Tocsin's own readers, and
writes ``networks.npz`` and ``networks.json`` beside the code. The same packages make the same bytes. Prints what it
found, overlaps included.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from tocsin.networks.bundle import DATA, pack
from tocsin.networks.formats import read_table
from tocsin.networks.load import overlaps_of, tables_of
from tocsin.networks.tables import AddressTable, AsRegister, Networks

PACKAGES = ("asn", "asn-country")
LICENCES = {"asn": "CC-BY-4.0 (Route Views, NRO, DB-IP)", "asn-country": "CC-BY-4.0 (NRO)"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--from", dest="folder", type=Path, help="folder with the unpacked packages")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = given.folder or fetch(Path(scratch))
        tables, sources = combine(folder)
    path = DATA / "networks.npz"
    with tempfile.TemporaryDirectory() as made:
        tables.save(Path(made))
        pack(Path(made), path)
    about = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size, "sources": sources}
    (DATA / "networks.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    json.dump(about, sys.stdout, indent=2)
    print()


def fetch(scratch: Path) -> Path:
    """The folder with the packages, unpacked."""
    for name in PACKAGES:
        command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), f"@ip-location-db/{name}"]
        archive = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]
        with tarfile.open(scratch / archive) as packed:
            packed.extractall(scratch / name, filter="data")
    return scratch


def combine(folder: Path) -> tuple[Networks, list[dict[str, object]]]:
    """The tables of all range files together, and what each file held."""
    whole = Networks(AddressTable.empty(), AddressTable.empty(), AsRegister.of({}, {}))
    names: dict[int, str] = {}
    sources: list[dict[str, object]] = []
    for name in PACKAGES:
        unpacked = next(path.parent for path in (folder / name).rglob("package.json"))
        version = json.loads((unpacked / "package.json").read_text(encoding="utf-8"))["version"]
        for family in ("ipv4", "ipv6"):
            file = unpacked / f"{name}-{family}.csv"
            content = read_table(file, "ip-location")
            made, overlaps = tables_of(content), overlaps_of(content)
            whole = replace(
                whole,
                routes=whole.routes.with_families_of(made.routes),
                countries=whole.countries.with_families_of(made.countries),
            )
            names |= content.aside.names
            sources.append(
                {
                    "package": f"@ip-location-db/{name}",
                    "version": version,
                    "licence": LICENCES[name],
                    "file": file.name,
                    "ranges": len(content.ranges),
                    "junk": content.aside.junk.count,
                    "overlaps": [asdict(line) for line in overlaps.lines],
                }
            )
    return replace(whole, register=AsRegister.of(names, {})), sources


if __name__ == "__main__":
    main()

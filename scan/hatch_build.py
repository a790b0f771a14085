"""Compiles the library into the wheel, and names what it runs on."""

import platform
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GLIBC = "2_34"  # the newest symbol that it needs: Debian 12, Ubuntu 22.04, RHEL 9 and later


class CompiledScan(BuildHookInterface):  # type: ignore[type-arg]
    """Runs ``scripts/build-scan``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library and set the tag of the wheel."""
        root = Path(self.root)
        library = root / "tocsin_scan" / "libtocsin_scan.so"
        subprocess.run([root.parent / "scripts" / "build-scan", library], check=True)
        build_data["tag"] = f"py3-none-manylinux_{GLIBC}_{platform.machine()}"
        build_data["pure_python"] = False

"""A node with the fixed cast, and reports to feed it with."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cast import HEADER, Tocsin
from support.databases import Cluster
from support.homes import settle


@pytest.fixture
def engine_name() -> str:
    """Journeys run on SQLite; where the database matters, a file asks for both."""
    return "sqlite"


@pytest.fixture
def tocsin(tmp_path: Path, engine_name: str, request: pytest.FixtureRequest) -> Tocsin:
    """A node with the cast in its directory."""
    settings = ""
    if engine_name == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        settings = f"[storage]\ndatabase = '{cluster.fresh()}'\n"
    return Tocsin(settle(tmp_path / "home", settings), {**os.environ, "NO_COLOR": "1"})


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., Path]:
    """Writes a report of open RDP services: addresses, or whole rows, on a day."""

    def write(*addresses: str, day: str = "2026-11-23", kind: str = "scan_rdp", port: int = 3389) -> Path:
        path = tmp_path / f"{day}-{kind}-test-geo.csv"
        rows = [
            f'"{day} 01:02:{second % 60:02d}","medium","{address}","tcp",{port},,"rdp",64500,"MU",,'
            for second, address in enumerate(addresses)
        ]
        path.write_text("\n".join([HEADER, *rows, ""]))
        return path

    return write

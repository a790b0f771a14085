"""What follows a change of the directory by a command."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from tocsin.node.records import Database


def renew_router(home: Path, database: "Database") -> None:
    """Compile the rules of a changed directory, so that the next report, or question, does not wait for it."""
    from tocsin.directory import directory_version, read_directory
    from tocsin.sharing.routing import current_router

    folder = home / HomeFolder.COMPILED / "routing"
    current_router(folder, directory_version(database), lambda: read_directory(database), now=datetime.now(UTC))

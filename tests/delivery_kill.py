"""Kills a deliverer at a named point."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from tocsin.records import Database


def killed(database: Database, folder: Path, place: str, port: int | None = None) -> None:
    """Deliver in a process of its own that dies at ``place``."""
    environment = {**os.environ, "TOCSIN_CUT": place}
    worker = Path(__file__).parent / "delivery_worker.py"
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, str(worker), url, str(folder), *([str(port)] if port else [])]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    while database.engine.dialect.name == "postgresql" and _still_locked(database):
        time.sleep(0.01)  # the server notices a moment later that its client is gone


def _still_locked(database: Database) -> bool:
    with database.begin() as session:
        return session.scalar(text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")) is not None

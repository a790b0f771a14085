"""Kills a deliverer at a named point."""

import os
import sys
import time
from pathlib import Path

from sqlalchemy import text

from support.delivery_process import work
from support.processes import KILLED, start
from tocsin.node.records import Database


def killed(database: Database, folder: Path, place: str, port: int | None = None) -> None:
    """Deliver in a process of its own that dies at ``place``."""
    url = database.engine.url.render_as_string(hide_password=False)
    done = start(
        work,
        url,
        folder,
        port,
        environment={**os.environ, "TOCSIN_CUT": place, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.wait() == KILLED, done.said
    while database.engine.dialect.name == "postgresql" and _still_locked(database):
        time.sleep(0.01)  # the server notices a moment later that its client is gone


def _still_locked(database: Database) -> bool:
    with database.begin() as session:
        return session.scalar(text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")) is not None

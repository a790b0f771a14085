"""Records databases for tests: an SQLite file, or a fresh database of one real PostgreSQL cluster.

The cluster is started once, when the first test asks for it, and listens on a socket in its own folder only. A fresh
database is a copy of a migrated template, which takes some hundredths of a second.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from support.homes import fresh_records
from tocsin.node.records import Database, open_database, sqlite_url

_TEMPLATE = "migrated"
_ACCOUNT = "postgres"  # PostgreSQL refuses to run as root
_PLACES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"), Path("/usr/bin")]


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL whose socket is in ``folder``."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{_ACCOUNT}@/{name}?host={self.folder}"

    def connect(self, name: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A connection without transactions, for making databases."""
        return psycopg.connect(host=str(self.folder), user=_ACCOUNT, dbname=name, autocommit=True)

    def fresh(self, *, migrated: bool = True) -> str:
        """The URL of a new database, with the tables of the current version or with none."""
        return self.copy(_TEMPLATE if migrated else "template0")

    def copy(self, of: str) -> str:
        """The URL of a new database that is a copy of one, by its name, to which nobody is connected."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(of)
            )
            connection.execute(made)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove one of its databases, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name_of(url))))


def name_of(url: str) -> str:
    """The name of the database that a URL of a cluster leads to."""
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The cluster, started; its files go with it."""
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not here: install the Debian package 'postgresql'")
    with running_cluster(binaries) as cluster:
        yield cluster


def postgresql_binaries() -> Path | None:
    """The folder of PostgreSQL's programs, the newest of those that are installed."""
    return next((place for place in _PLACES if (place / "initdb").is_file()), None)


@contextmanager
def running_cluster(binaries: Path, *, durable: bool = False) -> Iterator[Cluster]:
    """A PostgreSQL of its own, for as long as the block runs; ``binaries`` has ``initdb`` and ``postgres``.

    ``durable``: as it is installed, for measurements.
    """
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    account = _ACCOUNT if os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account, account)
    data, log = folder / "data", folder / "log"
    # By the clock of the machine: who is interrupted while waiting is told that by faketime, too (`./test --ahead`), so
    # that no timeout of a session would ever be due. Nothing goes by the clock of a database.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    start = partial(
        subprocess.Popen, user=account, group=account, extra_groups=account and [], cwd=folder, env=environment
    )
    initialise = [
        "--pgdata",
        data,
        "--username",
        _ACCOUNT,
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
    ]
    quick = [] if durable else [f"-c{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    place = ["-D", data, "-k", folder, "-clisten_addresses="]
    with log.open("wb") as out:
        assert start([binaries / "initdb", *initialise], stdout=out, stderr=out).wait() == 0, log.read_text()
        server = start([binaries / "postgres", *place, *quick], stdout=out, stderr=out)
    try:
        yield _ready(Cluster(folder), server)
    finally:
        server.send_signal(signal.SIGINT)  # end now, whoever is still connected
        server.wait(timeout=120)
        shutil.rmtree(folder)


def _ready(cluster: Cluster, server: subprocess.Popen[str]) -> Cluster:
    """The cluster once it answers and has its template."""
    while True:
        try:
            with cluster.connect() as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
            break
        except psycopg.OperationalError:
            if server.poll() is not None:
                pytest.fail(f"PostgreSQL ended: {(cluster.folder / 'log').read_text()}")
            time.sleep(0.05)
    database = open_database(cluster.url(_TEMPLATE))
    database.migrate()
    database.close()
    return cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs on both databases."""
    return str(request.param)


@pytest.fixture
def database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if engine_name == "sqlite":
        return sqlite_url(tmp_path / "records.sqlite")
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster.fresh(migrated=False)


@pytest.fixture
def database(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database of the test's own."""
    if engine_name == "sqlite":
        opened = open_database(sqlite_url(fresh_records(tmp_path)))
    else:
        cluster: Cluster = request.getfixturevalue("postgresql")
        opened = open_database(cluster.fresh())
    yield opened
    opened.close()

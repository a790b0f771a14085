"""Content that must not stay: a word and a picture, and a search for them in every form that a node might keep."""

import base64
import gzip
import random
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import polars as pl

from support.databases import Cluster

WORD = "canary-in-the-coal-mine"
PICTURE = b"\x89PNG\r\n\x1a\n" + random.Random(11).randbytes(2_000)


def _base64_of(content: bytes) -> Iterator[bytes]:
    """How bytes look inside base64, wherever they begin in a group of three."""
    for before in range(3):
        padded = bytes(before) + content
        yield base64.b64encode(padded[: len(padded) // 3 * 3])[4:]


def _plain() -> Iterator[bytes]:
    yield WORD.encode()
    yield WORD.encode("utf-16-le")
    for at in (20, 900, 1_900):
        yield PICTURE[at : at + 40]


_PIECES = [
    *_plain(),
    *(form for piece in _plain() for form in _base64_of(piece)),
    *(piece.hex().encode() for piece in _plain()),
]


def is_in(content: bytes) -> bool:
    """Whether the content stands in these bytes: as it is, as base64, in hexadecimal, or packed by gzip or zlib."""
    found = [content, content.replace(b"\n", b"").replace(b"\r", b"")]
    for unpack in (gzip.decompress, zlib.decompress):
        with suppress(OSError, EOFError, zlib.error):
            found.append(unpack(content))
    return any(piece in one for one in found for piece in _PIECES)


def files_with(folder: Path) -> list[str]:
    """The files below a folder in which the content stands; of Parquet the values are looked at, and the raw bytes."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (is_in(path.read_bytes()) or (path.suffix == ".parquet" and is_in(_values(path))))
    ]


def _values(path: Path) -> bytes:
    return repr(pl.read_parquet(path, hive_partitioning=False).to_dicts()).encode()


def rows_with(home: Path) -> list[str]:
    """The tables of a home's SQLite records in which the content stands."""
    with closing(sqlite3.connect(home / "records.sqlite")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            name for name in tables if is_in(repr(connection.execute(f'SELECT * FROM "{name}"').fetchall()).encode())
        ]


def postgresql_with(cluster: Cluster, url: str) -> list[str]:
    """The tables, statistics and data files of a PostgreSQL database in which the content stands."""
    name = url.partition("@/")[2].partition("?")[0]
    with cluster.connect(name) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        found = []
        for table in [*(str(name) for (name,) in tables), "pg_catalog.pg_stats"]:
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            if is_in(repr(rows).encode()):
                found.append(table)
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        assert row is not None
    return found + files_with(cluster.folder / "data" / "base" / str(row[0]))

"""What was fetched stands on the disk, whole, under a name that nobody from outside can choose freely."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.delivery.never_held import IntakeFilter
from tocsin.node.errors import InputError, RemoteError
from tocsin.node.node import Node
from tocsin.node.records import open_database, sqlite_url
from tocsin.node.settings import Settings
from tocsin.pipeline.collectors.spool import REASON, Spool, file_name


def spool_in(folder: Path) -> Spool:
    node = Node(folder / "home", Settings(), open_database(sqlite_url(folder / "home" / "records.sqlite")))
    return Spool(folder, IntakeFilter(node, "collector test"))


@given(st.text(max_size=400))
def test_any_name_is_a_plain_visible_file_name(name: str) -> None:
    plain = file_name(name)
    assert plain == Path(plain).name
    assert plain.isprintable()
    assert not plain.startswith(".")
    assert not plain.lower().endswith(".toml")
    assert len(plain.encode()) <= 210


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("2026-11-23-scan_rdp-x.csv", "2026-11-23-scan_rdp-x.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\reports\\x.csv", "x.csv"),
        (".hidden", "hidden"),
        ("", "report"),
        ("..", "report"),
        ("x.TOML", "x.TOML.txt"),
    ],
)
def test_names_stay_readable(name: str, plain: str) -> None:
    assert file_name(name) == plain


def test_the_same_name_and_content_is_one_and_another_name_is_another(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    paths = [spool.keep("a.csv", [b"x", b"y"]), spool.keep("a.csv", [b"xy"]), spool.keep("b.csv", [b"xy"])]
    assert paths[0] == paths[1] != paths[2]
    assert sorted(path.name for path in spool.waiting()) == ["a.csv", "b.csv"]
    assert paths[0].read_bytes() == b"xy"


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise RemoteError("the line is dead")

    spool = spool_in(tmp_path)
    with pytest.raises(RemoteError):
        spool.keep("a.csv", broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    (tmp_path / "4711.part").mkdir()
    (tmp_path / "4711.part" / "a.csv").write_bytes(b"so")
    kept = spool.keep("b.csv", [b"x"])

    assert spool.waiting() == [kept]
    assert not (tmp_path / "4711.part").exists()


def test_what_was_refused_is_kept_with_its_reason_tried_again_and_forgotten_in_time(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.refuse(spool.keep("a.csv", [b"x"]), InputError("No feed is known.", hint="Name it."))

    [reason] = tmp_path.rglob(REASON)
    assert reason.read_text() == "No feed is known.\nName it.\n"
    assert spool.waiting() == []
    assert spool.retry() == 1
    [path] = spool.waiting()
    assert [inner.name for inner in path.parent.iterdir()] == ["a.csv"]

    spool.refuse(path, InputError("Again."))
    now = datetime.now(UTC)
    assert spool.forget_refused(now - timedelta(days=1)) == 0
    assert spool.forget_refused(now + timedelta(days=1)) == 1
    assert list(spool.refused.iterdir()) == []

"""Bytes are kept once under their SHA-256, whole or not at all, until whoever put them deletes them."""

import io
import os
import stat
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tocsin.node.blobs import Blobs
from tocsin.node.errors import NotFoundError, StorageError

ONE = sha256(b"one").hexdigest()
TODAY = datetime.now(UTC).date()


class _BreaksOff(io.BytesIO):
    """Gives one byte, then fails as a network does."""

    def read(self, _size: int | None = -1, /) -> bytes:
        if self.tell():
            raise ConnectionResetError
        return super().read(1)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "home" / "inbox", ".eml")


def test_the_same_bytes_are_kept_once_and_are_read_by_their_digest(blobs: Blobs) -> None:
    assert blobs.put(b"one") == blobs.put(io.BytesIO(b"one")) == ONE
    (path,) = (path for path in blobs.folder.rglob("*") if path.is_file())
    assert path == blobs.folder / ONE[:2] / f"{ONE}.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (blobs.read(ONE), blobs.size(ONE), ONE in blobs, blobs.is_intact(ONE)) == (b"one", 3, True, True)


def test_what_was_changed_on_the_disk_is_noticed_and_mended_by_putting_it_again(blobs: Blobs) -> None:
    blobs.put(b"one")
    (blobs.folder / ONE[:2] / f"{ONE}.eml").write_bytes(b"two")
    assert not blobs.is_intact(ONE)
    blobs.put(b"one")
    assert blobs.is_intact(ONE)


def test_what_was_deleted_is_not_here_any_more(blobs: Blobs) -> None:
    blobs.put(b"one")
    blobs.delete(ONE)
    blobs.delete(ONE)
    assert ONE not in blobs
    assert not blobs.is_intact(ONE)
    with pytest.raises(NotFoundError, match="not here any more"):
        blobs.read(ONE)
    with pytest.raises(StorageError):
        blobs.size(ONE)


def test_a_stream_that_breaks_off_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(StorageError):
        blobs.put(_BreaksOff(b"one"))
    assert list(blobs.folder.iterdir()) == []


@pytest.mark.file_times
def test_old_ones_go_but_for_those_that_are_referred_to(blobs: Blobs) -> None:
    kept, old, new = (blobs.put(content) for content in (b"kept", b"old", b"new"))
    half = blobs.folder / "killed.part"
    half.write_bytes(b"ha")
    before = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    for path in (*(blobs.folder / digest[:2] / f"{digest}.eml" for digest in (kept, old)), half):
        os.utime(path, (before, before))
    assert blobs.delete_before(TODAY - timedelta(days=1), but={kept}) == 2
    assert (kept in blobs, old in blobs, new in blobs, half.exists()) == (True, False, True, False)
    assert Blobs(blobs.folder / "none").delete_before(date.max, but=set()) == 0

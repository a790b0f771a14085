"""Reports come out of files, archives and standard input whole, or with a reason."""

import gzip
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.redaction import Redaction
from tocsin.events.reports import OpenedReport, find_reports, open_reports
from tocsin.node.errors import InputError
from tocsin.node.settings import IngestSettings

LIMITS = IngestSettings()
LINES = b"".join(b"row %d,%d\n" % (number, number * 7919 % 1013) for number in range(5_000))


def contents(path: Path, limits: IngestSettings = LIMITS) -> list[tuple[str, bytes, str]]:
    found = []
    for report in open_reports(path, path.parent / "spool", limits, Redaction):
        with report.path.open("rb") as stream:
            found.append((report.name, report.limited(stream).read(), report.broken))
    return found


def only(path: Path) -> OpenedReport:
    return next(iter(open_reports(path, path.parent / "spool", LIMITS, Redaction)))


def test_the_same_content_packed_or_not_is_the_same_report(tmp_path: Path) -> None:
    plain, packed, archive = tmp_path / "a.csv", tmp_path / "a.csv.gz", tmp_path / "a.zip"
    plain.write_bytes(LINES)
    packed.write_bytes(gzip.compress(LINES))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("folder/a.csv", LINES)

    assert contents(plain) == contents(packed) == contents(archive) == [("a.csv", LINES, "")]
    assert only(plain).content_hash == only(packed).content_hash == only(archive).content_hash


def test_nothing_is_left_in_the_spool(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LINES))

    contents(tmp_path / "a.gz")

    assert list((tmp_path / "spool").iterdir()) == []


@given(st.integers(1, 5_000))
def test_a_truncated_gzip_gives_all_that_came_before(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    packed = gzip.compress(LINES)
    path = tmp_path_factory.mktemp("cut") / "a.csv.gz"
    path.write_bytes(packed[: max(20, len(packed) - cut)])

    [(_, content, broken)] = contents(path)

    assert LINES.startswith(content)
    assert "too early" in broken


def test_damage_inside_a_gzip_keeps_what_is_before_it(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINES))
    middle = len(packed) // 2
    packed[middle : middle + 200] = bytes(200)
    (tmp_path / "a.csv.gz").write_bytes(packed)

    [(_, content, broken)] = contents(tmp_path / "a.csv.gz")

    assert content
    assert "damaged" in broken


def test_several_gzip_members_are_one_report(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n") + bytes(512))

    assert contents(tmp_path / "a.csv.gz") == [("a.csv", b"one\ntwo\n", "")]


@pytest.mark.parametrize("limits", [IngestSettings(max_ratio=50), IngestSettings(max_unpacked_bytes=1_000_000)])
def test_a_bomb_is_refused_with_the_setting_that_would_let_it_in(tmp_path: Path, limits: IngestSettings) -> None:
    bomb, archive = tmp_path / "bomb.gz", tmp_path / "bomb.zip"
    bomb.write_bytes(gzip.compress(bytes(20_000_000)))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("bomb.csv", bytes(20_000_000))

    for path in (bomb, archive):
        with pytest.raises(InputError, match="unpacks to more than") as caught:
            contents(path, limits)
        assert "ingest.max_" in caught.value.hint
        assert list((tmp_path / "spool").iterdir()) == []


def test_a_missing_file_and_a_broken_zip_say_so(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100))

    with pytest.raises(InputError, match="damaged zip"):
        contents(tmp_path / "a.zip")
    with pytest.raises(InputError, match="is not there"):
        contents(tmp_path / "nothing.csv")


def test_a_file_that_grows_is_read_to_its_first_length_and_one_that_shrinks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"one\n")
    report = only(path)
    with path.open("ab") as more:
        more.write(b"two\n")

    with path.open("rb") as stream:
        assert report.limited(stream).read() == b"one\n"
        report.check_unchanged(stream)

        path.write_bytes(b"")
        with pytest.raises(InputError, match="changed while it was read"):
            report.check_unchanged(stream)


def test_folders_give_their_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".half-written.csv", "deeper/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert [path.name for path in find_reports([tmp_path])] == ["a.csv", "b.csv", "c.csv"]

"""Key files answer like a dictionary, whatever was merged, and forget what was never committed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.processes import KILLED
from tocsin.node.records.key_files import LARGE_MERGE, KeyFiles
from tocsin.node.records.key_filter import AskedKeys, add_keys, empty_filter
from tocsin.node.records.key_levels import worth_merging

ingests = st.lists(st.dictionaries(st.integers(0, 40), st.integers(0, 2**32 - 1), max_size=12), max_size=30)


@given(ingests, st.integers(0, 30), st.sampled_from([5, 60, LARGE_MERGE]), st.booleans())
def test_files_answer_like_a_dictionary(
    history: list[dict[int, int]], merge_every: int, most: int, whole: bool
) -> None:
    with TemporaryDirectory() as folder:
        files = KeyFiles(Path(folder) / "keys", columns=1)
        expected: dict[int, int] = {}
        for number, noted in enumerate(history, start=1):
            keys = np.array(sorted(noted), dtype=np.uint64)
            files.write((number, 0), keys, np.array([[noted[key]] for key in sorted(noted)], dtype=np.uint32))
            expected |= noted
            if merge_every and number % merge_every == 0:
                files.merge_now(up_to=number, most=most, whole=whole)
        asked = np.arange(45, dtype=np.uint64)

        found, notes = files.lookup(asked, up_to=len(history))

        assert {int(k): int(n) for k, n in zip(asked[found], notes[found, 0], strict=True)} == expected
        every, every_note = files.everything(up_to=len(history))
        assert dict(zip(every.tolist(), every_note[:, 0].tolist(), strict=True)) == expected


def test_keys_of_an_uncommitted_ingest_are_unknown_and_cleaned(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    files.write((1, 0), np.array([1, 2], dtype=np.uint64))
    files.write((2, 0), np.array([3], dtype=np.uint64))
    stranger = tmp_path / "keys" / "copy of.keys"
    stranger.touch()

    found, _ = files.lookup(np.array([1, 3], dtype=np.uint64), up_to=1)
    assert found.tolist() == [True, False]

    files.clean(up_to=1)
    assert len(list((tmp_path / "keys").iterdir())) == 2
    assert stranger.exists(), "a file that is not ours is neither read nor removed"


def test_a_part_that_is_written_once_more_changes_nothing_and_does_not_meet_itself(tmp_path: Path) -> None:
    files, asked = KeyFiles(tmp_path / "keys", columns=1), np.arange(40, dtype=np.uint64)

    def known(part: int) -> list[int]:
        return np.flatnonzero(files.lookup(asked, up_to=2, before=(2, part))[0]).tolist()

    files.write((1, 0), np.array([1], dtype=np.uint64), np.array([[1]], dtype=np.uint32))
    for part in range(12):
        files.merge_now(up_to=2, since=2, before=(2, part))
        keys, notes = np.array([2, 10 + part], dtype=np.uint64), np.full((2, 1), part, dtype=np.uint32)
        before = known(part)
        for _ in range(2):  # the second time as an owner that was started again
            files.write((2, part), keys, notes)
            assert known(part) == before == [1, *([2] if part else []), *range(10, 10 + part)]
    assert files.lookup(asked, up_to=2)[1][2].tolist() == [11]
    assert not list((tmp_path / "keys").glob("*.part"))


def test_divisions_are_read_as_one_and_what_is_passed_over_by_nobody(tmp_path: Path) -> None:
    def noted(files: KeyFiles, number: int, *keys: int) -> None:
        files.write((number, 0), np.array(keys, dtype=np.uint64), np.full((len(keys), 1), number, dtype=np.uint32))

    passed: set[int] = set()
    whole = KeyFiles(tmp_path / "keys", columns=1, passed=lambda _up_to: passed)
    first, second, other = (KeyFiles(tmp_path / "keys", columns=1, division=of) for of in ("1of2", "2of2", "1of3"))
    for number, files in enumerate([whole, first, second, other, whole], start=1):
        noted(files, number, 8 if files is second else 7, 10 + number)  # a key is of one half
    for number in range(6, 20):
        noted(first, number, 7, 10 + number)
    asked = np.arange(32, dtype=np.uint64)

    def known(files: KeyFiles, up_to: int) -> dict[int, int]:
        found, notes = files.lookup(asked, up_to=up_to)
        return {int(k): int(n) for k, n in zip(asked[found], notes[found, 0], strict=True)}

    assert known(whole, 19) == {7: 19, 8: 3, **{10 + number: number for number in range(1, 20)}}
    assert known(second, 5) == {7: 5, 8: 3, 11: 1, 13: 3, 14: 4, 15: 5}  # not those of the other half
    passed.update({5, 4})
    assert known(whole, 5) == {7: 2, 8: 3, 11: 1, 12: 2, 13: 3}
    whole.clean(up_to=5, newest=5)
    passed.clear()
    assert known(whole, 5) == {7: 2, 8: 3, 11: 1, 12: 2, 13: 3}
    first.merge_now(up_to=19, whole=True)  # later numbers are left alone: nobody had reserved them when it was cleaned
    noted(whole, 20, 7, 30)
    noted(first, 21, 31)
    first.merge_now(up_to=21, whole=True)  # not across what others noted
    assert known(whole, 21) == {7: 20, 8: 3, **{10 + number: number for number in (1, 2, 3, *range(6, 22))}}


def test_a_merge_cut_off_before_it_removed_its_inputs_changes_nothing(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys", columns=1)
    for number in range(1, 11):
        files.write((number, 0), np.array([7], dtype=np.uint64), np.array([[number]], dtype=np.uint32))
    kept = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    files.merge_now(up_to=10)
    for path, content in kept.items():
        path.write_bytes(content)

    _, notes = files.lookup(np.array([7], dtype=np.uint64), up_to=10)

    assert notes.tolist() == [[10]]
    files.clean(up_to=10)
    assert len(list((tmp_path / "keys").glob("*.keys"))) == 1


def test_a_merge_hides_nothing_from_who_knows_of_an_earlier_ingest(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    for number in range(1, 11):
        files.write((number, 0), np.array([number], dtype=np.uint64))
    files.merge_now(up_to=10)

    found, _ = files.lookup(np.arange(1, 10, dtype=np.uint64), up_to=9)

    assert found.all()


def test_who_reads_during_merges_finds_all_that_was_there(tmp_path: Path) -> None:
    committed = [0]
    own = KeyFiles(tmp_path / "keys", columns=1)

    def hear() -> None:
        for number in range(1, 401):
            own.write(
                (number, 0), np.array([0, number], dtype=np.uint64), np.array([[number], [number]], dtype=np.uint32)
            )
            committed[0] = number
            own.merge(up_to=number)
        own.end_merge()
        own.merge_now(up_to=400)

    with ThreadPoolExecutor() as threads:
        writer = threads.submit(hear)
        while not writer.done():
            last = committed[0]
            asked = np.arange(last + 1, dtype=np.uint64)
            for files in (own, KeyFiles(tmp_path / "keys", columns=1)):
                found, notes = files.lookup(asked, up_to=last)
                every, _ = files.everything(up_to=last)
                assert found[1:].all()
                assert notes[0, 0] >= last
                assert not last or set(asked.tolist()) <= set(every.tolist())
        writer.result()
    assert len(list((tmp_path / "keys").glob("*.keys"))) < 40


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=400), st.sampled_from([4_000, 40_000, LARGE_MERGE]))
def test_files_stay_few_and_keys_are_copied_seldom(sizes: list[int], most: int) -> None:
    files: list[int] = []
    copied = 0
    for size in sizes:
        files.append(size)
        while count := worth_merging(files, most):
            files[-count:] = [sum(files[-count:])]
            copied += files[-1]

    assert max(files) <= max(most, *sizes)
    assert len(files) <= 40 + 2 * sum(sizes) // most
    assert copied <= 4 * sum(sizes)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=200), st.integers(1, 300))
def test_a_filter_passes_every_key_that_is_in_it(keys: list[int], room: int) -> None:
    held = np.array(sorted(set(keys)), dtype=np.uint64)
    words = empty_filter(room)
    add_keys(words, held)

    assert len(AskedKeys(held).in_filter(words)) == len(held)


KILL_POINTS = ["keys.notes", "keys.filter", "keys.written", "keys.merging", "keys.merged", "keys.removing:3"]
WRITER = """
import sys
from pathlib import Path
import numpy as np
from tocsin.node.records.key_files import KeyFiles
files = KeyFiles(Path(sys.argv[1]), columns=1)
for number in range(1, 9):
    keys = (np.arange(220_000, dtype=np.uint64) << np.uint64(44)) + np.uint64(1 + number // 2)
    files.write((number, 0), keys, np.full((len(keys), 1), number, dtype=np.uint32))
(Path(sys.argv[1]) / "written").touch()
files.merge(up_to=8)
files.end_merge()
"""


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_kill_while_large_files_are_merged_loses_and_doubles_nothing(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "keys"
    # The points of writing are passed by the eight small files before.
    visit = "" if point in {"keys.filter", "keys.merging", "keys.merged", "keys.removing:3"} else ":9"
    environment = {**os.environ, "TOCSIN_CUT": point + visit}
    killed = subprocess.run([sys.executable, "-c", WRITER, folder], env=environment, check=False)
    assert killed.returncode == KILLED
    (folder / "written").unlink()
    # Also before the first key and behind the last.
    asked = np.sort(np.concatenate([np.arange(0, 2**62, 2**46, dtype=np.uint64) + np.uint64(of) for of in range(7)]))
    noted = {1: 1, 2: 3, 3: 5, 4: 7, 5: 8}
    wanted = [noted.get(key % 2**44, 0) if key >> 44 < 220_000 else 0 for key in asked.tolist()]

    files = KeyFiles(folder, columns=1)
    for _ in range(2):
        assert files.lookup(asked, up_to=8)[1][:, 0].tolist() == wanted
        assert files.lookup(asked[::997], up_to=8)[1][:, 0].tolist() == wanted[::997]  # notes that lie far apart
        files.clean(up_to=8)
        files.merge_now(up_to=8)

    assert len(list(folder.iterdir())) == 3  # keys, notes, filter
    keys, notes = files.everything(up_to=8)
    assert np.unique(keys).size == len(keys) == len(notes) == 1_100_000
    next(folder.glob("*.filter")).unlink()  # as files from before there were filters
    assert KeyFiles(folder, columns=1).lookup(asked, up_to=8)[1][:, 0].tolist() == wanted


@given(
    st.lists(st.dictionaries(st.integers(0, 20), st.integers(1, 99), max_size=8), max_size=20),
    st.integers(0, 9),
    st.integers(0, 20),
)
def test_keys_by_what_is_noted_once_are_those_of_all(history: list[dict[int, int]], narrow: int, most: int) -> None:
    with TemporaryDirectory() as folder:
        expected: dict[int, int] = {}
        last: dict[int, int] = {}
        for number, noted in enumerate(history, start=1):
            wide = number > narrow  # files from before the second column was kept have it not
            files = KeyFiles(Path(folder) / "keys", columns=2 if wide else 1)
            last |= noted
            told = {key: expected.get(key, number if wide and count % 2 else 0) for key, count in noted.items()}
            notes = [[noted[key], told[key]][: files.columns] for key in sorted(noted)]
            keys = np.array(sorted(noted), dtype=np.uint64)
            files.write((number, 0), keys, np.array(notes, dtype=np.uint32).reshape(len(notes), files.columns))
            expected |= {key: at for key, at in told.items() if at}

        keys, newest = KeyFiles(Path(folder) / "keys", columns=2).everything(up_to=len(history), noted=(1, most))

        assert dict(zip(keys.tolist(), newest.tolist(), strict=True)) == {
            key: [last[key], first] for key, first in expected.items() if first <= most
        }

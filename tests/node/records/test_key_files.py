"""Key files answer like a dictionary, whatever was merged, and forget what was never committed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.records.key_files import KeyFiles

ingests = st.lists(st.dictionaries(st.integers(0, 40), st.integers(0, 2**32 - 1), max_size=12), max_size=30)


@given(ingests, st.integers(0, 30))
def test_files_answer_like_a_dictionary(history: list[dict[int, int]], merge_every: int) -> None:
    with TemporaryDirectory() as folder:
        files = KeyFiles(Path(folder) / "keys", columns=1)
        expected: dict[int, int] = {}
        for number, noted in enumerate(history, start=1):
            keys = np.array(sorted(noted), dtype=np.uint64)
            files.write((number, 0), keys, np.array([[noted[key]] for key in sorted(noted)], dtype=np.uint32))
            expected |= noted
            if merge_every and number % merge_every == 0:
                files.merge(up_to=number)
        asked = np.arange(45, dtype=np.uint64)

        found, notes = files.lookup(asked, up_to=len(history))

        assert {int(k): int(n) for k, n in zip(asked[found], notes[found, 0], strict=True)} == expected
        every, every_note = files.everything(up_to=len(history))
        assert dict(zip(every.tolist(), every_note[:, 0].tolist(), strict=True)) == expected


def test_keys_of_an_uncommitted_ingest_are_unknown_and_cleaned(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys")
    files.write((1, 0), np.array([1, 2], dtype=np.uint64))
    files.write((2, 0), np.array([3], dtype=np.uint64))

    found, _ = files.lookup(np.array([1, 3], dtype=np.uint64), up_to=1)
    assert found.tolist() == [True, False]

    files.clean(up_to=1)
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_merge_cut_off_before_it_removed_its_inputs_changes_nothing(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "keys", columns=1)
    for number in range(1, 11):
        files.write((number, 0), np.array([7], dtype=np.uint64), np.array([[number]], dtype=np.uint32))
    kept = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    files.merge(up_to=10)
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
    files.merge(up_to=10)

    found, _ = files.lookup(np.arange(1, 10, dtype=np.uint64), up_to=9)

    assert found.all()


def test_who_reads_during_merges_finds_all_that_was_there(tmp_path: Path) -> None:
    committed = [0]

    def hear() -> None:
        files = KeyFiles(tmp_path / "keys", columns=1)
        for number in range(1, 401):
            files.write(
                (number, 0), np.array([0, number], dtype=np.uint64), np.array([[number], [number]], dtype=np.uint32)
            )
            committed[0] = number
            files.merge(up_to=number)

    with ThreadPoolExecutor() as threads:
        writer = threads.submit(hear)
        while not writer.done():
            last = committed[0]
            asked = np.arange(last + 1, dtype=np.uint64)
            found, notes = KeyFiles(tmp_path / "keys", columns=1).lookup(asked, up_to=last)
            every, _ = KeyFiles(tmp_path / "keys", columns=1).everything(up_to=last)
            assert found[1:].all()
            assert notes[0, 0] >= last
            assert not last or set(asked.tolist()) <= set(every.tolist())
        writer.result()


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

"""A release: the same bytes from two clones, everything in the package, and what was changed is found by a stranger.

The offline bundle, which takes a minute each time, is made twice with ``TOCSIN_WHOLE=1``.
"""

import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.mail_keys import Gpg, gnupg
from support.sizes import WHOLE

ROOT = Path(__file__).parents[2]
KEY = "releases@tocsin.example"
CHANGES = 40


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    with gnupg() as made:
        made.make(KEY)
        yield made


def make(folder: Path, ring: Gpg, environment: Mapping[str, str], umask: int) -> Path:
    """A release of the last commit, from a clone in ``folder``."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "a clone"], check=True)
    words = () if WHOLE else ("--only", "sources")
    subprocess.run(
        [sys.executable, "scripts/release", "--out", folder / "release", "--sign", KEY, *words], cwd=folder / "a clone",
        check=True, capture_output=True, env={**os.environ, "GNUPGHOME": str(ring.home), **environment},
        preexec_fn=lambda: os.umask(umask) and None,
    )  # fmt: skip
    return folder / "release"


def holds(folder: Path, ring: Gpg) -> bool:
    """Whether the two commands of the page find nothing wrong."""
    environment = {**os.environ, "GNUPGHOME": str(ring.home), "LC_ALL": "C"}
    commands = (
        ["gpg", "--batch", "--verify", "SHA256SUMS.asc", "SHA256SUMS"],
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
    )
    return all(
        subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True).returncode == 0
        for command in commands
    )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, ring: Gpg) -> Path:
    first = make(tmp_path_factory.mktemp("first"), ring, {"TZ": "Asia/Tokyo", "LC_ALL": "C"}, 0o077)
    second = make(tmp_path_factory.mktemp("second"), ring, {"TZ": "UTC", "LC_ALL": "C.UTF-8"}, 0o022)
    assert (first / "SHA256SUMS").read_text() == (second / "SHA256SUMS").read_text()
    return first


def test_the_package_has_every_file_and_says_what_it_was_made_of(release: Path) -> None:
    (wheel,) = release.glob("tocsin-*.whl")
    tracked = subprocess.run(["git", "ls-files", "src/tocsin"], cwd=ROOT, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(wheel) as archive:
        assert {line.removeprefix("src/") for line in tracked.stdout.splitlines()} <= set(archive.namelist())
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True)
        assert commit.stdout.strip() in archive.read("tocsin/build.json").decode()


def test_whatever_is_changed_is_found(release: Path, ring: Gpg, tmp_path: Path) -> None:
    draw = random.Random(1)
    copy = shutil.copytree(release, tmp_path / "copy")
    assert holds(copy, ring)
    for at in range(CHANGES):
        path = draw.choice(sorted(copy.iterdir()))
        if at % 4 == 0:  # under another name
            path.rename(other := path.with_name(f"x{path.name}"))
            assert not holds(copy, ring), path.name
            other.rename(path)
            continue
        whole = path.read_bytes()
        # Not in the armour around a signature, which says nothing.
        place = draw.randrange(len(whole)) if path.suffix != ".asc" else whole.index(b"\n\n") + 2 + draw.randrange(90)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(5)]) + whole[place + 1 :])
        assert not holds(copy, ring), (path.name, place)
        path.write_bytes(whole)

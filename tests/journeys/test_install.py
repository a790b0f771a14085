"""A release is installed as a stranger does it: a bare Debian, an ordinary user, no network, two commands.

The root is made of Debian's packages and has Python and nothing else of ours; in it the folder's name has a blank, the
locale is C and the umask 077. Pythons that Debian does not have come from this machine. Needs root, as the tests of
servers do; what takes minutes (the root of Debian 12) is asked with ``TOCSIN_WHOLE=1``.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.sizes import WHOLE

ROOT = Path(__file__).parents[2]
USER = 1000
HOME = "home/ana lima"
SECONDS = 600  # for what takes about 40
NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child")  # no route leads out; mounts and processes end
INSIDE = """
set -eu
cd "$HOME"
umask 077
tar -xf /release/tocsin-*-offline-*.tar
tocsin-*/install "a folder/tocsin"
tocsin="a folder/tocsin/bin/tocsin"
"$tocsin" demo >said 2>&1 &
server=$!
"a folder/tocsin/bin/python" - <<'END'
import time, urllib.request
for _ in range(1200):
    try:
        page = urllib.request.urlopen("http://127.0.0.1:8080/", timeout=60).read().decode()
        break
    except OSError:
        time.sleep(0.1)
assert "<title>" in page and "Kestria" in page, page[:2000]
END
"$tocsin" --home home/demo doctor >doctor || [ $? = 1 ]
kill $server
wait $server || :
rm -r "a folder" tocsin-*[0-9] said
"""


def pythons() -> dict[str, Path]:
    """Those of this machine beside Debian's: each with the folder that it and its library lie in."""
    found = {}
    for version in ("3.11", "3.12"):
        if program := shutil.which(f"python{version}"):
            where = subprocess.run(
                [program, "-c", "import sys; print(sys.base_prefix)"], check=False, capture_output=True, text=True
            )
            if where.returncode == 0:
                found[version] = Path(where.stdout.strip())
    return found


PYTHONS = pythons()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "clone"], check=True)
    command = [sys.executable, "scripts/release", "--out", str(folder / "made")]
    subprocess.run(command, cwd=folder / "clone", check=True, capture_output=True)
    return folder / "made"


@contextmanager
def debian(folder: Path, suite: str) -> Iterator[Path]:
    """A root with Python and what it needs."""
    root = folder / "root"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3", suite, str(root)], check=True)
    try:
        yield root
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with debian(tmp_path_factory.mktemp("debian"), "trixie") as made:
        yield made


def install(root: Path, release: Path, python: Path | None = None) -> None:
    """Install it, look at the demonstration's page, and remove the installation; whatever fails, fails this."""
    home = root / HOME
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    os.chown(home, USER, USER)
    mounts = 'mount --bind "$2" "$1/release"; mount -t proc proc "$1/proc"; mount -t tmpfs tmpfs "$1/tmp"; '
    mounts += 'mkdir -p "$1/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"; ip link set lo up; '
    where = "/usr/bin:/bin"
    if python is not None:
        (root / python.relative_to("/")).mkdir(parents=True, exist_ok=True)
        mounts += f'mount --bind "{python}" "$1{python}"; '
        where = f"{python}/bin:{where}"
    (root / "release").mkdir(exist_ok=True)
    ours = ["env", "-i", f"HOME=/{HOME}", f"PATH={where}", "LC_ALL=C", "sh", "-c", INSIDE]
    chroot = f'set -e; {mounts} root=$1; shift 2; exec chroot --userspec={USER}:{USER} "$root" "$@"'
    done = subprocess.run(
        ["unshare", *NAMESPACES, "sh", "-c", chroot, "sh", root, release, *ours], check=False,
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert sorted(one.name for one in home.iterdir()) == ["doctor", "home"]  # the home stays, and nothing else


def test_on_a_bare_debian_without_a_network(root: Path, release: Path) -> None:
    install(root, release)


@pytest.mark.parametrize("version", PYTHONS)
def test_with_each_python(root: Path, release: Path, version: str) -> None:
    install(root, release, PYTHONS[version])


if WHOLE:

    def test_on_the_debian_before(release: Path, tmp_path: Path) -> None:
        with debian(tmp_path, "bookworm") as root:
            install(root, release)

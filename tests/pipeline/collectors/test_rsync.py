"""Files on an rsync server and behind SSH, by the system's program."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import NAME, report, spooled, stored
from support.ports import free_port
from tocsin.pipeline.collectors.rsync import files_in

Collect = Callable[..., None]
FEED = {"source": "shadowserver", "feed": "scan_rdp"}
DAEMON = """
use chroot = no
uid = {uid}
gid = {gid}
log file = {folder}/log
lock file = {folder}/lock
[lists]
path = {folder}/lists
auth users = kestria
secrets file = {folder}/users
strict modes = no
"""
SSH = """#!/bin/sh
echo "$@" >>{folder}/asked
while [ "$1" != feeds.example ]; do shift; done
shift
exec sh -c "$*"
"""


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "lists" / "old").mkdir(parents=True)
    (tmp_path / "lists" / NAME).write_bytes(report("192.0.2.1"))
    return tmp_path / "lists"


@pytest.fixture
def daemon(lists: Path) -> Iterator[int]:
    folder, port = lists.parent, free_port()
    (folder / "rsyncd.conf").write_text(DAEMON.format(folder=folder, uid=os.geteuid(), gid=os.getegid()))
    (folder / "users").write_text("kestria:s3cret\n")
    rsync = shutil.which("rsync")
    assert rsync, "install the Debian package 'rsync'"
    where = ("--address=127.0.0.1", f"--port={port}", f"--config={folder}/rsyncd.conf")
    process = subprocess.Popen([rsync, "--daemon", "--no-detach", *where])
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None
            time.sleep(0.02)
    yield port
    process.terminate()
    process.wait(timeout=60)


def test_files_of_an_rsync_server_are_fetched_once_and_again_when_they_changed(
    tocsin: Tocsin, collect: Collect, secret: str, lists: Path, daemon: int
) -> None:
    odd = ["-e touch hacked.csv", "#b*?[c] ä.csv", "old/$(touch hacked).csv", "c\nd.csv"]
    for number, name in enumerate(odd):
        (lists / name).write_bytes(report(f"192.0.2.1{number}", day=f"2026-11-1{number}"))
    (lists / ".hidden.csv").write_bytes(report("192.0.2.9"))
    (lists / "away.csv").symlink_to("/etc/hostname")
    (lists / "large.csv").write_bytes(report("192.0.2.8") + b"x" * 200_000)
    collect("rsync", url=f"rsync://127.0.0.1:{daemon}/lists", user="kestria", secret_file=secret,
            include=["*.csv"], max_bytes=100_000, **FEED)  # fmt: skip

    offers = tocsin.json("collect", "run", "--dry-run")
    [first] = tocsin.json("collect", "run", "it", code=1)
    [second] = tocsin.json("collect", "run", "it")
    (lists / NAME).write_bytes(report("192.0.2.1", "192.0.2.2"))
    [third] = tocsin.json("collect", "run", "it")

    assert len(offers) == 2 + len(odd)
    assert [(run["reports"], len(run["refused"]), run["error"]) for run in (first, second, third)] == [
        (1 + len(odd), 1, None),
        (0, 0, None),
        (1, 0, None),
    ]
    assert "more than 100,000 bytes" in first["refused"][0]["reason"]
    assert stored(tocsin) == ["192.0.2.1", *(f"192.0.2.1{number}" for number in range(len(odd))), "192.0.2.2"]
    assert spooled(tocsin) == []
    assert not [path for path in lists.parent.rglob("hacked") if path.is_file()]


def test_a_wrong_password_is_said_and_not_shown(tocsin: Tocsin, collect: Collect, secret: str, daemon: int) -> None:
    (tocsin.home / secret).write_text("wr0ng\n")
    collect("rsync", url=f"rsync://127.0.0.1:{daemon}/lists", user="kestria", secret_file=secret, **FEED)

    [run] = tocsin.json("collect", "run", "it", code=1)

    assert "auth failed" in run["error"]
    assert "wr0ng" not in run["error"]


def test_a_host_is_asked_over_ssh_with_one_key_and_no_questions(
    tocsin: Tocsin, collect: Collect, lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = lists.parent / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH.format(folder=lists.parent))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    tocsin = replace(tocsin, environment={**tocsin.environment, "PATH": os.environ["PATH"]})
    collect("rsync", url=f"kestria@feeds.example:{lists}", ssh_key="id_feeds")

    tocsin.run("collect", "run", "it")

    assert stored(tocsin) == ["192.0.2.1"]
    asked = (lists.parent / "asked").read_text()
    assert f"-o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -i {tocsin.home}/id_feeds" in asked
    assert "-l kestria feeds.example rsync --server --sender" in asked


def test_only_plain_files_of_a_list_are_seen() -> None:
    listed = b"""drwxr-xr-x          4,096 2026/11/23 01:02:03 .
-rw-r--r--      1,234,567 2026/11/23 01:02:03 a b.csv
-rw-r--r--              1 2026/11/23 01:02:03 ../up.csv
-rw-r--r--              1 2026/11/23 01:02:03 /etc/passwd
-rw-r--r--              1 2026/11/23 01:02:03 x/.hidden/a.csv
lrwxrwxrwx             13 2026/11/23 01:02:03 away.csv -> /etc/hostname
-rw-r--r--              2 2026/11/23 01:02:03 c\\#012d.csv
a message of the day
"""
    assert [(one.raw, one.size) for one in files_in(listed)] == [(b"a b.csv", 1_234_567), (b"c\nd.csv", 2)]

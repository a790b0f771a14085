"""Each layer around a confined process alone: the filter as kernels of two machines read it, Landlock, the limits."""

import ctypes
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.node.confined import sandbox

LIBSECCOMP = ctypes.CDLL("libseccomp.so.2")  # Debian's apt and systemd need it
ALLOWED, REFUSED, NO_SUCH_CALL = 0x7FFF0000, 0x00050001, 0x00050026  # SECCOMP_RET_ALLOW; …_ERRNO with EPERM, ENOSYS
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
BY_ARGUMENTS = {"mmap", "clone3", "prlimit64", "tgkill", "fcntl"}
OWN = 4321


def number_of(name: str, machine: str) -> int:
    """The number of a system call as libseccomp knows it, negative where the machine has none."""
    return int(LIBSECCOMP.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(AUDIT[machine]), name.encode()))


class Kernel:
    """It decides by the filter of one machine (classic BPF: linux/filter.h, seccomp(2))."""

    def __init__(self, machine: str, more: tuple[tuple[int, int], ...]) -> None:
        self.machine = machine
        self.program = sandbox._program.__wrapped__(more).replace(sandbox._OWN, struct.pack("=I", OWN))

    def by_number(self, number: int, *arguments: int, audit: int | None = None) -> int:
        given = [*arguments, *[0] * (6 - len(arguments))]
        data = struct.pack("=IIQ6Q", number, AUDIT[self.machine] if audit is None else audit, 0, *given)
        place = loaded = 0
        while True:
            code, true, false, value = struct.unpack_from("=HBBI", self.program, 8 * place)
            place += 1
            match code:
                case 0x20:  # load a word of the data
                    (loaded,) = struct.unpack_from("=I", data, value)
                case 0x54:
                    loaded &= value
                case 0x15:
                    place += true if loaded == value else false
                case 0x35:
                    place += true if loaded >= value else false
                case 0x06:
                    return int(value)

    def says(self, name: str, *arguments: int) -> int:
        return self.by_number(number_of(name, self.machine), *arguments)


@pytest.fixture(params=AUDIT)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    return str(request.param)


@pytest.mark.parametrize("more", [{}, sandbox.WAITS, sandbox.EXECUTES])
def test_the_calls_of_the_list_are_allowed_and_no_others(machine: str, more: dict[str, tuple[int, int]]) -> None:
    kernel = Kernel(machine, tuple(more.values()))
    numbers = {number_of(name, machine) for name in (*sandbox._CALLS, *more)}
    by_arguments = {number_of(name, machine) for name in BY_ARGUMENTS}
    for number in {*range(1_000)} - by_arguments:
        assert kernel.by_number(number) == (ALLOWED if number in numbers else REFUSED), number
        assert kernel.by_number(number | 0x40000000) == REFUSED  # x32
        assert kernel.by_number(number, audit=0x40000003) == REFUSED  # i386, whose numbers are others
    names = {*sandbox._CALLS, *sandbox.WAITS, *sandbox.EXECUTES}
    assert all(max(number_of(name, one) for one in AUDIT) >= 0 for name in names)
    dangerous = ("socket", "connect", "clone", "execve", "kill", "ptrace", "process_vm_readv", "bpf", "io_uring_setup")
    for name in (*dangerous, "memfd_create", "openat2", "chdir", "unlinkat", "renameat2", "linkat", "mount", "setns"):
        assert kernel.says(name) == REFUSED, name


def test_of_some_calls_the_arguments_decide(machine: str) -> None:
    kernel = Kernel(machine, ())
    shared, private, anonymous = 0x01, 0x02, 0x20  # mmap(2)
    mapped = {flags: kernel.says("mmap", 0, 4096, 3, flags) for flags in (shared, private, private | anonymous)}
    assert {*mapped.values()} == {ALLOWED}
    assert kernel.says("mmap", 0, 4096, 3, shared | anonymous | 0x4000) == REFUSED
    assert kernel.says("clone3") == NO_SUCH_CALL  # glibc then takes clone, which is refused
    asked = {command for command in range(1_100) if kernel.says("fcntl", 3, command) == ALLOWED}
    assert asked == {0, 1, 2, 3, 4, 1030}  # of fcntl(2) what makes copies of descriptors and sets their flags
    assert kernel.says("prlimit64", 0, 7) == ALLOWED
    assert {kernel.says("prlimit64", 0, 7, address) for address in (1, 1 << 32, 0x7FFF00000000)} == {REFUSED}
    assert kernel.says("tgkill", OWN, OWN, 6) == ALLOWED
    assert kernel.says("tgkill", OWN + 1, OWN, 6) == REFUSED


def landlock() -> int:
    """The version of Landlock that this kernel has (landlock_create_ruleset(2)); below 1: none."""
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


ALONE = """
import json, os, socket, sys
from pathlib import Path
from tocsin.node.confined import sandbox
home, parent, port, scopes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
address = sys.argv[5].replace("@", chr(0))
assert sandbox.no_new_rights()
sandbox.restrict_files([str(home / "open"), str(home / "not there")], **scopes)
wanted = {
    "read": (home / "open/file").read_bytes, "list": lambda: [*(home / "open").iterdir()],
    "read beside it": (home / "closed").read_bytes, "list beside it": lambda: [*home.iterdir()],
    "write": lambda: (home / "open/file").write_bytes(b"x"), "make a file": (home / "open/new").touch,
    "make a folder": (home / "open/folder").mkdir, "make a link": lambda: (home / "open/link").symlink_to("file"),
    "make a pipe": lambda: os.mkfifo(home / "open/pipe"), "remove": (home / "open/file").unlink,
    "remove a folder": (home / "open/empty").rmdir, "move": lambda: (home / "open/file").rename(home / "file"),
    "execute": lambda: os.execv(home / "open/program", ["program"]),
    "cut short": lambda: os.truncate(home / "open/file", 0),
    "connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
    "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
    "signal": lambda: os.kill(parent, 0), "abstract socket": lambda: socket.socket(socket.AF_UNIX).connect(address),
}
said = {}
for name, act in wanted.items():
    try:
        act()
        said[name] = "done"
    except OSError as error:
        said[name] = type(error).__name__
print(json.dumps(said))
"""
SINCE = {"cut short": 3, "connect": 4, "listen": 4, "signal": 6, "abstract socket": 6}
"""The version of Landlock that refuses it; all others do."""


@pytest.mark.parametrize("scopes", [{}, {"scopes": 0}])
def test_landlock_alone_leaves_nothing_but_reading_in_folders_that_are_named(
    tmp_path: Path, scopes: dict[str, int]
) -> None:
    """Where the kernel has no seccomp, and so that one layer holds where another has a hole."""
    (tmp_path / "open/empty").mkdir(parents=True)
    for name in ("open/file", "closed"):
        (tmp_path / name).write_bytes(b"content")
    shutil.copy("/bin/true", tmp_path / "open/program")
    name = f"\0tocsin-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        given = [tmp_path, os.getpid(), server.getsockname()[1], json.dumps(scopes), name.replace("\0", "@")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", ALONE, *map(str, given)]
        said = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    version = landlock()
    open_still = {"read", "list"} | ({"signal", "abstract socket"} if scopes else set())
    for what, became in said.items():
        if version >= SINCE.get(what, 1):
            assert became == ("done" if what in open_still else "PermissionError"), what
    assert (tmp_path / "open/file").read_bytes() == b"content" or version < 3


LIMITED = """
import json, resource
from tocsin.node.confined import sandbox
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 1_000))
space, private = now = sandbox.memory_now()
assert 0 < private < space < 1 << 40
began = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
sandbox.set_limits(now, 7, 50_000_000, 2_000)
soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
own = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in ("DATA", "FSIZE", "NOFILE", "CORE")}
own["DATA"] = [one - private for one in own["DATA"]]
own["CPU"] = [-1 <= soft - 7 - int(began) <= 1, hard - soft]
own["AS"] = resource.getrlimit(resource.RLIMIT_AS)[0] - space
print(json.dumps(own))
"""


def test_limits_are_those_that_were_asked_for_and_never_above_those_of_the_start() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", LIMITED], env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout) == {
        "DATA": [50_000_000] * 2, "FSIZE": [1_000] * 2, "NOFILE": [32] * 2, "CORE": [0, 0], "CPU": [True, 1],
        "AS": 100_000_000 + (256 << 20),
    }  # fmt: skip

"""What a confined process may ask the kernel: the filter as the kernel reads it, on each machine that it is for."""

import ctypes
import platform
import struct

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

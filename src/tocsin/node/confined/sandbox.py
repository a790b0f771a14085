"""What the kernel lets a confined process do, asked of it layer by layer: where it lacks one, the others hold.

- **limits**: setrlimit(2), of processor time, memory, descriptors, bytes of a file; no core.
- **no new rights**: prctl(2) ``PR_SET_NO_NEW_PRIVS``; and SIGKILL when the process that forked it ends.
- **Landlock** (Linux 5.13; landlock(7)): files are read below Python's own folders and nowhere else, none is written;
  no connections (6.7), no signals to others and no abstract sockets (6.12).
- **seccomp** (seccomp(2)): a closed list of system calls. Memory, reading and writing what is open, opening what
  Landlock allows, time. All others fail with EPERM: no sockets, programs or threads, nothing of another process.

A process that becomes a program (`child.run_program`) may in addition execute that one file, and read the system's
libraries and not Python's; whoever waits for it may ask how it ended.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final


class Layer(StrEnum):
    """What stands between a stranger's bytes and the machine."""

    LIMITS = "limits"
    NO_NEW_RIGHTS = "no-new-privileges"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"


_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SIGKILL: Final = 9
DESCRIPTORS: Final = 32
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on each machine, as all calls since 2019
_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}  # how many rights the ABI of that number knows
_NET_RIGHTS: Final = 0b11  # bind, connect: since ABI 4
_SCOPES: Final = 0b11  # abstract sockets, signals: since ABI 6

# Numbers of asm/unistd_64.h and asm-generic/unistd.h (Linux 6.12); -1: that machine has no such call.
_CALLS: Final[Mapping[str, tuple[int, int]]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "stat": (4, -1), "fstat": (5, 80), "lstat": (6, -1),
    "poll": (7, -1), "lseek": (8, 62), "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67),
    "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, -1), "sched_yield": (24, 124),
    "mremap": (25, 216), "madvise": (28, 233), "dup": (32, 23), "nanosleep": (35, 101), "getpid": (39, 172),
    "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "exit": (60, 93),
    "uname": (63, 160), "ftruncate": (77, 46), "getcwd": (79, 17), "readlink": (89, -1),
    "gettimeofday": (96, 169), "getrlimit": (97, 163), "getrusage": (98, 165), "sysinfo": (99, 179),
    "times": (100, 153),
    "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173),
    "sigaltstack": (131, 132), "gettid": (186, 178), "futex": (202, 98), "sched_getaffinity": (204, 123),
    "getdents64": (217, 61), "set_tid_address": (218, 96), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "openat": (257, 56),
    "newfstatat": (262, 79), "readlinkat": (267, 78), "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73),
    "set_robust_list": (273, 99), "getrandom": (318, 278), "membarrier": (324, 283), "statx": (332, 291),
    "rseq": (334, 293), "faccessat2": (439, 439), "futex_waitv": (449, 449),
}  # fmt: skip
WAITS: Final = {"wait4": (61, 260)}
EXECUTES: Final = {"execveat": (322, 281), "arch_prctl": (158, -1)}
"""What a process needs beside that to wait for one that it forked, and to become a program."""

_MMAP, _CLONE3, _PRLIMIT, _TGKILL, _FCNTL = (9, 222), (435, 435), (302, 261), (234, 131), (72, 25)
_MACHINES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # audit.h: AUDIT_ARCH_…
_SHARED_NOWHERE: Final = 0x01 | 0x20  # MAP_SHARED | MAP_ANONYMOUS: memory that no limit counts
_FCNTLS: Final = 0, 1, 2, 3, 4, 1030
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC; F_SETOWN and F_SETSIG would send another a signal."""
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JEQ, _JGE, _AND, _RET = 0x20, 0x15, 0x35, 0x54, 0x06  # linux/bpf_common.h
_OWN: Final = b"own!"
_NR, _ARCH, _ARGS = 0, 4, 16  # offsets in struct seccomp_data


def work_out() -> None:
    """What each confined process needs, worked out before they are forked."""
    _python_folders()
    if platform.machine() in _MACHINES:
        _program(())


def end_with_parent(parent: int) -> None:
    """This process ends when the one that forked it does."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def no_new_rights() -> bool:
    """Nothing that this process executes gets rights that it has not; both filters need it."""
    return bool(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def first_to_go() -> None:
    """Where the machine has no memory left the kernel ends this process, and none of the node or its database."""
    with suppress(OSError):
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(file, b"1000")
        os.close(file)


def memory_now() -> tuple[int, int]:
    """Bytes of address space and of private memory that this process has (proc(5), statm)."""
    file = os.open("/proc/self/statm", os.O_RDONLY)
    fields = os.read(file, 200).split()
    os.close(file)
    return int(fields[0]) * _PAGE, int(fields[5]) * _PAGE


def set_limits(now: tuple[int, int], seconds: int, memory: int, largest_file: int) -> None:
    """From now on so many seconds of processor time and bytes of memory more, and no file larger than that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    space, private = now
    _limit(resource.RLIMIT_CPU, soft, soft + 1)
    _limit(resource.RLIMIT_DATA, private + memory)
    _limit(resource.RLIMIT_AS, space + 2 * memory + (256 << 20))
    _limit(resource.RLIMIT_FSIZE, largest_file)
    _limit(resource.RLIMIT_NOFILE, DESCRIPTORS)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(what: int, most: int, hardest: int | None = None) -> None:
    """A limit, never above what the process was started with."""
    hard = resource.getrlimit(what)[1]
    wanted = most if hardest is None else hardest
    hard = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(what, (min(most, hard), hard))


@cache
def _python_folders() -> tuple[str, ...]:
    sites = [one for one in sys.path if Path(one).name in {"site-packages", "dist-packages"}]
    own = [f"{one}/{lib}" for one in (sys.prefix, sys.base_prefix) for lib in ("lib", "lib64")]
    named = [*own, *sites, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"]
    return tuple(sorted({os.path.realpath(one) for one in named if Path(one).is_dir()}))


def readable_folders() -> tuple[str, ...]:
    """Where Python and its libraries are, and packages that were loaded from elsewhere: late imports read there.

    Not all of ``sys.path``: ``python -m`` puts the folder there that it was started in, which may be a node's.
    """
    packages = {
        str(path) for name, one in [*sys.modules.items()] if "." not in name for path in getattr(one, "__path__", ())
    }
    elsewhere = {one for one in packages if not any(one.startswith(f"{folder}/") for folder in _python_folders())}
    return *_python_folders(), *sorted(elsewhere)


def library_folders() -> tuple[str, ...]:
    """Where the libraries of the system's programs are, and its rule which cryptography they may use."""
    return "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/crypto-policies", "/usr/share/crypto-policies"


def restrict_files(readable: Iterable[str], program: int | None = None, *, scopes: int = _SCOPES) -> bool:
    """Landlock, as far as this kernel has it. ``program``: the descriptor of a file that may be executed.

    ``scopes``: without one it can signal what is in the same earlier domain.
    """
    abi = _LIBC.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if abi < 1:
        return False
    rights = (1 << max(count for since, count in _FILE_RIGHTS.items() if since <= abi)) - 1
    attributes = struct.pack("=QQQ", rights, _NET_RIGHTS if abi >= 4 else 0, scopes if abi >= 6 else 0)
    attributes = attributes[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _LIBC.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            with suppress(OSError):
                _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in _needed_to_execute(program):
            _allow(ruleset, path, _READ_FILE | _EXECUTE)
        return bool(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _needed_to_execute(program: int | None) -> list[str]:
    """The program, and what loads it and its libraries (ld.so(8))."""
    if program is None:
        return []
    loaders = ("lib64/ld-linux*.so.?", "lib/ld-linux*.so.?", "lib/ld-musl-*.so.?")
    return [f"/proc/self/fd/{program}", *(str(found) for one in loaders for found in Path("/").glob(one))]


def _allow(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, beneath)
        _LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(beneath)


class _Filter(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict_calls(more: Mapping[str, tuple[int, int]] = MappingProxyType({})) -> bool:
    """Seccomp, where the list of this machine's calls is known and the kernel has it."""
    if platform.machine() not in _MACHINES or sys.maxsize < 2**32:
        return False
    program = _program(tuple(more.values())).replace(_OWN, struct.pack("=I", os.getpid()))
    filled = _Filter(len(program) // 8, program)
    return bool(_LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filled), 0, 0) == 0)


@cache
def _program(more: tuple[tuple[int, int], ...]) -> bytes:
    """The filter in classic BPF: a call is compared with each that is allowed. `_OWN`: the number of the process."""
    place, arch = _MACHINES[platform.machine()]
    refuse = _step(_RET, _ERRNO | _EPERM)
    steps = [
        _step(_LOAD, _ARCH), _step(_JEQ, arch, 1, 0), refuse,
        _step(_LOAD, _NR), _step(_JGE, 0x40000000, 0, 1), refuse,  # x32: the same calls by other numbers
    ]  # fmt: skip
    for numbers in (*_CALLS.values(), *more):
        if numbers[place] >= 0:
            steps += [_step(_JEQ, numbers[place], 0, 1), _step(_RET, _ALLOW)]
    steps += _where(_MMAP[place], [
        _step(_LOAD, _ARGS + 3 * 8), _step(_AND, _SHARED_NOWHERE), _step(_JEQ, _SHARED_NOWHERE, 0, 1), refuse,
        _step(_RET, _ALLOW),
    ])  # fmt: skip
    # glibc then uses clone, which is refused: one process with 30,000 threads leaves the machine no number for another
    steps += _where(_CLONE3[place], [_step(_RET, _ERRNO | _ENOSYS)])
    steps += _where(_FCNTL[place], [
        _step(_LOAD, _ARGS + 8),
        *(step for one in _FCNTLS for step in (_step(_JEQ, one, 0, 1), _step(_RET, _ALLOW))), refuse,
    ])  # fmt: skip
    steps += _where(_PRLIMIT[place], [  # to ask, not to set
        _step(_LOAD, _ARGS + 2 * 8), _step(_JEQ, 0, 1, 0), refuse,
        _step(_LOAD, _ARGS + 2 * 8 + 4), _step(_JEQ, 0, 1, 0), refuse, _step(_RET, _ALLOW),
    ])  # fmt: skip
    steps += _where(_TGKILL[place], [  # abort(3)
        _step(_LOAD, _ARGS), _step(_JEQ, int.from_bytes(_OWN, sys.byteorder), 1, 0), refuse, _step(_RET, _ALLOW),
    ])  # fmt: skip
    return b"".join([*steps, refuse])


def _where(number: int, then: list[bytes]) -> list[bytes]:
    """These steps, which end it, for the call of that number."""
    return [_step(_JEQ, number, 0, len(then)), *then]


def _step(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, true, false, value)

"""Strangers' bytes in a confined process: each limit, what is out of reach, what comes back, what ends with what."""

import ast
import importlib
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tocsin
from support import confined_examples as examples
from support.confined_examples import Colour, Finding
from support.processes import children
from tocsin.exchange.statements import RefusalCode, RefusalError
from tocsin.node import fork_server
from tocsin.node.confined import (
    ConfinedBusyError,
    ConfinedError,
    ConfinedReason,
    GivenFile,
    Layer,
    calls,
    confined_readers,
    layers_in_force,
    memory_file,
)
from tocsin.node.confined.plain_data import NoDataError, decode, encode
from tocsin.node.sentences import Sentence, say

SOURCE = Path(tocsin.__file__).parent
VALUES = [
    None, True, 5, 2**70, 1.5, "text", b"bytes", [1, [2]], (1, "a"), {"a": {"b": [None]}}, {1, 2}, frozenset("ab"),
    "\ud800\0", {"a": float("inf")}, {1: 2}, {"a": (b"1", "b", b"", b"23")}, [say("a")],
    Colour.RED, Finding("a", (Finding("b"), Colour.RED, {"c": Colour.RED})), {Colour.RED: (date(2026, 1, 2),)},
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), timedelta(days=-1, seconds=3), UUID(int=7), Decimal("1.50"),
    ip_address("192.0.2.1"), ip_network("2001:db8::/32"), say("%(n)s of %(what)s", n=3, what=say("all")),
]  # fmt: skip


def why(function: Any, *given: Any) -> ConfinedReason:
    with pytest.raises(ConfinedError) as ended:
        function(*given)
    assert str(ended.value)
    return ended.value.reason


@pytest.mark.parametrize("value", [*VALUES, MappingProxyType({"a": [b"x"]})])
def test_what_is_given_comes_back_as_it_was(value: Any) -> None:
    found = decode(encode(value), examples.__name__)
    assert (found, type(found)) == (value, type(value))
    if isinstance(value, Sentence):
        assert found.values == value.values


def test_values_cross_over_whatever_their_size() -> None:
    assert examples.echo(VALUES) == VALUES
    for size in (0, 999_000, 1_000_001, 20_000_000):
        assert examples.count(b"x" * size) == size
        assert examples.echo([b"x" * size, Colour.RED]) == [b"x" * size, Colour.RED]


def test_an_error_of_ours_is_raised_as_itself() -> None:
    with pytest.raises(RefusalError) as refused:
        examples.refuse(RefusalCode.TOO_DEEP, "dispatch")
    error = refused.value
    assert (error.code, str(error), error.hint) == (RefusalCode.TOO_DEEP, "It is no dispatch.", "Ask.")
    assert isinstance(error.args[0], Sentence)


def test_each_limit_ends_it_and_says_so() -> None:
    assert why(examples.spin) is ConfinedReason.TIME
    assert why(examples.doze) is ConfinedReason.TIME
    assert examples.fill(20_000_000) == 20_000_000
    assert why(examples.fill, 200_000_000) is ConfinedReason.MEMORY
    assert len(examples.make(1_900_000)) == 1_900_000
    assert why(examples.make, 2_100_000) is ConfinedReason.ANSWER
    assert why(examples.write, 2_100_000) is ConfinedReason.FAILED
    assert examples.write(1_000_000) == 1_000_000


def test_what_fails_is_one_refused_thing_and_says_nothing_of_the_content() -> None:
    assert why(examples.crash) is ConfinedReason.DIED
    assert why(examples.wrong_kind) is ConfinedReason.FAILED
    with pytest.raises(ConfinedError, match=r"KeyError, confined_examples\.py:\d+") as ended:
        examples.stumble()
    assert "stranger" not in str(ended.value)
    assert examples.count(b"abc") == 3


def test_nothing_of_the_node_is_in_reach(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret.key").write_bytes(b"secret")
    held = layers_in_force()
    assert {Layer.LIMITS, Layer.NO_NEW_RIGHTS} <= {*held}
    found = examples.attempts(tmp_path, os.getpid())
    files = {name for name in found if name.startswith(("read", "list", "write"))}
    if Layer.LANDLOCK in held:
        assert {found.pop(name) for name in files} == {"PermissionError"}
    if Layer.SECCOMP in held:
        assert {found[name] for name in found if name not in files} <= {
            "PermissionError",
            "ValueError",
            "RuntimeError",
        }, found
    assert not (tmp_path / "new").exists()


FROM_A_HOME = """
import os, sys
from pathlib import Path
from support.confined_examples import attempts
home = Path(sys.argv[1])
sys.path.insert(0, str(home))  # as python -m does with the folder that it is started in
print(attempts(home, os.getpid())["read a key"])
"""


def test_a_home_that_python_was_started_in_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret.key").write_bytes(b"secret")
    if Layer.LANDLOCK in layers_in_force():
        running = script(FROM_A_HOME, str(tmp_path), stdout=subprocess.PIPE)
        assert running.communicate(timeout=60)[0] == "PermissionError\n"


def test_where_memory_runs_out_a_confined_process_is_the_first_that_the_kernel_ends() -> None:
    examples.count(b"")
    server = fork_server.server_number()
    assert server is not None
    with ThreadPoolExecutor(1) as thread:
        at_work = thread.submit(examples.nap, 0.5)
        time.sleep(0.2)
        scores = {Path(f"/proc/{one}/oom_score_adj").read_text() for one in children(server)}
        at_work.result()
    assert scores == {"1000\n"}


ATTEMPTS = {
    "execute": 'exec "/bin/true"',
    "execute itself by its name": "exec $^X, '-e', '1'",
    "fork": "defined fork",
    "open a socket": "socket my $s, 2, 1, 0",
    "pair of sockets": "socketpair my $s, my $t, 1, 1, 0",
    "read a key": "open my $f, '<', '{home}/keys/secret.key'",
    "list the home": "opendir my $f, '{home}'",
    "read of the machine": "open my $f, '<', '/etc/passwd'",
    "read Python's": "open my $f, '<', '{python}'",
    "read the environment of another": "open my $f, '<', '/proc/{own}/environ'",
    "write a file": "open my $f, '>', '{home}/new'",
    "signal another": "kill 0, {own}",
    "have another signalled": "fcntl STDOUT, 8, {own}",
    "change to another folder": "chdir '{home}'",
    "use the link": "open my $f, '>&=', 3 and send $f, 'x', 0",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_reader_may_run_its_own_program_which_is_as_closed(tmp_path: Path, attempt: str) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "secret.key").write_bytes(b"secret")
    script = ATTEMPTS[attempt].replace("{home}", str(tmp_path)).replace("{own}", str(os.getpid()))
    script = f"$| = 1; print 'began'; ({script.replace('{python}', __file__)}) ? print 'done' : print 'refused'"
    done = examples.run_perl(script)
    assert done is not None
    if {Layer.LANDLOCK, Layer.SECCOMP} <= {*layers_in_force()}:
        assert done[1][0] == b"beganrefused", done
    assert not (tmp_path / "new").exists()


def test_what_runs_a_program_can_do_no_more_than_others(tmp_path: Path) -> None:
    found = examples.attempts_beside_a_program(tmp_path, os.getpid())
    assert found == examples.attempts(tmp_path, os.getpid())


def test_a_program_gets_files_and_gives_files_and_no_environment() -> None:
    script = "open my $f, '+<&=', $ARGV[0]; print <$f>; "
    script += "syswrite $f, join ',', 'more', grep !/FAKETIME|LD_PRELOAD/, keys %ENV"
    assert examples.run_perl(script, b"given ") == (0, (b"given ", script.encode(), b"given more"))
    script = "my $n = syswrite STDOUT, 'x' x 3_000_000; truncate STDOUT, 0; exit 7 if $n == 2_000_000"
    assert examples.run_perl(script) == (7, (b"", script.encode()))  # the limit of the answer
    assert examples.run_what_is_not_there()


def test_a_program_ends_with_its_time_and_with_whoever_waits_for_it() -> None:
    assert why(examples.run_perl, "1 while 1") is ConfinedReason.TIME
    assert why(examples.run_perl, "unpack 'P9999999', pack 'J', 1") is ConfinedReason.DIED
    mark = f"mark{os.getpid()}"
    assert why(examples.run_perl_for_long, "select undef, undef, undef, 60", mark) is ConfinedReason.TIME
    until = time.monotonic() + 10
    while running(mark):
        assert time.monotonic() < until
        time.sleep(0.01)


def running(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += [path.parent.name] if mark.encode() in path.read_bytes() else []
    return [one for one in found if int(one) != os.getpid()]


def test_no_environment_and_no_descriptor_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SECRET", "s")
    with Path(__file__).open() as ours:
        os.set_inheritable(ours.fileno(), True)
        found = examples.surroundings()
    assert found["environment"] == {}
    assert found["descriptors"] == [0, 1, 2, 3, 4, 5, 6]  # nothing, the link, and files in memory for the answer


def forged(tree: Any, rest: bytes = b"") -> bytes:
    text = tree.encode() if isinstance(tree, str) else json.dumps(tree).encode()
    return struct.pack("=Q", len(text)) + text + rest


BOMB = '["sentence","%s",["json",{"x":"y"}],"",1]'
FORGED = {
    "a pickle": examples.evil(),
    "nothing": b"",
    "no JSON": b"no data that anybody can read",
    "no value": forged(["value"]),
    "no dataclass": forged(["object", "os:system", []]),
    "an error as a dataclass": forged(["object", "tocsin.node.errors:TocsinError", []]),
    "an error of Python": forged(["error", "builtins:SystemExit", [], []]),
    "a module that does something": forged(["enum", "tocsin.__main__:x", 1]),
    "many digits": forged(["scalar", "Decimal", "9" * 5_000]),
    "an integer of many digits": forged("9" * 5_000),
    "an attribute of the language": forged(["error", "tocsin.node.errors:InputError", [], [["__class__", 1]]]),
    "an error of this machine": forged(["error", "tocsin.node.errors:StorageError", [], []]),
    "what is to be tried again": forged(["error", "tocsin.node.confined.calls:ConfinedBusyError", [], []]),
    "cut off": encode(("value", (1, b"2")))[:-1],
    "bytes that are not there": forged(["many", "list", [["bytes", 1 << 62]]], b"ab"),
    "bytes twice": forged(["many", "list", [["bytes", 2], ["bytes", 2]]], b"ab"),
    "bytes before the first": forged(["many", "list", [["bytes", 2], ["bytes", -2], ["bytes", 2]]], b"ab"),
    "very deep": forged("[" * 100_000),
    "deep": forged('["many","list",[' * 5_000 + "1" + "]]" * 5_000),
    "a wide text": forged(BOMB.replace("%s", "%(x)900000000s")),
    "a precise text": forged(BOMB.replace("%s", "%(x).900000000f")),
    "a text filled in often": forged(BOMB.replace("%s", "%(x)s" * 100_000).replace('"y"', f'"{"y" * 1_000}"')),
    "numbers of one hash": forged(["many", "set", [place * ((1 << 61) - 1) for place in range(20_000)]]),
    "keys of one hash": forged(["mapping", True, [[place * ((1 << 61) - 1), 1] for place in range(20_000)]]),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_answer_makes_nothing_and_takes_nothing(what: str) -> None:
    began, most = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert why(examples.forge, FORGED[what]) is ConfinedReason.FORGED
    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 100_000  # kB
    assert not examples.TAKEN_OVER.exists()


@pytest.mark.parametrize(
    "answer",
    [
        b"\x80\x05]r" + struct.pack("<I", 1 << 31) + b".",  # a place in a table of more than 16 GB
        b"\x80\x05})" + b"2\x86" * 60 + b"K\x01s\x85.",  # a hash of 2^60 pairs
        b"\x80\x05" + b"N\x85" + b"q\x010(\x8c\x04many\x8c\x04list(h\x01h\x01lt" * 60 + b".",  # 2^60 values
    ],
)
def test_no_pickle_is_loaded_of_what_comes_back(answer: bytes) -> None:
    with pytest.raises(NoDataError):
        decode(answer)
    assert why(examples.forge, answer) is ConfinedReason.FORGED


def test_an_answer_that_is_not_there_is_not_waited_for() -> None:
    assert why(examples.lie, 2_000_000_000, False, False) is ConfinedReason.FORGED
    assert why(examples.lie, 500_000, True, False) is ConfinedReason.FORGED
    assert isinstance(why(examples.lie, 500, False, True), ConfinedReason)


@given(st.binary(max_size=200))
def test_bytes_of_a_stranger_are_no_data(content: bytes) -> None:
    try:
        decode(content)
    except NoDataError:
        return


def test_each_call_has_a_process_of_its_own_and_what_it_calls_runs_there() -> None:
    numbers = [examples.nap(0) for _ in range(5)]
    assert len({*numbers, os.getpid()}) == 6
    whole, within, size = examples.outer(b"ab")
    assert (whole, size) == (within, 2)


def test_a_flood_waits_and_does_not_fork_without_end() -> None:
    examples.nap(0)
    server, most, done = fork_server.server_number(), 0, threading.Event()
    assert server is not None

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, len(children(server)))
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(40) as threads:
        assert len(set(threads.map(examples.nap, [0.05] * 40))) == 40
    done.set()
    watching.join()
    # a process of each call, one that ends, and one ahead
    assert 1 < most <= 2 * calls._AT_ONCE + 1


def test_where_the_server_of_processes_is_killed_another_is_started() -> None:
    first = examples.nap(0)
    server = fork_server.server_number()
    assert server is not None
    with ThreadPoolExecutor(1) as thread:
        at_work = thread.submit(examples.nap, 0.5)
        time.sleep(0.1)
        os.kill(server, signal.SIGKILL)
        assert at_work.result() != first
    assert fork_server.server_number() not in {None, server}
    assert examples.count(b"a") == 1


def test_a_server_of_processes_that_does_not_answer_is_ended_and_another_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert examples.count(b"a") == 1
    server = fork_server.server_number()
    assert server is not None
    os.kill(server, signal.SIGSTOP)
    with monkeypatch.context() as impatient:  # only of the one that is stopped: another one may take its time to start
        impatient.setattr(fork_server, "_PATIENCE", 1.0)
        for _ in range(3):  # the first may have the process that was forked ahead
            with suppress(ConfinedBusyError):
                examples.count(b"a")
    assert examples.count(b"a") == 1
    assert fork_server.server_number() not in {None, server}


def test_readers_with_places_of_their_own_leave_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = calls._Pool()
    assert not any(reader.at_once for reader in confined_readers().values() if reader.module == examples.__name__)
    own = replace(confined_readers()["tocsin.pipeline.uploads.passage:_passed"], at_once=1)
    monkeypatch.setattr("tocsin.node.confined.calls._TURN", 0.01)
    others = confined_readers()[f"{examples.__name__}:count"]
    with pool.place(own), pool.place(others), pytest.raises(ConfinedBusyError), pool.place(own):
        pass


FORKING = """
import os, sys
from support.confined_examples import count
assert count(b"abc") == 3
if (number := os.fork()) == 0:
    os._exit(count(b"abcd"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) + count(b"a"))
"""
WAITING = """
from tocsin.node import fork_server
from support.confined_examples import count, nap
count(b"")
print(fork_server.server_number(), flush=True)
nap(60)
"""


def script(text: str, *given: str, **options: Any) -> "subprocess.Popen[str]":
    """A process of Python that Ctrl-C ends, also where the tests run in the background of a shell: that ignores it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    text = f"import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{text}"
    return subprocess.Popen([sys.executable, "-c", text, *given], env=environment, text=True, **options)


def test_a_process_that_was_forked_has_its_own() -> None:
    assert script(FORKING).wait(60) == 5


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_process_that_ends(end: signal.Signals) -> None:
    running = script(WAITING, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert running.stdout is not None
    server = int(running.stdout.readline())
    until = time.monotonic() + 30
    while not (at_work := children(server)):
        assert time.monotonic() < until
    running.send_signal(end)
    running.wait(30)
    running.stdout.close()
    while any(Path(f"/proc/{one}").exists() for one in (server, *at_work)):
        assert time.monotonic() < until
        time.sleep(0.01)


def decorated() -> list[tuple[str, str]]:
    """The functions of the house that are confined, by the syntax tree: module and name."""
    found = []
    for path in SOURCE.rglob("*.py"):
        module = ".".join(("tocsin", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = [one.func for one in getattr(node, "decorator_list", ()) if isinstance(one, ast.Call)]
            if isinstance(node, ast.FunctionDef) and any(getattr(one, "id", "") == "confined" for one in called):
                found += [(module, node.name)]
    return found


def test_each_confined_function_is_one_of_a_module_with_limits_and_finds_what_it_loads() -> None:
    for module, name in decorated():
        assert callable(getattr(importlib.import_module(module), name)), f"{module}:{name} is none of a module"
        reader = confined_readers()[f"{module}:{name}"]
        assert 0 < reader.seconds <= (900 if reader.at_once else 120)
        assert 0 < reader.megabytes <= 2_000
        for one in reader.loads:
            importlib.import_module(one)


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_a_file_goes_by_its_descriptor_and_can_only_be_read(size: int) -> None:
    with memory_file() as number:
        os.write(number, b"x" * size)
        assert examples.size_and_write(GivenFile(number), b"y" * 1_100_000) == (size, 1_100_000, "OSError")
        assert examples.size_and_write(GivenFile(number), b"") == (size, 0, "OSError")
        assert os.pread(number, size + 1, 0) == b"x" * size


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("tocsin.none:serve", "ModuleNotFoundError: No module named 'tocsin.none'"),
        ("tocsin.node.fork_server:nothing", "AttributeError: .*'nothing'"),
    ],
)
def test_why_nothing_could_be_forked_is_said_and_others_go_on(entry: str, words: str) -> None:
    with pytest.raises(fork_server.ForkServerError, match=words):
        fork_server.fork(entry)
    assert examples.count(b"abc") == 3


def test_a_call_that_gets_no_turn_says_so_and_is_no_fault_of_what_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_TURN", 0.05)
    with ExitStack() as others:
        for _ in range(calls._AT_ONCE):
            others.enter_context(calls._POOL.place(calls._READERS[f"{examples.__name__}:count"]))
        with pytest.raises(ConfinedBusyError, match="no turn") as busy:
            examples.count(b"abc")
        assert busy.value.hint
    assert examples.count(b"abc") == 3


def test_the_log_has_the_processor_time_and_the_bytes_of_a_call() -> None:
    reader, line = confined_readers()[f"{examples.__name__}:burn"], dict[str, Any]()
    answer = calls._ask(reader, pickle.dumps((reader.module, reader.name, (0.2,), {}), 5), [], line)
    assert decode(answer) == ("value", None)
    assert 0.2 <= line["cpu_s"] < 3
    assert line["bytes_out"] == len(answer)


def test_the_server_of_processes_has_nothing_of_ours_and_what_it_forks_yields_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOCSIN_SECRET", "s")
    fork_server._CLIENT.close()
    with ThreadPoolExecutor(1) as thread:
        at_work = thread.submit(examples.nap, 0.5)
        while (server := fork_server.server_number()) is None or not children(server):
            time.sleep(0.01)
        time.sleep(0.2)
        of = Path(f"/proc/{server}")
        names = {one.partition(b"=")[0].decode() for one in (of / "environ").read_bytes().split(b"\0") if one}
        assert names - {"LC_CTYPE"} <= {*fork_server._KEPT_NAMES, *fork_server.ONE_THREAD}
        assert {"PATH", *fork_server.ONE_THREAD} <= names
        assert ((of / "cwd").readlink(), (of / "fd/0").readlink()) == (Path("/"), Path("/dev/null"))
        assert os.getpgid(server) not in {os.getpgid(0), 0}, "Ctrl-C in a terminal is for us"
        nice = {os.getpriority(os.PRIO_PROCESS, one) for one in children(server)}
        assert nice == {min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)}
        at_work.result()

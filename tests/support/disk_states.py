"""What a disk may hold after a loss of power: the writes, syncs and names of a program are recorded, and cut anywhere.

The program runs under ``strace``, so that what SQLite and libraries in other languages write is in it, too. A disk is a
tree of names and the content of files. What was not synced by then may be there, be lost, or be there in part:

- ``lost``: nothing that was not synced, as POSIX allows: content by fsync of the file, a name by fsync of its folder;
- ``names``: all names, and of content only what was synced (a file that was renamed before it was written is empty);
- ``torn``: of the names those up to some moment since the last sync, as a journal has them, and of the content that was
  not synced some pages;
- ``all``: everything, as after a kill.
"""

import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

_PAGE = 4096
_CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,rename,renameat,renameat2,link,linkat,"
    "symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate,truncate,fallocate,lseek,sendfile,"
    "copy_file_range,sync,syncfs,msync,mmap,sendto"
)
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_BEGUN, _RESUMED = (
    re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$"),
    re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$"),
)
_WORD = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_PLACE = re.compile(r"(?:^|, )(-?\w+)<((?:\\x[0-9a-f]{2})*)>")
MODES = ("lost", "names", "torn", "all")


def _plain(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.replace("\\x", ""))


@dataclass(frozen=True)
class Call:
    """A call of the system: the files that it names by number, its texts, what it gave, and ``rest`` of its words."""

    name: str
    places: list[str]
    words: list[bytes]
    result: int
    rest: str


@dataclass(eq=False)
class Entry:
    """A file, or a folder where ``names`` is not None. ``synced``: what survives; ``pending``: writes since then."""

    names: dict[str, "Entry"] | None = None
    data: bytearray | None = None
    origin: Path | None = None  # untouched: its content is there
    synced: bytes | Path = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: a new length
    kept: dict[str, "Entry"] = field(default_factory=dict)
    past: list[tuple[int, dict[str, "Entry"]]] = field(default_factory=list)  # names since, by moment
    kept_at: int = -1

    def content(self) -> bytearray:
        """Its bytes as the program sees them."""
        if self.data is None:
            self.data = bytearray(self.origin.read_bytes() if self.origin else b"")
        return self.data


@dataclass
class Recording:
    """What a program did to a folder, which was as ``start`` before. ``marks``: by moment what it had said.

    ``posts``: by moment what it had written to others by a socket, which no loss of power takes back.
    """

    start: Path
    root: str
    calls: list[Call]
    marks: dict[int, str]
    posts: list[tuple[int, bytes]]

    @property
    def moments(self) -> Sequence[int]:
        """Those that tell the most: before each sync and rename, and at the end of each command."""
        wanted = {number for number, call in enumerate(self.calls) if call.name in {"fsync", "fdatasync", "sync"}}
        wanted |= {
            number for number, call in enumerate(self.calls) if call.name.startswith(("rename", "link", "unlink"))
        }
        return sorted(wanted | set(self.marks) | {len(self.calls)})

    def acknowledged(self, moment: int) -> list[str]:
        """What the program had said by then."""
        return [word for number, word in sorted(self.marks.items()) if number <= moment]

    def posted(self, moment: int, what: re.Pattern[bytes]) -> int:
        """How much of this it had written to others by then."""
        return sum(number <= moment and what.search(content) is not None for number, content in self.posts)

    def torn(self, moment: int) -> set[str]:
        """Files of which a loss of power would leave a part, or what was in them before."""
        disk = _Disk(self.start, self.root)
        for number, call in enumerate(self.calls[:moment]):
            disk.do(number, call)
        return set(_not_synced(disk.tree, ""))

    def write_state(self, moment: int, mode: str, seed: int, target: Path) -> Path:
        """The folder as a disk may hold it that was cut before a call, in ``target``."""
        disk = _Disk(self.start, self.root)
        for number, call in enumerate(self.calls[:moment]):
            disk.do(number, call)
        disk.write(mode, moment, random.Random(f"{seed}:{moment}:{mode}"), target)
        return target


class _Disk:
    """A disk that does what calls say."""

    def __init__(self, start: Path, root: str) -> None:
        self.root = root
        self.tree = _read(start)
        self.places: dict[tuple[str, Entry], int] = {}
        self.appending: set[tuple[str, Entry]] = set()
        self.last_sync = -1

    def do(self, number: int, call: Call) -> None:
        """What a call did; others than these change nothing."""
        name = call.name
        if name in {"openat", "open", "creat"}:
            self._open(number, call)
        elif name.startswith(("write", "pwrite", "lseek", "ftruncate", "truncate")):
            path = call.places[0] if call.places else call.words[0].decode()
            if (entry := self._file(self._inside(path))) is not None:
                self._change(entry, call)
        elif name in {"sendfile", "copy_file_range"}:
            self._copy(call)
        elif name in {"fsync", "fdatasync"}:
            self._sync(number, self._inside(call.places[0]))
        elif name in {"sync", "syncfs"}:
            self._sync_all(number, self.tree)
            self.last_sync = number
        elif name.startswith(("rename", "link", "unlink", "mkdir", "rmdir")):
            self._name(number, call)

    def _change(self, entry: Entry, call: Call) -> None:
        key, last = (call.rest.partition("<")[0], entry), call.rest.rpartition(", ")[2]
        if call.name == "lseek":
            self.places[key] = call.result
        elif call.name.endswith("truncate"):
            _cut(entry, int(last))
        else:
            content = b"".join(call.words)[: call.result]
            if call.name.startswith("pwrite"):
                at = int(call.rest.split(", ")[-2 if call.name == "pwritev2" else -1])
            else:
                at = len(entry.content()) if key in self.appending else self.places.get(key, 0)
                self.places[key] = at + call.result
            _write(entry, at, content)

    def _open(self, number: int, call: Call) -> None:
        path, rest, handle = call.words[0].decode(), call.rest, call.result
        inside = self._inside(path if path.startswith("/") else f"{call.places[0]}/{path}")
        if inside is None or "O_TMPFILE" in rest:
            return
        folder, name = self._folder(inside), inside.rpartition("/")[2]
        if folder is None or folder.names is None:
            return
        if name not in folder.names and "O_CREAT" in rest:
            _set(number, folder, name, Entry())
        entry = folder.names.get(name)
        if entry is not None and entry.names is None:
            if "O_TRUNC" in rest:
                _cut(entry, 0)
            self.places[str(handle), entry] = 0
            (self.appending.add if "O_APPEND" in rest else self.appending.discard)((str(handle), entry))

    def _copy(self, call: Call) -> None:
        source, target = (1, 0) if call.name == "sendfile" else (0, 1)
        if (entry := self._file(self._inside(call.places[target]))) is None:
            return
        there = self._file(self._inside(call.places[source]))
        content = bytes(there.content()) if there is not None else Path(call.places[source]).read_bytes()
        key = (re.findall(r"(?:^|, )(\d+)<", call.rest)[target], entry)
        at = self.places.get(key, 0)
        self.places[key] = at + call.result
        _write(entry, at, content[at : at + call.result])  # both go on at the same place, as copies of whole files do

    def _name(self, number: int, call: Call) -> None:
        name, at, words = call.name, iter(call.places), [word.decode() for word in call.words]
        full = [word if word.startswith("/") else f"{next(at)}/{word}" for word in words]
        inside = [self._inside(path) for path in full]
        folders = [self._folder(path) if path is not None else None for path in inside]
        names = [path.rpartition("/")[2] if path is not None else "" for path in inside]
        if name.startswith("mkdir") and folders[0] is not None:
            _set(number, folders[0], names[0], Entry(names={}))
        elif name.startswith(("unlink", "rmdir")) and folders[0] is not None:
            _set(number, folders[0], names[0], None)
        elif name.startswith(("rename", "link")):
            moved = folders[0].names.get(names[0]) if folders[0] is not None and folders[0].names else None
            if name.startswith("rename") and folders[0] is not None:
                _set(number, folders[0], names[0], None)
            if folders[1] is not None:
                assert moved is not None, f"{name} {full}: from elsewhere"
                _set(number, folders[1], names[1], moved)

    def _sync(self, number: int, path: str | None) -> None:
        if path is None or (entry := self._at(path)) is None:
            return
        self.last_sync = number
        _sync(number, entry)

    def _sync_all(self, number: int, entry: Entry) -> None:
        _sync(number, entry)
        for one in (entry.names or {}).values():
            self._sync_all(number, one)

    def _inside(self, path: str) -> str | None:
        if path != self.root and not path.startswith(f"{self.root}/"):
            return None
        return os.path.normpath(path[len(self.root) :] or "/").strip("/")

    def _at(self, path: str) -> Entry | None:
        entry: Entry | None = self.tree
        for name in path.split("/") if path else ():
            entry = (entry.names or {}).get(name) if entry is not None else None
        return entry

    def _folder(self, path: str) -> Entry | None:
        return self._at(path.rpartition("/")[0])

    def _file(self, path: str | None) -> Entry | None:
        entry = self._at(path) if path is not None else None
        return entry if entry is not None and entry.names is None else None

    def write(self, mode: str, moment: int, chance: random.Random, target: Path) -> None:
        until = chance.randint(self.last_sync, moment) if mode == "torn" else -1
        self._write(self.tree, mode, until, chance, target)

    def _write(self, entry: Entry, mode: str, until: int, chance: random.Random, path: Path) -> None:
        if entry.names is not None:
            path.mkdir(mode=0o700, exist_ok=True)
            for name, one in sorted(_names(entry, mode, until).items()):
                self._write(one, mode, until, chance, path / name)
            return
        if entry.origin is not None and entry.data is None:
            shared = entry.origin.parent.name != "keys" and "networks" in entry.origin.parts
            path.hardlink_to(entry.origin) if shared else shutil.copy2(entry.origin, path)
            return
        path.write_bytes(entry.content() if mode == "all" else _survived(entry, mode, chance))
        path.chmod(0o600)


def _read(path: Path) -> Entry:
    if path.is_dir():
        names = {one.name: _read(one) for one in path.iterdir()}
        return Entry(names=names, kept=dict(names))
    return Entry(origin=path, synced=path)


def _not_synced(entry: Entry, path: str) -> Iterator[str]:
    if entry.pending:
        yield path
    for name, one in (entry.names or {}).items():
        yield from _not_synced(one, f"{path}/{name}" if path else name)


def _set(number: int, folder: Entry, name: str, entry: Entry | None) -> None:
    assert folder.names is not None
    folder.names.pop(name, None)
    if entry is not None:
        folder.names[name] = entry
    folder.past.append((number, dict(folder.names)))


def _sync(number: int, entry: Entry) -> None:
    if entry.names is not None:
        entry.kept, entry.kept_at, entry.past = dict(entry.names), number, []
    elif entry.pending or (entry.data is not None and not isinstance(entry.synced, bytes)):
        entry.synced, entry.pending = bytes(entry.content()), []


def _names(folder: Entry, mode: str, until: int) -> dict[str, Entry]:
    if mode in {"names", "all"}:
        return folder.names or {}
    kept = folder.kept
    for number, names in folder.past if mode == "torn" else ():
        kept = names if number <= until else kept
    return kept


def _survived(entry: Entry, mode: str, chance: random.Random) -> bytes:
    content = bytearray(entry.synced if isinstance(entry.synced, bytes) else entry.synced.read_bytes())
    for at, written in entry.pending if mode == "torn" else ():
        if written is None:
            if chance.random() < 0.5:
                _set_length(content, at)
            continue
        edges = [at, *range((at // _PAGE + 1) * _PAGE, at + len(written), _PAGE), at + len(written)]
        for begin, end in pairwise(edges):
            if chance.random() < 0.5:
                _put(content, begin, written[begin - at : end - at])
    return bytes(content)


def _write(entry: Entry, at: int, content: bytes) -> None:
    _put(entry.content(), at, content)
    entry.pending.append((at, content))


def _cut(entry: Entry, length: int) -> None:
    _set_length(entry.content(), length)
    entry.pending.append((length, None))


def _put(data: bytearray, at: int, content: bytes) -> None:
    if len(data) < at:
        _set_length(data, at)
    data[at : at + len(content)] = content


def _set_length(data: bytearray, length: int) -> None:
    del data[length:]
    data.extend(bytes(length - len(data)))


def record(words: Sequence[str], root: Path, start: Path, mark: Path, environment: dict[str, str]) -> Recording:
    """What a program does to ``root``, which is now as ``start``; it says what is done in lines written to ``mark``."""
    trace = start.parent / "trace"
    command = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "100000000",
        "--seccomp-bpf",
        "-o",
        str(trace),
        "-e",
        f"trace={_CALLS}",
    ]
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    calls: list[Call] = []
    marks: dict[int, str] = {}
    posts: list[tuple[int, bytes]] = []
    about = [str(path).encode().hex() for path in (root, mark)]
    for name, arguments, result in _finished(trace):
        if name == "sendto" and result > 0:
            posts.append((len(calls), b"".join(_plain(word) for word, _ in _WORD.findall(arguments)[:1])[:result]))
        elif name != "sync" and (result < 0 or not any(path in arguments.replace("\\x", "") for path in about)):
            continue
        else:
            places = [_plain(place).decode() for _, place in _PLACE.findall(arguments)]
            found = [_plain(word) for word, _ in _WORD.findall(arguments)]
            if str(mark) in places and name == "write":
                marks[len(calls)] = found[0].decode().strip()
            else:
                calls.append(Call(name, places, found, result, _WORD.sub("", arguments)))
    trace.unlink()
    _check_maps(calls)
    return Recording(start, str(root), calls, marks, posts)


def _check_maps(calls: Sequence[Call]) -> None:
    """What is written through memory is not seen: nothing but SQLite's index of its log may be, which it makes anew."""
    for call in calls:
        written = call.name == "mmap" and "PROT_WRITE" in call.rest and "MAP_SHARED" in call.rest
        assert not written or call.places[0].endswith("-shm"), call.places


def _finished(trace: Path) -> Iterator[tuple[str, str, int]]:
    """Each call with its arguments and what it gave, in the order in which they ended."""
    begun: dict[str, str] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for raw in lines:
            line = raw.rstrip("\n")
            if found := _BEGUN.match(line):
                begun[found[1]] = f"{found[1]} {found[2]}({found[3]}"
                continue
            if found := _RESUMED.match(line):
                line = begun.pop(found[1], f"{found[1]} {found[2]}(") + found[3]
            if found := _LINE.match(line):
                yield found[2], found[3], int(found[4])

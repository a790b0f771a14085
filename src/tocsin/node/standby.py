"""Whether this machine may send, where a second one stands by: a folder that both see says which of them is the node.

``terms/`` has a file for each time that a machine became the node; the highest is the one that counts. ``intents/`` has
what was about to leave, and what has left. A mail is written there *before* the terms are read, and whoever takes over
writes a term *before* reading what was about to leave: so one of the two sees the other. docs/design/standby.md.
"""

import json
import socket
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from logging import NullHandler, getLogger
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tocsin.node.errors import ConflictError
from tocsin.node.file_locks import held_file, patiently
from tocsin.node.files import append_whole, sync_folder, sync_open, write_whole
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.standby_settings import StandbySettings

MEND_FENCED: Final = say("Switch this machine off, or make it the standby: docs/operate.md, 'A second machine'.")
MEND_AWAY: Final = say("Mount it again. If you know that no machine took over, 'tocsin standby off' lets mails leave.")

_LOG: Final = getLogger("uvicorn.error.standby")
_LOG.addHandler(NullHandler())  # a command has no log

_PATIENCE: Final = 5.0  # seconds for a folder to answer those who do not send
_LARGE: Final = 1 << 20  # bytes of intents; beyond them what was settled is left out
_SETTLED: Final = timedelta(hours=1)  # no mail is on its way for so long
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Term:
    """That a machine became the node. ``node``: which one, everywhere; ``machine``: a name drawn at random."""

    number: int
    node: str = ""
    machine: str = ""
    host: str = "?"
    at: str = ""


@dataclass(frozen=True)
class SharedFolder:
    """The folder that both machines see."""

    path: Path

    @property
    def copies(self) -> Path:
        """Where copies are."""
        return self.path / "copies"

    @property
    def tried(self) -> Path:
        """When a takeover was last rehearsed."""
        return self.path / "tried.json"

    def make(self) -> None:
        """Make its folders where they are missing."""
        for name in ("terms", "intents", "copies"):
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.path)

    def newest_term(self) -> Term | None:
        """The term that counts, or None where there is none. Raises OSError where the folder cannot be read."""
        numbers = [int(path.stem) for path in (self.path / "terms").iterdir() if path.stem.isdecimal()]
        if not numbers:
            return None
        found = read_json(self._term(max(numbers))) or {}  # one that is only just being written counts, too
        return Term(max(numbers), **{key: str(found.get(key, "?")) for key in ("node", "machine", "host", "at")})

    def begin_term(self, number: int, node: str, now: datetime) -> Term:
        """Become the node. Raises FileExistsError where another machine did at the same moment."""
        made = Term(number, node, uuid4().hex, socket.gethostname(), now.isoformat())
        words = {"node": made.node, "machine": made.machine, "host": made.host, "at": made.at}
        with self._term(number).open("xb") as out:  # its name decides, so that it is whole from the first moment
            out.write(json.dumps(words).encode())
            sync_open(out)
        sync_folder(self.path / "terms")
        return made

    def intents(self, number: int) -> Path:
        """What was about to leave in a term."""
        return self.path / "intents" / f"{number:06d}.jsonl"

    def all_intents(self, *, since: int = 0) -> Iterator[Mapping[str, Any]]:
        """What was about to leave, and what left, line by line, from a term on; of a damaged line, that it is one.

        A last line that was cut counts for nothing: its mail had not left.
        """
        for path in sorted((self.path / "intents").glob("*.jsonl")):
            if int(path.stem) < since:  # what left before is in the copies of that term, which gave its own numbers
                continue
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            for line in lines:
                try:
                    found = json.loads(line)
                except ValueError:
                    found = None
                if isinstance(found, dict):
                    yield found
                elif line.endswith("\n"):
                    yield {"damaged": line}

    def _term(self, number: int) -> Path:
        return self.path / "terms" / f"{number:06d}.json"


@dataclass
class Standby:
    """What a machine with ``[standby]`` settings knows of its right to be the node."""

    home: Path
    settings: StandbySettings
    _covered: tuple[object, frozenset[str]] = field(default=(None, frozenset()))

    @cached_property
    def local(self) -> Path:
        """What this machine remembers; no copy has it."""
        return self.home / HomeFolder.STANDBY

    @cached_property
    def folder(self) -> SharedFolder:
        """The folder that both machines see."""
        return SharedFolder(Path(self.settings.folder))

    @property
    def term(self) -> int:
        """The term of this machine; 0: it has none."""
        return int((read_json(self.local / "own.json") or {}).get("term", 0))

    @property
    def copies(self) -> int:
        """A number that grows with each copy."""
        path = self.local / "covered.json"
        return path.stat().st_mtime_ns if path.exists() else 0

    @property
    def is_off(self) -> bool:
        """Whether a person let mails leave without a second machine."""
        return (self.local / "off.json").exists()

    def hold_term(self, made: Term) -> None:
        """Remember that this machine is the node."""
        self._keep("own.json", {"term": made.number, "machine": made.machine})
        (self.local / "fenced.json").unlink(missing_ok=True)

    def fence(self, host: str, at: str) -> None:
        """Remember that this machine is not the node. An empty ``host``: it is a rehearsal."""
        self._keep("fenced.json", {"host": host, "at": at})

    def turn_off(self, *, by: str, now: datetime) -> None:
        """Let mails leave without a second machine.

        Raises:
            ConflictError: another machine has taken over.

        """
        self.look()
        if why := self.fenced():
            raise ConflictError(why, hint=MEND_FENCED)
        self._keep("off.json", {"by": by, "at": now.isoformat()})

    def turn_on(self) -> None:
        """Let mails leave again only once a copy has them."""
        (self.local / "off.json").unlink(missing_ok=True)

    def fenced(self) -> str:
        """That another machine is the node, as far as is remembered, or nothing."""
        if (found := read_json(self.local / "fenced.json")) is None:
            return ""
        if not found.get("host"):
            return say("This is the rehearsal of a takeover: it sends nothing and takes in nothing.")
        return say(
            "Another machine, %(host)s, took over at %(at)s UTC: this one sends nothing and takes in nothing.",
            host=found["host"],
            at=str(found["at"])[:16].replace("T", " "),
        )

    @property
    def outside(self) -> str:
        """What people outside are told of a takeover."""
        return say("This machine is out of service: another one took over, and nothing is taken in here.")

    def remembered(self) -> tuple[str, str]:
        """Why nothing leaves, as far as is remembered, and what to do; the folder is not asked."""
        if why := self.fenced():
            return why, MEND_FENCED
        if self.is_off or (found := read_json(self.local / "away.json")) is None:
            return "", ""
        return _away(str(found.get("why", ""))), MEND_AWAY

    def look(self) -> str:
        """Why nothing may leave now, or nothing. It asks the folder, and remembers what that says."""
        if why := self.fenced():
            return why
        own, why = self.term, ""
        try:
            newest = self.folder.newest_term()
            why = say("it is empty") if newest is None or newest.number < own else ""
        except OSError as error:
            newest, why = None, error.strerror or str(error)
        if newest is not None and own and newest.number > own:
            self.fence(newest.host, newest.at)
            _LOG.error("%s %s", why := self.fenced(), MEND_FENCED)
            return why
        if not own and not self.is_off:
            return say("No copy for the standby machine was made yet; nothing is sent before that.")
        if why:
            return self._is_away(why)
        (self.local / "away.json").unlink(missing_ok=True)
        return ""

    def look_in_time(self) -> str:
        """The same, for those who must not wait for a folder that does not answer."""
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(self.look()), daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        return found[0] if found else self._is_away(say("it does not answer"))

    def check_is_node(self) -> None:
        """Nothing is taken in where another machine is the node.

        Raises:
            ConflictError: it is.

        """
        self.look_in_time()
        if why := self.fenced():
            raise ConflictError(why, hint=MEND_FENCED)

    def covers(self, reference: str) -> bool:
        """Whether a copy has that this is owed; where not, a copy is asked for."""
        if self.is_off:
            return True
        path = self.local / "covered.json"
        try:
            status = path.stat()
        except FileNotFoundError:
            return self._want()
        state = (status.st_mtime_ns, status.st_ino)
        if self._covered[0] != state:
            self._covered = (state, frozenset((read_json(path) or {}).get("owed", ())))
        return reference in self._covered[1] or self._want()

    def cover(self, owed: Collection[str], made: datetime) -> None:
        """Remember what the newest copy has."""
        self._keep("covered.json", {"made": made.isoformat(), "owed": sorted(owed)})

    @property
    def waits(self) -> str:
        """That something is not in a copy yet."""
        return say("It waits for the next copy to the standby machine.")

    def begin(self, mails: Sequence[str], marks: Mapping[str, Any]) -> str:
        """Note that these are about to leave, and by what an older copy knows them; why they may not, or nothing."""
        if why := self.fenced():
            return why
        try:
            self._note({"began": [*mails], "of": marks})
        except OSError as error:
            if why := self._is_away(error.strerror or str(error)):
                return why
        return self.look()

    def left(self, mails: Sequence[str], *, back: Sequence[str] = ()) -> None:
        """Note which have left and which surely not; where that cannot be noted, a person looks after a takeover."""
        if mails or back:
            with suppress(OSError):
                self._note({"left": [*mails], "back": [*back]})

    def trim(self, oldest: datetime) -> None:
        """Leave out what was about to leave so long before the oldest copy that each says what became of it."""
        path = self.folder.intents(self.term)
        with self._alone():
            if not path.exists() or path.stat().st_size < _LARGE:
                return
            with path.open("rb") as lines:
                if _at(next(lines, b"")) >= (oldest - _DAY).isoformat():  # all is not written anew for a few lines
                    return
            since = (oldest - _SETTLED).isoformat()
            lines_there = path.read_bytes().splitlines(keepends=True)
            write_whole(path, b"".join(line for line in lines_there if _at(line) >= since))

    def _note(self, line: Mapping[str, object]) -> None:
        content = json.dumps({"at": datetime.now(UTC).isoformat(), **line}).encode() + b"\n"
        with self._alone():
            append_whole(self.folder.intents(self.term), content)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.local.mkdir(mode=0o700, exist_ok=True)
        with held_file(self.local / "intents.lock", patiently):
            yield

    def _want(self) -> bool:
        self.local.mkdir(mode=0o700, exist_ok=True)
        (self.local / "wanted").touch()
        return False

    def _is_away(self, why: str) -> str:
        if self.is_off:
            return ""
        if (read_json(self.local / "away.json") or {}).get("why") != why:
            self._keep("away.json", {"why": why, "at": datetime.now(UTC).isoformat()})
            _LOG.error("%s %s", _away(why), MEND_AWAY)
        return _away(why)

    def _keep(self, name: str, content: Mapping[str, object]) -> None:
        write_whole(self.local / name, json.dumps(content).encode(), folders=2)


def read_json(path: Path) -> dict[str, Any] | None:
    """What is in a small file; None where it is missing or damaged. Another `OSError` is raised."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _away(why: str) -> str:
    return say(
        "The folder of the standby cannot be used (%(why)s): nothing is sent, as another machine may have taken over.",
        why=why,
    )


def _at(line: bytes) -> str:
    try:
        return str(json.loads(line)["at"])
    except (ValueError, KeyError, TypeError):
        return ""

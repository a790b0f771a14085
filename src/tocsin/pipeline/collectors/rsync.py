"""Files on an rsync server, or on a host over SSH, listed and fetched by the system's program ``rsync``."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from tocsin.node.errors import RemoteError, SettingError
from tocsin.node.files import disk_failures
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say
from tocsin.node.settings import read_secret
from tocsin.pipeline.collectors.kinds import (
    CollectedOffer,
    CollectorKind,
    CollectorSettings,
    Memory,
    WaitingReport,
    place,
)
from tocsin.pipeline.collectors.web import DownloadLimits, printable, too_large

_LINE: Final = re.compile(rb"-\S{9,10} +([\d,.']+) (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (.+)")
_ESCAPED: Final = re.compile(rb"\\#([0-7]{3})")  # how rsync lists a byte that is not printable
_LIST_BYTES: Final = 20_000_000
_PIECE: Final = 1_000_000
_IN_MEMORY: Final = 64_000_000
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (what is not filtered yet shall not reach a disk; in a folder of ours)


class RsyncSettings(CollectorSettings):
    """Files on an rsync server or behind SSH; needs the program rsync."""

    kind: Literal["rsync"]
    url: str = Field(
        pattern=r"^(rsync://[^\s/@:]+(:\d+)?/[^\s]+|[A-Za-z0-9_][^\s/@:]*@[A-Za-z0-9][^\s/@:]*:[^\s:-][^\s]*|/[^\s]+)$",
        description="The folder: rsync://HOST/MODULE/PATH (unprotected: only with 'source' and 'feed'), "
        "USER@HOST:PATH over SSH, or /PATH.",
    )
    user: str = Field("", pattern=r"^[^\s@:/]*$", description="The user name on the rsync server.")
    secret_file: str = Field("", description="File that holds its password, readable by this user only.")
    ssh_key: str = Field(
        "", pattern=r"^[^'\"\s]*$", description="File with the key for SSH; the host must be a known one of this user."
    )
    include: list[str] = Field([], description="Only names that fit one of these patterns, such as *.csv; empty: all.")
    longest: int = Field(3_600, ge=1, description="Seconds for one list or one file.")
    max_bytes: int = Field(1_000_000_000, ge=1, description="A larger file is refused.")

    @model_validator(mode="after")
    def _plain_needs_a_feed(self) -> Self:
        if self.url.startswith("rsync:") and not (self.source and self.feed):
            raise ValueError("rsync:// needs 'source' and 'feed', so that it can bring no other")
        return self


@dataclass(frozen=True)
class RemoteFile:
    """A file as rsync lists it: its name in bytes, its size, its time (UTC)."""

    raw: bytes
    size: int
    time: str

    @property
    def name(self) -> str:
        """The name as it can be shown and stored."""
        return self.raw.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Rsync:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: RsyncSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The files that are new or changed, in order of name."""
        yield self._offers(memory)

    def _offers(self, memory: Memory) -> Iterator[CollectedOffer]:
        listed = self._run_rsync(["--list-only", "--recursive", "--no-links", "--", self._source], _LIST_BYTES)
        for one in sorted(files_in(listed), key=lambda one: one.name):
            path = PurePosixPath(one.name)
            key = f"{one.name}\n{one.size}\n{one.time}"
            if key in memory.known or (self.settings.include and not any(map(path.match, self.settings.include))):
                continue
            item = WaitingReport(path.name, one.size, read=partial(self._read, one))
            yield CollectedOffer(one.name, [item], key)

    def _read(self, one: RemoteFile) -> Iterator[bytes]:
        """The bytes of a file, before anything of them is kept; rsync cannot write to a pipe."""
        bounds = DownloadLimits(0, self.settings.longest, self.settings.max_bytes)
        if one.size > bounds.size:
            raise too_large(one.name, bounds)
        with self._folder(one.size) as folder:
            # By a list on its standard input: a server expands what looks like a pattern in an argument.
            self._run_rsync(
                [
                    "--from0",
                    "--files-from=-",
                    "--no-relative",
                    f"--max-size={bounds.size}",
                    "--",
                    self._source,
                    f"{folder}/",
                ],
                0,
                given=b"./" + one.raw + b"\0",  # a line that begins with # would be a comment
            )
            found = next((path for path in folder.iterdir() if path.is_file() and not path.is_symlink()), None)
            if found is None:
                raise RemoteError(
                    say("%(name)s is no longer there.", name=one.name), hint=say("It is tried again later.")
                )
            with disk_failures(f"{one.name} could not be read"), found.open("rb") as stream:
                yield from iter(partial(stream.read, _PIECE), b"")

    @property
    def _source(self) -> str:
        settings = self.settings
        whole = settings.url.replace("rsync://", f"rsync://{settings.user}@", 1) if settings.user else settings.url
        return whole if whole.endswith("/") else f"{whole}/"

    @contextmanager
    def _folder(self, size: int) -> Iterator[Path]:
        """An empty folder, in memory where that is small; what a kill left in it goes first.

        The run of a collector is alone, and so is this.
        """
        in_memory = size <= _IN_MEMORY and os.access(_MEMORY, os.W_OK)
        digest = sha256(f"{self.home}\n{self.settings.url}".encode()).hexdigest()[:12]
        folder = (_MEMORY if in_memory else self.home / HomeFolder.COLLECTED) / f".tocsin-rsync-{digest}"
        with disk_failures(f"{folder} could not be made"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)  # fails where another user made it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run_rsync(self, arguments: Sequence[str], most: int, given: bytes = b"") -> bytes:
        """What rsync prints, at most so many bytes.

        Raises:
            SettingError: it is not installed, or the secret cannot be used.
            RemoteError: it fails, or takes too long.

        """
        program = _program()
        try:
            done = subprocess.run(
                [program, "--no-motd", *self._access(), *arguments],
                input=given,
                capture_output=True,
                timeout=self.settings.longest,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LC_ALL": "C.UTF-8",
                    "TZ": "UTC",
                    "HOME": str(Path.home()),
                },
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RemoteError(
                say("%(where)s takes longer than %(whole)s s.", where=self.settings.url, whole=self.settings.longest),
                hint=say("Raise longest."),
            ) from error
        if done.returncode or len(done.stdout) > max(most, _PIECE):
            words = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise RemoteError(
                say(
                    "%(where)s cannot be fetched: %(said)s.",
                    where=self.settings.url,
                    said=printable(words) or done.returncode,
                ),
                hint=say("Check the address, the user and the network."),
            )
        return done.stdout

    def _access(self) -> Iterator[str]:
        settings = self.settings
        if settings.secret_file:
            path = place(self.home, settings.secret_file)
            read_secret(str(path), setting="secret_file")  # refuses a file that others may read
            yield f"--password-file={path}"
        if not settings.url.startswith(("rsync:", "/")):  # with a remote shell rsync:// would be a server behind it
            key = f" -o IdentitiesOnly=yes -i '{place(self.home, settings.ssh_key)}'" if settings.ssh_key else ""
            yield f"--rsh=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes{key}"


def _program() -> str:
    program = shutil.which("rsync")
    if program is None:
        raise SettingError(say("The program rsync is not here."), hint=say("Install the package 'rsync'."))
    return program


def files_in(listed: bytes) -> Iterator[RemoteFile]:
    """The files in a list of ``rsync --list-only``: no folders, no links, none that is hidden or leads out."""
    for line in listed.split(b"\n"):
        if (match := _LINE.fullmatch(line)) is None:
            continue
        raw = _ESCAPED.sub(lambda found: bytes([int(found[1], 8) & 255]), match[3])
        if not any(part.startswith(b".") or not part for part in raw.split(b"/")):
            yield RemoteFile(raw, int(re.sub(rb"\D", b"", match[1])), match[2].decode())


KIND: Final = CollectorKind(RsyncSettings, Rsync, _program)

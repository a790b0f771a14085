"""Where a node keeps what all its machines share, by ``[storage] address``: in the home, a folder, or a bucket."""

import io
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final
from uuid import uuid4

from tocsin.node.errors import SettingError, StorageError
from tocsin.node.paths import HomeFolder
from tocsin.node.place import BLOCK, FolderPlace, Place, StoredFile
from tocsin.node.settings import read_secret
from tocsin.node.storage_settings import StorageSettings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

SHARED: Final = (
    *(HomeFolder.EVENTS, HomeFolder.EVIDENCE, HomeFolder.EXCHANGE, HomeFolder.INBOX, HomeFolder.INCIDENT_EVIDENCE),
    *(HomeFolder.MAILROOM, HomeFolder.PROBLEMS, HomeFolder.QUARANTINE, HomeFolder.ROWS),
)
"""The folders of the home that are elsewhere where the settings say so."""

_CONNECT, _ANSWER, _RETRY, _RETRIES = 3, 30, 8, 2  # seconds, the number; so a server that is away is noticed soon
_USED: Final = "The storage cannot be used"
_MISSING_BUCKET: Final = "NoSuchBucket"
_DENIED: Final = ("status code: 403", "status code: 401", "lacked the necessary privileges", "AccessDenied")


@dataclass(frozen=True)
class BucketPlace(Place):
    """What begins with one name in a bucket of S3, or of what speaks as S3 does."""

    settings: StorageSettings
    folder: Path
    name: str

    def bare(self) -> "BucketPlace":
        """As `Place`: without the address of the records, above all."""
        wanted = {"address", "endpoint", "region", "account", "secret_file"}
        return replace(self, settings=type(self.settings)(**self.settings.model_dump(include=wanted)))

    @property
    def options(self) -> dict[str, Any]:
        return {**_access(self.settings), "max_retries": _RETRIES, "retry_timeout_ms": _RETRY * 1000}

    @property
    def table_options(self) -> dict[str, str]:
        waits = {"timeout": f"{_ANSWER}s", "connect_timeout": f"{_CONNECT}s", "retry_timeout": f"{_RETRY}s"}
        # Of two who commit the same version one does: a put with If-None-Match.
        return {**_access(self.settings), **waits, "max_retries": str(_RETRIES), "aws_conditional_put": "etag"}

    def path(self, name: str = "") -> str:
        return "/".join(part for part in (self.settings.address, self.name, name) if part)

    def begin(self, name: str) -> IO[bytes]:  # noqa: ARG002
        return TemporaryFile()

    def finish(self, out: IO[bytes], name: str) -> None:
        import obstore

        out.flush()
        out.seek(0)
        with self._answered():
            obstore.put(self._store, name, out)

    def sync(self, names: Collection[str]) -> None:
        """A put that returned survives."""

    @contextmanager
    def unfinished(self) -> Iterator[IO[bytes]]:
        with TemporaryFile() as out:
            yield out

    def keep(self, out: IO[bytes], name: str) -> None:
        self.finish(out, name)

    def open(self, name: str) -> io.BufferedReader:
        import obstore

        with TemporaryFile() as out:
            with self._answered():
                for block in obstore.get(self._store, name).stream(min_chunk_size=BLOCK):
                    out.write(block)
            out.seek(0)
            return os.fdopen(os.dup(out.fileno()), "rb")

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="tocsin-") as folder:
            path = Path(folder, name.rpartition("/")[2])
            with path.open("wb") as out, self.open(name) as content:
                shutil.copyfileobj(content, out, BLOCK)
            yield path

    def list(self, below: str = "", *, after: str = "") -> Iterator[StoredFile]:
        import obstore

        with self._answered():
            for some in obstore.list(self._store, below or None, offset=after or None, chunk_size=1_000):
                for one in some:
                    yield StoredFile(one["path"], one["size"], one["last_modified"].timestamp(), one["e_tag"] or "")

    def find(self, name: str) -> StoredFile | None:
        import obstore

        with self._answered():
            try:
                one = obstore.head(self._store, name)
            except FileNotFoundError:
                return None
        return StoredFile(name, one["size"], one["last_modified"].timestamp())

    def delete(self, name: str) -> None:
        import obstore

        with self._answered(), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def is_exclusive(self) -> bool:
        """Whether the server refuses what would take the place of another file, as it is asked to (If-None-Match)."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        name = f"{uuid4().hex}.probe"
        with self._answered():
            try:
                for content in (b"1", b"2"):
                    obstore.put(self._store, name, content, mode="create")
            except AlreadyExistsError:
                return True
            finally:
                obstore.delete(self._store, name)
        return False

    def failure(self, error: Exception, what: str) -> StorageError:
        said = str(error)
        where = self.settings.address
        if _MISSING_BUCKET in said:
            return StorageError(f"{what}: there is no bucket {where}.", hint="Make it, or correct [storage] address.")
        if any(word in said for word in _DENIED):
            hint = "Correct [storage] account and what is in secret_file, and what this key may do there."
            return StorageError(f"{what}: {where} does not take our key.", hint=hint)
        line = " ".join(said.partition("Debug source")[0].partition("?")[0].split())  # behind it may be a signature
        found = StorageError(
            f"{what}: {where} does not answer as it should: {line[:300]}",
            hint="Look after that server, the network, and [storage] endpoint. Work goes on once it answers.",
        )
        found.__cause__ = ConnectionError(line)
        return found

    @property
    def _store(self) -> "S3Store":
        return _client(self.settings, self.name)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if _MISSING_BUCKET not in str(error):
                raise
            failure = self.failure(error, _USED)
        except BaseError as error:
            failure = self.failure(error, _USED)
        else:
            return
        raise failure from failure.__cause__


def place_of(settings: StorageSettings, home: Path, name: HomeFolder) -> Place:
    """Where the files of a folder of the home are: there, or by ``[storage] address``.

    Raises:
        SettingError: the address needs a library that is not here.

    """
    if settings.address.startswith("s3://"):
        if find_spec("obstore") is None:
            hint = "Install it with: pip install 'tocsin[objects]'"
            raise SettingError("[storage] address needs a library that is not here: obstore.", hint=hint)
        return BucketPlace(settings, home / name, name)
    return FolderPlace(shared_folder(settings, home) / name)


def check_storage(settings: StorageSettings, home: Path) -> None:
    """See that the storage of the settings is there and answers.

    Raises:
        StorageError: it does not; says what to do.

    """
    if not shared_folder(settings, home).is_dir():
        raise StorageError(f"The folder {settings.address} is not there.", hint="Mount it, or make it.")
    next(iter(place_of(settings, home, HomeFolder.EVENTS).list("_delta_log")), None)


def shared_folder(settings: StorageSettings, home: Path) -> Path:
    """The folder that ``file://`` names, else the home."""
    return Path(settings.address.removeprefix("file://")) if settings.address.startswith("file://") else home


@lru_cache(maxsize=64)
def _access(settings: StorageSettings) -> Mapping[str, str]:
    """Endpoint, region and key; without a key the machine's own role is asked (AWS)."""
    given = {
        "aws_endpoint_url": settings.endpoint,
        "aws_region": settings.region,
        "aws_access_key_id": settings.account,
        "aws_secret_access_key": read_secret(settings.secret_file, setting="storage.secret_file"),
        "aws_allow_http": "true" if settings.endpoint.startswith("http://") else "",
    }
    return {name: value for name, value in given.items() if value}


@lru_cache(maxsize=64)
def _client(settings: StorageSettings, name: str) -> "S3Store":
    from obstore.store import S3Store

    bucket, _, prefix = settings.address.removeprefix("s3://").partition("/")
    options: ClientConfig = {
        "timeout": timedelta(seconds=_ANSWER),
        "connect_timeout": timedelta(seconds=_CONNECT),
        "allow_http": settings.endpoint.startswith("http://"),
    }
    access: Any = {key: value for key, value in _access(settings).items() if key != "aws_allow_http"}
    return S3Store(
        bucket,
        prefix="/".join(part for part in (prefix, name) if part),
        config=access,
        client_options=options,
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY)},
    )

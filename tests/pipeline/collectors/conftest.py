"""A node whose collectors are written by a test, and servers for them."""

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.homes import copy_home, migrated_home
from support.https_fixtures import certificate, server
from support.https_server import WebServer, web_server

__all__ = ("certificate", "server")


@pytest.fixture
def servers(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[tuple[WebServer, WebServer]]:
    with web_server(certificate[1]) as one, web_server(certificate[1]) as other:
        yield one, other


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    home = copy_home(migrated_home(), tmp_path / "home")
    return Tocsin(home, {**os.environ, "NO_COLOR": "1"})


@pytest.fixture
def collect(tocsin: Tocsin, certificate: tuple[Path, ssl.SSLContext]) -> Callable[..., None]:
    """Writes one collector, called ``it``, into the settings; it trusts the certificate of the server."""

    def write(kind: str, **settings: object) -> None:
        trusted = {} if kind in {"folder", "rsync"} else {"ca_file": str(certificate[0] / "certificate.pem")}
        said = {"kind": kind, **trusted, **settings}
        lines = [
            f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for name, value in said.items()
        ]
        (tocsin.home / "tocsin.toml").write_text("\n".join(["[collect.it]", *lines, ""]))

    return write


@pytest.fixture
def secret(tocsin: Tocsin) -> str:
    """The name of a file with a secret, in the home folder."""
    path = tocsin.home / "it.secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return path.name

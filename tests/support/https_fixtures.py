"""A server with a certificate for 127.0.0.1, as fixtures: a conftest takes them by their names."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.https_server import WebServer, web_server
from support.mail_server import made_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A folder with key.pem and certificate.pem for 127.0.0.1, and the context of a server that has them."""
    folder = tmp_path_factory.mktemp("certificate")
    return folder, made_certificate(folder)[0]


@pytest.fixture
def server(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[WebServer]:
    with web_server(certificate[1]) as started:
        yield started

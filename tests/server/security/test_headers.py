"""What the headers do where an application breaks, and where a route says otherwise."""

import logging
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from support.world import served
from tocsin.server.api.durations import Durations
from tocsin.server.security import with_headers


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    application = FastAPI()

    @application.get("/broken")
    def broken() -> None:
        raise RuntimeError("password of the database: hunter2")

    @application.get("/other")
    def other() -> PlainTextResponse:
        return PlainTextResponse("x", headers={"Cache-Control": "public", "Content-Security-Policy": "sandbox"})

    application.add_middleware(with_headers)
    application.add_middleware(Durations().timing)
    with (
        served(application) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as client,
    ):
        yield client


def test_an_error_that_nobody_foresaw_is_not_shown(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """OWASP ASVS 16.5.1, 16.5.4: the log has it, the answer has not, and the next request is answered."""
    log = logging.getLogger("uvicorn.error")
    log.addHandler(caplog.handler)
    answer = client.get("/broken")
    for _ in range(6_000):  # it is written after the answer left
        if "RuntimeError" in caplog.text:
            break
        time.sleep(0.05)
    log.removeHandler(caplog.handler)
    assert answer.status_code == 500
    number = answer.headers["x-request-id"]
    assert answer.text == (
        f"Something went wrong here. It is noted; try again later. Give this number to who runs this server: {number}"
    )
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert "RuntimeError" in caplog.text
    assert client.get("/other").status_code == 200


def test_a_route_may_say_otherwise(client: httpx.Client) -> None:
    answer = client.get("/other")
    assert answer.headers["cache-control"] == "public"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"

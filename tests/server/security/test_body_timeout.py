"""A body that comes too slowly holds nothing up."""

import socket
import time
from typing import Annotated

import httpx
from fastapi import FastAPI, Form, Request
from starlette.responses import StreamingResponse

from support.world import served
from tocsin.server.security import BodyTimeout, with_headers


def make(seconds: float, least: int = 1_000) -> FastAPI:
    application = FastAPI()

    @application.post("/form")
    def form(name: Annotated[str, Form()]) -> str:
        return name

    @application.post("/stream")
    async def stream(request: Request) -> int:
        return sum([len(block) async for block in request.stream()])

    @application.get("/long")
    def long() -> StreamingResponse:
        def parts() -> object:
            for _ in range(3):
                time.sleep(0.8)
                yield b"x"

        return StreamingResponse(parts())  # type: ignore[arg-type]  # it yields bytes

    application.add_middleware(BodyTimeout, seconds=seconds, least=least)
    application.add_middleware(with_headers)
    return application


def test_whoever_sends_half_a_body_and_waits_is_sent_away() -> None:
    head = "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=x"
    with served(make(2)) as port:
        for path in ("/form", "/stream"):
            with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
                connection.sendall(f"POST {path} HTTP/1.1\r\n{head}".encode())
                answer = b""
                while block := connection.recv(4_096):  # until the server closes
                    answer += block
            assert answer.split()[1] in {b"400", b"408"}
            assert b"content-security-policy" in answer.lower()
        assert httpx.post(f"http://127.0.0.1:{port}/form", data={"name": "x"}, trust_env=False).json() == "x"


def test_a_slow_body_that_goes_on_is_waited_for_and_a_long_answer_too() -> None:
    def parts() -> object:
        for _ in range(4):
            yield b"x" * 1_000
            time.sleep(0.6)

    with served(make(2, least=100)) as port:
        url = f"http://127.0.0.1:{port}"
        sent = httpx.post(f"{url}/stream", content=parts(), trust_env=False)  # type: ignore[arg-type]  # as above
        assert sent.json() == 4_000
        assert httpx.get(f"{url}/long", trust_env=False).text == "xxx"

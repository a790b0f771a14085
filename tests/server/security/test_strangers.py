"""A flood of strangers holds nobody up: people of the same network report, browse and sign in while it goes on."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from starlette.types import Message, Receive, Scope, Send

from support.api_client import caller
from support.public_forms import made_of, sum_of
from support.world import START, World, copy_world, make_world
from tocsin.incidents.arrivals import PublicReport
from tocsin.node.accounts import AccountRole
from tocsin.server.security.turns import FairTurns, StrangerTurns, _NoTurnError
from tocsin.server.server import make_application

ADDRESSES = 16
"""Honest people share these: some thirty behind each."""


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path / "one")
    with made.open:
        yield made


class Flood:
    """Somebody who sends whatever hurts, as fast as it is answered, from within a network and from elsewhere."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client, self.random, self.sent, self.made = client, Random(7), 0, ""
        self.ends = False
        self.statuses: dict[str, set[int]] = {}

    async def go_on(self, addresses: list[str]) -> None:
        while not self.ends:
            address = self.random.choice(addresses)
            what = self.random.choice([self.inbox, self.begun, self.form, self.same_form, self.secrets, self.sign_in])
            answer = await what({"X-Forwarded-For": address})
            self.statuses.setdefault(what.__name__, set()).add(answer.status_code)
            self.sent += 1

    async def inbox(self, headers: dict[str, str]) -> httpx.Response:
        content = b"\xc1\x0e\x03" + self.random.randbytes(40_000)
        return await self.client.post("/exchange/inbox", content=content, headers=headers)

    async def begun(self, headers: dict[str, str]) -> httpx.Response:
        digest = "A" * 42 + self.random.choice("AEIMQUYcgkosw048") + "="
        part = {"Content-Range": "bytes 0-0/64000000", "Repr-Digest": f"sha-256=:{digest}:"}
        return await self.client.post("/exchange/inbox", content=b"x", headers={**headers, **part})

    async def form(self, headers: dict[str, str]) -> httpx.Response:
        self.made = made_of(await self.client.get("/report", headers=headers))
        return await self.same_form(headers)

    async def same_form(self, headers: dict[str, str]) -> httpx.Response:
        what = f"FLOOD {self.random.random()} " + "[" * 3_000 + '\\"' * 1_000
        data = {"made": self.made, "kind": "deceit", "what": what}
        return await self.client.post("/report", data=data, headers=headers)

    async def secrets(self, headers: dict[str, str]) -> httpx.Response:
        data = {"reference": "AAAA-AAAA", "secret": str(self.random.random())}
        return await self.client.post("/report/answer", data=data, headers=headers)

    async def sign_in(self, headers: dict[str, str]) -> httpx.Response:
        return await self.client.get("/sign-in", headers=headers)


async def report(client: httpx.AsyncClient, number: int, address: str) -> str:
    """What an honest person does: open the form, write, send, and answer what is asked. Their reference."""
    headers = {"X-Forwarded-For": address}
    form = await client.get("/report", headers=headers)
    assert form.status_code == 200
    for _ in range(2):
        data = {"made": made_of(form), "kind": "deceit", "what": f"HONEST {number}", "sum": sum_of(form)}
        form = await client.post("/report", data=data, headers=headers)
        if form.status_code == 200:
            return form.text
        assert (form.status_code, bool(sum_of(form))) == (422, True), form.text[-3_000:]
    raise AssertionError(form.status_code)


@pytest.mark.parametrize(
    ("number", "shares"), [(500, False), (60, True)], ids=["other addresses", "the same addresses"]
)
def test_people_of_one_network_report_while_it_is_flooded(world: World, number: int, shares: bool) -> None:
    """None of them is refused, nothing of theirs is lost; the flood comes from their own network and from elsewhere.

    With ``shares`` it also comes from each address that they have.
    """
    people = [f"203.0.113.{1 + at % ADDRESSES}" for at in range(number)]
    inside = [f"203.0.113.{at}" for at in ([*range(1, 256)] if shares else range(200, 256))]
    elsewhere = [f"198.51.{at}.9" for at in range(100)]

    async def play() -> Flood:
        application = make_application(world.node, public=True, clock=lambda: START)
        transport = httpx.ASGITransport(application, client=("127.0.0.1", 1))
        limits: Any = {"base_url": "http://node.example", "timeout": 600}
        async with httpx.AsyncClient(transport=transport, **limits) as client:
            flood = Flood(client)
            crowds = [asyncio.create_task(flood.go_on(of)) for of in (inside, inside, elsewhere)]
            waiting = asyncio.Semaphore(10)

            async def one(at: int, address: str) -> None:
                async with waiting:
                    await report(client, at, address)

            await asyncio.gather(*(one(at, address) for at, address in enumerate(people)))
            child = await client.get("/report/child", headers={"X-Forwarded-For": people[0]})
            assert child.status_code == 200
            flood.ends = True
            await asyncio.gather(*crowds)
        return flood

    flood = asyncio.run(play())
    with world.node.database.reading() as session:
        honest = select(func.count()).select_from(PublicReport).where(PublicReport.what.startswith("HONEST"))
        assert session.scalar(honest) == number
        rest = session.scalar(select(func.count()).select_from(PublicReport)) or 0
    assert flood.sent > number
    assert rest - number <= 200 + 20 * len(elsewhere), "the flood had the share that needs no answer, and no more"
    assert list(world.node.exchange.folder.glob("*.part")) == [], "no file of it was begun"


def test_turns_go_round_by_network_and_the_heaviest_address_waits_no_longer() -> None:
    async def play() -> list[str]:
        turns, order = FairTurns(1, most=6, most_of_network=4), list[str]()

        async def one(name: str, network: str, address: str) -> None:
            try:
                await turns.take(network, address)
            except _NoTurnError:
                order.append(f"{name} refused")
                return
            order.append(name)
            await asyncio.sleep(0)
            turns.give_back()

        await turns.take("mine", "mine")
        asked = [("f1", "a", "1"), ("f2", "a", "1"), ("f3", "a", "1"), ("f4", "a", "1"), ("f5", "a", "1")]
        tasks = [asyncio.create_task(one(*each)) for each in [*asked, ("h1", "a", "2"), ("o1", "b", "3")]]
        await asyncio.sleep(0.01)
        gone = asyncio.create_task(one("gone", "c", "4"))
        await asyncio.sleep(0.01)
        gone.cancel()  # whoever leaves takes no turn
        await asyncio.gather(gone, return_exceptions=True)
        turns.give_back()
        await asyncio.gather(*tasks)
        assert (turns.running, turns.waiting) == (0, {})
        return order

    order = asyncio.run(play())
    assert [one for one in order if one.endswith("refused")] == ["f5 refused", "f4 refused"]
    assert [one for one in order if not one.endswith("refused")] == ["f1", "o1", "h1", "f2", "f3"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("announced", [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")])
def test_who_announces_a_body_that_nobody_reads_waits_for_a_turn(
    world: World, method: str, announced: tuple[bytes, bytes]
) -> None:
    """A page asked for with "Content-Length: 3" and nothing behind it is worked on as any other: by its turn."""
    at_once = most = 0

    async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def never() -> Message:
        raise AssertionError("nobody reads it")

    async def ignored(_: Message) -> None: ...

    async def play() -> None:
        node = with_intake(world, strangers_at_once=1).node
        turns = StrangerTurns(page, settings=node.settings.intake, database=node.database, clock=lambda: START)
        scope = {
            "type": "http", "method": method, "path": "/report", "headers": [announced], "client": ("192.0.2.1", 1),
        }  # fmt: skip
        await asyncio.gather(*(turns(dict(scope), never, ignored) for _ in range(5)))

    asyncio.run(play())
    assert most == 1


def with_intake(world: World, **said: int) -> World:
    intake = world.node.settings.intake.model_copy(update=said)
    settings = world.node.settings.model_copy(update={"intake": intake})
    return replace(world, node=replace(world.node, settings=settings))


def test_strangers_and_operators_bring_so_many_bytes_a_day(world: World) -> None:
    """What is small always passes: a report without files is never refused by what others of its address sent."""
    bounded = with_intake(world, address_bytes_a_day=250_000, network_bytes_a_day=380_000, operator_bytes_a_day=250_000)
    large = b"x" * 120_000
    client = bounded.client(public=True)

    def post(address: str, content: bytes = large) -> int:
        return client.post("/report", headers={"X-Forwarded-For": address}, content=content).status_code

    assert [post("192.0.2.1") for _ in range(3)][-1] == 429
    assert post("192.0.2.2") != 429
    assert post("192.0.2.3") == 429, "its network has had all"
    assert post("192.0.2.1", b"x" * 50_000) != 429
    with caller(bounded, AccountRole.OPERATOR, teams=(1,)) as operator:
        statuses = [operator.post("/claims", content=large).status_code for _ in range(3)]
    assert (statuses[0] == 429, statuses[2]) == (False, 429)

"""``/health`` says when nothing can be kept, and what is wrong."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from support.world import World, make_world
from tocsin.operations import writing_check
from tocsin.operations.doctor import examine


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    with made.open:
        yield made


@contextmanager
def no_more_bytes() -> Iterator[None]:
    """No file of this process grows any more, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_is_503_while_nothing_can_be_written_and_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_check, "_SECONDS", 0.0)
    client = world.client(public=True)
    assert client.get("/api/v1/health").json() == {"status": "ok", "version": None, "checks": None}
    with no_more_bytes():
        full = client.get("/api/v1/health")
    assert full.status_code == 503
    assert full.json()["detail"].startswith("Nothing can be written: ")
    assert client.get("/api/v1/health").status_code == 200


def test_it_is_503_below_the_reserve_and_own_work_goes_on(world: World) -> None:
    intake = world.node.settings.intake.model_copy(update={"reserve_bytes": 2**60})
    settings = world.node.settings.model_copy(update={"intake": intake})
    full = replace(world, node=replace(world.node, settings=settings))
    client = full.client(public=True)
    answer = client.get("/api/v1/health")
    assert (answer.status_code, "nearly full" in answer.json()["detail"]) == (503, True)
    with (world.node.home / "tocsin.toml").open("a") as out:
        out.write(f"\n[intake]\nreserve_bytes = {2**60}\n")
    (wrong,) = [one for one in examine(world.node.home, world.now) if one.what == "writing"]
    assert (wrong.ok, "nearly full" in wrong.found) == (False, True)
    world.tocsin.run("partners", "add", "Some team", "--mailbox", "csirt@team.example")

"""A node with an incident, a manager and two analysts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.console_users import person
from support.furnished_node import inbox_reports
from support.world import World, copy_world, make_world
from tocsin.incidents import acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole

ACTS = {act.operation: act for act in acts.ACTS}


@dataclass
class Case:
    """A node, its incident, and the people who work on it."""

    world: World
    reference: str
    first: int
    second: int

    def context(self, who: int | None = None, operation: str = "addEvidenceOfIncident") -> ActContext:
        number = self.first if who is None else who
        return ActContext(self.world.node, self.world.now, f"person:{number}", "One", number, act=ACTS[operation])

    def do(self, operation: str, who: int | None = None, **values: Any) -> Any:
        act = ACTS[operation]
        return act.function(self.context(who, operation), read_request(act, {"reference": self.reference, **values}))


@pytest.fixture(scope="package")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("evidence")).folder


@pytest.fixture
def case(fresh: Path, tmp_path: Path) -> Iterator[Case]:
    world = copy_world(fresh, tmp_path / "copy")
    with world.open:
        one, other = (
            person(world.node, AccountRole.ANALYST, now=world.now, mailbox=f"{name}@inside.example")
            for name in ("one", "other")
        )
        made = Case(world, "", one, other)
        act = ACTS["openIncident"]
        opened = act.function(made.context(one, "openIncident"), read_request(act, {"title": "Ransomware"}))
        made.reference = opened.reference
        yield made


@pytest.fixture
def report(case: Case) -> str:
    """A report of the inbox with a file, in the incident."""
    reference = inbox_reports(case.world)["inbox"][0]
    case.world.tocsin.json("inbox", "put", reference, "--incident", case.reference, "--as", str(case.first))
    return reference

"""A node with people who take turns, and a clock that a test sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.world import World, copy_world, make_world
from tocsin.cli.acts import every_act
from tocsin.incidents import Incident, SeverityLevel, add_incident
from tocsin.incidents.duty.models import CallOut, CallOutCall
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole, Person, Principal
from tocsin.node.duty_settings import DutySettings
from tocsin.node.letters import Letter
from tocsin.pipeline.call_outs import look_for_call_outs

WEEKLY = """
time_zone = "Indian/Mauritius"
[[rotation]]
id = "week"
kind = "weekly"
start = 2026-11-16T08:00:00
people = ["ana@csirt.example", "ben@csirt.example"]
[[rule]]
rotation = "week"
"""
PEOPLE = ("ana", "ben", "eve", "kim")
_ACTS = {act.operation: act for act in every_act()}


@dataclass
class Duty:
    """A node on duty. ``people``: the numbers of ana and ben (analysts), eve (analyst) and kim (manager)."""

    world: World
    people: dict[str, int]

    def do(self, operation: str, who: str = "kim", **values: Any) -> Any:
        """Do an act as somebody."""
        act, number = _ACTS[operation], self.people[who]
        role = AccountRole.MANAGER if who == "kim" else AccountRole.ANALYST
        may = Principal(role, number).may
        context = ActContext(
            self.world.node, self.world.now, f"person:{number}", who, number, act=act, holds=True, may=may
        )
        return act.function(context, read_request(act, values))

    def later(self, **by: float) -> "Duty":
        """So much later."""
        self.world.now += timedelta(**by)
        return self

    def look(self) -> None:
        """Call whom the rules say."""
        look_for_call_outs(self.world.node, self.world.now)

    def incident(self, level: SeverityLevel = SeverityLevel.CRITICAL, only: tuple[str, ...] = ()) -> str:
        """A new incident of a level; its reference."""
        members = [self.people[one] for one in only]
        lead = members[0] if members else None
        with self.world.node.database.begin() as session:
            made = add_incident(
                session, title="Lagoon Hospital", actor="test", now=self.world.now, lead=lead, members=members
            )
            made.severity = level.value
            return made.reference

    def change_incident(self, reference: str, **values: Any) -> None:
        """Set columns of an incident."""
        with self.world.node.database.begin() as session:
            found = session.query(Incident).filter_by(reference=reference).one()
            for name, value in values.items():
                setattr(found, name, value)

    def rows(self, kind: type[Any]) -> list[Any]:
        """All rows of a table, in order."""
        with self.world.node.database.reading() as session:
            return session.query(kind).order_by(kind.id).all()

    @property
    def call_outs(self) -> list[CallOut]:
        """All call-outs."""
        return self.rows(CallOut)

    @property
    def calls(self) -> list[CallOutCall]:
        """All calls."""
        return self.rows(CallOutCall)

    @property
    def called(self) -> list[str]:
        """Who was called, in order, each once."""
        names = {number: name for name, number in self.people.items()}
        return list(dict.fromkeys(names[one.person] for one in self.calls))

    def letters(self, part: str) -> list[Letter]:
        """The mails whose key has a part in it."""
        return [one for one in self.rows(Letter) if f":{part}:" in one.key]


@pytest.fixture(scope="session")
def fresh_duty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with its people."""
    world = make_world(tmp_path_factory.mktemp("duty"))
    with world.open, world.node.database.begin() as session:
        for name in PEOPLE:
            role = AccountRole.MANAGER if name == "kim" else AccountRole.ANALYST
            session.add(
                Person(
                    mailbox=f"{name}@csirt.example", name=name.title(), role=role.value, teams=[], password="",
                    language="", theme="", made_at=world.now, blocked_at=None, removed_at=None,
                )
            )  # fmt: skip
    world.node.database.close()
    return world.folder


@pytest.fixture
def duty(fresh_duty: Path, tmp_path: Path) -> Iterator[Duty]:
    """A node on which nothing is planned yet."""
    world = copy_world(fresh_duty, tmp_path)
    with world.open, world.node.database.reading() as session:
        people = {one.name.lower(): one.id for one in session.query(Person)}
    yield Duty(world, people)
    world.node.database.close()


def ruled(duty: Duty, **values: Any) -> None:
    """A roster and a rule: critical incidents, the week's person, then eve."""
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    given = {"name": "Nights", "roster": "CSIRT", "people": ("eve@csirt.example",), "severity": "critical"}
    duty.do("ruleCallOut", **{**given, "channels": ("mail",), "minutes": "10", **values})


def with_settings(duty: Duty, **values: str) -> None:
    """Give the node settings of duty."""
    settings = duty.world.node.settings.model_copy(update={"duty": DutySettings.model_validate(values)})
    object.__setattr__(duty.world.node, "settings", settings)


def secret_file(folder: Path) -> str:
    """A file with the secret of a webhook."""
    path = folder / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return str(path)

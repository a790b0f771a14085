"""A node that takes content down, and an incident with a phishing kit on networks that its directory knows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from support.console_users import person
from support.world import World, copy_world, make_world
from tocsin.incidents import IncidentReader, add_incident, find_incident, merged_family
from tocsin.incidents.takedowns import (
    TakedownRow,
    acts,
    recipients_of,
    sightings_of,
    takedowns_of,
)
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter

ACTS: Final = {act.name: act for act in acts.ACTS}
SETTINGS: Final = """
[mailbox]
address = "csirt@example.org"
[takedowns]
basis = "our terms"
browser_lists = ["outsider"]
"""
TERMS: Final = {"ground": "phishing", "necessity": "It takes passwords.", "how": "reported by a bank"}
DIRECTORY: Final = """
[[team]]
key = "as-b"
name = "Upstream B"
kind = "operator"
mailboxes = ["noc@as-b.example"]
language = "fr"
asns = ["15169"]

[[team]]
key = "nat-us"
name = "National CSIRT of US"
kind = "national"
country = "US"
mailboxes = ["csirt@nat-us.example"]

[[team]]
key = "host-b"
name = "Host B"
kind = "operator"
mailboxes = ["abuse@host-b.example"]
language = "fr"
prefixes = ["8.8.8.0/25"]
domains = ["hosted.example"]
"""


@dataclass
class Kit:
    """An incident, and who works on it."""

    world: World
    reference: str
    analyst: int

    def do(self, name: str, /, **values: Any) -> Any:
        """Do an act on its take-downs."""
        act = ACTS[name]
        context = ActContext(
            self.world.node, self.world.now, f"person:{self.analyst}", "Analyst", self.analyst, act=act
        )
        return act.function(context, read_request(act, {"reference": self.reference, **values}))

    def propose(self, text: str, **more: Any) -> Any:
        return self.do("propose", text=text, **{**TERMS, **more})

    def set(self, part: str = "takedowns", **values: Any) -> None:
        """Change settings of the node."""
        settings = self.world.node.settings
        changed = getattr(settings, part).model_copy(update=values)
        self.world.node = replace(self.world.node, settings=settings.model_copy(update={part: changed}))

    def rows(self) -> list[TakedownRow]:
        """Its take-downs, in their order."""
        reader = IncidentReader(self.analyst, self.world.now)
        with self.world.node.database.reading() as session:
            family = merged_family(session, reader, find_incident(session, reader, self.reference))
            return takedowns_of(session, reader, family)

    def roles(self) -> dict[str, dict[str, str]]:
        """Who can take each down: the address by role, by what it is."""
        rows, reader = self.rows(), IncidentReader(self.analyst, self.world.now)
        with self.world.node.database.reading() as session:
            found = recipients_of(session, reader, rows)
            return {
                one.observable.value: {of.role: of.mailbox for of in found.get(one.takedown.id, ())} for one in rows
            }

    def seen(self) -> list[tuple[str, str, str]]:
        """What was seen of the first, how and from where, the newest first."""
        rows, reader = self.rows(), IncidentReader(self.analyst, self.world.now)
        with self.world.node.database.reading() as session:
            return [(one.seen, one.how, one.place) for one in sightings_of(session, reader, rows)[rows[0].takedown.id]]

    def letters(self) -> dict[str, Letter]:
        """The newest letter to each address."""
        with self.world.node.database.reading() as session:
            return {one.mailbox: one for one in session.scalars(select(Letter).order_by(Letter.id))}


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_world(tmp_path_factory.mktemp("takedowns"), SETTINGS)
    path = world.folder / "hosts.toml"
    path.write_text(DIRECTORY)
    world.tocsin.run("directory", "import", path)
    return world.folder


@pytest.fixture
def kit(made: Path, tmp_path: Path) -> Iterator[Kit]:
    world = copy_world(made, tmp_path / "copy")
    with world.open:
        analyst = person(world.node, AccountRole.ANALYST, now=world.now)
        with world.node.database.begin() as session:
            reference = add_incident(session, title="Phishing", actor="test", now=world.now).reference
        yield Kit(world, reference, analyst)
    world.node.database.close()

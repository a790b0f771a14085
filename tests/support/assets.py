"""A node with a register of critical assets: a harbour, its power, and what depends on them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.console_users import person
from support.world import World, make_world
from tocsin.cli.acts import act_of
from tocsin.interface import context_for, read_request
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.settings import load_settings

ON = "[assets]\nenabled = true\n"
FIELDS = {
    "name": "Harbour power", "kind": "system", "team": "operator", "sector": "energy", "site": "Quay 4",
    "product": "Turbine 7.2", "identifiers": "192.0.2.0/28\npower.example\nAS64500\ncpe:2.3:o:acme:turbine:7.2",
    "contacts": "Ada Night; +230 5550 100; ada@power.example; always; en\nDesk", "impact": "critical",
    "note": "Diesel for\ntwo days",
}  # fmt: skip


def switch_on(world: World) -> None:
    """Let a node have a register."""
    with (world.node.home / "tocsin.toml").open("a") as file:
        file.write(f"\n{ON}")
    world.node = replace(world.node, settings=load_settings(world.node.home))


def make_register(folder: Path) -> World:
    """A node whose register is on and empty."""
    return make_world(folder, ON)


@dataclass
class Keeper:
    """Somebody of a node who acts on its register as a page would let them."""

    world: World
    role: AccountRole = AccountRole.MANAGER
    teams: tuple[int, ...] = ()
    mailbox: str = ""

    @property
    def number(self) -> int:
        return person(self.world.node, self.role, now=self.world.now, teams=self.teams, mailbox=self.mailbox)

    def do(self, name: str, /, **values: Any) -> Any:
        """Do an act of the register."""
        act = act_of("assets", name)
        visitor = Principal(self.role, self.number, "Somebody", frozenset(self.teams))
        return act.function(context_for(self.world.node, visitor, act, self.world.now), read_request(act, values))

    def add(self, name: str, **values: Any) -> int:
        """The number of a new asset."""
        return int(self.do("add", name=name, **values).asset)

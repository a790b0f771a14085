"""A node with something of every kind on it, and for each address with a name in it: an own, a foreign and no such one.

"Own" belongs to the operator of the fixed cast, "foreign" to the sector team.
"""

import re
from dataclasses import dataclass

from sqlalchemy import select

from answer_world import World
from tocsin.delivery import Delivery
from tocsin.directory import teams_by_id

OPERATOR, SECTOR = "operator", "sector"
OWN, FOREIGN = "192.0.2.1", "192.0.2.130"


@dataclass(frozen=True)
class Example:
    """What to fill into the braces of an address; ``at``: the address with the own one."""

    at: str
    own: str
    foreign: str
    missing: str


# Address → which kind of thing its braces name; a new address needs its line.
EXAMPLES: dict[str, str] = {}


def fill(path: str, name: str) -> str:
    """The address with its braces filled in; several names are separated by spaces."""
    names = iter(name.split(" ")) if name else iter(())
    return re.sub(r"\{[^}]+\}", lambda _: next(names, "x"), path)


def furnish(world: World) -> dict[str, Example]:
    """Let the node hear and tell, and give the example of each address."""
    world.hear(OWN, FOREIGN, "203.0.113.9")
    world.tell()
    teams = teams_by_id(world.node.database)
    with world.node.database.reading() as session:
        told = {teams[row.team_id].key: row.reference for row in session.scalars(select(Delivery))}
    things = {
        "team": (OPERATOR, SECTOR, "nobody"),
        "delivery": (told[OPERATOR], told[SECTOR], "TOC-2026-9999999"),
    }
    return {path: Example(fill(path, things[kind][0]), *things[kind]) for path, kind in EXAMPLES.items()}

"""A node that serves TAXII to a partner, and what taxii2-client reads of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from taxii2client.v21 import ApiRoot, Collection

from support.incident_mails import add_party
from support.partner_examples import do
from support.world import World
from tocsin.incidents import IncidentObservable, PartyRole, add_incident

MEDIA = "application/taxii+json;version=2.1"


@dataclass
class Partner:
    """A partner's program with its token."""

    name: str
    secret: str
    http: httpx.Client

    @property
    def root(self) -> ApiRoot:
        """The API root, as its client knows it."""
        return ApiRoot(f"{self.http.base_url}/taxii2/root/", user=self.name, password=self.secret)

    @property
    def shared(self) -> Collection:
        """What it reads."""
        return self.root.collections[0]

    @property
    def events(self) -> Collection:
        """What it reads of events."""
        return self.root.collections[2]

    @property
    def inbox(self) -> Collection:
        """What takes what it posts."""
        return self.root.collections[1]

    def ask(self, path: str, method: str = "GET", **options: Any) -> httpx.Response:
        """One request below ``/taxii2/``."""
        headers = {"Authorization": f"Bearer {self.secret}", "Accept": MEDIA} | options.pop("headers", {})
        return self.http.request(method, f"/taxii2/{path}", headers=headers, **options)

    def path(self, which: int, rest: str = "") -> str:
        """The path of a collection: 0 is what it reads, 1 what takes its posts."""
        return f"root/collections/{self.root.collections[which].id}/{rest}"

    def objects(self, **filters: Any) -> list[dict[str, Any]]:
        """All that it reads now."""
        found: list[dict[str, Any]] = self.shared.get_objects(**filters).get("objects", [])
        return found


def patterns(objects: list[dict[str, Any]]) -> set[str]:
    """The values that indicators warn of."""
    return {one["pattern"].rpartition("= '")[2].rstrip("']") for one in objects if one["type"] == "indicator"}


def partner(world: World, http: httpx.Client, name: str, *scopes: str, **said: Any) -> Partner:
    """A partner that a token lets in; its clock is now, as that of commands is."""
    world.now = datetime.now(UTC)
    do(world, "add", name=name, mailbox=f"csirt@{name.lower()}.example", **said)
    options = [word for scope in scopes or ("read",) for word in ("--scope", scope)]
    return Partner(name, world.tocsin.json("exchange", "token", "make", name, *options)["secret"], http)


def incident(world: World, tlp: str, value: str, names: str = "", **more: Any) -> str:
    """An incident with one indicator, in which somebody takes part; its reference."""
    with world.node.database.begin() as session:
        made = add_incident(session, title=f"Kit at {value}", actor="test", now=world.now, tlp=tlp, **more)
        if names:
            add_party(session, made, names, f"csirt@{names.lower()}.example", PartyRole.COORDINATOR)
        row = IncidentObservable(
            incident_id=made.id, compartment_id=made.compartment_id, kind="domain", value=value, role="indicator",
            tlp=tlp, added_at=world.now, valid_until=None, withdrawn_at=None, checked_to=None, unreviewed_since=None,
            noted_on=None,
        )  # fmt: skip
        session.add(row)
        return made.reference

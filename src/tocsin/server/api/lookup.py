"""``/lookup``: who must know of an address, a network, an AS, a domain or a country."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from tocsin.directory import team_names
from tocsin.events import codes_of, find_listings
from tocsin.interface import NotHereError, needs
from tocsin.networks import Networks
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.server.api.context import ApiContext
from tocsin.server.model import AddressOut
from tocsin.sharing.gate import read_marking
from tocsin.sharing.lookup import Explanation, open_router, resolve_subject, who_of_each

TAG = "lookup"
_ADDRESS = {"responsible": [], "informed": [], "mailboxes": [], "by": "not within your networks"}


class RuleThatHolds(BaseModel):
    """A rule of the directory that holds what was asked about."""

    team: str = Field(examples=["operator"])
    name: str
    role: str = Field(examples=["responsible"])
    level: str = Field(examples=["prefix"])
    value: str = Field(examples=["192.0.2.0/24"])
    rule: str


class OverruledRule(RuleThatHolds):
    """A rule that a person's word beats."""

    by: str


class ToldAs(BaseModel):
    """How a team is told."""

    interval: str
    formats: list[str]
    mailboxes: list[str]


class GateOut(BaseModel):
    """What the release gate says, and by which rule."""

    allowed: bool
    rule: str
    words: str


class RecipientOut(RuleThatHolds):
    """A team that must know."""

    told: bool
    muted: str | None
    told_as: ToldAs
    gate: GateOut


class MarkingOut(BaseModel):
    """The markings that an event would carry."""

    tlp: str = Field(examples=["AMBER"])
    pap: str | None = Field(examples=["AMBER"])


class LookupOut(BaseModel):
    """Who must know, and why; what the tables know of what was asked about."""

    query: str
    address: str | None
    network: str | None
    domain: str | None
    prefix: str | None
    asn: int | None
    as_name: str | None
    country: str | None
    marking: MarkingOut
    teams: list[RecipientOut]
    overlaps: list[RuleThatHolds]
    passed_over: list[RuleThatHolds]
    overruled: list[OverruledRule]
    nobody: str | None = Field(description="Why nobody is notified, or null.")


class Addresses(BaseModel):
    """Up to ten thousand addresses."""

    addresses: list[Annotated[str, Field(max_length=100)]] = Field(
        min_length=1, max_length=10_000, examples=[["192.0.2.1", "2001:db8::1"]]
    )


class Lines(BaseModel):
    """An answer for each address, in their order."""

    items: list[AddressOut]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/lookup", operation_id="lookUp", summary="Whom to notify of something, and why")
    def look_up(
        visitor: Annotated[Principal, needs(Permission.LOOKUP)],
        query: Annotated[
            str,
            Query(
                min_length=1,
                max_length=300,
                description="An address, a network, an AS, a domain, a URL or a country.",
                examples=["192.0.2.1"],
            ),
        ],
        tlp: Annotated[str, Query(max_length=20, description="The TLP 2.0 label it would carry.")] = "AMBER",
        pap: Annotated[str, Query(max_length=20, description="The PAP label it would carry.")] = "AMBER",
    ) -> LookupOut:
        """The same answer, with its reasons, as `tocsin explain` gives; operators: for their own networks."""
        found = counter.guide.ask(resolve_subject(query), read_marking(tlp, pap))
        return LookupOut.model_validate(_within(found, visitor.reach(Permission.LOOKUP)))

    @router.post("/lookup", operation_id="lookUpMany", summary="Who is responsible for each of many addresses")
    def look_up_many(
        asked: Annotated[Addresses, Body()], visitor: Annotated[Principal, needs(Permission.LOOKUP)]
    ) -> Lines:
        """What `tocsin directory lookup` says of each line; operators: for their own networks."""
        tables = open_router(node, counter.now), Networks.open(node.home)
        reach = visitor.reach(Permission.LOOKUP)
        with node.database.reading() as session:
            own = frozenset(key for key, _ in team_names(session, reach.teams).values())
        lists = find_listings(node.home, asked.addresses) if reach.everything else {}
        lines = [
            _line({**row, "lists": codes_of(lists, line)}, teams, reach, own)
            for line, (row, teams) in zip(asked.addresses, who_of_each(asked.addresses, *tables), strict=True)
        ]
        return Lines(items=lines)


def _within(found: Explanation, reach: PermissionScope) -> dict[str, Any]:
    """What of an answer is within reach: of other organisations an operator learns nothing."""
    document: dict[str, Any] = found.document()
    if reach.everything:
        return document
    own = {found.teams[match.team_id].key for match in found.decision.matches if match.team_id in reach.teams}
    if not own:
        raise NotHereError
    lists = ("teams", "overlaps", "passed_over", "overruled")
    return document | {name: [row for row in document[name] if row["team"] in own] for name in lists}


def _line(row: dict[str, Any], teams: frozenset[int], reach: PermissionScope, own: frozenset[str]) -> AddressOut:
    """What of a line is within reach; ``own``: the keys of the teams that are."""
    if reach.everything or row["by"] == "not an address":
        return AddressOut.model_validate(row)
    if not reach.covers(teams):
        return AddressOut.model_validate(row | _ADDRESS)
    theirs = {role: [key for key in row[role] if key in own] for role in ("responsible", "informed")}
    alone = theirs["responsible"] == row["responsible"]
    return AddressOut.model_validate(row | theirs | ({} if alone else {"mailboxes": []}))

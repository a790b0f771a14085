"""``/claims``: a team says that a network, AS or domain is theirs, and shows control of it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import BaseModel, Field

from tocsin.directory import read_team, team_names
from tocsin.directory.claims import Claim as OwnClaim
from tocsin.directory.claims import ClaimState, make_claim, read_claim, read_claims, show_code
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.server.api.counter import ApiContext
from tocsin.server.api.pages import Cursor, Limit, ListPage, cursor_for, link_next, place_of
from tocsin.server.model import Claim
from tocsin.server.security import NotHereError, needs

TAG = "directory"
_NOUN = "claims"
_LINE = r"^[^\x00-\x1f\x7f]+$"

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of a claim.", examples=[1])]


class ClaimOut(Claim):
    """``dns_names`` must all have a TXT record that says ``dns_value``; or the code from the letter is given back."""

    state: ClaimState


class NewClaim(BaseModel):
    """What is claimed, for which team, and where its digests are to go."""

    value: str = Field(min_length=1, max_length=300, pattern=_LINE, examples=["192.0.2.0/24"])
    team: str = Field(min_length=1, max_length=200, pattern=_LINE, examples=["operator"])
    mailbox: str = Field(min_length=3, max_length=254, pattern=_LINE, examples=["abuse@operator.example"])


class Code(BaseModel):
    """The code from the letter."""

    code: str = Field(min_length=1, max_length=100, examples=["ABCD-EFGH-JKLM"])


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/claims", operation_id="listClaims", summary="Claims")
    def list_claims(
        *,
        request: Request,
        response: Response,
        visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)],
        state: ClaimState | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> ListPage[ClaimOut]:
        """The latest first; operators see those of their own teams."""
        place = place_of(counter.tokens, _NOUN, cursor)
        keys = _keys(counter, visitor.reach(Permission.DIRECTORY_READ))
        found = [
            one
            for one in read_claims(database, counter.now)
            if (place is None or one.number < place[0])
            and state in {None, one.state}
            and (keys is None or one.team in keys)
        ]
        following = cursor_for(counter.tokens, _NOUN, [found[limit - 1].number]) if len(found) > limit else None
        link_next(request, response, following)
        return ListPage(items=[_shown(one) for one in found[:limit]], next=following)

    @router.get("/claims/{number}", operation_id="readClaim", summary="One claim")
    def read_one(number: Number, visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)]) -> ClaimOut:
        """How it stands, and how control of it can be shown."""
        return _shown(_own(counter, number, visitor.reach(Permission.DIRECTORY_READ)))

    @router.post("/claims", operation_id="makeClaim", summary="Claim a network, AS or domain", status_code=201)
    def make(
        asked: Annotated[NewClaim, Body()], visitor: Annotated[Principal, needs(Permission.CLAIMS_MAKE)]
    ) -> ClaimOut:
        """A code goes to the mailboxes that the registries name. The same claim, still open, is given back."""
        team, _ = read_team(database, asked.team)
        if not visitor.may(Permission.CLAIMS_MAKE, [team.id]):
            raise NotHereError
        made = make_claim(
            database,
            asked.value,
            team=team.key,
            mailbox=asked.mailbox,
            claimed_by=visitor.actor,
            sender=counter.node.settings.node,
            now=counter.now,
        )
        return _shown(made)

    @router.post("/claims/{number}/code", operation_id="proveClaim", summary="Show control by the code from the letter")
    def prove(
        number: Number, given: Annotated[Code, Body()], visitor: Annotated[Principal, needs(Permission.CLAIMS_MAKE)]
    ) -> ClaimOut:
        """A person then decides."""
        _own(counter, number, visitor.reach(Permission.CLAIMS_MAKE))
        return _shown(show_code(database, number, given.code, now=counter.now))


def _own(counter: ApiContext, number: int, reach: PermissionScope) -> OwnClaim:
    found, keys = read_claim(counter.node.database, number, counter.now), _keys(counter, reach)
    if keys is not None and found.team not in keys:
        raise NotHereError
    return found


def _keys(counter: ApiContext, reach: PermissionScope) -> frozenset[str] | None:
    """The keys of the teams within reach; None: all."""
    if reach.everything:
        return None
    with counter.node.database.reading() as session:
        return frozenset(key for key, _ in team_names(session, reach.teams).values())


def _shown(one: OwnClaim) -> ClaimOut:
    return ClaimOut(**asdict(one))

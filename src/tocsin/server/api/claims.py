"""``/claims``: a team says that a network, AS or domain is theirs, and shows control of it."""

from typing import Annotated

from fastapi import APIRouter, Path

from tocsin.directory import team_names
from tocsin.directory.claims import Claim, ClaimState, acts, read_claim, read_claims
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging

TAG = "directory"
_NOUN = "claims"

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of a claim.", examples=[1])]


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    database = counter.node.database

    @router.get("/claims", operation_id="listClaims", summary="Claims")
    def list_claims(
        paging: ListPaging,
        visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)],
        state: ClaimState | None = None,
    ) -> ListPage[Claim]:
        """The latest first; operators see those of their own teams."""
        place = paging.place(_NOUN)
        keys = _keys(counter, visitor.reach(Permission.DIRECTORY_READ))
        found = [
            one
            for one in read_claims(database, counter.now)
            if (place is None or one.number < place[0])
            and state in {None, one.state}
            and (keys is None or one.team in keys)
        ]
        return paging.page(_NOUN, found, lambda one: one.number, lambda one: one)

    @router.get("/claims/{number}", operation_id="readClaim", summary="One claim")
    def read_one(number: Number, visitor: Annotated[Principal, needs(Permission.DIRECTORY_READ)]) -> Claim:
        """How it stands, and how control of it can be shown."""
        return _own(counter, number, visitor.reach(Permission.DIRECTORY_READ))

    add_acts(router, counter, acts.ACTS)


def _own(counter: ApiContext, number: int, reach: PermissionScope) -> Claim:
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

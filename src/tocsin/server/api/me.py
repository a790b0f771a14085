"""``/me``: who asks, and what they may do."""

from typing import Annotated

from fastapi import APIRouter

from tocsin.directory import team_keys
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.api.context import ApiContext
from tocsin.server.model import Me

TAG = "me"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/me", operation_id="readMe", summary="Who asks, and what they may do")
    def me(visitor: Annotated[Principal, needs(Permission.SIGN_IN)]) -> Me:
        """The person behind the token or the session; without either, nobody."""
        with counter.node.database.reading() as session:
            keys = team_keys(session) if visitor.teams else {}
        reaches = {act: visitor.reach(act) for act in Permission}
        return Me(
            name=visitor.name,
            role=visitor.role.value,
            teams=sorted(keys[team] for team in visitor.teams if team in keys),
            by_token=visitor.scopes is not None,
            acts={act.value: "all" if reach.everything else "own" for act, reach in reaches.items() if reach},
        )

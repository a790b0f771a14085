"""``/deliveries``: digests to teams, what became of them, and what a person does to them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session

from tocsin.delivery import TOLD, Delivery, DeliveryFilter, DeliveryState, acts, delivery, find_digests
from tocsin.directory import team_names, teams_called
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.pipeline import not_notified, notify_now
from tocsin.problems.replies import mails_about
from tocsin.server import model
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging, aware

TAG = "deliveries"
_NOUN = "deliveries"

Reference = Annotated[
    str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$", description="A reference.", examples=["TOC-2026-0000001"])
]


class Digest(model.Digest):
    """One digest. ``counts``: what is owed, and what it holds; ``error``: why it did not leave, or empty."""

    state: DeliveryState


class WholeDigest(model.WholeDigest):
    """The same with the mails that came in about it: answers, bounces and others, as `tocsin deliveries show` says."""

    state: DeliveryState


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    node = counter.node

    @router.get("/deliveries", operation_id="listDeliveries", summary="Digests, what became of each")
    def list_deliveries(
        *,
        paging: ListPaging,
        visitor: Annotated[Principal, needs(Permission.DELIVERIES_READ)],
        state: DeliveryState | None = None,
        team: Annotated[str, Query(max_length=200, description="Key or name of a team.")] = "",
        since: Annotated[datetime | None, Query(description="Made from then on.")] = None,
        until: Annotated[datetime | None, Query(description="Made before then.")] = None,
    ) -> ListPage[Digest]:
        """The newest first; operators see those that left for their own teams."""
        place, reach = paging.place(_NOUN), visitor.reach(Permission.DELIVERIES_READ)
        with node.database.reading() as session:
            wanted = DeliveryFilter(
                states=(state.value,) if state else (),
                teams=_teams(session, reach, team),
                since=aware(since),
                until=aware(until),
                told=not reach.everything,
                before=place[0] if place else 0,
            )
            found = find_digests(session, wanted, limit=paging.limit + 1)
            names = team_names(session, {one.team_id for one in found})
        return paging.page(_NOUN, found, lambda one: one.id, lambda one: Digest(**_document(one, names, reach)))

    @router.get("/deliveries/{reference}", operation_id="readDelivery", summary="All that is known of one digest")
    def read_delivery(
        reference: Reference, visitor: Annotated[Principal, needs(Permission.DELIVERIES_READ)]
    ) -> WholeDigest:
        """With the mails that came in about it."""
        reach = visitor.reach(Permission.DELIVERIES_READ)
        with node.database.reading() as session:
            found = delivery(session, reference)
            if not reach.covers([found.team_id]) or not (reach.everything or found.state in TOLD):
                raise NotHereError
            names = team_names(session, {found.team_id})
            mails = mails_about(session, found) if reach.everything else {}
        return WholeDigest(**_document(found, names, reach), **mails)

    add_acts(router, counter, (*acts.ACTS, *notify_now.ACTS, *not_notified.ACTS))


def _teams(session: Session, reach: PermissionScope, team: str) -> frozenset[int] | None:
    """Whose digests are wanted and may be seen; None: everybody's."""
    may = None if reach.everything else reach.teams
    if not team:
        return may
    called = frozenset(teams_called(session, team))
    return called if may is None else called & may


def _document(one: Delivery, names: dict[int, tuple[str, str]], reach: PermissionScope) -> dict[str, Any]:
    """What a reader may know of it: what went wrong here is for those inside."""
    key, name = names.get(one.team_id, (None, None))
    inside = reach.everything
    own = {name: getattr(one, name) for name in model.Digest.model_fields if hasattr(one, name)}
    own |= {} if inside else {"channel": "", "path": "", "error": ""}
    return own | {"team": key, "team_name": name, "counts": {"owed": one.events, **one.counts}}

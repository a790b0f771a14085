"""``/deliveries``: digests to teams, what became of them, and what a person does to them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.delivery import (
    TOLD,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    delivery,
    drop,
    find_digests,
    find_mail,
    hold,
    release,
    retry,
    send_again,
)
from tocsin.directory import team_names, teams_called
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.node.letters import Letter
from tocsin.problems.replies import came_in
from tocsin.server import model
from tocsin.server.api.counter import ApiContext
from tocsin.server.api.pages import ListPage, ListPaging, aware
from tocsin.server.security import NotHereError, needs

TAG = "deliveries"
_NOUN = "deliveries"

Reference = Annotated[
    str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$", description="A reference.", examples=["TOC-2026-0000001"])
]
Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]


class Digest(model.Digest):
    """One digest. ``counts``: what is owed, and what it holds; ``error``: why it did not leave, or empty."""

    state: DeliveryState


class WholeDigest(model.WholeDigest):
    """The same with the mails that came in about it: answers, bounces and others, as `tocsin deliveries show` says."""

    state: DeliveryState


class OptionalReason(BaseModel):
    """Why, for whoever reads it later."""

    reason: str = Field("", max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")


class RequiredReason(BaseModel):
    """Why; it must be said."""

    reason: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")


class DeliveryActOut(BaseModel):
    """What an act made of it; ``reference`` is a new one where it was sent again."""

    reference: str
    state: str


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
            mails = came_in(session, found) if reach.everything else {}
        return WholeDigest(**_document(found, names, reach), **mails)

    _add_acts(router, counter)


@dataclass(frozen=True)
class _Order:
    """What a person ordered for which mail."""

    reference: str
    reason: str
    actor: str
    now: datetime
    domain: str


def _release(session: Session, order: _Order) -> Delivery | Letter:
    one = find_mail(session, order.reference)
    release(session, [one], actor=order.actor, now=order.now)
    return one


def _hold(session: Session, order: _Order) -> Delivery | Letter:
    one = find_mail(session, order.reference)
    hold(session, one, reason=order.reason, actor=order.actor, now=order.now)
    return one


def _drop(session: Session, order: _Order) -> Delivery | Letter:
    one = find_mail(session, order.reference)
    drop(session, one, reason=order.reason, actor=order.actor, now=order.now)
    return one


def _retry(session: Session, order: _Order) -> Delivery | Letter:
    return retry(session, order.reference, order.now, actor=order.actor)


def _repeat(session: Session, order: _Order) -> Delivery | Letter:
    one = find_mail(session, order.reference)
    return send_again(session, one, actor=order.actor, domain=order.domain, now=order.now)


Do = Callable[[Session, _Order], Delivery | Letter]
_PLAIN: Final[tuple[tuple[str, str, Do], ...]] = (
    ("release", "Let a held mail leave with the next run", _release),
    ("retry", "Try a digest again that was given up, came back, or waits", _retry),
    ("repeat", "Send a digest again, as a new one that says which it repeats", _repeat),
)


def _add_acts(router: APIRouter, counter: ApiContext) -> None:
    for name, summary, do in _PLAIN:
        _add_plain(router, counter, (name, summary, do))

    @router.post(_path("hold"), operation_id="holdDelivery", summary="Hold a mail back that has not left")
    def hold_back(reference: Reference, visitor: Steerer, why: Annotated[OptionalReason, Body()]) -> DeliveryActOut:
        """It waits for a person."""
        return _steer(counter, visitor, _hold, reference, why.reason)

    @router.post(_path("drop"), operation_id="dropDelivery", summary="Never send a held mail")
    def never_send(reference: Reference, visitor: Steerer, why: Annotated[RequiredReason, Body()]) -> DeliveryActOut:
        """For good: nothing undoes it. The next one to its team is held again."""
        return _steer(counter, visitor, _drop, reference, why.reason)


def _add_plain(router: APIRouter, counter: ApiContext, act: tuple[str, str, Do]) -> None:
    name, summary, do = act

    @router.post(_path(name), operation_id=f"{name}Delivery", summary=summary, name=name)
    def steer(reference: Reference, visitor: Steerer) -> DeliveryActOut:
        return _steer(counter, visitor, do, reference, "")


def _path(act: str) -> str:
    return f"/deliveries/{{reference}}/{act}"


def _steer(counter: ApiContext, visitor: Principal, do: Do, reference: str, reason: str) -> DeliveryActOut:
    domain = counter.node.settings.node.contact.rpartition("@")[2]
    with counter.node.database.begin() as session:
        one = do(session, _Order(reference, reason, visitor.actor, counter.now, domain))
        return DeliveryActOut(reference=one.reference, state=one.state)


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

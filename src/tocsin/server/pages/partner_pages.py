"""Partners: the list, and one of them with its keys and checks."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.exchange.ledger import lacking_attestations
from tocsin.exchange.partners import (
    LinkState,
    ListedPartner,
    PartnerKeyState,
    acts,
    attestations_of,
    ending_attestations,
    ending_keys,
    key_state,
    list_partners,
    listings_of,
    partner_names,
    read_partner,
    refused_partners,
    stopped_keys,
    vouchers,
)
from tocsin.interface import (
    ActContext,
    NotHereError,
    PageRouter,
    needs,
    number_in,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.server.pages.context import PageContext, together
from tocsin.server.pages.exchange_words import PARTNER_WORDS
from tocsin.server.pages.partner_form_pages import partner_form_pages
from tocsin.server.pages.words import N_

_PLACE: Final = "/partners"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WRITER = Annotated[Principal, needs(Permission.PARTNERS_WRITE)]
_ACTS: Final = {act.name: act for act in acts.ACTS}
_NEEDS: Final[Mapping[str, str]] = {
    "claimed": N_("Key to confirm"),
    "check": N_("Communication check due"),
    "expiring": N_("Key expires within 30 days"),
    "stopped": N_("Key stopped by the partner"),
    "attestation": N_("Attestation expires within 30 days"),
    "volume": N_("Daily limit of bytes reached"),
}


class _Filter(BaseModel):
    """What narrows the list, as typed."""

    state: str = ""
    need: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), **other}.items() if text}
        return f"{_PLACE}?{urlencode(asked)}" if asked else _PLACE


def _partner_pages(desk: PageContext) -> APIRouter:
    """The list, a partner, and its buttons."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER, asked: Annotated[_Filter, Query()]) -> Response:
        """All partners, or those that match."""
        with desk.node.database.reading() as session:
            every = list_partners(session, desk.now)
        found = [one for one in every if asked.state in {"", one.state} and _needs(one, asked.need, desk)]
        return desk.page(
            request, "partners/list.html", rows=found, every=every, asked=asked, needs=_NEEDS, teams=desk.teams(),
            working=sum(one.state is LinkState.WORKS for one in every), **PARTNER_WORDS,
        )  # fmt: skip

    @router.get(_PLACE + "/{partner}")
    def show(request: Request, visitor: _READER, partner: str) -> Response:
        """A partner: its keys, its checks, and how it is reached."""
        found = _find(desk, partner)
        actors = {name for key in found.keys for name in (key.claimed_by, key.confirmed_by, key.ended_by)}
        with desk.node.database.reading() as session:
            by = names_of_actors(session, actors | {one.noted_by for one in found.checks})
            listings, vouched = listings_of(session, found.partner.id), vouchers(session, found.partner.id)
            lacking = lacking_attestations(session, ActContext(desk.node, desk.now, visitor.actor), found.partner)
            person_of = partner_names(session, [found.partner.person_of]).get(found.partner.person_of or 0, "")
        keys = [(key, key_state(key, desk.now)) for key in found.keys]
        removable = not (found.checks or found.partner.statement_at)
        return desk.page(
            request, "partners/one.html", one=found, partner=found.partner, keys=keys, by=by, listings=listings,
            vouched=vouched,
            team=desk.teams().get(found.partner.team_id or 0),
            expiring={key.id for key in ending_keys([found], desk.now)}, attestations=attestations_of(found.partner),
            is_at_limit=_is_at_limit(found, desk),
            lacking=lacking, person_of=person_of, ending={one.name for one in ending_attestations([found], desk.now)},
            removable=removable and all(state is PartnerKeyState.CLAIMED for _, state in keys), **PARTNER_WORDS,
        )  # fmt: skip

    return router


def _find(desk: PageContext, partner: str) -> ListedPartner:
    if number_in(partner) is None:
        raise NotHereError
    with desk.node.database.reading() as session:
        return read_partner(session, partner, desk.now)


def _needs(one: ListedPartner, need: str, desk: PageContext) -> bool:
    """Whether a partner has a need; without one, all do."""
    return need not in _NEED_OF or _NEED_OF[need](one, desk)


def _is_at_limit(one: ListedPartner, desk: PageContext) -> bool:
    with desk.node.database.reading() as session:
        return one.partner.id in {of.id for of in refused_partners(session, desk.now)}


_NEED_OF: Final[Mapping[str, Callable[[ListedPartner, PageContext], bool]]] = {
    "claimed": lambda one, desk: bool(one.in_state(PartnerKeyState.CLAIMED, desk.now)),
    "check": lambda one, _: one.state in {LinkState.CHECK_DUE, LinkState.FAILING},
    "expiring": lambda one, desk: bool(ending_keys([one], desk.now)),
    "stopped": lambda one, _: bool(stopped_keys([one])),
    "attestation": lambda one, desk: bool(ending_attestations([one], desk.now)),
    "volume": _is_at_limit,
}

partner_pages = together(partner_form_pages, _partner_pages)
"""All pages of partners; those with a name of their own stand before those of one partner."""

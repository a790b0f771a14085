"""Agreements as sharing groups: those that bind this node and the caller, read-only."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from tocsin.exchange.agreements import adopted_agreements
from tocsin.exchange.partners import Partner
from tocsin.exchange.protocols.misp.calls import CallFunction, CallRoom, Json
from tocsin.exchange.protocols.misp.shapes import MispOrg, org_number
from tocsin.exchange.protocols.misp.store import RefusedError
from tocsin.exchange.sharing import AdoptedAgreement

_NUMBERS: Final = 2**30 - 1


def _groups(room: CallRoom) -> Iterator[Json]:
    """Each with the parties that signed it and were not left out since."""
    us, caller, now = room.events.us.uuid, room.events.org.uuid, room.call.now
    known = select(Partner).where(Partner.node.is_not(None))
    orgs = {
        one.node: MispOrg(org_number(one.id), one.name, one.node) for one in room.session.scalars(known) if one.node
    }
    for one in adopted_agreements(room.session, us):
        if one.binds(us, now) and one.binds(caller, now):
            yield _shown(one, {**orgs, us: room.events.us}, room.events.us)


def _shown(agreement: AdoptedAgreement, orgs: Mapping[UUID, MispOrg], us: MispOrg) -> Json:
    body, number = agreement.body, str(agreement.body.agreement.int & _NUMBERS)
    members = [orgs.get(node) or MispOrg(0, str(node), node) for node in sorted(agreement.bound)]
    group: Json = {
        "id": number, "uuid": str(body.agreement), "name": body.title, "description": body.text[:1_000],
        "releasability": f"The parties of this agreement ({body.type})", "organisation_uuid": str(body.by.node),
        "org_id": str(us.number), "active": True, "local": True, "roaming": False,
        "created": f"{body.at:%Y-%m-%d %H:%M:%S}", "modified": f"{agreement.adopted_at:%Y-%m-%d %H:%M:%S}",
    }  # fmt: skip
    inside: list[dict[str, Any]] = [
        {"id": str(place), "sharing_group_id": number, "org_id": one.shown["id"], "extend": False,
         "Organisation": one.shown}
        for place, one in enumerate(members, 1)
    ]  # fmt: skip
    return {
        "SharingGroup": group, "Organisation": us.shown, "SharingGroupOrg": inside, "SharingGroupServer": [],
        "editable": False, "deletable": False,
    }  # fmt: skip


def _index(room: CallRoom) -> Json:
    return {"response": [*_groups(room)]}


def _view(room: CallRoom) -> Json:
    name = room.call.argument().lower()
    for one in _groups(room):
        if name in {one["SharingGroup"]["id"], one["SharingGroup"]["uuid"]}:
            return one
    raise RefusedError(404, "Invalid sharing group or no access to it.")


READS: Final[dict[str, CallFunction]] = {"sharinggroups/index": _index, "sharinggroups/view": _view}

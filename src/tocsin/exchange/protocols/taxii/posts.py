"""Objects that a partner posts: one offered item a post, whose status is pending until a person decided."""

import hashlib
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.formats import (
    Markings,
    parse_foreign_json,
    read_foreign_document,
    read_markings,
    read_time,
    stix_time,
    stricter,
    write_json,
)
from tocsin.exchange.ledger import OfferedItem, OfferState, ask_about_recalls, recalled_names, take_back
from tocsin.exchange.partners import Partner
from tocsin.exchange.protocols.offers import FaceOffer, check_offer, offer
from tocsin.exchange.protocols.taxii.models import TaxiiStatus
from tocsin.exchange.protocols.tokens import AccessProtocol, ProgramCaller
from tocsin.node.errors import InputError
from tocsin.node.node import Node
from tocsin.sharing.gate import Marking, Tlp

Json = dict[str, Any]

MOST_BYTES: Final = 10_000_000
"""Of a post."""

_MOST_OBJECTS: Final = 10_000
_NAMES: Final = UUID("0c3d0f5a-6c58-4b0e-a6b4-3c3b4ab3e1d5")  # ours, for what is known by its content
_NO_CONTENT: Final = frozenset({"marking-definition", "identity", "relationship", "extension-definition"})
_DECIDED: Final = {OfferState.OFFERED: "pending", OfferState.ADOPTED: "success", OfferState.KEPT: "success"}


def post(node: Node, caller: ProgramCaller, content: bytes, now: datetime) -> Json:
    """The status of what was posted; the same once more has the same.

    Raises:
        InputError: it is no envelope, too large, or must not be kept.

    """
    envelope = parse_foreign_json(content)
    objects = envelope.get("objects") if isinstance(envelope, dict) else None
    if not isinstance(objects, list) or not objects or set(envelope) - {"objects", "more", "next"}:
        raise InputError("It is no envelope: it has no objects.")
    if len(objects) > _MOST_OBJECTS:
        raise InputError(f"It has more than {_MOST_OBJECTS:,} objects.")
    check_offer(node, AccessProtocol.TAXII, content, now)
    named = uuid5(_NAMES, f"{caller.partner}:{hashlib.sha256(content).hexdigest()}")
    good, bad = _sorted(objects)
    with node.database.begin() as session:
        session.get_one(Partner, caller.partner, with_for_update=True)
        status = session.get(TaxiiStatus, named)
        if status is None:
            recalled = recalled_names(session, [one for one in map(_uuid, good) if one], giver=caller.partner)
            if recalled.gone:
                bad += [[*_named(one), "recalled"] for one in good]
                good = []
            status = TaxiiStatus(
                id=named, partner_id=caller.partner, item_id=None, at=now, good=[_named(one) for one in good], bad=bad
            )
            if good:
                ask_about_recalls(session, recalled.claimed, now, came_by=caller.name)
                status.item_id = offer(session, node, caller, _offer(good), now).id
            session.add(status)
            session.flush()
            _take_back(session, caller.partner, {one["id"] for one in good if one.get("revoked") is True})
        return _resource(session, status)


def _take_back(session: Session, partner: int, revoked: set[str]) -> None:
    """A person ends what was made of earlier posts that had these objects."""
    if not revoked:
        return
    of = select(OfferedItem, TaxiiStatus.good).join(TaxiiStatus, TaxiiStatus.item_id == OfferedItem.id)
    rows = session.execute(of.where(TaxiiStatus.partner_id == partner)).all()
    take_back([item for item, good in rows if revoked & {name for name, _ in good}], "revoked")


def status_of(session: Session, partner: int, name: UUID) -> Json | None:
    """The status of a post of this partner; None: there is none of this id."""
    of = TaxiiStatus.id == name, TaxiiStatus.partner_id == partner
    status = session.scalar(select(TaxiiStatus).where(*of))
    return None if status is None else _resource(session, status)


def _resource(session: Session, status: TaxiiStatus) -> Json:
    """The status as TAXII 2.1 has it (4.3.1)."""
    item = session.get(OfferedItem, status.item_id) if status.item_id else None
    decided = _DECIDED.get(OfferState(item.state), "failure") if item else "failure"
    taken = [{"id": id_, "version": version} for id_, version in status.good]
    failed = [{"id": id_, "version": version, "message": why} for id_, version, why in status.bad]
    if decided == "failure":
        failed += [{**one, "message": "declined"} for one in taken]
    lists = {
        "successes": taken if decided == "success" else [],
        "failures": failed,
        "pendings": taken if decided == "pending" else [],
    }
    return {
        "id": str(status.id), "status": "pending" if lists["pendings"] else "complete",
        "request_timestamp": stix_time(status.at), "total_count": len(status.good) + len(status.bad),
        "success_count": len(lists["successes"]), "failure_count": len(failed),
        "pending_count": len(lists["pendings"]), **{name: rows for name, rows in lists.items() if rows},
    }  # fmt: skip


def _sorted(objects: list[Any]) -> tuple[list[Json], list[list[str]]]:
    """The objects that can be read, and the others with what is wrong; of equal ones the first."""
    good: dict[tuple[str, ...], Json] = {}
    bad = list[list[str]]()
    for one in objects:
        if not isinstance(one, dict) or not isinstance(one.get("type"), str) or _uuid(one) is None:
            bad.append([str(one.get("id", ""))[:300] if isinstance(one, dict) else "", "", "no object of STIX"])
        else:
            good.setdefault(tuple(_named(one)), one)
    return [*good.values()], bad


def _uuid(one: Json) -> UUID | None:
    try:
        return UUID(str(one.get("id")).rpartition("--")[2])
    except ValueError:
        return None


def _named(one: Json) -> list[str]:
    """The id and the version of an object."""
    at = read_time(one.get("modified")) or read_time(one.get("created"))
    return [str(one["id"])[:300], stix_time(at) if at else ""]


def _offer(objects: list[Json]) -> FaceOffer:
    bundle = {"type": "bundle", "id": f"bundle--{uuid5(_NAMES, str(objects))}", "objects": objects}
    said = read_foreign_document(bundle)
    revoked = sum(one.get("revoked") is True for one in objects)
    title = next((one.title for one in said.events if one.title), "") or f"{len(objects):,} STIX objects"
    title = f"{title} ({revoked:,} revoked)" if revoked else title
    type_ = "application/stix+json;version=2.1"
    return FaceOffer(AccessProtocol.TAXII, write_json(bundle), said, _marking(objects), title, type_, "objects.json")


def _marking(objects: list[Json]) -> Marking:
    """The strictest of all objects; those that only name or connect others need no label."""
    known = {one["id"]: one for one in objects}
    found = [read_markings(one, known)[0] for one in objects if one["type"] != "marking-definition"]
    unmarked = any("object_marking_refs" not in one and one["type"] not in _NO_CONTENT for one in objects)
    whole = stricter(*found, *([Markings(tlp=Tlp.AMBER_STRICT)] if unmarked else []))
    return Marking(whole.tlp or Tlp.AMBER_STRICT, whole.pap)

"""What a program of a partner brings becomes an offered item, which a person adopts or declines. It changes nothing."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.exchange.dispatches import pack
from tocsin.exchange.formats import Collection, Observable
from tocsin.exchange.ledger import (
    OBSERVABLES,
    IncomingRow,
    IncomingState,
    OfferedItem,
    OfferState,
    check_waiting,
)
from tocsin.exchange.protocols.tokens import AccessProtocol, ProgramCaller
from tocsin.incidents import ObservableRole
from tocsin.node.errors import InputError
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit
from tocsin.node.spreadsheet import csv_text
from tocsin.node.volumes import check_room, take_bytes
from tocsin.sharing.gate import Marking

_NAMES: Final = UUID("5b0d4f3e-6f1c-4c0e-9d7e-1f1e2a7c9b60")  # ours, for items that came without a name


@dataclass(frozen=True)
class FaceOffer:
    """Bytes that came by which way, what they say and are called. ``type``: a media type; ``name``: of the file.

    ``marking``: the strictest of what is in it; what has no label counts as AMBER+STRICT.
    """

    way: AccessProtocol
    content: bytes
    said: Collection
    marking: Marking
    title: str
    type: str
    name: str


def offer(session: Session, node: Node, caller: ProgramCaller, given: FaceOffer, now: datetime) -> OfferedItem:
    """The item, in the caller's transaction; the same bytes of a partner are one item. `check_offer` comes first.

    Raises:
        LaterError: too much of the partner waits for a decision.

    """
    way, digest = given.way, hashlib.sha256(given.content).hexdigest()
    same = IncomingRow.partner_id == caller.partner, IncomingRow.hash == f"sha256:{digest}"
    of = select(OfferedItem).join(IncomingRow, IncomingRow.id == OfferedItem.incoming_id)
    if (known := session.scalar(of.where(*same))) is not None:
        return known
    check_waiting(session, node, caller.partner)
    tlp, pap = given.marking.tlp.value, given.marking.pap
    files = {given.name: (given.content, given.type), OBSERVABLES: (_observables(given.said), "text/csv")}
    named = {name: hashlib.sha256(content).hexdigest() for name, (content, _) in files.items()}
    incoming = IncomingRow(
        partner_id=caller.partner, number=0, hash=f"sha256:{digest}", counts=False, type=way.value, tlp=tlp,
        state=IncomingState.TAKEN.value, code="", reason="", text="", came_at=now, taken_by=way.value,
        archive=node.exchange.put(pack({named[name]: content for name, (content, _) in files.items()})),
    )  # fmt: skip
    session.add(incoming)
    session.flush()
    item = OfferedItem(
        partner_id=caller.partner, incoming_id=incoming.id, node=_NAMES, item=uuid5(_NAMES, digest), version=1,
        title=given.title[:500], tlp=tlp, pap=pap.value if pap else "", verified=False, way=way.value,
        parts=[
            {"hash": f"sha256:{named[name]}", "name": name, "type": type_, "class": "technical", "bytes": len(content)}
            for name, (content, type_) in files.items()
        ],
        state=OfferState.OFFERED.value, code="", reason="", incident="", came_at=now, decided_at=None, decided_by="",
    )  # fmt: skip
    session.add(item)
    session.flush()
    detail: dict[str, object] = {"item": str(item.item), "way": way.value, "sha256": digest, "token": caller.token}
    audit(
        session, AuditAction.OFFER_CAME, at=now, actor=way.value, subject=f"partner:{caller.partner}", detail=detail
    )  # fmt: skip
    return item


def take_partner_bytes(node: Node, caller: ProgramCaller, size: int, now: datetime) -> None:
    """Count what a program of a partner brings, before it is looked at. Raises LaterError, NoRoomError."""
    check_room(node.settings.intake, node.home, size)
    take_bytes(node.database, f"partner:{caller.partner}", size, node.settings.intake.partner_bytes_a_day, now)


def check_offer(node: Node, way: AccessProtocol, content: bytes, now: datetime) -> None:
    """Nothing, where all of it may be kept here.

    Raises:
        InputError: a part must never be held, of which a reference stays, or it cannot be looked through.

    """
    kept, withheld = IntakeFilter(node, way.value, lambda: now).kept(content)
    if withheld or kept != content:
        raise InputError("A part of it must not be kept here.")


def _observables(said: Collection) -> bytes:
    """The table of observables that an adopted item is read from; each value once."""
    roles: dict[str, tuple[str, ObservableRole]] = {}
    for one in _single(said):
        role = ObservableRole.INDICATOR if one.indicator else ObservableRole.CONTEXT
        if one.value not in roles or one.indicator:
            roles[one.value] = one.type, role
    lines = ((kind, value, role.value) for value, (kind, role) in roles.items())
    return csv_text([("kind", "value", "role"), *lines], end="\n").encode("utf-8", "replace")


def _single(said: Collection) -> Iterator[Observable]:
    """Values one by one, also those that a pair has."""
    for one in (inner for event in said.events for inner in event.all_observables()):
        for value in one.value.split("|") if "|" in one.type else [one.value]:
            yield replace(one, value=value)

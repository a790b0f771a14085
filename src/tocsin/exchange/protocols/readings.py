"""What programs of partners read of incidents is noted before it leaves, so that a recall reaches who has it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from tocsin.exchange.ledger import PassingWay, note_reading
from tocsin.exchange.protocols.tokens import AccessProtocol
from tocsin.exchange.recalls import Name
from tocsin.incidents import Incident
from tocsin.node.records import AuditAction, audit

_WAYS: Final = {AccessProtocol.TAXII: PassingWay.TAXII, AccessProtocol.MISP: PassingWay.MISP}


def note_incidents_read(
    session: Session, partner: int, protocol: AccessProtocol, incidents: Mapping[Name, Incident], now: datetime, *,
    grounds: Mapping[Name, Mapping[str, str]] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Note in a transaction that a partner reads incidents by a protocol, each once in a version.

    ``grounds``: on what each goes, as the audit log keeps it.
    """
    way, titles = _WAYS[protocol], {name: one.title for name, one in incidents.items()}
    under = {name: UUID(said["agreement"]) for name, said in grounds.items() if "agreement" in said}
    for name, version in note_reading(session, partner, way, titles, under).items():
        node, item = map(str, name)
        detail: dict[str, object] = {
            "node": node, "item": item, "version": version, "to": f"partner:{partner}", "way": way.value,
            "marking": incidents[name].tlp, **grounds.get(name, {}),
        }  # fmt: skip
        subject = f"incident:{incidents[name].reference}"
        audit(session, AuditAction.ITEM_SENT, at=now, actor=protocol.value, subject=subject, detail=detail)

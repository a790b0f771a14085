"""By what mails are known to a machine whose copy is older than they are."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.models import Delivery, DeliveryItem
from tocsin.directory import TeamRow
from tocsin.events import Ingest
from tocsin.node.letters import Letter


def mail_marks(session: Session, references: Collection[str], salt: str) -> dict[str, dict[str, Any]]:
    """By what a node of an older copy knows these mails: of digests which team, and which reports; of letters the key.

    Nothing in it can be read by somebody who does not have the same report: hashes with the node's identity.
    """
    found: dict[str, dict[str, Any]] = {}
    digests = select(Delivery, TeamRow.key).join(TeamRow, TeamRow.id == Delivery.team_id)
    reports = select(DeliveryItem.delivery_id, Ingest.content_hash).join(Ingest, Ingest.number == DeliveryItem.ingest)
    rows = session.execute(digests.where(Delivery.reference.in_(references))).all()
    hashes: dict[int, list[str]] = {row.id: [] for row, _ in rows}
    for number, content_hash in session.execute(reports.where(DeliveryItem.delivery_id.in_(hashes))):
        hashes[number or 0].append(content_hash)
    for row, team in rows:
        told = [mark(salt, team, content_hash) for content_hash in hashes[row.id]]
        found[row.reference] = {"id": row.message_id, "team": mark(salt, team), "reports": told}
    numbers = [int(one.rpartition("-")[2]) for one in references if one.startswith("LTR-")]
    for letter in session.scalars(select(Letter).where(Letter.id.in_(numbers))) if numbers else ():
        found[letter.reference] = {"id": letter.message_id, "key": mark(salt, letter.key)}
    return found


def mark(*words: str) -> str:
    """The mark of these words, the first of which is the node's identity: 24 hexadecimal digits."""
    return sha256("\n".join(words).encode()).hexdigest()[:24]

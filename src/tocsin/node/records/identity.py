"""Who this node is, for ever: the UUID that with a row's own id names anything between nodes."""

from typing import Final
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Uuid, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records.engine import Base, Database


class NodeIdentity(Base):
    """One row."""

    __tablename__ = "node_identity"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid)


_KNOWN: Final = WeakKeyDictionary[Engine, UUID]()


def node_uuid(database: Database) -> UUID:
    """The node's UUID, drawn at the first call; of two that draw at once the first wins."""
    if database.engine in _KNOWN:  # it is for ever, so it is read once
        return _KNOWN[database.engine]
    with database.reading() as session:
        known: UUID | None = session.scalar(select(NodeIdentity.uuid))
    if known is not None:
        _KNOWN[database.engine] = known
        return known
    try:
        with database.begin() as session:
            row = session.get(NodeIdentity, 1) or NodeIdentity(id=1, uuid=uuid4())
            session.add(row)
            return row.uuid
    except IntegrityError:
        return node_uuid(database)

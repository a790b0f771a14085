"""Who this node is, for ever: the UUID that with a row's own id names anything between nodes."""

from uuid import UUID, uuid4

from sqlalchemy import Uuid, select
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.records.engine import Base, Database


class NodeIdentity(Base):
    """One row."""

    __tablename__ = "node_identity"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid)


def node_uuid(database: Database) -> UUID:
    """The node's UUID, drawn at the first call."""
    with database.begin() as session:
        row = session.scalar(select(NodeIdentity))
        if row is None:
            row = NodeIdentity(id=1, uuid=uuid4())
            session.add(row)
        return row.uuid

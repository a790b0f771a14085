"""The version of the directory, by which others know that what they compiled of it still holds."""

from typing import Final
from uuid import uuid4

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, Database


class DirectoryStateRow(Base):
    """One row, always there: the version of the whole directory, drawn anew at each change and so never met twice."""

    __tablename__ = "directory_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text)

    def renew(self) -> None:
        """Draw another version."""
        self.version = uuid4().hex


DIRECTORY_VERSION: Final = select(DirectoryStateRow.version).scalar_subquery()
"""The version of the directory as a column of a query."""


def directory_version(database: Database) -> str:
    """The version of the directory; it changes with each change and is never the same for two states."""
    with database.reading() as session:
        return version_within(session)


def version_within(session: Session) -> str:
    """The same within a transaction."""
    return session.scalars(select(DirectoryStateRow.version)).one()

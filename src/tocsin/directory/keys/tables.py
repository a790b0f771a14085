"""The table of teams' keys: assertions that are never changed in place, as in ``directory/tables.py``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.directory.tables import TeamRow
from tocsin.node.records import Base, UTCDateTime


class TeamKeyRow(Base):
    """An assertion: this certificate is a key of that team. Current is ``withdrawn IS NULL``.

    ``content``: OpenPGP packets, or X.509 in DER. ``revoked``: the authority of an X.509 certificate took it back; an
    OpenPGP certificate says so itself. ``reason``: why it was withdrawn.
    """

    __tablename__ = "team_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    team_id: Mapped[int] = mapped_column(ForeignKey(TeamRow.id), index=True)
    format: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text, index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    any_mailbox: Mapped[bool]
    preferred: Mapped[bool]
    revoked: Mapped[bool]
    source: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str] = mapped_column(Text)
    recorded: Mapped[datetime] = mapped_column(UTCDateTime)
    withdrawn: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(Text)

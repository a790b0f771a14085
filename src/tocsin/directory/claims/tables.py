"""The table of claims: an operator says that something is theirs, shows it, and a person decides."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.directory.tables import TeamRow
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class ClaimRow(Base):
    """One claim. ``state``: ``open``, ``approved`` or ``refused``; an open one ends at ``expires_at``.

    ``dns_value``: what the TXT record must say. ``code``: the SHA-256 of the code that went to ``asked``, mailboxes
    that imports name for the resource. ``proof``: ``mail``, ``dns``, or empty; ``evidence``: what was seen.
    """

    __tablename__ = "claim"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    team_id: Mapped[int] = mapped_column(ForeignKey(TeamRow.id), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    claimed_by: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(Text, index=True)
    dns_value: Mapped[str] = mapped_column(Text, unique=True)
    code: Mapped[str] = mapped_column(Text)
    asked: Mapped[list[str]] = mapped_column(Json)
    tries: Mapped[int]
    proof: Mapped[str] = mapped_column(Text)
    proved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    evidence: Mapped[str] = mapped_column(SentenceText)
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(Text)

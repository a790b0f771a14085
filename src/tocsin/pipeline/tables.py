"""The table of to-do items that a person accepted as they are, and what such items are named by."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, UTCDateTime


class ItemKind(StrEnum):
    """The kinds of to-do items that a person may accept as they are."""

    GIVEN_UP = "given-up"  # a team gave up a network with open problems
    WITHHELD = "withheld"  # the gate keeps events of a feed from a team


class WithheldKey(NamedTuple):
    """What the gate stopped: for which team, by which of its rules, under which label (TLP)."""

    team_id: int
    rule: str
    tlp: str


class Acceptance(Base):
    """A person's word that an item stays as it is, until a time or (None) for good."""

    __tablename__ = "acceptance"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    said_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


def accepted(session: Session, kind: ItemKind, now: datetime) -> dict[str, datetime]:
    """When each subject was accepted last, where that still holds."""
    holds = Acceptance.until.is_(None) | (Acceptance.until > now)
    wanted = select(Acceptance.subject, func.max(Acceptance.at)).where(Acceptance.kind == kind.value, holds)
    return {subject: at for subject, at in session.execute(wanted.group_by(Acceptance.subject)) if at is not None}

"""The tables of what was seen of contacts, and of the questions whether a mailbox is a team's."""

from datetime import datetime

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime


class ContactFactRow(Base):
    """One thing seen of a mailbox, as in ``state.ContactFact``; ``kind`` is its sign. Never changed.

    ``mailbox`` in small letters, or a telephone number or page that a person tried; empty where a team answered and
    nobody knows through which. ``team_id``: None where it holds for every team that has the mailbox. ``detail``:
    nothing of persons, such as a status code.
    """

    __tablename__ = "contact_fact"
    __table_args__ = (Index("ix_contact_fact_kind_at", "kind", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox: Mapped[str] = mapped_column(Text, index=True)
    team_id: Mapped[int | None] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    via: Mapped[str] = mapped_column(Text)
    permanent: Mapped[bool]
    told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    detail: Mapped[str] = mapped_column(Text)


class VerificationRow(Base):
    """One question to the holder of a mailbox. ``name``: what its token names, drawn at random.

    ``teams``: numbers; ``networks``: the first of what they answer for, each a kind, a value and a team's number;
    ``networks_all``: how many there are. ``asked_at``: when its letter is due. ``used_at``: set once, by the one
    answer that counts; ``outcome``: see ``confirm.Outcome``; ``note``: what the holder wrote.
    """

    __tablename__ = "verification"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    mailbox: Mapped[str] = mapped_column(Text, index=True)
    teams: Mapped[list[int]] = mapped_column(Json)
    networks: Mapped[list[tuple[str, str, int]]] = mapped_column(Json)
    networks_all: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    reminders: Mapped[int]
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(Text)
    via: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)

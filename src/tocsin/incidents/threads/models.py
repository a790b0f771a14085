"""The tables of threads. Only `read` and `write` of this part ask for their rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.incidents.models import InCompartment
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime


class IncidentThread(InCompartment, Base):
    """The correspondence with one party.

    ``generation`` and ``number`` (9 drawn digits) make its address, which `replace_address` draws anew. ``turn``: a
    `ThreadTurn`, since ``turn_since``. ``senders``: addresses that a person took for the party's.
    """

    __tablename__ = "incident_thread"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("incident_party.id"), unique=True)
    generation: Mapped[int]
    number: Mapped[str] = mapped_column(Text, unique=True)
    turn: Mapped[str] = mapped_column(Text, index=True)
    turn_since: Mapped[datetime] = mapped_column(UTCDateTime)
    senders: Mapped[list[str]] = mapped_column(Json)

    @property
    def reference(self) -> str:
        """``THR-0001-473829104``: what its address proves."""
        return f"THR-{self.generation:04d}-{self.number}"


class IncidentMail(InCompartment, Base):
    """One mail of a thread, to the party or from it.

    ``ours``: we sent it. ``state``: a `ThreadMailState`; ``matched_by``: a `MatchedBy`, empty for ours. ``sha256``: of
    the bytes that came in, which the mailroom keeps; None for ours. ``answers``: Message-IDs that it names, the last
    is of the mail that it answers. ``files``: name and bytes of each. ``letter``: the key of the letter by which ours
    leaves. ``why``: what was not done with it. ``once``: names the form that it came by. ``encrypted``, ``signed_by``:
    as of `ReceivedMail`.
    """

    __tablename__ = "incident_mail"
    __table_args__ = (Index("ix_incident_mail_thread", "thread_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    thread_id: Mapped[int] = mapped_column(ForeignKey("incident_thread.id"))
    ours: Mapped[bool]
    state: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    matched_by: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text, unique=True)
    message_id: Mapped[str] = mapped_column(Text, index=True)
    answers: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    quoted: Mapped[str] = mapped_column(Text)
    files: Mapped[list[Any]] = mapped_column(Json)
    tlp: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    letter: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(SentenceText)
    once: Mapped[str | None] = mapped_column(Text, unique=True)
    encrypted: Mapped[str] = mapped_column(Text, default="", server_default="")
    signed_by: Mapped[str] = mapped_column(Text, default="", server_default="")


class IncidentDraft(InCompartment, Base):
    """What a person writes to a party and has not sent; ``begun_at``: since when, ``changed_at``: saved then."""

    __tablename__ = "incident_draft"
    __table_args__ = (UniqueConstraint("party_id", "person"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"))
    party_id: Mapped[int] = mapped_column(ForeignKey("incident_party.id"))
    person: Mapped[int]
    subject: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    begun_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)

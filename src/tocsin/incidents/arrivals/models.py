"""The tables of what people outside reported."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, UTCDateTime


class ReportState(StrEnum):
    """Whose turn it is."""

    NEW = "new"  # nobody has taken it
    OPEN = "open"  # a person of the team works on it
    WAITING = "waiting"  # the reporter was asked something
    CLOSED = "closed"


class EntryKind(StrEnum):
    """What an entry in the history of a report is; the reporter sees the first three."""

    MESSAGE = "message"  # the reporter wrote
    ANSWER = "answer"  # the team wrote, for the reporter
    STATE = "state"  # the state changed; the text is the new one, with a reason after a colon where it was closed
    NOTE = "note"  # the team wrote, for itself
    OWNER = "owner"  # it was assigned, or given back; the text is the number of the owner, or empty
    EVENT = "event"  # an event was made of it, so that the responsible team is notified; the text is the upload


class CloseReason(StrEnum):
    """Why a report was closed."""

    SOLVED = "solved"
    PASSED_ON = "passed-on"  # the team that is responsible was notified
    DUPLICATE = "duplicate"
    NO_INCIDENT = "no-incident"
    NO_ANSWER = "no-answer"  # the reporter did not answer
    OUT_OF_SCOPE = "out-of-scope"  # others are responsible, as the reporter was told


class PublicReport(Base):
    """What somebody outside reported.

    ``secret``: SHA-256 of what opens it, in hexadecimal. ``act``: the form that it came by, so that one form is one
    report. ``kind``: a `Kind`. ``place`` and ``happened``: where and when, as written. ``mailbox``: empty where the
    reporter wants to stay unknown. ``language`` (BCP 47): of the page that he used. ``owner``: number of a person.
    ``compartment_id``: who may read it, as of an incident: docs/design/incidents.md.
    """

    __tablename__ = "inbox_report"
    __table_args__ = (Index("ix_inbox_report_state", "state", "id"), Index("ix_inbox_report_owner", "owner", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    secret: Mapped[str] = mapped_column(Text)
    act: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    happened: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    owner: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    compartment_id: Mapped[int] = mapped_column(default=0, server_default="0")


class ReportEntry(Base):
    """One thing that happened to a report after it came. ``person``: the number of who did it; None: the reporter."""

    __tablename__ = "inbox_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"), index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    kind: Mapped[str] = mapped_column(Text)
    person: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text)
    act: Mapped[str | None] = mapped_column(Text, unique=True)

    @property
    def state(self) -> str:
        """Of a change of the state: the new one."""
        return self.text.partition(":")[0]

    @property
    def reason(self) -> str:
        """Of a change of the state: why, a `CloseReason`, or empty."""
        return self.text.partition(":")[2]


class PublicFile(Base):
    """A file that came with a report; its bytes are kept under ``sha256`` and never read here."""

    __tablename__ = "inbox_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(Text, index=True)


class HelpTextRow(Base):
    """What to do now, as the node adopted it: one kind in one language, a line for each step."""

    __tablename__ = "help_text"
    __table_args__ = (UniqueConstraint("kind", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    lines: Mapped[str] = mapped_column(Text)
    adopted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    adopted_by: Mapped[str] = mapped_column(Text)

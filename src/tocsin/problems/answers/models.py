"""The tables of answers: what a team says of the problems that a digest told."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.delivery import Delivery
from tocsin.interface import N_
from tocsin.node.records import Base, UTCDateTime

_Keys = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class AnswerVerdict(StrEnum):
    """What a team says of a problem."""

    ACKNOWLEDGED = "acknowledged"  # we have read it and work on it
    FIXED = "fixed"  # it is mended
    FALSE = "false"  # it is not there; the report is wrong
    ACCEPTED = "accepted"  # it is there and stays, for the time being
    NOT_OURS = "not_ours"  # somebody else must know


VERDICTS: Final[Mapping[AnswerVerdict, str]] = {
    AnswerVerdict.FIXED: N_("Fixed"),
    AnswerVerdict.ACKNOWLEDGED: N_("In progress"),
    AnswerVerdict.FALSE: N_("False positive"),
    AnswerVerdict.ACCEPTED: N_("Risk accepted"),
    AnswerVerdict.NOT_OURS: N_("Not ours"),
}
"""What a team can say."""


WITHDRAWN: Final = "withdrawn"
"""The verdict of an entry that withdraws an answer; nobody can choose it."""


class Via(StrEnum):
    """The way an answer came."""

    PAGE = "page"
    MAIL = "mail"
    ANALYST = "analyst"  # told to a person here, who noted it


class Answer(Base):
    """What a team said once. Nothing is changed later: a newer answer takes the place of an older one.

    ``withdraws``: the number of the answer that this entry takes back; its verdict is then `WITHDRAWN`.

    ``problems``: keys as 16 hexadecimal digits, or None for all that the digest told. ``until``: when it ends to keep
    the team from being reminded; None where it never did. ``said_by``: the mailbox it came from, where known.
    ``key``: the act that it records, so that a repeated form or mail is one answer.
    """

    __tablename__ = "answer"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey(Delivery.id), index=True)
    team_id: Mapped[int] = mapped_column(index=True)
    verdict: Mapped[str] = mapped_column(Text)
    problems: Mapped[list[str] | None] = mapped_column(_Keys)
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    via: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text, unique=True)
    withdraws: Mapped[int | None] = mapped_column()


class AnsweredDigest(Base):
    """The problems that an answered digest told, kept since answers count longer than events are.

    ``problems``: their keys, uint64, little-endian, sorted.
    """

    __tablename__ = "answered_digest"

    delivery_id: Mapped[int] = mapped_column(ForeignKey(Delivery.id), primary_key=True, autoincrement=False)
    problems: Mapped[bytes] = mapped_column(LargeBinary)

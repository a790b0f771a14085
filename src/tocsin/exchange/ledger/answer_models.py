"""The tables of what partners answer: in sum, by reports; and what people there said, where no statement says it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.ledger.models import PassedItem, RecallRow
from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, Json, UTCDateTime


class SpokenAnswer(Base):
    """What a person at a partner says became of an item that we recalled; the state itself is in the `PassedItem`.

    ``way``: an `AnswerWay`; ``who``: that person; ``said``: their words.
    """

    __tablename__ = "exchange_spoken_answer"

    id: Mapped[int] = mapped_column(primary_key=True)
    passing_id: Mapped[int] = mapped_column(ForeignKey(PassedItem.id), index=True)
    way: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_by: Mapped[str] = mapped_column(Text)


class NumberCheck(Base):
    """The highest number of ours that a partner has, as it says: what this node was restored from may know less.

    ``who``: the person who said so; empty where a signed statement of the partner does.
    """

    __tablename__ = "exchange_number_check"

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    number: Mapped[int]
    who: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_by: Mapped[str] = mapped_column(Text)


class RecallSum(Base):
    """What a partner says of all to whom the items of a recall went on from it: how many, and what they answered."""

    __tablename__ = "exchange_recall_sum"

    recall_id: Mapped[int] = mapped_column(ForeignKey(RecallRow.id), primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), primary_key=True)
    passed_on: Mapped[int]
    done: Mapped[int]
    kept: Mapped[int]
    silent: Mapped[int]
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class ConsentRow(Base):
    """That a source let an item go on to a partner; what counts of it now is in `SourceAnswer`.

    ``source``: its node, or what else names it; ``name``: what people call it. ``item``: the item, or the incident
    where it is no item that came in a dispatch. ``to``: the partner's node or address, and the key of a person.
    ``way``: ``dispatch``, then ``reference`` is the hash of the dispatch that said so; or an `AnswerWay`, and ``who``
    said ``said`` on ``at``. ``ended_at``: it was withdrawn.
    """

    __tablename__ = "exchange_consent"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    item: Mapped[UUID] = mapped_column(Uuid, index=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    to: Mapped[list[Any]] = mapped_column(Json)
    up_to: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    way: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    who: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_by: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

"""The tables of what partners answer: in sum, by reports; and what people there said, where no statement says it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.ledger.models import PassedItem, RecallRow
from tocsin.exchange.partners import Partner
from tocsin.node.records import Base, UTCDateTime


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

"""The tables of the rules: versions of the document, and what events of voluntary reports may not go to."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, UTCDateTime


class RulesVersion(Base):
    """One version of the document; the one with the highest number is in force. None is changed later.

    ``actor``: who put it in force, as in the audit log. ``why``: in that person's words.
    """

    __tablename__ = "rules_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class WithheldReport(Base):
    """The events made of a report of the inbox, by its reference: whether supervisors and police are kept from them.

    Those who take reports in write it, since what was reported voluntarily goes to neither without consent or order.
    """

    __tablename__ = "withheld_report"

    report: Mapped[str] = mapped_column(Text, primary_key=True)
    authority: Mapped[bool]
    police: Mapped[bool]

"""The table of what registries answered."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime


class RdapAnswerRow(Base):
    """The last answer to one question over RDAP; ``answer`` holds what is needed of it, nothing of persons."""

    __tablename__ = "rdap_answer"

    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(Text, unique=True)
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    answer: Mapped[dict[str, object]] = mapped_column(Json)

"""The tables of people and of their sessions. Secrets are kept as hashes only."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.records import Base, Json, UTCDateTime


class Person(Base):
    """Somebody with an account.

    ``role``: a `Role`. ``teams``: numbers of the teams whose things an operator sees. ``password``: argon2id in its
    PHC string form, empty: none set. ``language`` (BCP 47) and ``theme`` (``light``, ``dark``): empty as the browser
    says. ``blocked_at``: since when the account lets nobody in.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox: Mapped[str] = mapped_column(Text, unique=True)  # in lower case
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    teams: Mapped[list[int]] = mapped_column(Json)
    password: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    theme: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    blocked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Session(Base):
    """One browser that is signed in. ``secret``: SHA-256 of what its cookie holds, in hexadecimal."""

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    secret: Mapped[str] = mapped_column(Text, unique=True)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    agent: Mapped[str] = mapped_column(Text)
    """What the browser calls itself, for its owner to know it by."""

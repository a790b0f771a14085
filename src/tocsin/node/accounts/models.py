"""The tables of people, their sessions and API tokens, and what they prove who they are with.

Secrets are kept as hashes, or sealed.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.node.records import Base, Json, UTCDateTime, counted


class Person(Base):
    """Somebody with an account.

    ``role``: a `Role`. ``teams``: numbers of the teams whose things an operator sees. ``password``: argon2id in its
    PHC string form, empty: none set. ``language`` (BCP 47) and ``theme`` (``light``, ``dark``): empty as the browser
    says. ``blocked_at``: since when the account lets nobody in. ``removed_at``: since when name and mailbox are gone;
    the number stays, for the audit log.
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
    removed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Session(Base):
    """One browser that is signed in. ``secret``: SHA-256 of what its cookie holds, in hexadecimal.

    ``proved_at``: when its person last gave a credential. ``limited``: the role needs a second factor that was not
    given, so that the session only reaches the own account.
    """

    __tablename__ = "session"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    secret: Mapped[str] = mapped_column(Text, unique=True)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    agent: Mapped[str] = mapped_column(Text)
    """What the browser calls itself, for its owner to know it by."""
    proved_at: Mapped[datetime] = mapped_column(UTCDateTime)
    limited: Mapped[bool]


class Totp(Base):
    """The secret that a person's device makes codes from (RFC 6238), sealed; ``step``: that of the last code used."""

    __tablename__ = "totp"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(Text)
    step: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)


class RecoveryCode(Base):
    """One code that stands in for a second factor, once. ``code``: its SHA-256 in hexadecimal."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    code: Mapped[str] = mapped_column(Text)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class WelcomeLink(Base):
    """A link that was given to one person, to be used once: the first, an invitation, or to set a new password.

    ``kind``: a `LinkKind`. ``name``: what its token names. ``person_id``: whose account it is about, None where it
    makes one with ``mailbox``, ``role`` and ``teams``.
    """

    __tablename__ = "welcome_link"
    __table_args__ = counted("link")

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, unique=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    mailbox: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    teams: Mapped[list[int]] = mapped_column(Json)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ends_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Bucket(Base):
    """How much of a limit on attempts is used: ``level`` at the time ``at``; it drains as time passes.

    ``key``: what is limited, as a keyed hash: no address and no mailbox stands here.
    """

    __tablename__ = "attempt_bucket"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    level: Mapped[float]
    at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)


class ApiToken(Base):
    """What a program signs in with. ``secret``: SHA-256 of the token, in hexadecimal; ``scopes``: values of `Act`."""

    __tablename__ = "api_token"
    __table_args__ = counted("token")

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(Text, unique=True)
    scopes: Mapped[list[str]] = mapped_column(Json)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Passkey(Base):
    """A WebAuthn credential. ``credential``: its id, base64url; ``public_key``: COSE; ``uses``: what it counts."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    credential: Mapped[str] = mapped_column(Text, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    uses: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class AccountElsewhere(Base):
    """A person's account at an OpenID provider: ``subject`` is its name for the person, unique at ``issuer``."""

    __tablename__ = "account_elsewhere"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)


class UsedOnce(Base):
    """Something signed that a browser has brought back, so that it is not taken again. ``secret``: its SHA-256."""

    __tablename__ = "used_once"

    secret: Mapped[str] = mapped_column(Text, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

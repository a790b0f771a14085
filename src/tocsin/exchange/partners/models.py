"""The tables of partners."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.directory.keys import KeyFormat
from tocsin.node.records import Base, Json, SentenceText, UTCDateTime, counted


class Partner(Base):
    """A team that we exchange with. ``node``: None, it has mail only. ``team_id``: the same team in the directory.

    ``formats``: media types, a line each, best first; ``largest``: bytes of a file that it takes. ``countries``: codes
    with commas between them. ``closed``: what it keeps back of how networks are reached, with the text, a line each.
    ``profile_at``: when it signed the profile that was read last; ``statement_at``: when
    something that a pinned key signed was last read. ``once``: names the form that it came by. ``attestations``: an
    `Attestation` as a document each. ``person_of``: it is one person, who alone has its keys, of the partner of this
    number.
    """

    __tablename__ = "partner"
    __table_args__ = counted("partner")

    id: Mapped[int] = mapped_column(primary_key=True)
    node: Mapped[UUID | None] = mapped_column(Uuid, unique=True)
    name: Mapped[str] = mapped_column(Text)
    team_id: Mapped[int | None] = mapped_column(index=True)
    mailbox: Mapped[str] = mapped_column(Text)
    inbox: Mapped[str] = mapped_column(Text)
    formats: Mapped[str] = mapped_column(Text)
    largest: Mapped[int | None] = mapped_column(BigInteger)
    countries: Mapped[str] = mapped_column(Text)
    closed: Mapped[str] = mapped_column(Text)
    languages: Mapped[str] = mapped_column(Text)
    hours: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    made_by: Mapped[str] = mapped_column(Text)
    profile_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    statement_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    once: Mapped[str | None] = mapped_column(Text, unique=True)
    attestations: Mapped[list[dict[str, str | None]]] = mapped_column(Json, default=list)
    person_of: Mapped[int | None]


class PartnerKey(Base):
    """A key of a partner: claimed, until a person confirms it. ``content``: the public key, armored, or a certificate.

    ``source``: what it came with, ``profile``, ``file``, ``list``, or ``key``: the statement of another key. ``way``: a
    `KeyConfirmation`, and ``evidence`` which number, whose signature; ``said_by``: who of the partner read the
    fingerprint. ``ended``: a `KeyEnd`.
    """

    __tablename__ = "partner_key"
    __table_args__ = (UniqueConstraint("partner_id", "fingerprint"), counted("partner-key"))

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    fingerprint: Mapped[str] = mapped_column(Text, index=True)
    content: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    source: Mapped[str] = mapped_column(Text)
    claimed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    claimed_by: Mapped[str] = mapped_column(Text)
    way: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str] = mapped_column(Text)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    confirmed_by: Mapped[str] = mapped_column(Text)
    ended: Mapped[str] = mapped_column(Text)
    end_reason: Mapped[str] = mapped_column(SentenceText)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_by: Mapped[str] = mapped_column(Text)

    @property
    def is_stopped(self) -> bool:
        """Whether its partner stopped it by a statement, and no person here has said what that was."""
        return self.ended_by.startswith("partner:")

    @property
    def form(self) -> KeyFormat:
        """Which sort it is. Only OpenPGP verifies statements; S/MIME encrypts mails for who has no node."""
        return KeyFormat.SMIME if self.content.startswith("-----BEGIN CERT") else KeyFormat.OPENPGP


class PartnerKeyNotice(Base):
    """What a confirmed key signed of ``old``: what replaces it, or (``new`` is empty) that it is to count no more.

    ``content`` and ``signature``: as they came.
    """

    __tablename__ = "partner_key_notice"
    __table_args__ = (UniqueConstraint("partner_id", "old", "new"), counted("partner-key-notice"))

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    old: Mapped[str] = mapped_column(Text)
    new: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    came_at: Mapped[datetime] = mapped_column(UTCDateTime)


class PartnerCheck(Base):
    """A communication check: a `CheckWay`, a `CheckResult`, and when. ``noted_at``: when a person wrote it down."""

    __tablename__ = "partner_check"
    __table_args__ = counted("partner-check")

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    way: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_at: Mapped[datetime] = mapped_column(UTCDateTime)
    noted_by: Mapped[str] = mapped_column(Text)
    once: Mapped[str | None] = mapped_column(Text, unique=True)


class PartnerListing(Base):
    """What a list says of a partner: a claim of its ``source``, and nothing that anything follows from.

    ``uuid``: of the team, there; ``fingerprints``, ``groups``: a line each. ``people``: of it, each with name, role,
    mailbox and fingerprints. ``sha256``: of the file. ``gone_at``: when a newer form of the list did not name it any
    more; then it has no people.
    """

    __tablename__ = "partner_listing"
    __table_args__ = (UniqueConstraint("partner_id", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    source: Mapped[str] = mapped_column(Text, index=True)
    name: Mapped[str] = mapped_column(Text)
    mailbox: Mapped[str] = mapped_column(Text)
    countries: Mapped[str] = mapped_column(Text)
    website: Mapped[str] = mapped_column(Text)
    uuid: Mapped[UUID | None] = mapped_column(Uuid)
    fingerprints: Mapped[str] = mapped_column(Text)
    groups: Mapped[str] = mapped_column(Text)
    people: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list, server_default="[]")
    sha256: Mapped[str] = mapped_column(Text)
    came_at: Mapped[datetime] = mapped_column(UTCDateTime)
    came_by: Mapped[str] = mapped_column(Text)
    gone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

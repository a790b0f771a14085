"""The tables of to-do items: the closed list of kinds, who has an item, and what a person accepted as it is."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records import Base, UTCDateTime


class ItemKind(StrEnum):
    """The kinds of to-do items, the most urgent first; `tocsin.pipeline.to_do.KINDS` says all of each."""

    STOPPED = "sending-stopped"  # a person stopped all sending
    STANDBY = "standby"  # another machine may be the node, so that nothing is sent
    VOLUME = "volume-limit"  # more mails than usual would leave
    FAILED = "not-delivered"  # teams whose last mails failed or came back
    STUCK = "not-encrypted"  # digests that must be encrypted and cannot be
    NO_ADDRESS = "no-address"  # a team that events wait for, and that has no email address
    OVERDUE = "overdue"  # teams whose digest was due, and nothing left
    HELD = "held"  # mails to be looked at before they leave
    UNREADABLE = "unreadable-rows"
    FEEDS = "feeds"  # not as usual, and nobody has looked
    COLLECTORS = "collectors"  # that fail
    GIVEN_UP = "given-up"  # a team gave up a network with open problems
    NO_CONTACT = "no-contact"  # events of the last day
    WITHHELD = "withheld"  # the gate keeps events of a feed from a team
    NOT_NOTIFIED = "not-notified"  # problems of which a responsible team was never notified, and could be
    NO_RESPONSE = "no-response"  # problems that go on, and their teams do not answer
    CALL_OUTS = "call-outs"  # that nobody of their chain acknowledged
    DUTY_GAPS = "duty-gaps"  # of the two weeks to come
    MAILS = "mails"  # that came in and must be read by a person
    CLOCKS = "clocks"  # of incidents: half, four fifths or all of their time is over
    NOTICES = "notices"  # of entities: to be answered, or that nobody has taken
    INCIDENT_ACCESS = "incident-access"  # somebody let himself into a restricted incident: to be reviewed
    INCIDENT_WAITING = "incidents-waiting"  # the time for which they waited is over
    INCIDENT_TASKS = "incident-tasks"  # that are due
    INCIDENT_SIGHTINGS = "incident-sightings"  # an observable was seen, and nobody looked at that
    INCIDENT_LEAD = "incidents-unassigned"  # nobody leads them
    TAKEDOWNS = "takedowns"  # without a sighting for days, refused, or objected to
    RING_BACK = "ring-back"  # reporters who wait for a call
    ASSET_TOUCHED = "asset-touched"  # events or an incident name a critical asset
    ASSET_CHANGES = "asset-changes"  # that operators sent
    ASSETS_STALE = "assets-stale"  # nobody confirmed them for a year
    PARTNER_CLAIMS = "partner-claims"  # keys of partners, to be confirmed
    PARTNER_CHECKS = "partner-checks"  # communication checks that are due
    PARTNER_KEYS = "partner-keys"  # pinned keys that end soon
    PARTNER_KEYS_STOPPED = "partner-keys-stopped"  # by their partners
    PARTNER_ATTESTATIONS = "partner-attestations"  # of partners, that end soon
    PARTNER_VOLUMES = "partner-volumes"  # that partners would bring, and more than is taken in a day
    AGREEMENTS = "agreements"  # to be signed, adopted or refused
    AGREEMENTS_ENDING = "agreements-ending"  # in force, and soon no more
    PARTNER_ITEMS = "partner-items"  # that partners offered or recalled, to be decided
    PARTNER_CASES = "partner-cases"  # that partners offered, to be accepted or refused
    PARTNER_OFFERS = "partner-offers"  # of cases of ours, that no partner has answered
    PARTNER_MESSAGES = "partner-messages"  # requests and notices of partners, to be acknowledged
    CONSENTS = "consents"  # questions of consent, to be answered here or followed up
    DISPATCHES_STUCK = "dispatches-stuck"  # that cannot arrive
    RECEIPTS_MISSING = "receipts-missing"  # of dispatches that were sealed a week ago
    RECALLS_UNANSWERED = "recalls-unanswered"  # that a person asks a partner about
    NUMBERS_UNCHECKED = "numbers-unchecked"  # of partners, since this node was restored
    INBOX = "inbox"  # reports without an owner
    INCIDENT_MAILS = "incident-mails"  # of parties to incidents, that wait for our answer
    LESSONS = "lessons"  # of incidents, that are due
    CLAIMS = "claims"  # proved, to be decided
    CONFLICTS = "conflicts"  # in the directory
    KEYS = "keys"  # of teams, that end soon


class ItemWork(Base):
    """Who has a to-do item, and until when it sleeps; the row goes when its item does.

    ``owner``: number of a person, None: nobody. ``subject``: empty where the kind has one item alone.
    """

    __tablename__ = "todo_item"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    owner: Mapped[int | None] = mapped_column(index=True)
    snoozed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    at: Mapped[datetime] = mapped_column(UTCDateTime)


class StaffComment(Base):
    """What a person of the staff wrote on a thing, named as in the audit log; ``said_by``: ``person:5``, or a name.

    ``key``: of the form that it came by, so that one form that is sent twice is one comment.
    """

    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    said_by: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    key: Mapped[str | None] = mapped_column(Text, index=True, unique=True)


class Acceptance(Base):
    """A person's word that an item stays as it is, until a time or (None) for good."""

    __tablename__ = "acceptance"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    said_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


def accepted(session: Session, kind: ItemKind, now: datetime) -> dict[str, datetime]:
    """When each subject was accepted last, where that still holds."""
    holds = Acceptance.until.is_(None) | (Acceptance.until > now)
    wanted = select(Acceptance.subject, func.max(Acceptance.at)).where(Acceptance.kind == kind.value, holds)
    return {subject: at for subject, at in session.execute(wanted.group_by(Acceptance.subject)) if at is not None}

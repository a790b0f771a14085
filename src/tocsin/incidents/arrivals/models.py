"""The tables of the inbox: what came in by any door, what it names, and what happened to it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.delivery.mailbox import ReceivedMail
from tocsin.interface import N_
from tocsin.node.records import Base, Json, UTCDateTime


class ReportDoor(StrEnum):
    """How a report came in."""

    FORM = "form"  # of the public page
    MAIL = "mail"  # that answers none of ours
    PHONE = "phone"
    CHAT = "chat"  # pasted from a messenger
    PAPER = "paper"  # mail on paper
    PORTAL = "portal"  # an operator, signed in
    API = "api"
    XARF = "x-arf"  # a mail that carries a report of this format
    PROBLEM = "problem"  # one that is contradicted, or not answered
    PARTNER = "partner"  # another CSIRT
    NOTICE = "notice"  # of an entity, under an act or voluntarily: `tocsin.incidents.notices`


DOORS: Final = {
    ReportDoor.FORM: N_("Form"),
    ReportDoor.MAIL: N_("Email"),
    ReportDoor.PHONE: N_("Telephone"),
    ReportDoor.CHAT: N_("Chat"),
    ReportDoor.PAPER: N_("Paper mail"),
    ReportDoor.PORTAL: N_("Portal"),
    ReportDoor.API: N_("API"),
    ReportDoor.XARF: N_("X-ARF report"),
    ReportDoor.PROBLEM: N_("Problem"),
    ReportDoor.PARTNER: N_("Another CSIRT"),
    ReportDoor.NOTICE: N_("Notice"),
}
"""How a report came in, in words."""


class ReportBasis(StrEnum):
    """Why a report came: what its sender owes, or gives."""

    MANDATORY = "mandatory"  # an act demands it
    VOLUNTARY = "voluntary"
    REQUEST = "request"  # an authority asked for it, by an instrument


BASES: Final = {
    ReportBasis.MANDATORY: N_("Mandatory"),
    ReportBasis.VOLUNTARY: N_("Voluntary"),
    ReportBasis.REQUEST: N_("Request of an authority"),
}
"""On what basis a report came, in words."""


class ReleaseGround(StrEnum):
    """By what something voluntary may go to a supervisor or the police all the same."""

    CONSENT = "consent"  # of who reported it
    ORDER = "order"  # of a court or an authority, which is cited


GROUNDS: Final = {
    ReleaseGround.CONSENT: N_("Consent"),
    ReleaseGround.ORDER: N_("Order"),
}
"""By what it may go on, in words."""


class ReleaseScope(StrEnum):
    """To whom it may go."""

    AUTHORITY = "authority"
    POLICE = "police"
    BOTH = "both"


SCOPES: Final = {
    ReleaseScope.AUTHORITY: N_("Supervisors and authorities"),
    ReleaseScope.POLICE: N_("Police"),
    ReleaseScope.BOTH: N_("Authorities and police"),
}
"""To whom it may go, in words."""


class ReportState(StrEnum):
    """Whose turn it is; a report is in exactly one of these."""

    NEW = "new"  # nobody has taken it
    OPEN = "open"  # a person of the team works on it
    WAITING = "waiting"  # the reporter was asked something
    INCIDENT = "incident"  # it is in one or more incidents, and worked on there
    CLOSED = "closed"  # with an answer
    CLOSED_WITHOUT = "closed-without"  # an answer: information, a newsletter, a test, spam
    HANDED_OVER = "handed-over"  # to a team of the directory
    REJECTED = "rejected"


STATES: Final = {
    ReportState.NEW: N_("New"),
    ReportState.OPEN: N_("In progress"),
    ReportState.WAITING: N_("Waiting for the reporter"),
    ReportState.INCIDENT: N_("In an incident"),
    ReportState.CLOSED: N_("Closed with an answer"),
    ReportState.CLOSED_WITHOUT: N_("Closed without an answer"),
    ReportState.HANDED_OVER: N_("Handed over"),
    ReportState.REJECTED: N_("Rejected"),
}
"""Whose turn it is, as the team reads it."""

ENDED: Final = (ReportState.CLOSED, ReportState.CLOSED_WITHOUT, ReportState.HANDED_OVER, ReportState.REJECTED)
"""After these nothing is left to do."""


class EntryKind(StrEnum):
    """What an entry in the history of a report is; the reporter sees the first three."""

    MESSAGE = "message"  # the reporter wrote
    ANSWER = "answer"  # the team wrote, for the reporter
    STATE = "state"  # the state changed; the text is the new one, with a reason after a colon where it was closed
    NOTE = "note"  # the team wrote, for itself
    OWNER = "owner"  # it was assigned, or given back; the text is the number of the owner, or empty
    EVENT = "event"  # an event was made of it, so that the responsible team is notified; the text is the upload
    INCIDENT = "incident"  # it was put into an incident; the text is its reference
    TAKEN_OUT = "taken-out"  # of the incident of this reference
    HAND_OVER = "hand-over"  # what was written to the team that has it now
    MAIL = "mail"  # what the team wrote that it was handed over to; not for the reporter
    BASIS = "basis"  # changed: the new one, the act or instrument in brackets, and the reason after a colon
    RELEASE = "release"  # consent or an order: the text says whose
    RING_BACK = "ring-back"  # when to ring back, in ISO 8601; empty: it was done


class CloseReason(StrEnum):
    """Why a report was closed."""

    SOLVED = "solved"
    PASSED_ON = "passed-on"  # the team that is responsible was notified
    DUPLICATE = "duplicate"
    NO_INCIDENT = "no-incident"
    NO_ANSWER = "no-answer"  # the reporter did not answer
    OUT_OF_SCOPE = "out-of-scope"  # others are responsible, as the reporter was told
    INFORMATION = "information"  # worth knowing, nothing to do
    NEWSLETTER = "newsletter"
    TEST = "test"
    SPAM = "spam"


REASONS: Final = {
    CloseReason.SOLVED: N_("Solved"),
    CloseReason.PASSED_ON: N_("Passed on to the responsible team"),
    CloseReason.DUPLICATE: N_("Duplicate of another report"),
    CloseReason.NO_INCIDENT: N_("Not an incident"),
    CloseReason.NO_ANSWER: N_("No answer to our question"),
    CloseReason.OUT_OF_SCOPE: N_("Others are responsible"),
    CloseReason.INFORMATION: N_("For information"),
    CloseReason.NEWSLETTER: N_("Newsletter"),
    CloseReason.TEST: N_("Test"),
    CloseReason.SPAM: N_("Spam"),
}
"""Why a report was closed, for the team and the reporter."""


WITHOUT_ANSWER: Final = frozenset({CloseReason.INFORMATION, CloseReason.NEWSLETTER, CloseReason.TEST, CloseReason.SPAM})
"""What is closed for these reasons needs no answer."""


class PublicReport(Base):
    """What came in by a door.

    ``secret``: SHA-256 of what opens it for its reporter, in hexadecimal; empty where he has none, as he used no form.
    ``act``: the form or mail that it came by, so that one is one report. ``kind``: a `ReportKind`, a guess until a
    person says so. ``place`` and ``happened``: where and when, as written. ``mailbox``: empty where the reporter wants
    to stay unknown. ``language`` (BCP 47): of the page that he used. ``owner``: number of a person. ``door``: a
    `ReportDoor`. ``sender``: his name. ``ring_back_at``: when he waits for a call. ``team_id``: of the directory, to
    which it was handed over. ``compartment_id``: who may read it, as of an incident: docs/design/incidents.md.
    ``basis``: a `ReportBasis`; ``basis_act``: the id of the act, or the instrument of the request.
    """

    __tablename__ = "inbox_report"
    __table_args__ = (
        Index("ix_inbox_report_state", "state", "id"),
        Index("ix_inbox_report_owner", "owner", "id"),
        Index("ix_inbox_report_mailbox", "mailbox"),
        Index("ix_inbox_report_phone", "phone"),
    )

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
    door: Mapped[str] = mapped_column(Text, default=ReportDoor.FORM.value, server_default=ReportDoor.FORM.value)
    sender: Mapped[str] = mapped_column(Text, default="", server_default="")
    phone: Mapped[str] = mapped_column(Text, default="", server_default="")
    subject: Mapped[str] = mapped_column(Text, default="", server_default="")
    ring_back_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    team_id: Mapped[int | None]
    basis: Mapped[str] = mapped_column(Text, default="voluntary", server_default="voluntary")
    basis_act: Mapped[str] = mapped_column(Text, default="", server_default="")


class ReportRelease(Base):
    """Consent to give a report to a supervisor or the police, or an order to.

    ``ground``: a `ReleaseGround`; ``scope``: a `ReleaseScope`. ``given_by``: who consented or ordered; ``means``: how
    that came, or instrument and number of the order. ``given_at``: when; ``recorded_by``: number of a person.
    ``withdrawn_at``: since then it releases nothing; what left before is not called back.
    """

    __tablename__ = "inbox_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"), index=True)
    ground: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    given_by: Mapped[str] = mapped_column(Text)
    means: Mapped[str] = mapped_column(Text)
    given_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UTCDateTime)
    recorded_by: Mapped[int]
    withdrawn_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Notice(Base):
    """What an entity notified of an incident: the report that it came as says the rest, also who may read it.

    ``team_id``: the entity, of the directory. ``law``: the id of the act, ``kind``: a `NoticeKind`. ``chain``: the
    reference of the first notice of the same incident. ``version``: 1, and one more for each correction;
    ``superseded``: by a correction. ``fields``: what was filled in, by id. ``door``: the `ReportDoor` by which it came.
    ``received_at``: when, also where it was typed in later. ``filed_by``: as the audit log names people.
    ``waived_at``: when a person said that it needs no answer.
    """

    __tablename__ = "incident_notice"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"), unique=True)
    team_id: Mapped[int] = mapped_column(index=True)
    law: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    chain: Mapped[str] = mapped_column(Text, index=True)
    version: Mapped[int]
    superseded: Mapped[bool]
    fields: Mapped[dict[str, Any]] = mapped_column(Json)
    door: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    filed_by: Mapped[str] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    waived_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


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


class ReportObservable(Base):
    """What a report names, as it is compared; see `tocsin.incidents.observables`."""

    __tablename__ = "inbox_observable"
    __table_args__ = (
        UniqueConstraint("report_id", "kind", "value"),
        Index("ix_inbox_observable_value", "value", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"))
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)


class ReportMail(Base):
    """A kept mail that belongs to a report; its attachments stay in it, and are handed out with it."""

    __tablename__ = "inbox_mail"

    id: Mapped[int] = mapped_column(primary_key=True)
    report_id: Mapped[int] = mapped_column(ForeignKey("inbox_report.id"), index=True)
    mail_id: Mapped[int] = mapped_column(ForeignKey(ReceivedMail.id), unique=True)


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

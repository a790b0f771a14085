"""What the API answers and the client reads: one model for both.

It loads nothing of the node, so that a client starts at once. A word of a closed list is text here, since a newer node
may know more of them; the API narrows it to the list.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tocsin.directory import DigestInterval, ResponsibilityRole, RuleKind, TeamKind

_OF_ATTRIBUTES = ConfigDict(from_attributes=True)  # made of a record with attributes of these names


class HealthCheckOut(BaseModel):
    """One thing that was looked at."""

    what: str = Field(examples=["event table"])
    ok: bool = Field(description="Whether it did not fail; what waits for a person is `ok`, too.")
    kind: str = Field("", description="`ok`, `to-do`: waits for a person, or `failed`.", examples=["ok"])
    found: str = Field(examples=["12 files"])
    mend: str = Field(description="How to correct it, or empty.")
    teams: list[str] = Field(default=[], description="Keys of the teams that it is about.", examples=[["operator"]])


class Health(BaseModel):
    """Whether the node works. ``version`` and ``checks`` are there for those who may read its administration."""

    status: str = Field(description="`ok`, or `unwell`: some check failed.", examples=["ok"])
    version: str | None = None
    checks: list[HealthCheckOut] | None = None


class Me(BaseModel):
    """Who asks. ``acts``: what they may do here, for everything (`all`) or for what is of their teams (`own`)."""

    name: str
    role: str = Field(examples=["analyst"])
    teams: list[str] = Field(description="Keys of the teams of their own organisations.")
    by_token: bool
    acts: dict[str, str] = Field(examples=[{"events.read": "all"}])


class Sums(BaseModel):
    """What became of rows: ``rows`` = ``stored`` + ``duplicates`` + ``quarantined``."""

    reports: int
    already: int = Field(description="Reports whose content was here before; their rows are not counted again.")
    rows: int
    stored: int
    duplicates: int
    quarantined: int
    problems_new: int
    problems_continuing: int
    routed: int
    unrouted: int
    withheld: int
    deliveries: int
    listed: int = Field(0, description="Entries of lists that are context only; they are no rows.")
    empty: int = Field(0, description="Reports without any row.")


class AlarmOut(BaseModel):
    """What is wrong with the feed of a report, as of columns that are missing, and nobody acknowledged."""

    feed: str
    words: str


class SentFile(BaseModel):
    """A file as it was sent; ``size`` in bytes, unpacked where it was packed for the way."""

    name: str
    size: int
    sha256: str


class FailedFile(BaseModel):
    """A file that could not be taken in."""

    file: str
    reason: str
    hint: str


class Report(BaseModel):
    """What was sent at once. ``ingests``: the numbers under which it was taken in."""

    id: UUID
    state: str
    source: str
    feed: str
    files: list[SentFile]
    sent_by: str
    sent_at: datetime
    done_at: datetime | None
    ingests: list[int]
    sums: Sums | None = Field(description="Null while it waits.")
    failed: list[FailedFile]
    alarms: list[AlarmOut] = []


class SetAsideOut(BaseModel):
    """A row that could not be read. `line` 0: the report as a whole."""

    model_config = _OF_ATTRIBUTES

    ingest: int
    line: int
    reason: str
    raw: str
    place: int = Field(description="Which of the unreadable rows of this ingest, from 0.")
    withheld: str = Field("", description="Why `raw` is empty, where the marking of the row keeps its text back.")


class Ingest(BaseModel):
    """One report taken in: ``rows`` = ``stored`` + ``duplicates`` + ``quarantined``."""

    number: int
    report: str
    source: str = Field(examples=["shadowserver"])
    feed: str = Field(examples=["scan_rdp"])
    state: str
    at: datetime
    newest_event: datetime | None
    sha256: str
    replay_of: int | None
    rows: int
    stored: int
    duplicates: int
    quarantined: int
    problems_new: int
    problems_continuing: int
    routed: int
    unrouted: int
    withheld: int
    deliveries: int
    withheld_by_rule: dict[str, int]


class QuarantineOut(BaseModel):
    """An ingest that set rows aside. `open`: how many still wait for a person."""

    model_config = _OF_ATTRIBUTES

    ingest: int
    report: str
    feed: str = Field(examples=["scan_rdp"])
    rows: int
    replayed_by: int | None = Field(description="The newest ingest that read some of them again.")
    open: int


class AddressOut(BaseModel):
    """Who is responsible for one address. ``by``: the rules, or why nobody is; ``lists``: context lists with it."""

    address: str
    prefix: str | None
    asn: int | None
    country: str | None
    responsible: list[str]
    informed: list[str]
    mailboxes: list[str]
    by: str
    lists: list[str] = []


class TeamInList(BaseModel):
    """A team. ``answers_for``: how many values of each kind anybody says that it answers for."""

    model_config = _OF_ATTRIBUTES

    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str = Field(examples=["MU"])
    answers_for: dict[RuleKind, int]


class RuleOut(BaseModel):
    """What the team answers for, or wants to know of, and who says so."""

    model_config = _OF_ATTRIBUTES

    kind: RuleKind
    value: str = Field(examples=["192.0.2.0/24"])
    role: ResponsibilityRole
    source: str
    as_of: date | None
    confidence: int | None


class TeamOut(BaseModel):
    """A team, how it wants to be told, and what it answers for (`rules`: the first thousand of `rules_total`)."""

    uuid: UUID
    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str
    language: str
    timezone: str
    mailboxes: list[str]
    interval: DigestInterval
    formats: list[str]
    ceiling: str
    encrypt: bool
    rules: list[RuleOut]
    rules_total: int


class ClaimOut(BaseModel):
    """``dns_names`` must all have a TXT record that says ``dns_value``; or the code from the letter is given back."""

    number: int
    team: str
    kind: str
    value: str
    mailbox: str
    claimed_by: str
    state: str
    made_at: datetime
    expires_at: datetime
    dns_names: list[str]
    dns_value: str
    asked: list[str]
    proof: str
    evidence: str
    decided_by: str
    decided_at: datetime | None
    reason: str


class Digest(BaseModel):
    """One digest. ``counts``: what is owed, and what it holds; ``error``: why it did not leave, or empty."""

    reference: str
    state: str
    team: str | None = Field(description="The team's key; null: it is no longer in the directory.")
    team_name: str | None
    subject: str
    message_id: str
    channel: str
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    next_try_at: datetime | None
    path: str
    size: int
    counts: dict[str, int]
    protection: str
    error: str


class WholeDigest(Digest):
    """The same with the mails that came in about it: answers, bounces and others, as `tocsin deliveries show` says."""

    not_reached: dict[str, str] = Field({}, description="Email addresses that it did not reach, and why.")
    tickets: list[str] = []
    mails: list[int] = Field([], description="Numbers of mails about it.")


class ProblemAnswer(BaseModel):
    """What a team said of it, and how that stands; ``outcome`` is null where nothing that is seen can test it."""

    team: str | None
    verdict: str
    at: datetime
    outcome: str | None
    since: datetime | None


class Problem(BaseModel):
    """One asset with one thing wrong. What an operator may not know, as when others saw it first, is null."""

    problem: str = Field(examples=["00f1c2d3e4a5b6c7"])
    where: str = Field(examples=["192.0.2.1"])
    port: str
    what: str = Field(examples=["open-rdp"])
    state: str
    status: str = Field("", examples=["overdue"])
    notification: str = Field(
        "", description="Whether the responsible teams were notified, else why not: of several the least advanced.",
        examples=["no-address"],
    )  # fmt: skip
    notified: int = Field(0, description="So many responsible teams were notified.")
    responsible: int = Field(0, description="So many teams are responsible.")
    severity: str = ""
    cves: Sequence[str] = Field((), description="CVEs that its identifier or its list of vulnerabilities names.")
    due: datetime | None = None
    first_seen: datetime | None
    last_seen: datetime | None
    sightings: int | None
    gone_at: datetime | None
    teams: list[str]
    said: Sequence[ProblemAnswer]


class AuditEntryOut(BaseModel):
    """One act. ``subject`` names the thing by id, never by personal data."""

    id: int
    at: datetime
    actor: str = Field(examples=["person:1"])
    word: str = Field(examples=["report.ingested"])
    subject: str = Field(examples=["ingest:12"])
    detail: dict[str, Any]

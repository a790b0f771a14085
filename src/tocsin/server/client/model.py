"""What a node answers, as plain data; docs/api.md says what each means.

A field that a newer node adds is left out, one that an older node does not have is None.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the node works; ``checks`` for those who may read its administration."""

    status: str
    version: str | None
    checks: list[HealthCheck] | None


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, and what they may do: for everything (``all``) or for what is of their teams (``own``)."""

    name: str
    role: str
    teams: list[str]
    by_token: bool
    acts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of rows: ``rows`` = ``stored`` + ``duplicates`` + ``quarantined``."""

    reports: int
    already: int
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


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as it was kept."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be taken in."""

    file: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was sent at once; ``state``: ``waiting``, ``taken`` or ``refused``."""

    id: UUID
    state: str
    source: str
    feed: str
    files: list[SentFile]
    sent_by: str
    sent_at: datetime
    done_at: datetime | None
    ingests: list[int]
    sums: Sums | None
    failed: list[Failed]


@dataclass(frozen=True, slots=True)
class Ingest:
    """One report taken in."""

    number: int
    report: str
    source: str
    feed: str
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


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that could not be read. ``withheld``: why its text is not here, where the gate keeps it back."""

    ingest: int
    line: int
    reason: str
    raw: str
    place: int
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An ingest that set rows aside; ``open``: how many wait."""

    ingest: int
    report: str
    feed: str
    rows: int
    replayed_by: int | None
    open: int


@dataclass(frozen=True, slots=True)
class Line:
    """Who is responsible for one address."""

    address: str
    prefix: str | None
    asn: int | None
    country: str | None
    responsible: list[str]
    informed: list[str]
    mailboxes: list[str]
    by: str


@dataclass(frozen=True, slots=True)
class TeamInList:
    """A team; ``answers_for``: how many values of each kind."""

    key: str
    name: str
    organisation: str
    kind: str
    country: str
    answers_for: dict[str, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a team answers for, or wants to know of, and who says so."""

    kind: str
    value: str
    role: str
    source: str
    as_of: date | None
    confidence: int | None


@dataclass(frozen=True, slots=True)
class Team:
    """A team, how it wants to be told, and what it answers for."""

    uuid: UUID
    key: str
    name: str
    organisation: str
    kind: str
    country: str
    language: str
    timezone: str
    mailboxes: list[str]
    interval: str
    formats: list[str]
    ceiling: str
    encrypt: bool
    rules: list[Rule]
    rules_total: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A network, AS or domain that a team says is theirs."""

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


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest; in a list without ``not_reached``, ``tickets`` and ``mails``."""

    reference: str
    state: str
    team: str | None
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
    not_reached: dict[str, str] | None = None
    tickets: list[str] | None = None
    mails: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a team said of a problem, and how that stands."""

    team: str | None
    verdict: str
    at: datetime
    outcome: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One asset with one thing wrong."""

    problem: str
    where: str
    port: str
    what: str
    state: str
    first_seen: datetime | None
    last_seen: datetime | None
    sightings: int | None
    gone_at: datetime | None
    teams: list[str]
    said: list[Spoken]


@dataclass(frozen=True, slots=True)
class Entry:
    """One act of the audit log."""

    id: int
    at: datetime
    actor: str
    word: str
    subject: str
    detail: dict[str, Any]


def read(kind: type[T], document: dict[str, Any]) -> T:
    """A document of the API as such data."""
    hints = _hints(kind)  # type: ignore[arg-type]  # classes are hashable
    return kind(**{name: _value(hint, document.get(name)) for name, hint in hints.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is UnionType:
        hint = next(part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is list:
        return [_value(get_args(hint)[0], one) for one in value]
    if is_dataclass(hint):
        return read(hint, value)  # type: ignore[arg-type]  # a class, as all hints here
    makers: dict[Any, Callable[[str], Any]] = {datetime: datetime.fromisoformat, date: date.fromisoformat, UUID: UUID}
    return makers[hint](value) if hint in makers else value

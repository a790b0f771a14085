"""What the directory hands out: teams, and the rules that say who must know of what.

Plain frozen data, no database: other rooms decide with these and the compiled router keeps them in files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tocsin.interface import N_
from tocsin.node.sentences import join_sentences, say


class TeamKind(StrEnum):
    """What sort of team it is."""

    NATIONAL = "national"
    GOVERNMENTAL = "governmental"
    SECTORAL = "sectoral"
    REGIONAL = "regional"
    OPERATOR = "operator"
    ABUSE = "abuse"
    PRODUCT = "product"
    ORGANISATION = "organisation"
    HELPLINE = "helpline"  # people who listen to children, and to others in danger
    HOTLINE = "hotline"  # takes reports of pictures of sexual abuse of children and has them removed
    POLICE = "police"
    AUTHORITY = "authority"  # a supervisor or ministry, with powers over those who report


TEAM_KINDS: Final[Mapping[TeamKind, str]] = {
    TeamKind.NATIONAL: N_("national"),
    TeamKind.GOVERNMENTAL: N_("governmental"),
    TeamKind.SECTORAL: N_("sectoral"),
    TeamKind.REGIONAL: N_("regional"),
    TeamKind.OPERATOR: N_("network operator"),
    TeamKind.ABUSE: N_("abuse team"),
    TeamKind.PRODUCT: N_("product team"),
    TeamKind.ORGANISATION: N_("organisation"),
    TeamKind.HELPLINE: N_("helpline"),
    TeamKind.HOTLINE: N_("hotline"),
    TeamKind.POLICE: N_("police"),
    TeamKind.AUTHORITY: N_("supervisor or ministry"),
}
"""What sort of team it is, in words."""


class RuleKind(StrEnum):
    """What a rule names, from the most specific level of routing to the least."""

    PREFIX = "prefix"
    ASN = "asn"
    DOMAIN = "domain"
    COUNTRY = "country"


class ResponsibilityRole(StrEnum):
    """Whether the team answers for it, or only wants to know."""

    RESPONSIBLE = "responsible"
    INFORMED = "informed"


ROLES: Final[Mapping[ResponsibilityRole, str]] = {
    ResponsibilityRole.RESPONSIBLE: N_("responsible"), ResponsibilityRole.INFORMED: N_("informed"),
}  # fmt: skip
"""Whether the team answers for it, in words."""


class DigestInterval(StrEnum):
    """How often a team is told."""

    AT_ONCE = "at_once"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


class AttachmentFormat(StrEnum):
    """A form of the data attached to a digest."""

    CSV = "csv"
    JSONL = "jsonl"
    XARF = "xarf"


class MuteKind(StrEnum):
    """What a mute names."""

    PREFIX = "prefix"
    IDENTIFIER = "identifier"
    TYPE = "type"


MUTE_KINDS: Final[Mapping[MuteKind, str]] = {
    MuteKind.PREFIX: N_("Network"), MuteKind.IDENTIFIER: N_("Identifier"), MuteKind.TYPE: N_("Type"),
}  # fmt: skip
"""What a mute names, in words."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Something a team does not want to be told; ``until`` is UTC, None is for good."""

    kind: MuteKind
    value: str
    until: datetime | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """``prefix 192.0.2.0/24 until 2026-12-31 00:00 UTC (moving)``."""
        until = say(" until %(until)s UTC", until=f"{self.until:%Y-%m-%d %H:%M}") if self.until else ""
        reason = f" ({self.reason})" if self.reason else ""
        return join_sentences("", (f"{self.kind} {self.value}", until, reason))

    def holds(self, now: datetime) -> bool:
        """Whether it has not run out."""
        return self.until is None or now < self.until


OFFICIAL_KINDS: Final = (TeamKind.POLICE, TeamKind.AUTHORITY)
"""The kinds of teams that may use against somebody what he reported."""


@dataclass(frozen=True, slots=True)
class Team:
    """A team and how it wants to be told.

    ``id`` is this node's number and never leaves it; ``uuid`` is the identity between nodes; ``key`` is the short name
    that people type. ``ceiling`` is the highest TLP 2.0 label (CLEAR, GREEN, AMBER, AMBER+STRICT, RED) that the team
    wants, a preference beside the release gate. ``country`` (ISO 3166-1 alpha-2), ``language`` (BCP 47) and
    ``timezone`` (IANA) are empty or valid. ``encrypt``: mails to it must be encrypted.
    """

    id: int
    uuid: UUID
    key: str
    name: str
    organisation: str = ""
    kind: TeamKind = TeamKind.ORGANISATION
    country: str = ""
    language: str = "en"
    timezone: str = "UTC"
    mailboxes: tuple[str, ...] = ()
    interval: DigestInterval = DigestInterval.DAILY
    formats: tuple[AttachmentFormat, ...] = (AttachmentFormat.CSV,)
    ceiling: str = "AMBER+STRICT"
    encrypt: bool = False
    mutes: tuple[Mute, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryRule:
    """One assertion: this team answers for (or wants to know of) this part of the network.

    ``value`` is canonical: ``192.0.2.0/24``, ``2001:db8::/32``; ``64500``; ``example.org``, or ``.org`` for all under a
    public suffix; ``MU``. ``source`` says where it comes from (``person:NAME``: a person said it by command),
    ``said_by`` who said it, ``confidence`` (0 to 100) and ``as_of`` how sure and how fresh it is, else None;
    ``overruled`` is empty where the rule holds, else it says which person's word beats it.
    """

    team_id: int
    kind: RuleKind
    value: str
    role: ResponsibilityRole = ResponsibilityRole.RESPONSIBLE
    source: str = ""
    as_of: date | None = None
    confidence: int | None = None
    said_by: str = ""
    overruled: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """All teams and rules that hold now; ``version`` changes whenever any of it does.

    ``overruled`` are rules that are said but do not hold, since a person said otherwise. ``merged`` gives for the
    number of a team that was merged into another the number of that other.
    """

    version: str
    teams: tuple[Team, ...]
    rules: tuple[DirectoryRule, ...]
    overruled: tuple[DirectoryRule, ...] = ()
    merged: Mapping[int, int] = field(default_factory=dict)

    @property
    def by_id(self) -> dict[int, Team]:
        """The teams by number; a merged team's number gives the team that it is now."""
        teams = {team.id: team for team in self.teams}
        return teams | {number: teams[into] for number, into in self.merged.items()}

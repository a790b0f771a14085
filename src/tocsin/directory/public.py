"""What of the directory everybody may see: which teams, and of each what it means to be known.

A team is public when it is a CSIRT by its kind, or when its profile (RFC 2350) was issued, which is how a team is
published here; constituents, operators and abuse desks are not. The node may hide any. Of what is known of a public
team only its role contacts are: a mailbox that may be a person's never is.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tocsin.directory.effective import archived_teams, merged_teams
from tocsin.directory.facts import Fact, FactKind, ProfileTopic
from tocsin.directory.model import RuleKind, TeamKind
from tocsin.directory.profile import TeamProfile, current_profile
from tocsin.directory.tables import ProfileRow, TeamRow
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.records import Database, from_row

CSIRTS: Final = (
    TeamKind.NATIONAL,
    TeamKind.GOVERNMENTAL,
    TeamKind.SECTORAL,
    TeamKind.REGIONAL,
    TeamKind.PRODUCT,
)
"""The kinds of teams that are public by themselves, in the order in which they are listed."""

# What was not issued by a person of the node is shown only as far as teams always say it to everybody.
_PLAIN_FACTS = {FactKind.CHANNEL, FactKind.LANGUAGE, FactKind.HOURS, FactKind.SERVICE, FactKind.MEMBERSHIP}
_PLAIN_SCOPES = {RuleKind.COUNTRY, RuleKind.DOMAIN}

_ROLE = re.compile(r"(?:.*(?:cert|csirt|cirt|sirt|csoc)|(?:cert|csirt|cirt|sirt|soc).*)")
_ROLES = frozenset(
    "abuse admin alert alerts contact desk disclosure emergency fraud helpdesk hostmaster incident incidents info "
    "infosec it mail netops network noc office operations peering phishing postmaster report reports security soc spam "
    "support team vuln vulnerability webmaster".split()
)  # RFC 2142, and habit


@dataclass(frozen=True, slots=True)
class PublicTeam:
    """A team as everybody may know it; ``id`` is this node's number and never leaves it."""

    id: int
    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str


def read_public_teams(session: Session, *, hidden: Collection[str] = ()) -> list[PublicTeam]:
    """Every public team, by kind as in `CSIRTS`, then by name; ``hidden`` are keys."""
    row = TeamRow
    issued = select(ProfileRow.team_id)
    query = select(row.id, row.key, row.name, row.organisation, row.kind, row.country).where(
        or_(row.kind.in_([kind.value for kind in CSIRTS]), row.id.in_(issued))
    )
    merged = merged_teams(session)
    gone = merged.keys() | archived_teams(session, merged).keys()
    rows = (row for row in session.execute(query) if row.id not in gone and row.key not in hidden)
    teams = [from_row(PublicTeam, row, kind=TeamKind(row.kind)) for row in rows]
    return sorted(teams, key=lambda team: (_place(team.kind), team.name.casefold(), team.key))


def public_version(session: Session) -> str:
    """Changes whenever what `read_public_teams` gives does: with the directory, and when a profile is issued."""
    version, issued = select(DirectoryStateRow.version), select(func.max(ProfileRow.id))
    return f"{session.scalars(version).one()} {session.scalar(issued)}"


def public_profile(database: Database, key: str, *, now: datetime) -> TeamProfile:
    """What everybody may see of the profile of a public team; whether it is public, the caller asks first.

    Raises:
        NotFoundError: there is no such team.

    """
    found = current_profile(database, key, now=now)
    return public_part(found.profile, issued=not found.new)


def public_part(profile: TeamProfile, *, issued: bool) -> TeamProfile:
    """The public part of a profile: of one that a person issued all but names and mailboxes of people."""
    boxes = tuple((box, purpose) for box, purpose in profile.mailboxes if is_role(box, profile.key))
    facts = tuple(fact for fact in profile.facts if _is_public(fact, issued=issued))
    scopes = tuple(scope for scope in profile.scopes if issued or scope.kind in _PLAIN_SCOPES)
    return replace(profile, uuid=None, mailboxes=boxes, facts=facts, scopes=scopes)


def is_role(mailbox: str, key: str = "") -> bool:
    """Whether a mailbox is that of a role by its name, or of the team with that key; else it may be a person's."""
    local = mailbox.partition("@")[0].lower()
    words = [word for word in re.split(r"[._+-]", local) if word]
    named = key.replace("-", "")
    return local.replace("-", "") == named or any(word in _ROLES or _ROLE.fullmatch(word) for word in words)


def _is_public(fact: Fact, *, issued: bool) -> bool:
    if fact.get("about") == ProfileTopic.MEMBERS:
        return False  # names of people
    return issued or fact.kind in _PLAIN_FACTS


def _place(kind: TeamKind) -> int:
    return CSIRTS.index(kind) if kind in CSIRTS else len(CSIRTS)

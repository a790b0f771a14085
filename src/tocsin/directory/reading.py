"""The directory as it stands, read from the records."""

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.directory.model import (
    Directory,
    Format,
    Interval,
    Mute,
    MuteKind,
    Role,
    Rule,
    RuleKind,
    Team,
    TeamKind,
)
from tocsin.directory.tables import ConstituencyRow, DirectoryStateRow, MailboxRow, MuteRow, TeamRow
from tocsin.errors import NotFoundError
from tocsin.records import Database


def directory_version(database: Database) -> str:
    """The version of the directory; it changes with each change and is never the same for two states."""
    with database.begin() as session:
        return session.scalars(select(DirectoryStateRow.version)).one()


def read_directory(database: Database) -> Directory:
    """All teams and current rules, with the version they belong to."""
    with database.begin() as session:
        version = session.scalars(select(DirectoryStateRow.version)).one()
        return Directory(version, tuple(_teams(session)), tuple(_rules(session)))


def read_team(database: Database, key: str) -> tuple[Team, tuple[Rule, ...]]:
    """One team and its current rules, by its key or UUID.

    Raises:
        NotFoundError: there is no such team.

    """
    with database.begin() as session:
        for team in _teams(session):
            if key.lower() in {team.key, str(team.uuid)}:
                return team, tuple(_rules(session, team.id))
    raise NotFoundError(f"No team '{key}' is in the directory.", hint="'tocsin directory list' shows all teams.")


def list_teams(database: Database) -> list[tuple[Team, dict[RuleKind, int]]]:
    """Every team with the number of its current rules of each kind, by key."""
    row = ConstituencyRow
    query = select(row.team_id, row.kind, func.count()).where(row.withdrawn.is_(None)).group_by(row.team_id, row.kind)
    with database.begin() as session:
        counts: dict[int, dict[RuleKind, int]] = defaultdict(dict)
        for team_id, kind, count in session.execute(query):
            counts[team_id][RuleKind(kind)] = count
        return [(team, counts[team.id]) for team in sorted(_teams(session), key=lambda team: team.key)]


def _teams(session: Session) -> list[Team]:
    mailboxes: dict[int, dict[str, None]] = defaultdict(dict)
    boxes = select(MailboxRow.team_id, MailboxRow.address).where(MailboxRow.withdrawn.is_(None)).order_by(MailboxRow.id)
    for team_id, address in session.execute(boxes):
        mailboxes[team_id][address] = None
    mutes: dict[int, list[Mute]] = defaultdict(list)
    for mute in session.scalars(select(MuteRow).order_by(MuteRow.id)):
        mutes[mute.team_id].append(Mute(MuteKind(mute.kind), mute.value, mute.until, mute.reason))
    return [
        Team(
            id=row.id,
            uuid=row.uuid,
            key=row.key,
            name=row.name,
            organisation=row.organisation,
            kind=TeamKind(row.kind),
            country=row.country,
            language=row.language,
            timezone=row.timezone,
            mailboxes=tuple(mailboxes[row.id]),
            interval=Interval(row.interval),
            formats=tuple(Format(word) for word in row.formats),
            ceiling=row.ceiling,
            encrypt=row.encrypt,
            mutes=tuple(mutes[row.id]),
        )
        for row in session.scalars(select(TeamRow).order_by(TeamRow.id))
    ]


def _rules(session: Session, team_id: int | None = None) -> list[Rule]:
    row = ConstituencyRow
    query = select(
        row.team_id, row.kind, row.value, row.role, row.source, row.as_of, row.confidence, row.said_by
    ).where(row.withdrawn.is_(None))
    if team_id is not None:
        query = query.where(row.team_id == team_id)
    kinds, roles = {kind.value: kind for kind in RuleKind}, {role.value: role for role in Role}
    return [
        Rule(team, kinds[kind], value, roles[role], source, as_of, confidence, said_by)
        for team, kind, value, role, source, as_of, confidence, said_by in session.execute(query.order_by(row.id))
    ]

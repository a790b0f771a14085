"""Archived teams: nothing is routed to them any more. What is said of them stays, and holds again once restored."""

from datetime import datetime

from sqlalchemy.orm import Session

from tocsin.directory.effective import ARCHIVED, archived_teams, merged_teams
from tocsin.directory.facts import FactKind
from tocsin.directory.person_statements import renew_version
from tocsin.directory.precedence import PERSON
from tocsin.directory.queries import find_team
from tocsin.directory.tables import FactRow, TeamRow
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say


def archive_team(database: Database, key: str, *, said_by: str, reason: str, actor: str, now: datetime) -> str:
    """Archive a team; its key.

    Raises:
        NotFoundError: there is no such team.
        UsageError: it is not said who archives it.
        ConflictError: it is archived.

    """
    if not said_by:
        raise UsageError("Who archives it?", hint="Add --said-by NAME.")
    with database.begin() as session:
        team = _team(session, key)
        if _rows(session, team):
            raise ConflictError(say("%(team)s is archived already.", team=team.name))
        detail = {"field": ARCHIVED}
        row = FactRow(team_id=team.id, kind=FactKind.FIELD.value, value=reason, detail=detail, source=PERSON + said_by)
        row.as_of, row.confidence, row.said_by, row.recorded, row.withdrawn = now.date(), None, said_by, now, None
        session.add(row)
        _record(session, team, 1, actor=actor, now=now)
        return team.key


def restore_team(database: Database, key: str, *, actor: str, now: datetime) -> str:
    """Take a team out of the archive; its key.

    Raises:
        NotFoundError: there is no such team.
        ConflictError: it is not archived.

    """
    with database.begin() as session:
        team = _team(session, key)
        rows = _rows(session, team)
        if not rows:
            raise ConflictError(say("%(team)s is not archived.", team=team.name))
        for row in rows:
            row.withdrawn = now
        _record(session, team, 0, actor=actor, now=now)
        return team.key


def archived_numbers(session: Session) -> frozenset[int]:
    """The numbers of the teams that are archived now."""
    return frozenset(archived_teams(session, merged_teams(session)))


def _team(session: Session, key: str) -> TeamRow:
    renew_version(session)
    return session.get_one(TeamRow, find_team(session, key))


def _record(session: Session, team: TeamRow, values: int, *, actor: str, now: datetime) -> None:
    detail: dict[str, object] = {"field": ARCHIVED, "values": values}
    audit(session, AuditAction.TEAM_SET, at=now, actor=actor, subject=f"team:{team.uuid}", detail=detail)


def _rows(session: Session, team: TeamRow) -> list[FactRow]:
    """What says that the team is archived, as it stands."""
    rows = session.query(FactRow).filter_by(team_id=team.id, kind=FactKind.FIELD.value, withdrawn=None)
    return [row for row in rows if row.detail.get("field") == ARCHIVED]

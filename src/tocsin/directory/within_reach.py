"""The team that an act is done to, if the permission of whoever acts reaches it."""

from tocsin.directory.effective import merged_teams
from tocsin.directory.model import Team
from tocsin.directory.queries import read_team
from tocsin.interface import ActContext
from tocsin.node.errors import NotFoundError


def team_within_reach(context: ActContext, key: str) -> Team:
    """The team of a key or UUID; a team that was merged into it reaches it too.

    Raises:
        NotFoundError: there is none, or not for whoever acts: which of the two, nobody learns.

    """
    database, reach = context.node.database, context.reach
    team, _ = read_team(database, key)
    if not reach.everything:
        with database.reading() as session:
            merged = merged_teams(session)
        if team.id not in {merged.get(number, number) for number in reach.teams}:
            raise NotFoundError(f"There is no team '{key}'.")
    return team

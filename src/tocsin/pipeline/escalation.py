"""Who is asked next where those who were told of a problem did not answer."""

from collections.abc import Mapping

from tocsin.directory import ResponsibilityRole, Team, TeamKind
from tocsin.sharing.routing import RoutingDecision


def next_asked(decision: RoutingDecision, teams: Mapping[int, Team], *, to: str, country: str) -> list[Team]:
    """The teams of the next wider level that has another team, or the national teams of ``country``.

    ``to``: ``upstream`` or ``national``. Teams that the decision names already are not asked again; several that
    answer for the same wider network are all asked.
    """
    named = {match.team_id for match in decision.matches}
    if to == "national":
        national = (team for team in teams.values() if team.kind is TeamKind.NATIONAL and team.country == country)
        return [team for team in national if country and team.id not in named]
    wider = [
        match
        for match in decision.passed_over
        if match.role is ResponsibilityRole.RESPONSIBLE and match.team_id not in named
    ]
    return [teams[match.team_id] for match in wider if (match.level, match.value) == (wider[0].level, wider[0].value)]

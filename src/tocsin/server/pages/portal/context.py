"""What the pages of the portal share: the team that a visitor looks at, and the problems it may answer."""

from dataclasses import dataclass

from fastapi import Request

from tocsin.directory import Team
from tocsin.interface import NotHereError
from tocsin.node.accounts import Permission, Principal
from tocsin.problems.answers import TeamSheet, sheets_of
from tocsin.server.pages.context import PageContext


@dataclass(frozen=True)
class PortalContext:
    """The desk of the portal."""

    desk: PageContext

    def teams(self, visitor: Principal) -> list[Team]:
        """The visitor's own teams, by name; merged ones are one."""
        known = self.desk.teams()
        own = {
            known[number].id: known[number] for number in visitor.reach(Permission.PORTAL_READ).teams if number in known
        }
        return sorted(own.values(), key=lambda team: team.name)

    def team(self, request: Request, visitor: Principal) -> Team:
        """The own team that the address names by ``team=KEY``; the first where it names none.

        Raises:
            NotHereError: it is not one of the visitor's.

        """
        teams = self.teams(visitor)
        key = request.query_params.get("team", "")
        found = next((team for team in teams if key in {"", team.key}), None)
        if found is None:
            raise NotHereError
        return found

    def sheet(self, team: Team) -> TeamSheet:
        """All that the team was told and may still answer."""
        node = self.desk.node
        return sheets_of(node, node.store, node.tracker).of_team(team, now=self.desk.now)

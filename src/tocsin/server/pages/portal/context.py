"""What the pages of the portal share: the team that a visitor looks at, and the problems it may answer."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from fastapi import Request

from tocsin.directory import Team
from tocsin.interface import NotHereError
from tocsin.node.accounts import Permission, Principal
from tocsin.node.cache import Cache, PacedValue
from tocsin.problems.answers import TeamSheet, newest_answer, sheets_of
from tocsin.server.pages.context import PageContext
from tocsin.sharing.rules import rules_in_force

_LINES: Final = 200_000
"""So many problems of sheets are kept, of all teams together."""
_MANY: Final = 500
"""Problems of a team; where there are fewer, its sheet is made after each change."""


@dataclass(frozen=True)
class PortalContext:
    """The desk of the portal."""

    desk: PageContext
    _told: Cache[PacedValue[TeamSheet]] = field(default_factory=lambda: Cache(_LINES, _weight))
    _answered: Cache[PacedValue[TeamSheet]] = field(default_factory=lambda: Cache(_LINES, _weight))

    def teams(self, request: Request, visitor: Principal) -> list[Team]:
        """The visitor's own teams, by name; merged ones are one. Looked up once for a request."""
        if not hasattr(request.state, "own_teams"):
            known, reach = self.desk.teams(), visitor.reach(Permission.PORTAL_READ)
            own = {known[number].id: known[number] for number in reach.teams if number in known}
            request.state.own_teams = sorted(own.values(), key=lambda team: team.name)
        found: list[Team] = request.state.own_teams
        return found

    def team(self, request: Request, visitor: Principal) -> Team:
        """The own team that the address names by ``team=KEY``; the first where it names none.

        Raises:
            NotHereError: it is not one of the visitor's.

        """
        teams = self.teams(request, visitor)
        key = request.query_params.get("team", "")
        found = next((team for team in teams if key in {"", team.key}), None)
        if found is None:
            raise NotHereError
        return found

    def sheet(self, team: Team) -> TeamSheet:
        """All that the team was told and may still answer, with what it said until now.

        Where that is much, what it was told and what was seen may be of a moment ago.
        """
        node, now = self.desk.node, self.desk.now
        sheets, version = sheets_of(node, node.store, node.tracker), node.problems.version()
        with node.database.reading() as session:
            digests, rules = sheets.open_digests(session, team, now), rules_in_force(session).version
            said = newest_answer(session, team.id)
        must, may = (team, rules, version.purged), (replace(version, answer=0), frozenset(digests))
        kept = self._told.get(
            team.id, lambda: PacedValue(must, may, lambda: sheets.without_answers(team, now=now), _is_large)
        )
        told = kept.get(must, may, lambda: sheets.without_answers(team, now=now, before=kept.value.events))
        of, answer = (told, said), partial(sheets.with_answers, told)
        sheet = self._answered.get(team.id, lambda: PacedValue(of, None, answer, _is_large)).get(of, None, answer)
        return replace(sheet, at=now) if kept.is_of(may) else sheet


def _is_large(sheet: TeamSheet) -> bool:
    return len(sheet.lines) > _MANY


def _weight(kept: PacedValue[TeamSheet]) -> int:
    return len(kept.value.lines) + 1

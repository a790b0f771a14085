"""The pages that references, hashes and names lead to."""

from urllib.parse import quote, urlencode

from tocsin.directory import TeamSearch, search_teams
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.sharing.lookup import FoundReference, ReferenceKind

_PAGES = {
    ReferenceKind.DIGEST: (Permission.DELIVERIES_READ, "/deliveries/{}"),
    ReferenceKind.REPORT: (Permission.REPORTS_READ, "/reports/{}"),
    ReferenceKind.PUBLIC_REPORT: (Permission.INBOX_READ, "/reports/public/{}"),
    ReferenceKind.HASH: (Permission.EVENTS_READ, "/events?text={}"),
}


def path_of(desk: PageContext, visitor: Principal, reference: FoundReference) -> str:
    """Where it leads; empty where the visitor has no such page. A page that is not there says so itself."""
    if reference.kind is ReferenceKind.NAME:
        return _team_path(desk, visitor, reference.value)
    permission, path = _PAGES[reference.kind]
    return path.format(quote(reference.value)) if visitor.may(permission) else ""


def _team_path(desk: PageContext, visitor: Principal, name: str) -> str:
    """The page of the one team that is called so, else the list of those that may be meant."""
    if not visitor.may(Permission.DIRECTORY_READ):
        return ""
    reach = visitor.reach(Permission.DIRECTORY_READ)
    with desk.node.database.reading() as session:
        found = search_teams(session, TeamSearch(text=name, only=None if reach.everything else reach.teams))
    exact = [team for team in found if name.casefold() in {team.key, team.name.casefold()}]
    if len(found) == 1 or len(exact) == 1:
        return f"/teams/{quote((exact or found)[0].key)}"
    return f"/teams?{urlencode({'q': name})}" if found else ""
